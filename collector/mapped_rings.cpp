// SPDX-License-Identifier: Apache-2.0
#include "collector/mapped_rings.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

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
	if (positions_ != nullptr)
		::munmap(positions_, positions_bytes_);
	if (chunks_ != nullptr)
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
	positions_bytes_ = whole_pages(rings_for(cpus) * sizeof(np_ring_positions));
	chunks_bytes_ = rings_for(cpus) * ring_bytes;
	*doing = "map the rings of";
	positions_ = map_shared<np_ring_positions>(maps.positions, positions_bytes_, PROT_READ | PROT_WRITE);
	if (positions_ == nullptr)
		return false;
	chunks_ = map_shared<const char>(maps.chunks, chunks_bytes_, PROT_READ);
	if (chunks_ == nullptr)
		return false;
	*doing = "wait for the rings of";
	wakeups_.reset(ring_buffer__new(bpf_map__fd(maps.wakeups), take_nothing, nullptr, nullptr));
	return wakeups_ != nullptr;
}

int MappedRings::descriptor() const
{
	return ring_buffer__epoll_fd(wakeups_.get());
}

double MappedRings::drain(Take take, void *context)
{
	ring_buffer__consume(wakeups_.get());
	double fullest = 0;
	for (const unsigned cpu : cpus_)
		fullest = std::max(fullest, drain_ring(cpu, take, context));
	return fullest;
}

double MappedRings::drain_ring(unsigned cpu, Take take, void *context)
{
	np_ring_positions &positions = positions_[cpu];
	const uint64_t end = __atomic_load_n(&positions.written, __ATOMIC_ACQUIRE), begin = positions.read;
	const char *const ring = chunks_ + cpu * ring_bytes_;
	uint64_t at = begin;
	while (at < end) {
		const uint64_t left = NP_RING_CHUNK - at % NP_RING_CHUNK;
		const char *const record = ring + at % ring_bytes_;
		np_ring_record header;
		std::memcpy(&header, record, sizeof header);
		if (header.size == NP_RING_NEXT_CHUNK) {
			at += left;
		} else if (header.size > left - sizeof header) {
			corrupt_++;
			break;
		} else {
			take(context, {record + sizeof header, header.size});
			at += sizeof header + (header.size + 7) / 8 * 8;
		}
		if (at % NP_RING_CHUNK == 0)
			__atomic_store_n(&positions.read, at, __ATOMIC_RELEASE); // room while the rest is taken
	}
	__atomic_store_n(&positions.read, end, __ATOMIC_RELEASE);
	return std::min(1.0, static_cast<double>(end - begin) / static_cast<double>(ring_bytes_));
}

} // namespace neuroperf::collector
