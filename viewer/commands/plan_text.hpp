// SPDX-License-Identifier: Apache-2.0
// An item of a plan or of doctor for a person: "ok  what: detail", and its remedy below it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "collector/plan.hpp"

namespace neuroperf::viewer {

inline std::vector<std::string> plan_text(const collector::PlanItem &item)
{
	std::vector<std::string> lines = {fmt::format("{:8}  {}: {}", to_string(item.state), item.what, item.detail)};
	if (!item.remedy.empty())
		lines.push_back(fmt::format("          remedy: {}", item.remedy));
	return lines;
}

} // namespace neuroperf::viewer
