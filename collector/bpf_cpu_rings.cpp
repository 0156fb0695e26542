// SPDX-License-Identifier: Apache-2.0
#include "collector/bpf_cpu_rings.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/epoll.h>

#include <cerrno>

namespace neuroperf::collector {
namespace {

// One by one the kernel waits for all its programs each time (some milliseconds). Kernels before 5.14 know only that.
bool set_all(int map, const std::vector<unsigned> &cpus, const std::vector<int> &rings)
{
	auto count = static_cast<uint32_t>(cpus.size());
	LIBBPF_OPTS(bpf_map_batch_opts, options);
	if (bpf_map_update_batch(map, cpus.data(), rings.data(), &count, &options) == 0)
		return true;
	for (std::size_t i = 0; i < cpus.size(); i++)
		if (bpf_map_update_elem(map, &cpus[i], &rings[i], BPF_ANY) != 0)
			return false;
	return true;
}

} // namespace

bool BpfCpuRings::make(int map, const std::vector<unsigned> &cpus, std::size_t ring_bytes, Take take, void *context,
		       std::string_view *doing)
{
	ring_bytes_ = ring_bytes;
	wakeups_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
	std::vector<int> descriptors;
	for (std::size_t i = 0; i < cpus.size(); i++) {
		*doing = "make the rings of";
		UniqueFd ring(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "np_ring", 0, 0, static_cast<uint32_t>(ring_bytes),
					     nullptr));
		if (!ring.valid())
			return false;
		const int fd = ring.get();
		descriptors.push_back(fd);
		*doing = "map the rings of";
		if (!rings_)
			rings_.reset(ring_buffer__new(fd, take, context, nullptr));
		else if (const int error = ring_buffer__add(rings_.get(), fd, take, context); error != 0) {
			errno = -error;
			return false;
		}
		if (!rings_)
			return false;
		*doing = "wait for the rings of";
		epoll_event edge{};
		edge.events = EPOLLIN | EPOLLET; // when the program says so, not whenever there is something
		if (::epoll_ctl(wakeups_.get(), EPOLL_CTL_ADD, fd, &edge) != 0)
			return false;
		maps_.push_back(std::move(ring));
	}
	*doing = "set the rings of";
	return set_all(map, cpus, descriptors);
}

void BpfCpuRings::drain()
{
	epoll_event asked[64];
	::epoll_wait(wakeups_.get(), asked, std::size(asked), 0); // all are drained, whoever asked
	ring_buffer__consume(rings_.get());
}

std::size_t BpfCpuRings::most_records(std::size_t record_bytes) const
{
	return maps_.size() * ring_bytes_ / (record_bytes + kBpfRingRecordHeader);
}

} // namespace neuroperf::collector
