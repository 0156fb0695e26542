// SPDX-License-Identifier: Apache-2.0
// Numbers in sentences: fmt::format("{:call was|calls were} left out", Count{n}) says "1 call was left out" or
// "2 calls were left out". A text without the bar does not compile.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string_view>

namespace neuroperf::recording {

struct Count {
	uint64_t number;
};

} // namespace neuroperf::recording

template <> struct fmt::formatter<neuroperf::recording::Count> {
	constexpr auto parse(fmt::format_parse_context &context) -> decltype(context.begin())
	{
		const char *at = context.begin();
		const auto up_to = [&](char end) {
			const char *const begin = at;
			while (at != context.end() && *at != end)
				++at;
			if (at == context.end())
				throw fmt::format_error("a count needs its noun: {:call|calls}");
			return std::string_view(begin, static_cast<std::size_t>(at - begin));
		};
		one = up_to('|');
		++at;
		many = up_to('}');
		return at;
	}

	template <typename Context>
	auto format(const neuroperf::recording::Count &count, Context &context) const -> decltype(context.out())
	{
		return fmt::format_to(context.out(), "{} {}", count.number, count.number == 1 ? one : many);
	}

private:
	std::string_view one, many;
};
