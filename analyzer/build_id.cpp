// SPDX-License-Identifier: Apache-2.0
#include "analyzer/build_id.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace neuroperf::analyzer {

std::string hex_of(std::string_view bytes)
{
	std::string hex;
	for (const char byte : bytes)
		hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
	return hex;
}

std::string short_build_id(std::string_view id)
{
	if (id.empty())
		return "none";
	return hex_of(id.substr(0, 4)) + (id.size() > 4 ? ".." : "");
}

bool same_build_id(std::string_view a, std::string_view b)
{
	if (a.size() < b.size())
		std::swap(a, b);
	return a.substr(0, b.size()) == b && (a.size() == b.size() || (!b.empty() && a.size() <= 20)) &&
	       a.find_first_not_of('\0', b.size()) == std::string_view::npos;
}

std::string_view without_filling(std::string_view id)
{
	if (id.size() != 20)
		return id;
	for (const std::size_t usual : {std::size_t{8}, std::size_t{16}})
		if (id.find_first_not_of('\0', usual) == std::string_view::npos)
			return id.substr(0, usual);
	return id;
}

std::string build_id_place(std::string_view id)
{
	id = without_filling(id);
	if (id.size() < 2 || id.size() > kMaximumBuildId)
		return "";
	const std::string hex = hex_of(id);
	return ".build-id/" + hex.substr(0, 2) + "/" + hex.substr(2);
}

} // namespace neuroperf::analyzer
