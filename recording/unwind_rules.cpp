// SPDX-License-Identifier: Apache-2.0
#include "recording/unwind_rules.hpp"

#include <functional>

namespace neuroperf::recording {

UnwindRule::UnwindRule(const CallFrameRow &row)
	: cfa(row.cfa), return_register(row.return_register), signal_frame(row.signal_frame)
{
	for (uint32_t number = 0; number < row.registers.size(); number++)
		if (row.registers[number].kind != RegisterRule::Kind::unspecified)
			registers.push_back({number, row.registers[number]});
}

std::size_t UnwindRuleHash::operator()(const UnwindRule &rule) const
{
	uint64_t hash = 0;
	const auto add = [&hash](uint64_t value) { hash = (hash ^ value) * 0x9e3779b97f4a7c15U + (hash >> 29); };
	const auto add_text = [&add](std::string_view text) { add(std::hash<std::string_view>{}(text)); };
	add(static_cast<uint64_t>(rule.cfa.kind) | uint64_t{rule.cfa.number} << 8);
	add(static_cast<uint64_t>(rule.cfa.offset));
	add_text(rule.cfa.expression);
	add(rule.return_register | uint64_t{rule.signal_frame} << 32);
	for (const UnwindRule::Register &entry : rule.registers) {
		add(entry.number | static_cast<uint64_t>(entry.rule.kind) << 32);
		add(static_cast<uint64_t>(entry.rule.offset));
		add_text(entry.rule.expression);
	}
	return hash;
}

} // namespace neuroperf::recording
