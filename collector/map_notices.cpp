// SPDX-License-Identifier: Apache-2.0
#include "collector/map_notices.hpp"

#include <fmt/format.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <optional>
#include <utility>

#include "recording/bytes.hpp"
#include "recording/perf_layout.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kDataPages = 8;
// In a MMAP2 record (perf_event.h).
constexpr std::size_t kPid = 8, kTid = 12, kProtection = 64, kPath = 72;

perf_event_attr attr_of(bool inherit)
{
	perf_event_attr attr{};
	attr.size = sizeof attr;
	attr.type = PERF_TYPE_SOFTWARE;
	attr.config = PERF_COUNT_SW_DUMMY;
	attr.exclude_kernel = attr.exclude_hv = 1;
	attr.mmap = attr.mmap2 = 1; // of executable memory
	attr.inherit = inherit ? 1 : 0;
	attr.watermark = 1;
	attr.wakeup_watermark = 1;
	attr.sample_id_all = attr.use_clockid = 1;
	attr.sample_type = PERF_SAMPLE_TIME;
	attr.clockid = CLOCK_MONOTONIC;
	return attr;
}

} // namespace

std::vector<MapNotice> map_notices(const std::string &records, bool end_with_time)
{
	std::vector<MapNotice> notices;
	perf_event_header header;
	for (std::size_t at = 0; records.size() - at >= sizeof header; at += header.size) {
		const char *const record = records.data() + at;
		std::memcpy(&header, record, sizeof header);
		if (header.size < sizeof header || header.size > records.size() - at)
			break;
		if (header.type == PERF_RECORD_MMAP2 && header.size > kPath &&
		    recording::load<uint32_t>(record + kProtection) & PROT_EXEC)
			notices.push_back({recording::load<int>(record + kPid),
					   recording::load<int>(record + kTid),
					   {record + kPath, ::strnlen(record + kPath, header.size - kPath)},
					   end_with_time ? recording::load<uint64_t>(record + header.size - 8) : 0});
	}
	return notices;
}

Result<MapNotices> MapNotices::open(pid_t program, const std::vector<unsigned> &cpus)
{
	MapNotices notices;
	perf_event_attr attr = attr_of(program != -1);
	for (const unsigned cpu : cpus) {
		UniqueFd event(static_cast<int>(::syscall(SYS_perf_event_open, &attr, program, static_cast<int>(cpu),
							  -1, PERF_FLAG_FD_CLOEXEC)));
		std::optional<MappedPerfRing> ring;
		if (event.valid())
			ring.emplace(event.get(), kDataPages);
		if (!ring || !ring->valid())
			return Error{ErrorCode::privilege,
				     fmt::format("cannot be told of mappings at once: {}", std::strerror(errno)), errno,
				     ""};
		notices.rings_.push_back({std::move(event), std::move(*ring)});
	}
	return notices;
}

std::vector<MapNotice> MapNotices::take()
{
	records_.clear();
	PerfRecordCounts counts;
	for (Ring &ring : rings_)
		ring.records.drain(&records_, &counts);
	lost_ += counts.lost;
	return map_notices(records_, true);
}

std::vector<int> MapNotices::descriptors() const
{
	std::vector<int> found;
	for (const Ring &ring : rings_)
		found.push_back(ring.event.get());
	return found;
}

} // namespace neuroperf::collector
