// SPDX-License-Identifier: Apache-2.0
#include "collector/own_event_encoder.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace neuroperf::collector {

using recording::OwnEvent;

namespace {

constexpr std::size_t kBufferSize = 256 * 1024;
constexpr std::size_t kLargestFixed = recording::own_sample_size(sizeof(recording::SwitchOutPayload), true);
static_assert(sizeof(recording::SwitchOutPayload) >= sizeof(recording::CounterPayload));

int64_t rounded(double value)
{
	if (!(std::fabs(value) < 9e18)) // also NaN
		return 0;
	return static_cast<int64_t>(value);
}

} // namespace

std::vector<recording::EventDescription> own_event_descriptions(bool with_callchain)
{
	std::vector<recording::EventDescription> events;
	for (const recording::OwnEventInfo &info : recording::own_events()) {
		recording::EventDescription event;
		event.attr.type = PERF_TYPE_TRACEPOINT;
		event.attr.config = static_cast<uint64_t>(info.event);
		event.attr.sample_period = 1;
		event.attr.sample_type = recording::kOwnSampleType | (with_callchain ? PERF_SAMPLE_CALLCHAIN : 0);
		event.attr.read_format = PERF_FORMAT_ID;
		event.attr.sample_id_all = 1;
		event.name = std::string(recording::kOwnSystem) + ":" + std::string(info.name);
		event.ids = {own_event_id(info.event)};
		events.push_back(std::move(event));
	}
	return events;
}

OwnEventEncoder::OwnEventEncoder(recording::PerfDataWriter *writer, bool with_callchain)
	: writer_(writer), with_callchain_(with_callchain), buffer_(kBufferSize)
{
}

template <typename Payload, typename... Fields>
inline void OwnEventEncoder::put(OwnEvent event, uint32_t pid, uint32_t tid, uint64_t time_ns, Fields... fields)
{
	if (buffer_.size() - used_ < kLargestFixed)
		flush();
	const recording::RecordIdentity identity{pid, tid, time_ns, 0, own_event_id(event)};
	char *const begin = buffer_.data() + used_;
	char *const end = recording::encode_own_sample<Payload>(begin, identity, with_callchain_,
								static_cast<uint16_t>(event), fields...);
	used_ += static_cast<std::size_t>(end - begin);
	buffered_events_++;
}

bool OwnEventEncoder::encode(const np_slot &slot, uint32_t pid, uint32_t tid, uint64_t time_ns)
{
	using namespace recording;
	if (muted_)
		return (slot.type >= NP_EVENT_LAYER_BEGIN && slot.type <= NP_EVENT_MARK) ||
		       (slot.type >= kUnseenEnd && slot.type <= kProbedInferenceEnd);
	switch (slot.type) {
	case NP_EVENT_LAYER_BEGIN:
		put<LayerPayload>(OwnEvent::layer_begin, pid, tid, time_ns, slot.id);
		return true;
	case NP_EVENT_LAYER_END:
		put<LayerPayload>(OwnEvent::layer_end, pid, tid, time_ns, slot.id);
		counts_.layer_calls++;
		return true;
	case kUnseenEnd:
		put<LayerPayload>(OwnEvent::unseen_end, pid, tid, time_ns, slot.id);
		counts_.layer_calls++;
		return true;
	case NP_EVENT_SPIKES:
		put<CountPayload>(OwnEvent::spikes, pid, tid, time_ns, slot.id, slot.value);
		counts_.spikes += slot.value;
		return true;
	case NP_EVENT_SYNOPS:
		put<CountPayload>(OwnEvent::synops, pid, tid, time_ns, slot.id, slot.value);
		return true;
	case NP_EVENT_INFERENCE_BEGIN:
		put<InferencePayload>(OwnEvent::inference_begin, pid, tid, time_ns, slot.id, slot.value);
		return true;
	case NP_EVENT_INFERENCE_END:
		put<InferencePayload>(OwnEvent::inference_end, pid, tid, time_ns, slot.id, slot.value);
		return true;
	case kProbedEnd:
	case kProbedInferenceEnd:
		put<ProbedEndPayload>(OwnEvent::probed_end, pid, tid, time_ns, slot.id, slot.value);
		counts_.layer_calls += slot.type == kProbedEnd ? 1 : 0;
		return true;
	case kRequestBegin:
		put<InferencePayload>(OwnEvent::request_begin, pid, tid, time_ns, slot.id, slot.value);
		return true;
	case kRequestEnd:
		put<InferencePayload>(OwnEvent::request_end, pid, tid, time_ns, slot.id, slot.value);
		return true;
	case NP_EVENT_COUNTER:
		put<CounterPayload>(OwnEvent::counter, pid, tid, time_ns, slot.id,
				    rounded(std::bit_cast<double>(slot.value)), slot.value);
		return true;
	case NP_EVENT_MARK:
		put<MarkPayload>(OwnEvent::mark, pid, tid, time_ns, slot.id);
		return true;
	default:
		return false;
	}
}

bool OwnEventEncoder::encode(const np_switch &event)
{
	using namespace recording;
	if (event.what < NP_SWITCH_OUT || event.what > NP_INTERRUPTED)
		return false;
	if (muted_)
		return true;
	if (event.what == NP_SWITCH_OUT)
		put<SwitchOutPayload>(OwnEvent::switch_out, event.pid, event.tid, event.time_ns, event.out.state,
				      int64_t{event.out.system_call}, event.out.device, uint32_t{event.out.file_type},
				      uint32_t{event.out.flags});
	else if (event.what == NP_SWITCH_IN)
		put_switch_in(event);
	else
		put<InterruptedPayload>(OwnEvent::interrupted, event.pid, event.tid, event.time_ns, uint32_t{0},
					event.interrupt.begin_ns);
	return true;
}

// What is told late is put where it belongs, if that is still within a round that is not finished.
void OwnEventEncoder::put_switch_in(const np_switch &event)
{
	constexpr uint64_t kMostBackNs = 12'000'000; // rounds are finished 20 ms apart
	const uint32_t late_ns = event.in.late_ns, back_ns = late_ns <= kMostBackNs ? late_ns : 0;
	put<recording::SwitchInPayload>(recording::OwnEvent::switch_in, event.pid, event.tid, event.time_ns - back_ns,
					event.in.woken_by, event.in.woken_ns, event.in.waker_pid, event.in.waker_tid,
					late_ns - back_ns);
}

bool OwnEventEncoder::encode(const np_switch_with_stack &event)
{
	const np_switch &out = event.event;
	if (!with_callchain_ || out.what != NP_SWITCH_OUT || muted_)
		return encode(out);
	recording::SwitchOutPayload payload{};
	payload.state = out.out.state;
	payload.system_call = out.out.system_call;
	payload.device = out.out.device;
	payload.file_type = out.out.file_type;
	payload.flags = out.out.flags;
	payload.common.type = static_cast<uint16_t>(OwnEvent::switch_out);
	payload.common.pid = static_cast<int32_t>(out.tid);
	chain_.clear();
	const auto append = [this](uint64_t context, const __u64 *frames, std::size_t count) {
		if (count == 0)
			return;
		chain_.push_back(context);
		chain_.insert(chain_.end(), frames, frames + count);
	};
	append(PERF_CONTEXT_KERNEL, event.kernel, std::min<std::size_t>(event.kernel_frames, NP_KERNEL_FRAMES));
	append(PERF_CONTEXT_USER, event.user, std::min<std::size_t>(event.user_frames, NP_USER_FRAMES));
	const std::size_t size = recording::kRecordHeaderSize + 4 * 8 + 8 * chain_.size() + 4 + sizeof payload + 8;
	if (buffer_.size() - used_ < size)
		flush();
	used_ += recording::encode_own_sample_with_chain(
		buffer_.data() + used_, {out.pid, out.tid, out.time_ns, 0, own_event_id(OwnEvent::switch_out)}, chain_,
		{reinterpret_cast<const char *>(&payload), sizeof payload});
	buffered_events_++;
	return true;
}

void OwnEventEncoder::encode(OwnEvent event, const recording::RecordIdentity &who, std::string_view payload)
{
	flush();
	std::string bytes(payload);
	recording::CommonFields common;
	common.type = static_cast<uint16_t>(event);
	common.pid = static_cast<int32_t>(who.tid);
	std::memcpy(bytes.data(), &common, sizeof common);
	recording::RecordIdentity identity = who;
	identity.id = own_event_id(event);
	std::string record;
	recording::append_own_sample(&record, identity, with_callchain_, bytes);
	if (Status done = writer_->append(record); !done.ok())
		status_ = done;
}

void OwnEventEncoder::flush()
{
	if (used_ == 0)
		return;
	if (status_.ok())
		status_ = writer_->append({buffer_.data(), used_});
	(status_.ok() ? counts_.events : counts_.dropped) += buffered_events_;
	buffered_events_ = 0;
	used_ = 0;
}

} // namespace neuroperf::collector
