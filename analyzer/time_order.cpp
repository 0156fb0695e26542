// SPDX-License-Identifier: Apache-2.0
#include "analyzer/time_order.hpp"

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

using recording::RecordStream;
using recording::RecordView;

struct Pending {
	uint64_t order_ns; // time, or the newest time passed on for a record without one
	const char *bytes;
	uint32_t type;
	uint32_t block;
	int32_t event;
	uint16_t misc;
	uint16_t size;
	bool has_time;
};

constexpr uint64_t kProgressStep = 8 << 20;

bool earlier(const Pending &a, const Pending &b)
{
	return a.order_ns < b.order_ns;
}

// Records waiting for their turn. They arrive as a few ascending runs (one per ring and round), which are merged.
class Queue {
public:
	void add(const Pending &record)
	{
		if (!records_.empty() && record.order_ns < records_.back().order_ns)
			runs_.push_back(records_.size());
		records_.push_back(record);
	}

	std::size_t size() const { return records_.size(); }
	uint64_t middle_ns()
	{
		sort();
		return records_[records_.size() / 2].order_ns;
	}

	// Calls `pass_on` for all records up to the bound, in order, and drops them.
	template <typename F> void take_until(uint64_t bound_ns, F pass_on)
	{
		sort();
		std::size_t count = 0;
		while (count < records_.size() && records_[count].order_ns <= bound_ns)
			pass_on(records_[count++]);
		records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(count));
	}

private:
	// Merges neighbouring runs pairwise until one is left. Stable: equal times keep their order in the file.
	void sort()
	{
		if (runs_.empty())
			return;
		runs_.insert(runs_.begin(), 0);
		while (runs_.size() > 1) {
			scratch_.resize(records_.size());
			std::vector<std::size_t> merged;
			for (std::size_t i = 0; i < runs_.size(); i += 2) {
				const auto begin = records_.begin() + static_cast<std::ptrdiff_t>(runs_[i]);
				const auto middle = run_end(i), end = i + 1 < runs_.size() ? run_end(i + 1) : middle;
				const auto to = scratch_.begin() + static_cast<std::ptrdiff_t>(runs_[i]);
				std::merge(begin, middle, middle, end, to, earlier);
				merged.push_back(runs_[i]);
			}
			records_.swap(scratch_);
			runs_.swap(merged);
		}
		runs_.clear();
	}

	std::vector<Pending>::iterator run_end(std::size_t run)
	{
		return run + 1 < runs_.size() ? records_.begin() + static_cast<std::ptrdiff_t>(runs_[run + 1])
					      : records_.end();
	}

	std::vector<Pending> records_, scratch_;
	std::vector<std::size_t> runs_; // where a run begins, without the first
};

bool is_hardware_trace(uint32_t type)
{
	return type == PERF_RECORD_AUX || type == PERF_RECORD_ITRACE_START || type == PERF_RECORD_AUX_OUTPUT_HW_ID;
}

// Records of perf's own that the reader has taken in before, or that say nothing a report needs.
bool is_read_elsewhere(uint32_t type)
{
	switch (type) {
	case recording::kRecordAttr:
	case recording::kRecordEventType:
	case recording::kRecordTracingData:
	case recording::kRecordBuildId:
	case recording::kRecordIdIndex:
	case recording::kRecordThreadMap:
	case recording::kRecordCpuMap:
	case recording::kRecordStatConfig:
	case recording::kRecordEventUpdate:
	case recording::kRecordTimeConv: // for hardware traces: everything else has perf's time already
	case recording::kRecordFeature:
	case recording::kRecordFinishedInit:
		return true;
	default:
		return false;
	}
}

class Orderer {
public:
	Orderer(const recording::PerfDataReader &reader, RecordVisitor *visitor, const OrderOptions &options)
		: reader_(reader), visitor_(visitor), options_(options), stream_(reader.records())
	{
	}

	StreamCounts run()
	{
		RecordView view;
		RecordStream::Next next;
		while ((next = stream_.next(&view)) == RecordStream::Next::record) {
			counts_.records++;
			take(view);
			if (options_.progress && stream_.position() >= told_ + kProgressStep) {
				told_ = stream_.position();
				options_.progress(told_);
			}
			if (queue_.size() > options_.records ||
			    (stream_.pinned_bytes() > options_.bytes && queue_.size() > 1))
				pass_on_until(queue_.middle_ns());
		}
		if (next == RecordStream::Next::damaged)
			counts_.problem = stream_.problem();
		pass_on_until(UINT64_MAX);
		counts_.hardware_trace_bytes = stream_.hardware_trace_bytes();
		return std::move(counts_);
	}

private:
	void take(const RecordView &view)
	{
		if (view.type == recording::kRecordFinishedRound) {
			pass_on_until(previous_round_ns_);
			previous_round_ns_ = newest_ns_;
		} else if (view.type == PERF_RECORD_SAMPLE) {
			const int event = reader_.event_of_sample(view.bytes);
			if (event >= 0) {
				const auto &layout = reader_.events()[static_cast<std::size_t>(event)].layout;
				return add(view, event, layout.time_of_sample(view.bytes));
			}
			counts_.unknown_event++;
		} else if (view.type < recording::kRecordAttr && !is_hardware_trace(view.type)) {
			return add(view, -1, reader_.layout_of_other(view.bytes).time_of_other(view.bytes));
		} else if (!is_read_elsewhere(view.type)) {
			// Types beyond a few are counted together: a made-up file may hold any number of them.
			const bool is_known =
				counts_.skipped.size() < kMaxSkippedTypes || counts_.skipped.contains(view.type);
			counts_.skipped[is_known ? view.type : kOtherTypes]++;
		}
		stream_.release(view.block);
	}

	void add(const RecordView &view, int event, uint64_t time_ns)
	{
		if (time_ns != 0 && time_ns < passed_on_ns_)
			counts_.late++;
		newest_ns_ = std::max(newest_ns_, time_ns);
		const uint64_t order_ns = time_ns != 0 ? time_ns : passed_on_ns_;
		queue_.add({order_ns, view.bytes.data(), view.type, view.block, event, view.misc,
			    static_cast<uint16_t>(view.bytes.size()), time_ns != 0});
	}

	void pass_on_until(uint64_t bound_ns)
	{
		queue_.take_until(bound_ns, [this](const Pending &pending) {
			const uint64_t time_ns = pending.has_time ? pending.order_ns : 0;
			if (time_ns != 0) {
				counts_.first_ns =
					counts_.first_ns == 0 ? time_ns : std::min(counts_.first_ns, time_ns);
				counts_.last_ns = std::max(counts_.last_ns, time_ns);
			}
			visitor_->visit(
				{{pending.bytes, pending.size}, time_ns, pending.type, pending.misc, pending.event});
			passed_on_ns_ = std::max(passed_on_ns_, pending.order_ns);
			stream_.release(pending.block);
		});
	}

	const recording::PerfDataReader &reader_;
	RecordVisitor *visitor_;
	const OrderOptions &options_;
	RecordStream stream_;
	Queue queue_;
	uint64_t told_ = 0;              // position of which progress told last
	uint64_t passed_on_ns_ = 0;      // newest time passed on
	uint64_t newest_ns_ = 0;         // newest time read
	uint64_t previous_round_ns_ = 0; // newest time of the rounds before the current one
	StreamCounts counts_;
};

} // namespace

StreamCounts visit_in_time_order(const recording::PerfDataReader &reader, RecordVisitor *visitor,
				 const OrderOptions &options)
{
	return Orderer(reader, visitor, options).run();
}

} // namespace neuroperf::analyzer
