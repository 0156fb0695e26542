// SPDX-License-Identifier: Apache-2.0
#include "analyzer/analysis.hpp"

#include <neuroperf/shared_memory.h>

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

using recording::Cursor;
using recording::OwnEvent;
using recording::Sample;

// A recording may hold any number of notes and statistics; a report shows a few.
constexpr std::size_t kMaxNotes = 200;
constexpr std::size_t kMaxStats = 200;

class Collector : public RecordVisitor {
public:
	Collector(const recording::PerfDataReader &reader, Analysis *analysis)
		: reader_(reader), own_(reader), analysis_(*analysis)
	{
	}

	void visit(const OrderedRecord &record) override
	{
		if (record.type == PERF_RECORD_SAMPLE)
			visit_sample(record);
		else
			visit_other(record);
	}

private:
	void visit_sample(const OrderedRecord &record)
	{
		const recording::RecordedEvent &event = reader_.events()[static_cast<std::size_t>(record.event)];
		Sample sample;
		if (!event.layout.parse_sample(record.bytes, &sample)) {
			analysis_.damaged_records++;
			return;
		}
		if (const auto kind = own_.kind(record.event)) {
			visit_own(*kind, record.event, sample);
			return;
		}
		if (event.attr.type == PERF_TYPE_TRACEPOINT) {
			analysis_.foreign_events[event.name]++;
			return;
		}
		const ThreadId thread = thread_of(sample.identity);
		analysis_.samples++;
		analysis_.threads.thread(thread).samples++;
		analysis_.stacks.add(thread, sample);
	}

	// Field numbers: the order of the fields in recording/event_formats.cpp.
	void visit_own(OwnEvent kind, int event, const Sample &sample)
	{
		const std::string_view payload = sample.raw;
		const auto number = [&](unsigned field) { return own_.number(event, field, payload); };
		const auto text = [&](unsigned field) { return std::string(own_.text(event, field, payload)); };
		const auto definition = [&] { return static_cast<DefinitionNumber>(number(0)); };
		const uint64_t time_ns = sample.identity.time_ns;
		switch (kind) {
		case OwnEvent::layer_begin:
		case OwnEvent::inference_begin:
			note_time(time_ns);
			return analysis_.layers.begin(thread_of(sample.identity), definition(), time_ns,
						      kind == OwnEvent::inference_begin);
		case OwnEvent::layer_end:
		case OwnEvent::inference_end:
			note_time(time_ns);
			return analysis_.layers.end(thread_of(sample.identity), definition(), time_ns);
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
								      {}});
		case OwnEvent::name_def:
			return analysis_.layers.define(definition(),
						       {what(number(1)), text(2), text(3), 0, 0, 0, 0, {}, {}});
		case OwnEvent::recorder_stat:
			if (std::string name = text(0);
			    analysis_.recorder_stats.size() < kMaxStats || analysis_.recorder_stats.contains(name))
				analysis_.recorder_stats[std::move(name)] = number(1);
			return;
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
		if (analysis_.first_event_ns == 0)
			analysis_.first_event_ns = time_ns;
		analysis_.last_event_ns = std::max(analysis_.last_event_ns, time_ns);
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
		Cursor in(record.bytes.substr(recording::kRecordHeaderSize));
		switch (record.type) {
		case PERF_RECORD_COMM: {
			const uint32_t pid = in.read<uint32_t>(), tid = in.read<uint32_t>();
			const std::string_view name = in.read_text();
			if (!in.ok())
				break;
			const bool exec = record.misc & PERF_RECORD_MISC_COMM_EXEC;
			analysis_.threads.on_comm(pid, tid, name, exec);
			if (exec)
				analysis_.layers.abandon(analysis_.threads.thread(pid, tid));
			return;
		}
		case PERF_RECORD_FORK: {
			const uint32_t pid = in.read<uint32_t>(), parent = in.read<uint32_t>(),
				       tid = in.read<uint32_t>();
			if (!in.ok())
				break;
			last_valid_ = false;
			return analysis_.threads.on_fork(pid, parent, tid);
		}
		case PERF_RECORD_MMAP:
		case PERF_RECORD_MMAP2:
			if (!visit_mmap(record, in))
				break;
			return;
		case PERF_RECORD_LOST: {
			const uint64_t id = in.read<uint64_t>(), lost = in.read<uint64_t>();
			if (!in.ok())
				break;
			const int event = reader_.event_of(id);
			const bool ours = event >= 0 && own_.kind(event);
			(ours ? analysis_.lost_in_process : analysis_.lost_samples) += lost;
			return;
		}
		case PERF_RECORD_LOST_SAMPLES:
			analysis_.lost_samples += in.read<uint64_t>();
			return;
		default:
			return; // EXIT, THROTTLE, SWITCH and the like say nothing the report needs
		}
		analysis_.damaged_records++;
	}

	bool visit_mmap(const OrderedRecord &record, Cursor in)
	{
		const uint32_t pid = in.read<uint32_t>();
		in.read<uint32_t>();
		const uint64_t start = in.read<uint64_t>(), length = in.read<uint64_t>(), offset = in.read<uint64_t>();
		const bool executable = record.type == PERF_RECORD_MMAP2 ? (in.skip(24), in.read<uint32_t>() & 4) !=
										   0 // prot, after device and inode
									 : !(record.misc & PERF_RECORD_MISC_MMAP_DATA);
		if (record.type == PERF_RECORD_MMAP2)
			in.skip(4);
		const std::string_view path = in.read_text();
		if (!in.ok())
			return false;
		if ((record.misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL) {
			if (path == "[kernel.kallsyms]_text")
				analysis_.kernel_text = offset;
			return true;
		}
		return !executable || analysis_.threads.on_mmap(pid, start, length, offset, path);
	}

	const recording::PerfDataReader &reader_;
	OwnEvents own_;
	Analysis &analysis_;
	uint64_t last_key_ = 0;
	bool last_valid_ = false;
	ThreadId last_thread_{};
};

} // namespace

void analyze(const recording::PerfDataReader &reader, Analysis *analysis)
{
	Collector collector(reader, analysis);
	analysis->stream = visit_in_time_order(reader, &collector);
	analysis->layers.finish();
}

} // namespace neuroperf::analyzer
