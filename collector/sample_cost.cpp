// SPDX-License-Identifier: Apache-2.0
#include "collector/sample_cost.hpp"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "collector/clock.hpp"
#include "collector/mapped_perf_ring.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

// Often enough for two samples in each piece of work, and less often than kernels begin to throttle.
constexpr uint64_t kPeriodNs = 150'000, kPieceNs = 300'000;
constexpr std::size_t kPieces = 7, kRingPages = 8;
constexpr uint64_t kMostSteps = uint64_t{1} << 30;

uint64_t time_of(uint64_t steps)
{
	const uint64_t begin = monotonic_now_ns();
	volatile uint64_t value = begin;
	for (uint64_t i = 0; i < steps; i++)
		value = value * 6364136223846793005u + 1442695040888963407u;
	return monotonic_now_ns() - begin;
}

uint64_t steps_of_a_piece()
{
	for (uint64_t steps = 4096; steps < kMostSteps; steps *= 2)
		if (const uint64_t time_ns = time_of(steps); time_ns > kPieceNs / 4)
			return std::max<uint64_t>(steps * kPieceNs / time_ns, 1);
	return kMostSteps;
}

// Of work that others hold up now and then.
uint64_t median(std::array<uint64_t, kPieces> times)
{
	std::nth_element(times.begin(), times.begin() + kPieces / 2, times.end());
	return times[kPieces / 2];
}

} // namespace

std::optional<uint64_t> try_sample_cost(bool user_only)
{
	perf_event_attr attr = {};
	attr.size = sizeof attr;
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_CPU_CLOCK;
	attr.sample_period = kPeriodNs;
	attr.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME;
	attr.disabled = 1;
	attr.exclude_kernel = attr.exclude_hv = user_only;
	const UniqueFd event(static_cast<int>(::syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
	if (!event.valid())
		return std::nullopt;
	const MappedPerfRing ring(event.get(), kRingPages);
	if (!ring.valid())
		return std::nullopt;
	const uint64_t record_bytes = sizeof(perf_event_header) + 3 * sizeof(uint64_t);
	const uint64_t steps = steps_of_a_piece();
	std::array<uint64_t, kPieces> plain{}, sampled{};
	for (std::size_t i = 0; i < kPieces; i++) {
		plain[i] = time_of(steps);
		::ioctl(event.get(), PERF_EVENT_IOC_ENABLE, 0);
		sampled[i] = time_of(steps);
		::ioctl(event.get(), PERF_EVENT_IOC_DISABLE, 0);
	}
	const uint64_t samples = ring.bytes_written() / record_bytes;
	const uint64_t with = median(sampled), without = median(plain);
	if (samples == 0 || with <= without)
		return std::nullopt;
	return (with - without) * kPieces / samples;
}

} // namespace neuroperf::collector
