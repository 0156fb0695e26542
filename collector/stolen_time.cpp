// SPDX-License-Identifier: Apache-2.0
#include "collector/stolen_time.hpp"

#include <unistd.h>

#include <charconv>
#include <fstream>
#include <string>

namespace neuroperf::collector {
namespace {

constexpr std::string_view kAllCpus = "cpu ";
constexpr int kStealField = 8; // user nice system idle iowait irq softirq steal

} // namespace

std::optional<uint64_t> stolen_ns(std::string_view line, uint64_t ticks_per_second)
{
	if (!line.starts_with(kAllCpus) || ticks_per_second == 0)
		return std::nullopt;
	const char *at = line.data() + kAllCpus.size(), *const end = line.data() + line.size();
	uint64_t ticks = 0;
	for (int field = 1; field <= kStealField; field++) {
		while (at < end && *at == ' ')
			at++;
		const auto [next, error] = std::from_chars(at, end, ticks);
		if (error != std::errc())
			return std::nullopt;
		at = next;
	}
	return ticks * (1'000'000'000 / ticks_per_second);
}

std::optional<uint64_t> stolen_ns()
{
	std::ifstream file("/proc/stat");
	std::string line;
	const long ticks_per_second = ::sysconf(_SC_CLK_TCK);
	if (!std::getline(file, line) || ticks_per_second <= 0)
		return std::nullopt;
	return stolen_ns(line, static_cast<uint64_t>(ticks_per_second));
}

} // namespace neuroperf::collector
