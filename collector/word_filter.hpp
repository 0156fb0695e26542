// SPDX-License-Identifier: Apache-2.0
// What a person types to narrow a list: a pattern as the shell has them (* ? [), or else a part of the name. Case does
// not matter. An empty one lets everything through.
#pragma once

#include <string>
#include <vector>

namespace neuroperf::collector {

class WordFilter {
public:
	explicit WordFilter(std::string text);

	bool is_empty() const { return text_.empty(); }
	const std::string &text() const { return text_; }
	bool takes(const std::string &name) const;
	bool takes_any(const std::vector<std::string> &names) const;

private:
	std::string text_;
	bool is_pattern_;
};

} // namespace neuroperf::collector
