// SPDX-License-Identifier: Apache-2.0
#include "collector/output_name.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <span>
#include <utility>

namespace neuroperf::collector {
namespace {

// Open MPI, PMIx (Open MPI 5, PRRTE), PMI (MPICH, Intel MPI), Slurm. Not local ranks: they repeat on every host.
constexpr std::array kRankVariables = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"};

Result<std::string> rank(const OutputNameFacts &facts)
{
	if (std::string found = job_rank(facts); !found.empty())
		return found;
	return Error{ErrorCode::usage, "%r in the output's name stands for a rank, and there is none", 0,
		     fmt::format("none of {} is set: start neuroperf by mpirun or srun, or use %p",
				 fmt::join(kRankVariables, ", "))};
}

Result<std::string> value_of(char letter, const OutputNameFacts &facts)
{
	switch (letter) {
	case 'p':
		return std::to_string(facts.pid);
	case 'h':
		return facts.hostname.empty() ? "localhost" : facts.hostname;
	case 'r':
		return rank(facts);
	case '%':
		return std::string("%");
	default:
		return Error{ErrorCode::usage,
			     fmt::format("the output's name has an unknown placeholder '%{}'", letter), 0,
			     "there are %p (process), %h (host), %r (rank) and %% (a percent sign)"};
	}
}

using Unit = std::pair<std::string_view, uint64_t>;

// A whole number and one of the units.
Result<uint64_t> parse_with_unit(std::string_view text, std::span<const Unit> units, const Error &otherwise)
{
	uint64_t number = 0;
	const char *const end = text.data() + text.size();
	const auto [stop, error] = std::from_chars(text.data(), end, number);
	const std::string_view suffix(stop, static_cast<std::size_t>(end - stop));
	const auto unit =
		std::find_if(units.begin(), units.end(), [&](const Unit &one) { return one.first == suffix; });
	if (error == std::errc::invalid_argument || unit == units.end())
		return otherwise;
	if (error != std::errc{} || number > UINT64_MAX / unit->second)
		return Error{ErrorCode::usage, fmt::format("'{}' is too large", text), 0, otherwise.hint};
	return number * unit->second;
}

} // namespace

OutputNameFacts output_name_facts(pid_t pid)
{
	char name[256] = {};
	if (::gethostname(name, sizeof name - 1) != 0)
		name[0] = '\0';
	return {pid, name, [](const char *variable) -> const char * { return std::getenv(variable); }};
}

std::string job_rank(const OutputNameFacts &facts)
{
	for (const char *variable : kRankVariables)
		if (const char *value = facts.environment(variable); value && *value)
			return value;
	return {};
}

Result<std::string> expand_output_name(std::string_view pattern, const OutputNameFacts &facts)
{
	std::string name;
	for (std::size_t i = 0; i < pattern.size(); i++) {
		if (pattern[i] != '%') {
			name.push_back(pattern[i]);
			continue;
		}
		if (++i == pattern.size())
			return Error{ErrorCode::usage,
				     fmt::format("the output's name '{}' ends in a single %", pattern), 0,
				     "write %% for a percent sign"};
		Result<std::string> value = value_of(pattern[i], facts);
		if (!value.ok())
			return value;
		std::replace(value->begin(), value->end(), '/', '-');
		name += *value;
	}
	return name;
}

Result<uint64_t> parse_size(std::string_view text)
{
	constexpr uint64_t kibi = 1024;
	constexpr Unit units[] = {{"", 1},
				  {"B", 1},
				  {"K", kibi},
				  {"KB", kibi},
				  {"M", kibi * kibi},
				  {"MB", kibi * kibi},
				  {"G", kibi * kibi * kibi},
				  {"GB", kibi * kibi * kibi}};
	std::string upper(text);
	std::transform(upper.begin(), upper.end(), upper.begin(),
		       [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
	return parse_with_unit(upper, units,
			       {ErrorCode::usage, fmt::format("'{}' is no size", text), 0,
				"give a whole number of bytes, or with K, M or G behind it: 64K, 1M"});
}

Result<uint64_t> parse_duration_ns(std::string_view text)
{
	constexpr uint64_t second = 1'000'000'000;
	constexpr Unit units[] = {{"us", second / 1'000'000},
				  {"ms", second / 1'000},
				  {"s", second},
				  {"m", 60 * second},
				  {"h", 3600 * second}};
	return parse_with_unit(text, units,
			       {ErrorCode::usage, fmt::format("'{}' is no time", text), 0,
				"give a whole number and its unit (us, ms, s, m or h): 500ms, 10s, 2m"});
}

} // namespace neuroperf::collector
