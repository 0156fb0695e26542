// SPDX-License-Identifier: Apache-2.0
#include "collector/process_notices.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <process_tree.skel.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "bpf/followed.h"
#include "bpf/process_notice.h"
#include "collector/bpf_support.hpp"
#include "collector/libbpf_messages.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

struct CloseProgram {
	void operator()(process_tree_bpf *program) const { process_tree_bpf__destroy(program); }
};

Error notices_error(std::string_view doing, int code)
{
	take_libbpf_message(); // long, and only about BPF
	return {code == EPERM || code == EACCES ? ErrorCode::privilege : ErrorCode::unsupported,
		fmt::format("cannot {} the BPF program that tells of new processes: {}", doing, std::strerror(code)),
		code, ""};
}

int take_notice(void *to, void *data, std::size_t size)
{
	np_process_notice notice{};
	if (size < sizeof notice)
		return 0;
	std::memcpy(&notice, data, sizeof notice);
	static_cast<std::vector<ProcessNotice> *>(to)->push_back(
		{notice.time_ns, static_cast<int>(notice.pid), notice.what == NP_NOTICE_FORKED});
	return 0;
}

} // namespace

struct ProcessNotices::Impl {
	std::unique_ptr<process_tree_bpf, CloseProgram> program;
	std::vector<ProcessNotice> taken;
	BpfRing ring;
};

ProcessNotices::ProcessNotices(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ProcessNotices::ProcessNotices(ProcessNotices &&other) noexcept = default;
ProcessNotices::~ProcessNotices() = default;

Result<ProcessNotices> ProcessNotices::open(bool every_program)
{
	keep_libbpf_messages();
	auto impl = std::make_unique<Impl>();
	impl->program.reset(process_tree_bpf__open());
	if (!impl->program)
		return notices_error("open", errno);
	impl->program->rodata->np_namespace_inode = static_cast<uint32_t>(own_pid_namespace().inode);
	impl->program->rodata->np_every_program = every_program ? 1 : 0;
	if (const int error = process_tree_bpf__load(impl->program.get()); error != 0)
		return notices_error("load", -error);
	if (const int error = process_tree_bpf__attach(impl->program.get()); error != 0)
		return notices_error("attach", -error);
	const int notices = bpf_map__fd(impl->program->maps.np_notices);
	impl->ring.reset(ring_buffer__new(notices, take_notice, &impl->taken, nullptr));
	if (!impl->ring)
		return notices_error("map the ring of", errno);
	return ProcessNotices(std::move(impl));
}

bool ProcessNotices::follow(int pid, bool by_files)
{
	const UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
	const int key = process.get();
	const uint32_t value = by_files ? NP_FOLLOWED_BY_FILES : NP_FOLLOWED;
	return process.valid() && bpf_map_update_elem(followed_map(), &key, &value, BPF_ANY) == 0;
}

int ProcessNotices::followed_map() const
{
	return bpf_map__fd(impl_->program->maps.np_followed);
}

std::vector<ProcessNotice> ProcessNotices::take()
{
	ring_buffer__consume(impl_->ring.get());
	return std::exchange(impl_->taken, {});
}

int ProcessNotices::descriptor() const
{
	return ring_buffer__epoll_fd(impl_->ring.get());
}

uint64_t ProcessNotices::lost() const
{
	return __atomic_load_n(&impl_->program->bss->np_notices_lost, __ATOMIC_RELAXED);
}

} // namespace neuroperf::collector
