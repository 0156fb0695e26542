// SPDX-License-Identifier: Apache-2.0
#include "collector/word_filter.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <cstring>

namespace neuroperf::collector {

WordFilter::WordFilter(std::string text)
	: text_(std::move(text)), is_pattern_(text_.find_first_of("*?[") != std::string::npos)
{
}

bool WordFilter::takes(const std::string &name) const
{
	if (is_pattern_)
		return ::fnmatch(text_.c_str(), name.c_str(), FNM_CASEFOLD) == 0;
	return ::strcasestr(name.c_str(), text_.c_str()) != nullptr;
}

bool WordFilter::takes_any(const std::vector<std::string> &names) const
{
	return std::any_of(names.begin(), names.end(), [this](const std::string &name) { return takes(name); });
}

} // namespace neuroperf::collector
