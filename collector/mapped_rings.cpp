// SPDX-License-Identifier: Apache-2.0
#include "collector/mapped_rings.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace neuroperf::collector {
namespace {

std::size_t whole_pages(std::size_t bytes)
{
	const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
	return (bytes + page - 1) / page * page;
}

std::size_t rings_for(const std::vector<unsigned> &cpus)
{
	return std::size_t{1} + *std::max_element(cpus.begin(), cpus.end());
}

int take_nothing(void *, void *, std::size_t)
{
	return 0;
}

template <typename T> T *map_shared(const bpf_map *map, std::size_t bytes, int protection)
{
	void *const at = ::mmap(nullptr, bytes, protection, MAP_SHARED, bpf_map__fd(map), 0);
	return at == MAP_FAILED ? nullptr : static_cast<T *>(at);
}

} // namespace

MappedRings::~MappedRings()
{
	if (positions_bytes_ != 0 && positions_ != nullptr)
		::munmap(positions_, positions_bytes_);
	if (chunks_bytes_ != 0 && chunks_ != nullptr)
		::munmap(const_cast<char *>(chunks_), chunks_bytes_);
}

int MappedRings::size(const MappedRingMaps &maps, const std::vector<unsigned> &cpus, std::size_t ring_bytes)
{
	const std::size_t rings = rings_for(cpus);
	if (const int error = bpf_map__set_max_entries(maps.positions, static_cast<uint32_t>(rings)); error != 0)
		return error;
	return bpf_map__set_max_entries(maps.chunks, static_cast<uint32_t>(rings * (ring_bytes / NP_RING_CHUNK)));
}

bool MappedRings::map(const MappedRingMaps &maps, const std::vector<unsigned> &cpus, std::size_t ring_bytes,
		      std::string_view *doing)
{
	cpus_ = cpus;
	ring_bytes_ = ring_bytes;
	read_.resize(rings_for(cpus));
	positions_bytes_ = whole_pages(rings_for(cpus) * sizeof(np_ring_positions));
	chunks_bytes_ = rings_for(cpus) * ring_bytes;
	*doing = "map the rings of";
	positions_ = map_shared<np_ring_positions>(maps.positions, positions_bytes_, PROT_READ | PROT_WRITE);
	if (positions_ == nullptr)
		return false;
	chunks_ = map_shared<const char>(maps.chunks, chunks_bytes_, PROT_READ);
	if (chunks_ == nullptr)
		return false;
	ask_at(ring_bytes / 2);
	*doing = "wait for the rings of";
	wakeups_.reset(ring_buffer__new(bpf_map__fd(maps.wakeups), take_nothing, nullptr, nullptr));
	return wakeups_ != nullptr;
}

void MappedRings::use(np_ring_positions *positions, const char *chunks, unsigned rings, std::size_t ring_bytes)
{
	cpus_.resize(rings);
	std::iota(cpus_.begin(), cpus_.end(), 0u);
	read_.resize(rings);
	ring_bytes_ = ring_bytes;
	positions_ = positions;
	chunks_ = chunks;
	ask_at(ring_bytes / 2);
}

int MappedRings::descriptor() const
{
	return ring_buffer__epoll_fd(wakeups_.get());
}

void MappedRings::ask_at(uint64_t bytes)
{
	for (const unsigned cpu : cpus_)
		if (positions_[cpu].ask_at != bytes)
			__atomic_store_n(&positions_[cpu].ask_at, bytes, __ATOMIC_RELAXED);
}

void MappedRings::heed_wakeups()
{
	if (wakeups_)
		ring_buffer__consume(wakeups_.get());
}

double MappedRings::drain(Take take, void *context)
{
	heed_wakeups();
	double fullest = 0;
	for (const unsigned cpu : cpus_) {
		Cursor cursor = open(cpu);
		for (auto next = record(&cursor); next.data() != nullptr; next = record(&cursor)) {
			take(context, next);
			pass(&cursor);
		}
		fullest = std::max(fullest, close(cursor));
	}
	return fullest;
}

MappedRings::Cursor MappedRings::open(unsigned cpu)
{
	np_ring_positions &positions = positions_[cpu];
	if (__atomic_load_n(&positions.asked, __ATOMIC_RELAXED) != 0)
		__atomic_store_n(&positions.asked, 0, __ATOMIC_SEQ_CST); // first: what comes later asks again
	const uint64_t end = __atomic_load_n(&positions.written, __ATOMIC_ACQUIRE);
	if (end < read_[cpu] || end - read_[cpu] > ring_bytes_) {
		corrupt_++;
		read_[cpu] = end;
	}
	return {cpu, read_[cpu], read_[cpu], end};
}

std::string_view MappedRings::record(Cursor *cursor)
{
	while (cursor->at < cursor->end) {
		const uint64_t left = NP_RING_CHUNK - cursor->at % NP_RING_CHUNK;
		const char *const at = chunks_ + cursor->cpu * ring_bytes_ + cursor->at % ring_bytes_;
		const uint64_t there = std::min(left, cursor->end - cursor->at);
		np_ring_record header{};
		if (there >= sizeof header)
			std::memcpy(&header, at, sizeof header);
		if (there >= sizeof header && header.size <= there - sizeof header)
			return {at + sizeof header, header.size};
		if (header.size == NP_RING_NEXT_CHUNK && left <= there) {
			cursor->at += left;
			tell_read(*cursor);
		} else {
			corrupt_++;
			cursor->at = cursor->end;
		}
	}
	return {};
}

void MappedRings::pass(Cursor *cursor)
{
	const auto size = static_cast<uint32_t>(record(cursor).size());
	cursor->at += sizeof(np_ring_record) + (size + 7) / 8 * 8;
	if (cursor->at % NP_RING_CHUNK == 0)
		tell_read(*cursor); // room while the rest is taken
}

bool MappedRings::is_empty(unsigned cpu) const
{
	return __atomic_load_n(&positions_[cpu].written, __ATOMIC_ACQUIRE) == read_[cpu];
}

void MappedRings::tell_read(const Cursor &cursor)
{
	read_[cursor.cpu] = cursor.at;
	__atomic_store_n(&positions_[cursor.cpu].read, cursor.at, __ATOMIC_RELEASE);
}

double MappedRings::close(const Cursor &cursor)
{
	tell_read(cursor);
	np_ring_positions &positions = positions_[cursor.cpu];
	const uint64_t more = __atomic_load_n(&positions.written, __ATOMIC_RELAXED) - cursor.at;
	if (more > ring_bytes_ / 2)
		__atomic_store_n(&positions.asked, 1, __ATOMIC_RELAXED);
	return std::min(1.0, static_cast<double>(std::max(cursor.end - cursor.begin, more)) /
				     static_cast<double>(ring_bytes_));
}

} // namespace neuroperf::collector
