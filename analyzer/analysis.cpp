// SPDX-License-Identifier: Apache-2.0
#include "analyzer/analysis.hpp"

#include <fmt/format.h>
#include <neuroperf/shared_memory.h>

#include <algorithm>

#include "analyzer/call_chain.hpp"
#include "analyzer/page_faults.hpp"
#include "analyzer/sample_values.hpp"
#include "analyzer/switch_records.hpp"
#include "analyzer/task_records.hpp"
#include "recording/bytes.hpp"
#include "recording/records.hpp"

namespace neuroperf::analyzer {
namespace {

using recording::OwnEvent;
using recording::Sample;

// A recording may hold any number of notes and statistics; a report shows a few.
constexpr std::size_t kMaxNotes = 200;
constexpr std::size_t kMaxStats = 200;

class Collector : public RecordVisitor {
public:
	Collector(const recording::PerfDataReader &reader, const AnalysisOptions &options, Analysis *analysis)
		: reader_(reader), filter_(options.filter), own_jobs_only_(options.own_jobs_only),
		  off_cpu_(options.off_cpu), own_(reader), values_(reader), analysis_(*analysis),
		  user_stacks_(reader, analysis->threads, options.symbol_root),
		  page_faults_(analysis->threads, &analysis->symbolizer), switches_(options.off_cpu, analysis)
	{
		analysis_.samples_of_event.resize(reader.events().size());
		const auto &events = reader.events();
		for (std::size_t i = 0; i < events.size() && switch_event_ < 0; i++)
			switch_event_ = events[i].attr.context_switch ? static_cast<int>(i) : -1;
		analysis_.has_switches = switch_event_ >= 0;
		if (analysis_.has_switches)
			analysis_.layers.follow(&analysis_.states);
		// Ours says when recording began; perf's says when the first sample was taken.
		if (const auto times = reader.sample_times(); times && !reader.private_section().empty())
			analysis_.on_cpu.begin(times->first_ns);
	}

	void visit(const OrderedRecord &record) override
	{
		if (!begun_ && record.time_ns != 0) {
			begun_ = true;
			window_ = filter_.window(record.time_ns);
			analysis_.layers.set_window(window_);
			analysis_.on_cpu.set_window(window_);
			analysis_.jobs->set_window(window_);
			analysis_.device_states->set_window(window_);
		}
		if (record.type == PERF_RECORD_SAMPLE)
			visit_sample(record);
		else
			visit_other(record);
	}

	bool knows_page_faults() const { return page_faults_.has_names(); }
	uint64_t unknown_counters() const { return values_.unknown(); }
	std::array<uint64_t, Unwinder::kEnds> unwound() const { return user_stacks_.ends(); }
	uint64_t foreign_stacks() const { return user_stacks_.foreign(); }

private:
	void visit_sample(const OrderedRecord &record)
	{
		const bool parsed = values_.each(record, [this](int event, const Sample &sample) {
			analysis_.samples_of_event[static_cast<std::size_t>(event)]++;
			if (const auto kind = own_.kind(event))
				return visit_own(*kind, event, sample);
			if (analysis_.has_switches && sample.identity.time_ns != 0 && is_one_thread(sample.identity)) {
				analysis_.on_cpu.begin(sample.identity.time_ns);
				analysis_.on_cpu.seen(thread_of(sample.identity), sample.identity.time_ns);
			}
			if (analysis_.driver_events->has(event))
				visit_driver(event, sample);
			if (event == analysis_.counted_event)
				count_sample(reader_.events()[static_cast<std::size_t>(event)], sample);
		});
		analysis_.damaged_records += parsed ? 0 : 1;
	}

	void count_sample(const recording::RecordedEvent &event, const Sample &sample)
	{
		const ThreadId thread = thread_of(sample.identity);
		if (!window_.has(sample.identity.time_ns) || !filter_.has_thread(analysis_.threads, thread) ||
		    !in_wanted_layer(thread))
			return;
		analysis_.samples++;
		analysis_.threads.thread(thread).samples++;
		frames_.clear();
		append_call_chain(sample, &frames_);
		analysis_.layers.add_sample(thread, where_of(sample, thread));
		if (off_cpu_)
			return;
		user_stacks_.append(analysis_.threads.thread(thread).process, event, sample, &frames_);
		if (frames_.empty())
			frames_.push_back({sample.ip, side_of(sample), false});
		analysis_.stacks.add(thread, frames_);
	}

	Layers::SampledIn where_of(const Sample &sample, ThreadId thread)
	{
		if (side_of(sample) != Side::kernel)
			return Layers::SampledIn::user;
		return page_faults_.is_handled_in(analysis_.threads.thread(thread).process, frames_)
			       ? Layers::SampledIn::page_fault
			       : Layers::SampledIn::kernel;
	}

	void visit_driver(int event, const Sample &sample)
	{
		const ThreadId thread = thread_of(sample.identity);
		const bool named = !own_jobs_only_ || !analysis_.threads.thread(thread).name.empty();
		const bool wanted = named && filter_.has_thread(analysis_.threads, thread) && in_wanted_layer(thread);
		analysis_.driver_events->each(event, sample.raw, [&](const JobEvent &told) {
			analysis_.jobs->take(told, thread, sample.identity.time_ns, wanted);
			analysis_.device_states->take(told, sample.identity.time_ns);
		});
	}

	void take_loss_of_driver_events(uint64_t time_ns)
	{
		analysis_.jobs->lost(time_ns);
		analysis_.device_states->lost(time_ns);
	}

	bool in_wanted_layer(ThreadId thread)
	{
		if (!filter_.by_layer())
			return true;
		analysis_.layers.open_layers(thread, &open_layers_);
		return std::any_of(open_layers_.begin(), open_layers_.end(), [this](DefinitionNumber number) {
			return filter_.has_layer(analysis_.layers.definitions()[number].name);
		});
	}

	// Field numbers: the order of the fields in recording/event_formats.cpp.
	void visit_own(OwnEvent kind, int event, const Sample &sample)
	{
		const std::string_view payload = sample.raw;
		const auto number = [&](unsigned field) { return own_.number(event, field, payload); };
		const auto text = [&](unsigned field) { return std::string(own_.text(event, field, payload)); };
		const auto definition = [&] { return static_cast<DefinitionNumber>(number(0)); };
		const uint64_t time_ns = sample.identity.time_ns;
		if (!filter_.is_all() && tells_of_a_call(kind) &&
		    (!filter_.has_thread(analysis_.threads, thread_of(sample.identity)) ||
		     ((kind == OwnEvent::spikes || kind == OwnEvent::synops) && !window_.has(time_ns))))
			return;
		switch (kind) {
		case OwnEvent::layer_begin:
		case OwnEvent::inference_begin:
			note_time(time_ns);
			return analysis_.layers.begin(thread_of(sample.identity), definition(), time_ns,
						      kind == OwnEvent::inference_begin);
		case OwnEvent::layer_end:
		case OwnEvent::inference_end:
			note_time(time_ns);
			note_exchange(thread_of(sample.identity), definition(), time_ns);
			return analysis_.layers.end(thread_of(sample.identity), definition(), time_ns);
		case OwnEvent::probed_end:
			note_time(time_ns);
			note_exchange(thread_of(sample.identity), definition(), time_ns);
			return analysis_.layers.end(thread_of(sample.identity), definition(), time_ns, number(1));
		case OwnEvent::unseen_end:
			note_time(time_ns);
			note_exchange(thread_of(sample.identity), definition(), 0);
			return analysis_.layers.end_unseen(thread_of(sample.identity), definition(), time_ns);
		case OwnEvent::request_begin:
		case OwnEvent::request_end: {
			note_time(time_ns);
			const RequestKey request{sample.identity.pid, definition(), number(1)};
			return kind == OwnEvent::request_begin ? analysis_.layers.begin_request(request, time_ns)
							       : analysis_.layers.end_request(request, time_ns);
		}
		case OwnEvent::spikes:
			note_time(time_ns);
			return analysis_.layers.add_spikes(thread_of(sample.identity), definition(), number(1));
		case OwnEvent::synops:
			note_time(time_ns);
			return analysis_.layers.add_synops(thread_of(sample.identity), definition(), number(1));
		case OwnEvent::layer_def:
			return analysis_.layers.define(definition(), {Definition::What::layer,
								      text(5),
								      text(6),
								      number(1),
								      number(2),
								      number(3),
								      number(4),
								      {},
								      {},
								      false});
		case OwnEvent::name_def:
			return analysis_.layers.define(definition(),
						       {what(number(1)), text(2), text(3), 0, 0, 0, 0, {}, {}, false});
		case OwnEvent::switch_out:
			switches_.left(thread_of(sample.identity), time_ns,
				       SwitchRecords::would_go_on(number(0), number(4)),
				       SwitchRecords::wait_of(number(1), number(2), number(3), number(4)));
			return switches_.left_in(thread_of(sample.identity), sample);
		case OwnEvent::switch_in: {
			const ThreadId thread = thread_of(sample.identity);
			const uint64_t came_ns = time_ns - std::min(time_ns, number(4));
			return switches_.came(thread, time_ns, came_ns,
					      switches_.wakeup_of(sample.identity.pid, number(0), number(1),
								  static_cast<uint32_t>(number(2)),
								  static_cast<uint32_t>(number(3))),
					      counts(thread, time_ns));
		}
		case OwnEvent::interrupted:
			return analysis_.states.interrupted(thread_of(sample.identity), number(0), time_ns);
		case OwnEvent::recorder_stat:
			if (text(0) == "host_events_left_ns")
				analysis_.device_states->leave_host(number(1));
			if (text(0) == "anatomy")
				switches_.begin_anatomy(reader_.text_feature(recording::kFeatureArch));
			if (std::string name = text(0);
			    analysis_.recorder_stats.size() < kMaxStats || analysis_.recorder_stats.contains(name))
				analysis_.recorder_stats[std::move(name)] = number(1);
			return;
		case OwnEvent::runtime:
			return analysis_.runtimes.tell(
				number(0),
				{text(6), text(7), text(8), number(1), number(2), number(3), number(4), number(5), {}});
		case OwnEvent::runtime_probes:
			return analysis_.runtimes.tell_probes(number(0),
							      {text(4), text(5), number(1), number(2), number(3)});
		case OwnEvent::note:
			if (analysis_.notes.size() < kMaxNotes)
				analysis_.notes.push_back(
					{static_cast<unsigned>(number(0)), text(1), text(2), text(3)});
			return;
		case OwnEvent::counter:
		case OwnEvent::mark:
		case OwnEvent::clock:
			return;
		}
	}

	bool counts(ThreadId thread, uint64_t time_ns)
	{
		return window_.has(time_ns) && filter_.has_thread(analysis_.threads, thread) && in_wanted_layer(thread);
	}

	static bool tells_of_a_call(OwnEvent kind)
	{
		return kind == OwnEvent::layer_begin || kind == OwnEvent::layer_end ||
		       kind == OwnEvent::inference_begin || kind == OwnEvent::inference_end ||
		       kind == OwnEvent::unseen_end || kind == OwnEvent::probed_end ||
		       kind == OwnEvent::request_begin || kind == OwnEvent::request_end || kind == OwnEvent::spikes ||
		       kind == OwnEvent::synops;
	}

	static Definition::What what(uint64_t number)
	{
		switch (number) {
		case NP_DEFINES_INFERENCE:
			return Definition::What::inference;
		case NP_DEFINES_COUNTER:
			return Definition::What::counter;
		case NP_DEFINES_MARK:
			return Definition::What::mark;
		default:
			return Definition::What::unknown;
		}
	}

	void note_time(uint64_t time_ns)
	{
		if (!window_.has(time_ns))
			return;
		if (analysis_.first_event_ns == 0)
			analysis_.first_event_ns = time_ns;
		analysis_.last_event_ns = std::max(analysis_.last_event_ns, time_ns);
	}

	// Whatever the window: the n-th of one rank stands against the n-th of another.
	void note_exchange(ThreadId thread, DefinitionNumber number, uint64_t time_ns)
	{
		const auto &definitions = analysis_.layers.definitions();
		if (number < definitions.size() && definitions[number].exchange)
			analysis_.exchange_ends.add(thread, time_ns);
	}

	ThreadId thread_of(const recording::RecordIdentity &identity)
	{
		const uint64_t key = uint64_t{identity.pid} << 32 | identity.tid;
		if (key != last_key_ || !last_valid_) {
			last_key_ = key;
			last_thread_ = analysis_.threads.thread(identity.pid, identity.tid);
			last_valid_ = true;
		}
		return last_thread_;
	}

	void visit_other(const OrderedRecord &record)
	{
		switch (follow(record, &analysis_.threads)) {
		case Followed::yes:
			return after_task_record(record);
		case Followed::damaged:
			analysis_.damaged_records++;
			return;
		case Followed::not_about_tasks:
			break;
		}
		recording::Cursor in(record.bytes.substr(recording::kRecordHeaderSize));
		if (record.type == PERF_RECORD_LOST) {
			const auto id = in.read<uint64_t>();
			const int event = reader_.event_of(id);
			const uint64_t lost = in.read<uint64_t>();
			const bool ours = event >= 0 && own_.kind(event);
			if (ours && own_.kind(event) == OwnEvent::switch_out)
				return note_lost_switches(lost);
			(ours ? analysis_.lost_in_process : analysis_.lost_samples) += lost;
			if (!ours)
				note_loss(id, record.time_ns);
		} else if (record.type == PERF_RECORD_LOST_SAMPLES) {
			analysis_.lost_samples += in.read<uint64_t>();
		} else if (record.type == PERF_RECORD_SWITCH || record.type == PERF_RECORD_SWITCH_CPU_WIDE) {
			visit_switch(record);
		} else if (record.type == PERF_RECORD_EXIT) {
			const uint32_t pid = in.read<uint32_t>();
			in.skip(4);
			const uint32_t tid = in.read<uint32_t>();
			if (in.ok() && analysis_.has_switches && record.time_ns != 0)
				analysis_.on_cpu.ends(analysis_.threads.thread(pid, tid), record.time_ns);
		} // THROTTLE and the like say nothing the report needs
		analysis_.damaged_records += in.ok() ? 0 : 1;
	}

	// By which ring: events of drivers tell of jobs, the kernel's own records of switches.
	void note_loss(uint64_t id, uint64_t time_ns)
	{
		const bool by_bpf = id >= recording::kTracepointIdBase;
		if (by_bpf || analysis_.driver_events->has_any())
			take_loss_of_driver_events(time_ns);
		if (by_bpf || analysis_.has_waits) // then switches come by rings of their own
			return;
		analysis_.on_cpu.lost();
		analysis_.states.lost();
	}

	// So many from here on; 0: none any more (docs/recording-format.md).
	void note_lost_switches(uint64_t lost)
	{
		analysis_.lost_switches += lost;
		analysis_.on_cpu.set_in_loss(lost > 0);
		lost > 0 ? analysis_.states.begin_loss() : analysis_.states.end_loss();
	}

	// Not the idle threads, which are one on each CPU and have no numbers, nor one that has lost its number.
	static bool is_one_thread(const recording::RecordIdentity &identity)
	{
		return identity.tid != 0 && identity.tid != UINT32_MAX;
	}

	// The trailer says which thread came or went; the other one, where it is told, has a record of its own.
	void visit_switch(const OrderedRecord &record)
	{
		recording::RecordIdentity identity;
		if (record.time_ns == 0 ||
		    !reader_.layout_of_other(record.bytes).parse_trailer(record.bytes, &identity) ||
		    switch_event_ < 0 || reader_.event_of(identity.id) != switch_event_ || !is_one_thread(identity))
			return;
		const ThreadId thread = thread_of(identity);
		if (record.misc & PERF_RECORD_MISC_SWITCH_OUT) {
			const bool preempted = record.misc & PERF_RECORD_MISC_SWITCH_OUT_PREEMPT;
			switches_.left(thread, record.time_ns, preempted, {});
		} else {
			switches_.came(thread, record.time_ns, record.time_ns, {}, counts(thread, record.time_ns));
		}
	}

	void after_task_record(const OrderedRecord &record)
	{
		last_valid_ = false;
		CommRecord comm;
		if (record.type == PERF_RECORD_COMM && parse_comm(record, &comm) && comm.exec) {
			const ThreadId thread = analysis_.threads.thread(comm.pid, comm.tid);
			analysis_.layers.abandon(thread);
			if (analysis_.has_switches && record.time_ns != 0) {
				analysis_.on_cpu.begin(record.time_ns);
				analysis_.on_cpu.starts(thread, record.time_ns);
			}
		} else if (record.type == PERF_RECORD_FORK) {
			note_start(record);
		} else if (const auto text = kernel_text_of(record))
			analysis_.symbolizer.set_kernel_text_address(*text);
	}

	void note_start(const OrderedRecord &record)
	{
		recording::Cursor in(record.bytes.substr(recording::kRecordHeaderSize));
		const auto pid = in.read<uint32_t>(), parent_pid = in.read<uint32_t>();
		const auto tid = in.read<uint32_t>(), parent_tid = in.read<uint32_t>();
		if (in.ok() && pid == parent_pid)
			analysis_.states.started(analysis_.threads.thread(pid, tid),
						 analysis_.threads.thread(parent_pid, parent_tid));
	}

	const recording::PerfDataReader &reader_;
	const SampleFilter &filter_;
	const bool own_jobs_only_, off_cpu_;
	OwnEvents own_;
	SampleValues values_;
	Analysis &analysis_;
	UserStacks user_stacks_;
	PageFaults page_faults_;
	SwitchRecords switches_;
	int switch_event_ = -1; // index of the event that context switches come with; -1: none
	bool begun_ = false;
	TimeWindow window_;
	uint64_t last_key_ = 0;
	bool last_valid_ = false;
	ThreadId last_thread_{};
	std::vector<Frame> frames_;                 // scratch
	std::vector<DefinitionNumber> open_layers_; // scratch
};

bool samples_code(const recording::RecordedEvent &event)
{
	const bool is_dummy = event.attr.type == PERF_TYPE_SOFTWARE && (event.attr.config == PERF_COUNT_SW_DUMMY ||
									event.attr.config == PERF_COUNT_SW_BPF_OUTPUT);
	return event.attr.type != PERF_TYPE_TRACEPOINT && !is_dummy;
}

// Its samples are shares of time, in user code and in the kernel.
bool is_clock_of_all(const perf_event_attr &attr)
{
	const bool is_clock = attr.type == PERF_TYPE_SOFTWARE &&
			      (attr.config == PERF_COUNT_SW_CPU_CLOCK || attr.config == PERF_COUNT_SW_TASK_CLOCK);
	const bool is_cycles = attr.type == PERF_TYPE_HARDWARE && attr.config == PERF_COUNT_HW_CPU_CYCLES;
	return (is_clock || is_cycles) && !attr.exclude_kernel && !attr.exclude_user;
}

// The event to count: by name; else the first that samples code; else the first tracepoint that is not ours.
Result<int> choose_event(const recording::PerfDataReader &reader, const std::string &wanted)
{
	const auto &events = reader.events();
	const OwnEvents own(reader);
	int sampling = -1, tracepoint = -1;
	std::string names;
	for (int i = static_cast<int>(events.size()); i-- > 0;) {
		const recording::RecordedEvent &event = events[static_cast<std::size_t>(i)];
		if (own.kind(i))
			continue;
		if (!wanted.empty() && (event.name == wanted || event.name.substr(0, event.name.find(':')) == wanted))
			return i;
		names = event.name + (names.empty() ? "" : ", ") + names;
		if (samples_code(event))
			sampling = i;
		else if (event.attr.type == PERF_TYPE_TRACEPOINT && event.attr.sample_type & PERF_SAMPLE_IP)
			tracepoint = i;
	}
	if (!wanted.empty())
		return Error{ErrorCode::usage, fmt::format("--event: the recording has no event {}", wanted), 0,
			     names.empty() ? "it has none that samples code" : "it has: " + names};
	return sampling >= 0 ? sampling : tracepoint;
}

} // namespace

Status analyze(const recording::PerfDataReader &reader, const AnalysisOptions &options, Analysis *analysis)
{
	const Result<int> counted = choose_event(reader, options.event);
	if (!counted.ok())
		return counted.error();
	analysis->counted_event = *counted;
	analysis->samples_kernel =
		*counted >= 0 && is_clock_of_all(reader.events()[static_cast<std::size_t>(*counted)].attr);
	take_build_ids(reader, &analysis->threads);
	analysis->driver_events = std::make_unique<DriverEvents>(reader, options.drivers);
	analysis->jobs = std::make_unique<Jobs>(analysis->layers, *analysis->driver_events);
	analysis->device_states = std::make_unique<DeviceStates>(*analysis->driver_events, options.host_events);
	analysis->jobs->tell(&analysis->states);
	if (options.own_jobs_only)
		analysis->jobs->only_queued_ones();
	Collector collector(reader, options, analysis);
	analysis->stream = visit_in_time_order(reader, &collector, options.order);
	analysis->knows_page_faults = collector.knows_page_faults();
	analysis->unknown_counters = collector.unknown_counters();
	analysis->unwound = collector.unwound();
	analysis->foreign_stacks = collector.foreign_stacks();
	analysis->jobs->finish(analysis->stream.last_ns);
	analysis->device_states->finish(analysis->stream.last_ns);
	analysis->layers.finish();
	analysis->on_cpu.finish(analysis->stream.last_ns);
	return Done{};
}

} // namespace neuroperf::analyzer
