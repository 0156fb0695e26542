// SPDX-License-Identifier: Apache-2.0
#include "analyzer/switch_records.hpp"

#include "bpf/thread_switches.h"

namespace neuroperf::analyzer {

void SwitchRecords::begin_anatomy(std::string_view machine)
{
	if (analysis_.has_waits)
		return;
	analysis_.has_waits = analysis_.has_switches = true;
	analysis_.states.set_rules(recording::WaitRules::built_in(machine));
	analysis_.layers.follow(&analysis_.states);
}

void SwitchRecords::left(ThreadId thread, uint64_t time_ns, bool would_go_on,
			 const std::optional<recording::Wait> &wait)
{
	analysis_.on_cpu.begin(time_ns);
	analysis_.on_cpu.switched_out(thread, time_ns, would_go_on);
	analysis_.states.switched_out(thread, time_ns, would_go_on, wait);
}

void SwitchRecords::left_in(ThreadId thread, const recording::Sample &sample)
{
	if (!off_cpu_)
		return;
	frames_of(thread).clear();
	append_call_chain(sample, &frames_of(thread));
}

void SwitchRecords::came(ThreadId thread, uint64_t time_ns, uint64_t came_ns, const Wakeup &wakeup, bool counts)
{
	analysis_.on_cpu.begin(time_ns);
	analysis_.on_cpu.switched_in(thread, time_ns, came_ns);
	const StateTimes before = off_cpu_ ? analysis_.states.times(thread) : StateTimes{};
	const std::optional<uint64_t> latency_ns = analysis_.states.switched_in(thread, came_ns, wakeup);
	if (counts && latency_ns)
		analysis_.scheduling[static_cast<uint32_t>(thread)].add(*latency_ns);
	if (counts && off_cpu_)
		add_stay(thread, analysis_.states.times(thread) - before, wakeup.thread);
}

void SwitchRecords::add_stay(ThreadId thread, const StateTimes &stay, std::optional<ThreadId> waker)
{
	for (std::size_t i = 0; i < kThreadStates; i++) {
		const ThreadState state = thread_state(i);
		if (stay.ns[i] > 0 && state != ThreadState::on_cpu && state != ThreadState::unknown)
			analysis_.stacks.add_wait(thread, frames_of(thread), state,
						  state == ThreadState::runnable ? std::nullopt : waker, stay.ns[i]);
	}
	frames_of(thread).clear();
}

std::vector<Frame> &SwitchRecords::frames_of(ThreadId thread)
{
	const auto index = static_cast<std::size_t>(thread);
	if (index >= frames_.size())
		frames_.resize(index + 1);
	return frames_[index];
}

// Who is preempted on the way to a wait has its state already, and will be back to go on.
bool SwitchRecords::would_go_on(uint64_t state, uint64_t flags)
{
	return state == 0 || flags & NP_SWITCH_PREEMPTED;
}

recording::Wait SwitchRecords::wait_of(uint64_t system_call, uint64_t device, uint64_t file_type, uint64_t flags)
{
	recording::Wait wait;
	wait.system_call = static_cast<int32_t>(system_call);
	wait.device_major = static_cast<uint32_t>(device) >> 20;
	wait.file_type = static_cast<uint16_t>(file_type);
	wait.io_wait = flags & NP_SWITCH_IO_WAIT;
	return wait;
}

Wakeup SwitchRecords::wakeup_of(uint32_t pid, uint64_t woken_by, uint64_t woken_ns, uint32_t waker_pid,
				uint32_t waker_tid)
{
	Wakeup wakeup;
	wakeup.time_ns = woken_ns;
	if (woken_by <= static_cast<uint64_t>(recording::WokenBy::interrupt))
		wakeup.by = static_cast<recording::WokenBy>(woken_by);
	if (wakeup.by != recording::WokenBy::thread)
		return wakeup;
	wakeup.of_other_process = waker_pid != pid;
	wakeup.thread = analysis_.threads.thread(waker_pid, waker_tid);
	if (waker_pid == pid)
		wakeup.own_thread = wakeup.thread;
	return wakeup;
}

} // namespace neuroperf::analyzer
