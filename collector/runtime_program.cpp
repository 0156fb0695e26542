// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_program.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <runtime_events.skel.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>
#include <iterator>
#include <utility>

#include "collector/launch.hpp"
#include "collector/libbpf_messages.hpp"
#include "collector/uprobe_trial.hpp"

namespace neuroperf::collector {

Error runtime_program_error(std::string_view doing, int code)
{
	return bpf_error(doing, "runtimes", code, "record with --runtime none");
}

void RuntimeProgram::Close::operator()(runtime_events_bpf *program) const
{
	runtime_events_bpf__destroy(program);
}

RuntimeProgram::RuntimeProgram(const Plan &plan, std::vector<unsigned> cpus, std::size_t ring_bytes)
	: plan_(plan), cpus_(std::move(cpus)), ring_bytes_(bpf_ring_bytes(ring_bytes)),
	  wakeups_(::epoll_create1(EPOLL_CLOEXEC))
{
}

RuntimeProgram::~RuntimeProgram() = default;

Status RuntimeProgram::load()
{
	keep_libbpf_messages();
	for (const UprobeKind tried : {UprobeKind::multi, UprobeKind::perf}) {
		Status loaded = load_for(tried);
		if (!loaded.ok() && (tried == UprobeKind::perf || loaded.error().code == ErrorCode::privilege))
			return loaded;
		kind_ = tried;
		if (loaded.ok() && try_uprobe(tried, program_->progs.np_runtime_entry, &wide_nops_are_calls_))
			break;
	}
	std::string_view doing;
	if (!rings_.emplace().map(ring_maps(), program_->maps.np_events, cpus_, ring_bytes_, &doing)) {
		const int code = errno;
		unload();
		return runtime_program_error(doing, code);
	}
	std::vector<Uprobe> used;
	costs_ = measure_probe_costs(program_.get(), &*rings_, kind_, wide_nops_are_calls_, &used);
	trial_probes_.add(std::move(used));
	trial_probes_.work();
	epoll_event edge{};
	edge.events = EPOLLIN | EPOLLET; // when they say so, not whenever there is something
	for (const bpf_map *map : {program_->maps.np_wakeups, program_->maps.np_events})
		::epoll_ctl(wakeups_.get(), EPOLL_CTL_ADD, bpf_map__fd(map), &edge); // else a round later
	return Done{};
}

Status RuntimeProgram::load_for(UprobeKind for_kind)
{
	take_libbpf_message();
	program_.reset(runtime_events_bpf__open());
	if (!program_)
		return runtime_program_error("open", errno);
	const PidNamespace pids = own_pid_namespace();
	program_->rodata->np_namespace_device = pids.device;
	program_->rodata->np_namespace_inode = pids.inode;
	program_->rodata->np_record_all = plan_.target.kind == Target::Kind::machine;
	prepare_for(for_kind, program_->progs.np_runtime_entry);
	prepare_for(for_kind, program_->progs.np_runtime_return);
	prepare_for(for_kind, program_->progs.np_agent_asks);
	prepare_for(for_kind, program_->progs.np_agent_entry);
	bpf_program__set_autoload(program_->progs.np_agent_entry, plan_.agent); // as large as that of probes
	program_->rodata->np_ring_chunks = static_cast<uint32_t>(ring_bytes_ / NP_RING_CHUNK);
	int code = TimedRings::size(ring_maps(), cpus_, ring_bytes_);
	if (code == 0)
		code = runtime_events_bpf__load(program_.get());
	if (code != 0)
		return runtime_program_error("load", -code);
	return Done{};
}

void RuntimeProgram::unload()
{
	rings_.reset();
	program_.reset();
}

Status RuntimeProgram::follow()
{
	if (plan_.target.kind == Target::Kind::machine)
		return Done{};
	if (!attach_all({program_->progs.np_on_fork, program_->progs.np_on_exec}, &links_))
		return runtime_program_error("attach", errno);
	Target running = plan_.target;
	const std::vector<int> named =
		plan_.target.kind == Target::Kind::program ? std::vector<int>{::getpid()} : plan_.target.processes;
	for (const int process : named)
		for (const ChildProcess &child : descendants(process))
			running.processes.push_back(child.pid);
	return add_target(bpf_map__fd(program_->maps.np_tree), running);
}

void RuntimeProgram::enable(bool on)
{
	if (program_)
		__atomic_store_n(&program_->bss->np_enabled, on ? 1 : 0, __ATOMIC_RELEASE);
}

MappedRingMaps RuntimeProgram::ring_maps() const
{
	return {program_->maps.np_positions, program_->maps.np_chunks, program_->maps.np_wakeups};
}

ProgramTimes RuntimeProgram::times() const
{
	ProgramTimes found{};
	for (std::size_t i = 0; i < found.size(); i++) {
		const auto *bss = program_->bss;
		found[i] = {__atomic_load_n(&bss->np_timed_hits[i], __ATOMIC_RELAXED),
			    __atomic_load_n(&bss->np_timed_ns[i], __ATOMIC_RELAXED)};
	}
	return found;
}

uint64_t RuntimeProgram::recursion_misses() const
{
	uint64_t misses = 0;
	for (const bpf_program *program :
	     {program_->progs.np_runtime_entry, program_->progs.np_runtime_return, program_->progs.np_agent_entry})
		if (bpf_program__autoload(program))
			misses += collector::recursion_misses(bpf_program__fd(program));
	return misses;
}

bool RuntimeProgram::asks()
{
	epoll_event asked[2]; // by whichever ring
	return rings_ && ::epoll_wait(wakeups_.get(), asked, std::size(asked), 0) > 0;
}

} // namespace neuroperf::collector
