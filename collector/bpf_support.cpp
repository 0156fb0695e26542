// SPDX-License-Identifier: Apache-2.0
#include "collector/bpf_support.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "collector/host.hpp"
#include "collector/libbpf_messages.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC; // PROC_PID_INIT_INO, include/linux/proc_ns.h

} // namespace

Error bpf_error(std::string_view doing, std::string_view program, int code, std::string_view instead)
{
	const std::string message = take_libbpf_message();
	const bool refused = code == EPERM || code == EACCES;
	return {refused ? ErrorCode::privilege : ErrorCode::unsupported,
		fmt::format("cannot {} the BPF program for {}: {}{}{}", doing, program, std::strerror(code),
			    message.empty() || refused ? "" : "; ", refused ? "" : message),
		code,
		refused ? fmt::format("{}, or {}", run_as_root(in_user_namespace()), instead) : std::string(instead)};
}

PidNamespace own_pid_namespace()
{
	struct stat info;
	if (::stat("/proc/self/ns/pid", &info) != 0 || info.st_ino == kFirstPidNamespace)
		return {};
	return {info.st_dev, info.st_ino};
}

void CloseBpfLink::operator()(bpf_link *link) const
{
	bpf_link__destroy(link);
}

void FreeBpfRing::operator()(ring_buffer *ring) const
{
	ring_buffer__free(ring);
}

std::size_t bpf_ring_bytes(std::size_t wanted)
{
	return std::bit_ceil(std::clamp<std::size_t>(wanted, 64u << 10, 1u << 30));
}

bool attach_all(std::initializer_list<const bpf_program *> programs, std::vector<BpfLink> *links)
{
	for (const bpf_program *program : programs) {
		links->emplace_back(bpf_program__attach(program));
		if (!links->back())
			return false;
	}
	return true;
}

Status add_to_process_tree(int map, pid_t process, np_recorded state)
{
	const UniqueFd task(static_cast<int>(::syscall(SYS_pidfd_open, process, 0)));
	const int key = task.get();
	const auto value = static_cast<uint32_t>(state);
	if (!task.valid() || bpf_map_update_elem(map, &key, &value, BPF_ANY) != 0)
		return Error{ErrorCode::io, fmt::format("cannot follow process {}: {}", process, std::strerror(errno)),
			     errno, ""};
	return Done{};
}

Status add_target(int map, const Target &target)
{
	for (const int process : target.processes)
		if (Status added = add_to_process_tree(map, process, NP_RECORDED);
		    !added.ok() && added.error().system_errno != ESRCH)
			return added;
	return Done{};
}

uint64_t recursion_misses(int program)
{
	bpf_prog_info info{};
	uint32_t size = sizeof info;
	return bpf_obj_get_info_by_fd(program, &info, &size) == 0 ? info.recursion_misses : 0;
}

bool counts_misses_of_tracepoints(const std::string &kernel_release)
{
	unsigned major = 0, minor = 0;
	if (std::sscanf(kernel_release.c_str(), "%u.%u", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 7);
}

} // namespace neuroperf::collector
