// SPDX-License-Identifier: Apache-2.0
#include "collector/timed_rings.hpp"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>
#include <functional>

namespace neuroperf::collector {
namespace {

int keep(void *context, void *data, std::size_t size)
{
	static_cast<std::deque<std::string> *>(context)->emplace_back(static_cast<const char *>(data), size);
	return 0;
}

} // namespace

bool TimedRings::map(const MappedRingMaps &maps, const bpf_map *beside, const std::vector<unsigned> &cpus,
		     std::size_t ring_bytes, std::string_view *doing)
{
	if (!rings_.map(maps, cpus, ring_bytes, doing))
		return false;
	*doing = "map the ring beside those of";
	beside_ring_.reset(ring_buffer__new(bpf_map__fd(beside), keep, &beside_, nullptr));
	return beside_ring_ != nullptr;
}

double TimedRings::drain(uint64_t until_ns, Take take, void *context)
{
	rings_.heed_wakeups();
	cursors_.clear();
	for (const unsigned cpu : rings_.cpus())
		cursors_.push_back(rings_.open(cpu));
	first_of_threads_ = cursors_.size();
	for (const unsigned number : of_threads_ != nullptr ? of_threads_->cpus() : std::vector<unsigned>{})
		cursors_.push_back(of_threads_->open(number));
	ring_buffer__consume(beside_ring_.get());
	nexts_.clear();
	for (std::size_t source = 0; source <= cursors_.size(); source++)
		if (Next next{}; find_next(source, &next))
			nexts_.push_back(next);
	std::make_heap(nexts_.begin(), nexts_.end(), std::greater<>());
	while (!nexts_.empty() && nexts_.front().time_ns < until_ns) {
		std::pop_heap(nexts_.begin(), nexts_.end(), std::greater<>());
		Next next = nexts_.back();
		nexts_.pop_back();
		// Mostly one ring has many in a row.
		const uint64_t others_ns = nexts_.empty() ? UINT64_MAX : nexts_.front().time_ns;
		bool more = true;
		while (more && next.time_ns <= others_ns && next.time_ns < until_ns) {
			take(context, record_of(next.source));
			pass(next.source);
			more = find_next(next.source, &next);
		}
		if (more) {
			nexts_.push_back(next);
			std::push_heap(nexts_.begin(), nexts_.end(), std::greater<>());
		}
	}
	double fullest = 0;
	in_use_ = 0;
	for (std::size_t source = 0; source < cursors_.size(); source++) {
		in_use_ += cursors_[source].at > cursors_[source].begin ? 1 : 0;
		fullest = std::max(fullest, rings_of(source).close(cursors_[source]));
	}
	return fullest;
}

std::string_view TimedRings::record_of(std::size_t source)
{
	if (source < cursors_.size())
		return rings_of(source).record(&cursors_[source]);
	return beside_.empty() ? std::string_view() : std::string_view(beside_.front());
}

// False if there is none left.
bool TimedRings::find_next(std::size_t source, Next *next)
{
	for (std::string_view record = record_of(source); record.data() != nullptr; record = record_of(source)) {
		next->source = source;
		if (record.size() >= sizeof next->time_ns) {
			std::memcpy(&next->time_ns, record.data(), sizeof next->time_ns);
			return true;
		}
		too_small_++;
		pass(source);
	}
	return false;
}

void TimedRings::pass(std::size_t source)
{
	if (source < cursors_.size())
		rings_of(source).pass(&cursors_[source]);
	else
		beside_.pop_front();
}

} // namespace neuroperf::collector
