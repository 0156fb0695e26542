// SPDX-License-Identifier: Apache-2.0
#include "collector/sampling_rate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace neuroperf::collector {
namespace {

constexpr unsigned kFrequencies[] = {999, 249, 99}; // Hz, to choose from
constexpr double kNotableShare = 0.01;              // of CPU time; what costs more is not done unasked
// In a program that fills caches and branch predictors a sample costs more than in the trial: where that said 17 us,
// it was 17 in a small loop, 24 in Python, 50 to 70 in ONNX Runtime, with perf record too (docs/benchmarks.md).
constexpr double kInPlace = 3;

} // namespace

double sampling_share(const HostSnapshot &host, unsigned frequency_hz)
{
	return kInPlace * static_cast<double>(host.sample_cost_ns.value_or(0)) * frequency_hz / 1e9;
}

unsigned wanted_frequency(const RecordOptions &options, const HostSnapshot &host)
{
	if (options.frequency_hz || !options.events.empty())
		return options.frequency_hz.value_or(kFrequencies[0]);
	for (const unsigned frequency_hz : kFrequencies)
		if (sampling_share(host, frequency_hz) <= kNotableShare)
			return frequency_hz;
	return std::end(kFrequencies)[-1];
}

unsigned frequency_to_be_had(const RecordOptions &options, const HostSnapshot &host)
{
	const unsigned wanted = wanted_frequency(options, host);
	return host.max_sample_rate == 0 ? wanted : std::min(wanted, host.max_sample_rate);
}

std::string sample_cost_text(const RecordOptions &options, const HostSnapshot &host)
{
	const unsigned frequency_hz = frequency_to_be_had(options, host), usual = kFrequencies[0];
	const double share = sampling_share(host, frequency_hz);
	const bool is_chosen = !options.frequency_hz && frequency_hz < usual;
	if (!options.events.empty() || options.period || (share < kNotableShare && !is_chosen))
		return "";
	const double tried_us = static_cast<double>(*host.sample_cost_ns) / 1e3;
	return fmt::format("; a sample costs {:.0f} to {:.0f} us here: up to {:.1f} % of a busy CPU{}", tried_us,
			   kInPlace * tried_us, share * 100,
			   is_chosen ? fmt::format(" ({:.1f} % with -F {})", sampling_share(host, usual) * 100, usual)
				     : fmt::format(" (-F {} for {:.1f} %)", frequency_hz / 4, share * 100 / 4));
}

} // namespace neuroperf::collector
