// SPDX-License-Identifier: Apache-2.0
#include "collector/bpf_tracepoints.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <tracepoint_events.skel.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "bpf/tracepoint_event.h"
#include "collector/bpf_support.hpp"
#include "collector/driver_probes.hpp"
#include "collector/libbpf_messages.hpp"
#include "collector/mapped_rings.hpp"
#include "collector/system_calls.hpp"
#include "recording/bytes.hpp"
#include "recording/event_formats.hpp"
#include "recording/records.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kSampleFields = recording::kRecordHeaderSize + 5 * 8 + 4; // up to the raw data

struct CloseProgram {
	void operator()(tracepoint_events_bpf *program) const { tracepoint_events_bpf__destroy(program); }
};

Error failure(std::string_view doing, int code)
{
	return bpf_error(doing, "tracepoints", code, "record with --no-bpf");
}

// Empty: the program could not tell how long a record is.
std::optional<np_tracepoint> layout_of(const std::string &format_text)
{
	const auto format = recording::parse_format_text("", format_text);
	if (!format.ok() || format_text.find("__rel_loc") != format_text.npos)
		return {};
	np_tracepoint layout{};
	layout.fixed_size = NP_COMMON_FIELDS;
	for (const recording::EventField &field : format->fields) {
		const uint64_t end = uint64_t{field.offset} + field.size;
		if (field.offset < NP_COMMON_FIELDS || end > NP_LARGEST_TRACEPOINT)
			return {};
		// PREEMPT_RT has one more common field, but of system calls kernels before 6.6 hand BPF programs a
		// record without it (kernel/trace/trace_syscalls.c, syscall_tp_t): the number is not where it says.
		if (field.name == "__syscall_nr" && field.offset != NP_COMMON_FIELDS)
			return {};
		layout.fixed_size = std::max(layout.fixed_size, static_cast<uint32_t>(end));
		if (!field.is_data_loc)
			continue;
		if (layout.data_locs == NP_MOST_DATA_LOCS)
			return {};
		layout.data_loc_offsets[layout.data_locs++] = field.offset;
	}
	return layout;
}

} // namespace

bool can_record_by_bpf(const std::string &format_text)
{
	return layout_of(format_text).has_value();
}

struct BpfTracepoints::Impl {
	struct Tracepoint {
		uint64_t event_id = 0; // in the file
		uint16_t common_type = 0;
		std::vector<uint32_t> texts; // fields that point to one, from behind the common fields on
	};

	Status load(const Plan &plan, std::size_t wanted_bytes);
	MappedRingMaps ring_maps() const;
	Status follow(const Plan &plan, pid_t program);
	Status attach(const PlannedEvent &event, std::size_t index);
	void append(const np_tracepoint_event &event, std::string_view fields);
	std::string_view with_texts(const Tracepoint &tracepoint, std::string_view fields, std::string_view texts);
	void update_counts();
	static void take(void *context, std::string_view record);

	std::unique_ptr<tracepoint_events_bpf, CloseProgram> program;
	MappedRings rings;
	std::optional<DriverProbes> probes;
	std::optional<SystemCalls> calls;
	std::vector<BpfLink> links;
	std::vector<Tracepoint> tracepoints; // by the number that the program knows
	std::string *to = nullptr;           // while draining
	std::string fields_with_texts;       // of the event that is being taken
	uint64_t bad_records = 0;
	BpfTracepointsCounts counts;
};

Status BpfTracepoints::Impl::load(const Plan &plan, std::size_t wanted_bytes)
{
	keep_libbpf_messages();
	take_libbpf_message();
	const std::size_t ring_bytes = bpf_ring_bytes(wanted_bytes);
	program.reset(tracepoint_events_bpf__open());
	if (!program)
		return failure("open", errno);
	const PidNamespace pids = own_pid_namespace();
	program->rodata->np_namespace_device = pids.device;
	program->rodata->np_namespace_inode = pids.inode;
	program->rodata->np_record_all = plan.target.kind == Target::Kind::machine;
	program->rodata->np_ring_chunks = static_cast<uint32_t>(ring_bytes / NP_RING_CHUNK);
	if (Status chosen = DriverProbes::choose_programs(plan, program.get()); !chosen.ok())
		return chosen;
	const auto numbers = SystemCalls::choose_programs(plan, program.get());
	if (!numbers.ok())
		return numbers.error();
	probes.emplace(program.get());
	calls.emplace(program.get());
	int error = MappedRings::size(ring_maps(), *numbers, ring_bytes);
	if (error == 0)
		error = tracepoint_events_bpf__load(program.get());
	if (error != 0)
		return failure("load", -error);
	std::string_view doing;
	if (!rings.map(ring_maps(), *numbers, ring_bytes, &doing))
		return failure(doing, errno);
	return Done{};
}

MappedRingMaps BpfTracepoints::Impl::ring_maps() const
{
	return {program->maps.np_positions, program->maps.np_chunks, program->maps.np_wakeups};
}

// From here on children are followed.
Status BpfTracepoints::Impl::follow(const Plan &plan, pid_t launched)
{
	if (plan.target.kind == Target::Kind::machine)
		return Done{};
	if (!attach_all({program->progs.np_on_fork, program->progs.np_on_exec}, &links))
		return failure("attach", errno);
	const int tree = bpf_map__fd(program->maps.np_tree);
	if (plan.target.kind == Target::Kind::program)
		return add_to_process_tree(tree, launched, NP_RECORDED_AFTER_EXEC);
	return add_target(tree, plan.target);
}

Status BpfTracepoints::Impl::attach(const PlannedEvent &event, std::size_t index)
{
	std::optional<np_tracepoint> layout = layout_of(event.tracepoint_format.value_or(""));
	const auto number = static_cast<uint32_t>(tracepoints.size());
	if (!layout || number == NP_MOST_TRACEPOINTS)
		return failure("describe a tracepoint to", EINVAL);
	layout->is_exec = event.name == "sched:sched_process_exec";
	layout->everywhere = event.of_host ? NP_OF_HOST : event.everywhere ? NP_EVERYWHERE : NP_OF_PROCESSES;
	layout->texts = static_cast<uint8_t>(std::min<std::size_t>(event.text_pointers.size(), NP_MOST_TEXTS));
	std::copy_n(event.text_pointers.begin(), layout->texts, layout->text_offsets);
	layout->is_system_call = event.tracepoint_system == "syscalls" || event.tracepoint_system == "raw_syscalls";
	if (bpf_map_update_elem(bpf_map__fd(program->maps.np_tracepoints), &number, &*layout, BPF_ANY) != 0)
		return failure("describe a tracepoint to", errno);
	Tracepoint tracepoint{recording::kTracepointIdBase + index, static_cast<uint16_t>(event.attr.config), {}};
	for (unsigned i = 0; i < layout->texts; i++)
		tracepoint.texts.push_back(layout->text_offsets[i] - NP_COMMON_FIELDS);
	tracepoints.push_back(std::move(tracepoint));
	if (event.probe)
		return probes->add(event, number, &links);
	const auto place = system_call_place(event.name, *event.tracepoint_format);
	if (place && calls->add(*place, number))
		return Done{};
	perf_event_attr attr = {};
	attr.size = recording::kAttrSize;
	attr.type = PERF_TYPE_TRACEPOINT;
	attr.config = event.attr.config;
	attr.disabled = 1;
	// On any CPU: the program sees the tracepoint on all of them.
	UniqueFd counter(static_cast<int>(::syscall(SYS_perf_event_open, &attr, -1,
						    static_cast<int>(event.cpus.front()), -1, PERF_FLAG_FD_CLOEXEC)));
	if (!counter.valid())
		return failure("open a tracepoint for", errno);
	LIBBPF_OPTS(bpf_perf_event_opts, options, .bpf_cookie = number);
	links.emplace_back(bpf_program__attach_perf_event_opts(program->progs.np_tracepoint, counter.get(), &options));
	if (!links.back())
		return failure("attach", errno);
	// Only the program is wanted; libbpf has enabled the event, which would count beside it.
	::ioctl(counter.release(), PERF_EVENT_IOC_DISABLE, 0); // the link closes it
	return Done{};
}

void BpfTracepoints::Impl::take(void *context, std::string_view record)
{
	auto *self = static_cast<Impl *>(context);
	np_tracepoint_event event;
	const bool whole = record.size() >= sizeof event;
	if (whole)
		std::memcpy(&event, record.data(), sizeof event);
	record.remove_prefix(std::min(record.size(), sizeof event));
	if (!whole || event.size > record.size() || event.tracepoint >= self->tracepoints.size()) {
		self->bad_records++;
		return;
	}
	const std::string_view fields = record.substr(0, event.size);
	const Tracepoint &tracepoint = self->tracepoints[event.tracepoint];
	self->append(event, tracepoint.texts.empty() ? fields
						     : self->with_texts(tracepoint, fields, record.substr(event.size)));
}

// The texts are behind the record, as they are to be; its fields are to say where: __data_loc.
std::string_view BpfTracepoints::Impl::with_texts(const Tracepoint &tracepoint, std::string_view fields,
						  std::string_view texts)
{
	fields_with_texts.assign(fields);
	for (const uint32_t at : tracepoint.texts) {
		const std::string_view text = texts.substr(0, texts.find('\0'));
		texts.remove_prefix(std::min(texts.size(), text.size() + 1));
		const uint64_t location = (NP_COMMON_FIELDS + fields_with_texts.size()) | (text.size() + 1) << 16;
		if (at + sizeof location <= fields.size())
			std::memcpy(&fields_with_texts[at], &location, sizeof location);
		fields_with_texts.append(text).push_back('\0');
	}
	return fields_with_texts;
}

// As perf would have written it. Each field goes where it belongs at once: this runs once an event.
void BpfTracepoints::Impl::append(const np_tracepoint_event &event, std::string_view fields)
{
	const Tracepoint &tracepoint = tracepoints[event.tracepoint];
	const std::size_t raw_size = (sizeof(uint32_t) + NP_COMMON_FIELDS + fields.size() + 7) / 8 * 8 - 4;
	const std::size_t size = kSampleFields + raw_size, begin = to->size();
	to->resize(begin + size); // zeros where nothing is written
	char *at = to->data() + begin;
	const auto store = [&at](auto value) {
		std::memcpy(at, &value, sizeof value);
		at += sizeof value;
	};
	const uint16_t side = event.ip >> 63 ? PERF_RECORD_MISC_KERNEL : PERF_RECORD_MISC_USER;
	store(perf_event_header{PERF_RECORD_SAMPLE, side, static_cast<uint16_t>(size)});
	store(tracepoint.event_id);
	store(event.ip);
	store(uint64_t{event.pid} | uint64_t{event.tid} << 32);
	store(event.time_ns);
	store(uint64_t{event.cpu});
	store(static_cast<uint32_t>(raw_size));
	store(recording::CommonFields{tracepoint.common_type, 0, 0, static_cast<int32_t>(event.tid)});
	std::memcpy(at, fields.data(), fields.size());
	counts.events++;
}

void BpfTracepoints::Impl::update_counts()
{
	uint64_t dropped = 0;
	for (std::size_t number = 0; number < tracepoints.size(); number++)
		dropped += __atomic_load_n(&program->bss->np_dropped[number], __ATOMIC_RELAXED);
	counts.dropped = dropped;
	counts.bad_records = bad_records + rings.corrupt();
	counts.recursion_misses = 0;
	const auto &programs = program->progs;
	for (const bpf_program *each : {programs.np_tracepoint, programs.np_call_begin, programs.np_call_end,
					programs.np_function_begin, programs.np_function_end})
		if (const int descriptor = bpf_program__fd(each); descriptor >= 0) // it was loaded
			counts.recursion_misses += recursion_misses(descriptor);
}

BpfTracepoints::BpfTracepoints(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
BpfTracepoints::BpfTracepoints(BpfTracepoints &&other) noexcept = default;
BpfTracepoints::~BpfTracepoints() = default;

Result<BpfTracepoints> BpfTracepoints::open(const Plan &plan, pid_t program, std::size_t ring_bytes)
{
	auto impl = std::make_unique<Impl>();
	if (Status loaded = impl->load(plan, ring_bytes); !loaded.ok())
		return loaded.error();
	if (Status followed = impl->follow(plan, program); !followed.ok())
		return followed.error();
	for (std::size_t i = 0; i < plan.events.size(); i++)
		if (plan.events[i].by_bpf)
			if (Status attached = impl->attach(plan.events[i], i); !attached.ok())
				return attached.error();
	impl->probes->name_calls(&*impl->calls);
	if (Status attached = impl->calls->attach(&impl->links); !attached.ok())
		return attached.error();
	return BpfTracepoints(std::move(impl));
}

void BpfTracepoints::enable()
{
	__atomic_store_n(&impl_->program->bss->np_enabled, 1, __ATOMIC_RELEASE);
}

void BpfTracepoints::disable()
{
	__atomic_store_n(&impl_->program->bss->np_enabled, 0, __ATOMIC_RELEASE);
}

void BpfTracepoints::leave_host_events(bool to_another)
{
	__atomic_store_n(&impl_->program->bss->np_host_is_elsewhere, to_another ? 1 : 0, __ATOMIC_RELEASE);
}

int BpfTracepoints::descriptor() const
{
	return impl_->rings.descriptor();
}

double BpfTracepoints::drain(std::string *to)
{
	impl_->to = to;
	const double fullest = impl_->rings.drain(Impl::take, impl_.get());
	impl_->update_counts();
	return fullest;
}

const std::vector<std::string> &BpfTracepoints::problems() const
{
	return impl_->probes->problems();
}

uint64_t BpfTracepoints::first_event_id() const
{
	return impl_->tracepoints.empty() ? 0 : impl_->tracepoints.front().event_id;
}

const BpfTracepointsCounts &BpfTracepoints::counts() const
{
	return impl_->counts;
}

} // namespace neuroperf::collector
