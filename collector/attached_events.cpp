// SPDX-License-Identifier: Apache-2.0
#include "collector/attached_events.hpp"

#include <bpf/libbpf.h>
#include <usdt_events.skel.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bpf/attached_event.h"
#include "collector/attached_processes.hpp"
#include "collector/bpf_support.hpp"
#include "collector/libbpf_messages.hpp"
#include "collector/uprobe_trial.hpp"

namespace neuroperf::collector {
namespace {

struct CloseProgram {
	void operator()(usdt_events_bpf *program) const { usdt_events_bpf__destroy(program); }
};

Error failure(std::string_view doing, int code)
{
	return bpf_error(doing, "probes", code,
			 "launch the program with neuroperf record ./program, which needs no BPF");
}

} // namespace

struct AttachedEvents::Impl {
	Impl(AttachedTarget target, uint32_t first_id) : attaching(first_id), processes(std::move(target), &attaching)
	{
	}

	Status load(std::size_t ring_bytes);
	Status load_for(UprobeKind kind, int followed_map);
	void take(const np_attached_event &event);
	uint32_t id_of(const np_attached_event &event);
	void update_counts();
	static int take_record(void *context, void *data, std::size_t size);

	std::unique_ptr<usdt_events_bpf, CloseProgram> program;
	BpfRing ring;
	std::size_t ring_bytes = 0;
	Attaching attaching;
	AttachedProcesses processes;        // their links go before the program
	OwnEventEncoder *encoder = nullptr; // while draining
	uint64_t room = 0;                  // events that this drain may still take
};

Status AttachedEvents::Impl::load(std::size_t wanted_bytes)
{
	keep_libbpf_messages();
	ring_bytes = bpf_ring_bytes(wanted_bytes);
	const int followed_map = processes.open_notices();
	for (const UprobeKind kind : {UprobeKind::multi, UprobeKind::perf}) {
		Status loaded = load_for(kind, followed_map);
		if (!loaded.ok() && followed_map >= 0 && loaded.error().code != ErrorCode::privilege)
			loaded = load_for(kind, -1);
		if (!loaded.ok() && (kind == UprobeKind::perf || loaded.error().code == ErrorCode::privilege))
			return loaded;
		attaching.kind = kind;
		if (loaded.ok() && try_uprobe(kind, program->progs.np_usdt_trial, &attaching.use_wide_nops))
			break;
	}
	ring.reset(ring_buffer__new(bpf_map__fd(program->maps.np_events), take_record, this, nullptr));
	if (!ring)
		return failure("map the ring of", errno);
	attaching.program = program->progs.np_usdt_event;
	return Done{};
}

// Without the map of those that are followed, nothing can be done by probes that others have too.
Status AttachedEvents::Impl::load_for(UprobeKind kind, int followed_map)
{
	take_libbpf_message();
	program.reset(usdt_events_bpf__open());
	if (!program)
		return failure("open", errno);
	const PidNamespace pids = own_pid_namespace();
	program->rodata->np_namespace_device = pids.device;
	program->rodata->np_namespace_inode = pids.inode;
	prepare_for(kind, program->progs.np_usdt_event);
	prepare_for(kind, program->progs.np_usdt_event_followed);
	prepare_for(kind, program->progs.np_usdt_trial);
	attaching.program_for_files = nullptr;
	if (followed_map >= 0 && bpf_map__reuse_fd(program->maps.np_followed, followed_map) == 0) {
		attaching.program_for_files = program->progs.np_usdt_event_followed;
	} else {
		bpf_program__set_autoload(program->progs.np_usdt_event_followed, false);
		bpf_map__set_autocreate(program->maps.np_followed, false);
	}
	int error = bpf_map__set_max_entries(program->maps.np_events, static_cast<uint32_t>(ring_bytes));
	if (error == 0)
		error = usdt_events_bpf__load(program.get());
	if (error != 0)
		return failure("load", -error);
	return Done{};
}

int AttachedEvents::Impl::take_record(void *context, void *data, std::size_t size)
{
	auto *self = static_cast<Impl *>(context);
	if (size >= sizeof(np_attached_event)) {
		np_attached_event event;
		std::memcpy(&event, data, sizeof event);
		self->take(event);
	} else {
		self->attaching.counts.bad_records++;
	}
	return self->room-- > 0 ? 0 : -ECANCELED; // fast programs must not keep the recorder here for ever
}

void AttachedEvents::Impl::take(const np_attached_event &event)
{
	attaching.counts.events++;
	const np_slot slot{event.time_ns, event.value, id_of(event), event.type, 0};
	if (!encoder->encode(slot, event.pid, event.tid, event.time_ns))
		attaching.counts.bad_records++;
}

uint32_t AttachedEvents::Impl::id_of(const np_attached_event &event)
{
	if (event.id == 0)
		return 0;
	uint32_t id = attaching.names.id_of(event.pid, event.object, event.id);
	if (id != 0)
		return id;
	if (AttachedProcess *const process = processes.find(event.pid))
		id = process->look_again(&attaching, event.object, event.id);
	if (id == 0 && event.id & NP_HANDLE_LOCAL) // it has ended: mostly others know
		id = attaching.names.id_anywhere(event.id);
	attaching.counts.unknown_handles += id == 0 ? 1 : 0;
	return id;
}

void AttachedEvents::Impl::update_counts()
{
	AttachedEventsCounts &counts = attaching.counts;
	counts.dropped = __atomic_load_n(&program->bss->np_dropped, __ATOMIC_RELAXED);
	counts.outside_namespace = __atomic_load_n(&program->bss->np_outside_namespace, __ATOMIC_RELAXED);
	counts.definitions_lost = attaching.names.without_number();
	counts.recursion_misses = recursion_misses(bpf_program__fd(attaching.program));
	if (attaching.program_for_files && attaching.program_for_files != attaching.program)
		counts.recursion_misses += recursion_misses(bpf_program__fd(attaching.program_for_files));
}

AttachedEvents::AttachedEvents(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AttachedEvents::AttachedEvents(AttachedEvents &&other) noexcept = default;
AttachedEvents::~AttachedEvents()
{
	if (impl_)
		detach();
}

Result<AttachedEvents> AttachedEvents::open(const std::vector<int> &pids, std::size_t ring_bytes, uint32_t first_id)
{
	return open(AttachedTarget{pids, nullptr, false}, ring_bytes, first_id);
}

Result<AttachedEvents> AttachedEvents::open(AttachedTarget target, std::size_t ring_bytes, uint32_t first_id)
{
	const bool named = !target.list;
	auto impl = std::make_unique<Impl>(std::move(target), first_id);
	if (Status loaded = impl->load(ring_bytes); !loaded.ok())
		return loaded.error();
	if (Status opened = impl->processes.open(); !opened.ok())
		return opened.error();
	const AttachedEventsCounts &counts = impl->attaching.counts;
	if (named && counts.sites_failed > 0 && counts.sites_attached == 0)
		return failure("attach", impl->attaching.attach_errno);
	impl->update_counts();
	return AttachedEvents(std::move(impl));
}

double AttachedEvents::drain(OwnEventEncoder *encoder)
{
	impl_->processes.follow_up();
	const uint64_t before = impl_->attaching.counts.events;
	impl_->encoder = encoder;
	impl_->room = impl_->ring_bytes / sizeof(np_attached_event);
	ring_buffer__consume(impl_->ring.get());
	impl_->encoder = nullptr;
	encoder->flush();
	const uint64_t taken = impl_->attaching.counts.events - before;
	impl_->update_counts();
	return std::min(1.0, static_cast<double>(taken * (sizeof(np_attached_event) + kBpfRingRecordHeader)) /
				     static_cast<double>(impl_->ring_bytes));
}

std::vector<Definition> AttachedEvents::take_definitions()
{
	std::vector<Definition> definitions = impl_->attaching.names.take();
	impl_->attaching.counts.definitions += definitions.size();
	return definitions;
}

void AttachedEvents::rescan()
{
	impl_->processes.rescan();
	impl_->update_counts();
}

void AttachedEvents::detach()
{
	impl_->processes.detach();
	impl_->update_counts();
}

bool AttachedEvents::has_processes() const
{
	return impl_->processes.any();
}

int AttachedEvents::descriptor() const
{
	return impl_->processes.descriptor();
}

const std::string &AttachedEvents::why_not_at_once() const
{
	return impl_->processes.why_not_at_once();
}

bool AttachedEvents::uses_calls() const
{
	return impl_->attaching.use_wide_nops;
}

bool AttachedEvents::uses_links() const
{
	return impl_->attaching.kind == UprobeKind::multi;
}

const AttachedEventsCounts &AttachedEvents::counts() const
{
	return impl_->attaching.counts;
}

} // namespace neuroperf::collector
