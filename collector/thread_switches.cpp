// SPDX-License-Identifier: Apache-2.0
#include "collector/thread_switches.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/utsname.h>
#include <thread_switches.skel.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bpf/thread_switches.h"
#include "collector/bpf_cpu_rings.hpp"
#include "collector/bpf_support.hpp"
#include "collector/libbpf_messages.hpp"
#include "recording/wait_rules.hpp"

namespace neuroperf::collector {
namespace {

struct CloseProgram {
	void operator()(thread_switches_bpf *program) const { thread_switches_bpf__destroy(program); }
};

Error failure(std::string_view doing, int code)
{
	return bpf_error(doing, "switches of threads", code, "record with --no-anatomy");
}

// Where interrupts begin and end; each machine has some of them.
constexpr struct {
	const char *begin, *end;
} kHardInterrupts[] = {
	{"irq_handler_entry", "irq_handler_exit"},
	{"local_timer_entry", "local_timer_exit"}, // this and all below but the last: x86
	{"reschedule_entry", "reschedule_exit"},
	{"call_function_entry", "call_function_exit"},
	{"call_function_single_entry", "call_function_single_exit"},
	{"irq_work_entry", "irq_work_exit"},
	{"ipi_entry", "ipi_exit"}, // arm64
};

} // namespace

struct ThreadSwitches::Impl {
	Status load(const Plan &plan, std::size_t wanted_bytes);
	void attach_to_interrupts();
	Status follow(const Plan &plan, pid_t launched);
	static int take(void *context, void *data, std::size_t size);
	void update_counts();

	std::unique_ptr<thread_switches_bpf, CloseProgram> program;
	BpfCpuRings rings;
	std::vector<BpfLink> links;
	std::size_t ring_bytes = 0;
	std::vector<std::size_t> taken;     // bytes of this drain, by CPU
	uint64_t room = 0;                  // events that this drain may still take
	np_switch_with_stack with_stack{};  // scratch
	OwnEventEncoder *encoder = nullptr; // while draining
	ThreadSwitchesCounts counts;
};

Status ThreadSwitches::Impl::load(const Plan &plan, std::size_t wanted_bytes)
{
	keep_libbpf_messages();
	take_libbpf_message();
	ring_bytes = bpf_ring_bytes(wanted_bytes);
	program.reset(thread_switches_bpf__open());
	if (!program)
		return failure("open", errno);
	const PidNamespace pids = own_pid_namespace();
	program->rodata->np_namespace_device = pids.device;
	program->rodata->np_namespace_inode = pids.inode;
	program->rodata->np_wakeup_bytes = ring_bytes / 2;
	program->rodata->np_with_stacks = plan.anatomy_with_stacks;
	utsname machine{};
	::uname(&machine);
	const auto rules = recording::WaitRules::built_in(machine.machine);
	static_assert(NP_MOST_SYSTEM_CALLS == recording::WaitRules::kMostSystemCalls);
	for (std::size_t call = 0; call < NP_MOST_SYSTEM_CALLS; call++)
		program->rodata->np_files[call] = static_cast<uint8_t>(rules.file_argument(call));
	const std::vector<unsigned> &cpus = plan.events.front().cpus; // of the side band: all of them
	const unsigned most_cpus = 1 + *std::max_element(cpus.begin(), cpus.end());
	int error = bpf_map__set_max_entries(program->maps.np_rings, most_cpus);
	if (error == 0)
		error = thread_switches_bpf__load(program.get());
	if (error != 0)
		return failure("load", -error);
	std::string_view doing;
	if (!rings.make(bpf_map__fd(program->maps.np_rings), cpus, ring_bytes, take, this, &doing))
		return failure(doing, errno);
	taken.resize(most_cpus);
	return Done{};
}

void ThreadSwitches::Impl::attach_to_interrupts()
{
	const auto attach = [this](const bpf_program *at_begin, const char *begin, const bpf_program *at_end,
				   const char *end) {
		BpfLink first(bpf_program__attach_raw_tracepoint(at_begin, begin));
		BpfLink second(first ? bpf_program__attach_raw_tracepoint(at_end, end) : nullptr);
		if (!second)
			return;
		links.push_back(std::move(first));
		links.push_back(std::move(second));
	};
	const auto &programs = program->progs;
	attach(programs.np_on_soft_begin, "softirq_entry", programs.np_on_soft_end, "softirq_exit");
	for (const auto &[begin, end] : kHardInterrupts)
		attach(programs.np_on_hard_begin, begin, programs.np_on_hard_end, end);
	take_libbpf_message(); // of those that are not there
}

// From here on children are followed.
Status ThreadSwitches::Impl::follow(const Plan &plan, pid_t launched)
{
	const auto &programs = program->progs;
	if (!attach_all({programs.np_on_fork, programs.np_on_exec, programs.np_on_start, programs.np_on_switch,
			 programs.np_on_waking},
			&links))
		return failure("attach", errno);
	attach_to_interrupts();
	const int tree = bpf_map__fd(program->maps.np_tree);
	if (plan.target.kind == Target::Kind::program)
		return add_to_process_tree(tree, launched, NP_RECORDED_AFTER_EXEC);
	return add_target(tree, plan.target);
}

int ThreadSwitches::Impl::take(void *context, void *data, std::size_t size)
{
	auto *self = static_cast<Impl *>(context);
	np_switch event;
	const bool whole = size >= sizeof event;
	if (whole)
		std::memcpy(&event, data, sizeof event);
	bool taken = false;
	if (size >= sizeof(np_switch_with_stack)) {
		std::memcpy(&self->with_stack, data, sizeof self->with_stack);
		taken = self->encoder->encode(self->with_stack);
	} else if (whole) {
		taken = self->encoder->encode(event);
	}
	if (!taken) {
		self->counts.bad_records++;
	} else {
		self->counts.events++;
		if (event.cpu < self->taken.size())
			self->taken[event.cpu] += kBpfRingRecordHeader + size;
	}
	return self->room-- > 0 ? 0 : -ECANCELED; // busy machines must not keep the recorder here for ever
}

void ThreadSwitches::Impl::update_counts()
{
	counts.dropped = __atomic_load_n(&program->bss->np_dropped, __ATOMIC_RELAXED);
	const auto &programs = program->progs;
	counts.recursion_misses = 0;
	for (const bpf_program *each :
	     {programs.np_on_switch, programs.np_on_waking, programs.np_on_hard_end, programs.np_on_soft_end})
		counts.recursion_misses += recursion_misses(bpf_program__fd(each));
}

ThreadSwitches::ThreadSwitches(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ThreadSwitches::ThreadSwitches(ThreadSwitches &&other) noexcept = default;
ThreadSwitches::~ThreadSwitches() = default;

Result<ThreadSwitches> ThreadSwitches::open(const Plan &plan, pid_t program, std::size_t ring_bytes)
{
	auto impl = std::make_unique<Impl>();
	if (Status loaded = impl->load(plan, ring_bytes); !loaded.ok())
		return loaded.error();
	if (Status followed = impl->follow(plan, program); !followed.ok())
		return followed.error();
	return ThreadSwitches(std::move(impl));
}

void ThreadSwitches::enable()
{
	__atomic_store_n(&impl_->program->bss->np_enabled, 1, __ATOMIC_RELEASE);
}

void ThreadSwitches::disable()
{
	__atomic_store_n(&impl_->program->bss->np_enabled, 0, __ATOMIC_RELEASE);
}

int ThreadSwitches::descriptor() const
{
	return impl_->rings.descriptor();
}

double ThreadSwitches::drain(OwnEventEncoder *encoder)
{
	std::fill(impl_->taken.begin(), impl_->taken.end(), 0);
	impl_->encoder = encoder;
	impl_->room = impl_->rings.most_records(sizeof(np_switch));
	impl_->rings.drain();
	impl_->update_counts();
	encoder->flush();
	return std::min(1.0, static_cast<double>(*std::max_element(impl_->taken.begin(), impl_->taken.end())) /
				     static_cast<double>(impl_->ring_bytes));
}

std::optional<LossPeriod> ThreadSwitches::take_loss_period()
{
	constexpr uint64_t kRaceNs = 10'000; // CPUs that drop at once note their times one after the other
	const uint64_t first_ns = __atomic_exchange_n(&impl_->program->bss->np_first_drop_ns, 0, __ATOMIC_RELAXED);
	const uint64_t last_ns = __atomic_load_n(&impl_->program->bss->np_last_drop_ns, __ATOMIC_RELAXED);
	if (first_ns == 0)
		return {};
	return LossPeriod{first_ns - std::min(first_ns, kRaceNs), std::max(first_ns, last_ns) + kRaceNs};
}

const ThreadSwitchesCounts &ThreadSwitches::counts() const
{
	return impl_->counts;
}

} // namespace neuroperf::collector
