// SPDX-License-Identifier: Apache-2.0
// Builds recordings for tests: the layers, samples and damage a test asks for, written by the recorder's own writer.
//
//     RecordingBuilder recording(folder.file("a.data"));
//     recording.define_layer(1, "hidden", "lif").begin(7, 1, 1000).end(7, 1, 1500).finish();
//
// Records are buffered until round() or commit(). Threads belong to the process kPid unless a call says otherwise.
#pragma once

#include <neuroperf/shared_memory.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "collector/own_event_encoder.hpp"
#include "recording/bytes.hpp"
#include "recording/event_formats.hpp"
#include "recording/private_section.hpp"
#include "recording/records.hpp"
#include "recording/writer.hpp"

namespace neuroperf::test {

class RecordingBuilder {
public:
	static constexpr uint32_t kPid = 100;
	static constexpr uint64_t kSamplingId = 7; // event id of the sampling event
	struct Options {
		bool callchain = false;
		bool private_section = true;
		bool context_switches = false;       // the sampling event has them
		std::string architecture = "x86_64"; // as uname -m tells it; empty: the file does not
		std::vector<recording::EventDescription> more_events{};
		int compression_level = 0;
		std::string host = "test-host", boot_id{}; // empty: not told
		int rank = -1;                             // -1: not told
		std::string target{};                      // what ran already
		unsigned frequency_hz = 999;
	};

	explicit RecordingBuilder(const std::string &path) : RecordingBuilder(path, Options{}) {}
	RecordingBuilder(const std::string &path, const Options &options)
		: callchain_(options.callchain), writer_(create(path, options))
	{
	}

	static uint64_t sampling_type(bool callchain)
	{
		return PERF_SAMPLE_IDENTIFIER | PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU |
		       PERF_SAMPLE_PERIOD | (callchain ? PERF_SAMPLE_CALLCHAIN : 0);
	}

	RecordingBuilder &define_layer(uint32_t number, std::string_view name, std::string_view kind = "lif",
				       recording::LayerDefPayload facts = {}, uint64_t time_ns = 1)
	{
		facts.layer = number;
		names_.push_back({number, "layer", std::string(name)});
		recording::TextPayload payload(facts);
		payload.text(offsetof(recording::LayerDefPayload, name), name);
		payload.text(offsetof(recording::LayerDefPayload, kind), kind);
		return own(recording::OwnEvent::layer_def, kPid, time_ns, payload.bytes());
	}
	RecordingBuilder &define_inference(uint32_t number, std::string_view name, std::string_view kind = "time step",
					   uint64_t time_ns = 1)
	{
		names_.push_back({number, "inference", std::string(name)});
		recording::TextPayload payload(recording::NameDefPayload{{}, number, NP_DEFINES_INFERENCE, 0, 0});
		payload.text(offsetof(recording::NameDefPayload, name), name);
		payload.text(offsetof(recording::NameDefPayload, kind), kind);
		return own(recording::OwnEvent::name_def, kPid, time_ns, payload.bytes());
	}
	RecordingBuilder &begin(uint32_t tid, uint32_t layer, uint64_t time_ns)
	{
		return fixed(recording::OwnEvent::layer_begin, tid, time_ns, recording::LayerPayload{{}, layer});
	}
	RecordingBuilder &end(uint32_t tid, uint32_t layer, uint64_t time_ns)
	{
		return fixed(recording::OwnEvent::layer_end, tid, time_ns, recording::LayerPayload{{}, layer});
	}
	RecordingBuilder &unseen_end(uint32_t tid, uint32_t layer, uint64_t time_ns)
	{
		return fixed(recording::OwnEvent::unseen_end, tid, time_ns, recording::LayerPayload{{}, layer});
	}
	RecordingBuilder &probed_end(uint32_t tid, uint32_t layer, uint64_t time_ns, uint64_t probe_ns)
	{
		return fixed(recording::OwnEvent::probed_end, tid, time_ns,
			     recording::ProbedEndPayload{{}, layer, probe_ns});
	}
	RecordingBuilder &runtime(uint32_t number, std::string_view name, uint32_t places, uint32_t places_found)
	{
		recording::RuntimePayload facts{};
		facts.runtime = number;
		facts.places = places;
		facts.places_found = places_found;
		recording::TextPayload payload(facts);
		payload.text(offsetof(recording::RuntimePayload, name), name);
		payload.text(offsetof(recording::RuntimePayload, title), name);
		payload.text(offsetof(recording::RuntimePayload, file), "/lib/libruntime.so");
		return own(recording::OwnEvent::runtime, kPid, 1, payload.bytes());
	}
	RecordingBuilder &runtime_probes(uint32_t number, std::string_view probes, uint64_t hits, uint64_t before_ns,
					 uint64_t after_ns)
	{
		recording::TextPayload payload(
			recording::RuntimeProbesPayload{{}, number, hits, before_ns, after_ns, 0, 0});
		payload.text(offsetof(recording::RuntimeProbesPayload, probes), probes);
		payload.text(offsetof(recording::RuntimeProbesPayload, why_unknown), "");
		return own(recording::OwnEvent::runtime_probes, kPid, 1, payload.bytes());
	}
	RecordingBuilder &spikes(uint32_t tid, uint32_t layer, uint64_t time_ns, uint64_t count)
	{
		return fixed(recording::OwnEvent::spikes, tid, time_ns, recording::CountPayload{{}, layer, count});
	}
	RecordingBuilder &synops(uint32_t tid, uint32_t layer, uint64_t time_ns, uint64_t count)
	{
		return fixed(recording::OwnEvent::synops, tid, time_ns, recording::CountPayload{{}, layer, count});
	}
	RecordingBuilder &inference_begin(uint32_t tid, uint32_t inference, uint64_t time_ns, uint64_t sequence = 0)
	{
		return fixed(recording::OwnEvent::inference_begin, tid, time_ns,
			     recording::InferencePayload{{}, inference, sequence});
	}
	RecordingBuilder &inference_end(uint32_t tid, uint32_t inference, uint64_t time_ns, uint64_t sequence = 0)
	{
		return fixed(recording::OwnEvent::inference_end, tid, time_ns,
			     recording::InferencePayload{{}, inference, sequence});
	}
	RecordingBuilder &stat(std::string_view name, uint64_t value, uint64_t time_ns = 1)
	{
		recording::TextPayload payload(recording::StatPayload{{}, 0, value});
		payload.text(offsetof(recording::StatPayload, name), name);
		return own(recording::OwnEvent::recorder_stat, kPid, time_ns, payload.bytes());
	}
	RecordingBuilder &note(uint32_t severity, std::string_view code, std::string_view text,
			       std::string_view remedy = "", uint64_t time_ns = 1)
	{
		recording::TextPayload payload(recording::NotePayload{{}, severity, 0, 0, 0});
		payload.text(offsetof(recording::NotePayload, code), code);
		payload.text(offsetof(recording::NotePayload, text), text);
		payload.text(offsetof(recording::NotePayload, remedy), remedy);
		return own(recording::OwnEvent::note, kPid, time_ns, payload.bytes());
	}
	// A sample of the sampling event; `callchain` only in recordings that have them.
	RecordingBuilder &sample(uint32_t pid, uint32_t tid, uint64_t time_ns, uint64_t ip,
				 const std::vector<uint64_t> &callchain = {})
	{
		latest_ns_ = std::max(latest_ns_, time_ns);
		recording::ByteWriter body;
		body.put(kSamplingId).put(ip).put(pid).put(tid).put(time_ns).put<uint32_t>(0).put<uint32_t>(0);
		body.put<uint64_t>(1'000'000); // period
		if (callchain_) {
			body.put<uint64_t>(callchain.size());
			for (const uint64_t address : callchain)
				body.put(address);
		}
		return raw(
			recording::record_with_trailer(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, body.bytes(), 0, {}));
	}
	RecordingBuilder &comm(uint32_t pid, uint32_t tid, uint64_t time_ns, std::string_view name, bool exec = false)
	{
		recording::ByteWriter body;
		body.put(pid).put(tid).put_text(name);
		return other(PERF_RECORD_COMM, exec ? PERF_RECORD_MISC_COMM_EXEC : 0, body.bytes(), pid, tid, time_ns);
	}
	RecordingBuilder &fork(uint32_t pid, uint32_t parent_pid, uint32_t tid, uint32_t parent_tid, uint64_t time_ns)
	{
		recording::ByteWriter body;
		body.put(pid).put(parent_pid).put(tid).put(parent_tid).put(time_ns);
		return other(PERF_RECORD_FORK, 0, body.bytes(), pid, tid, time_ns);
	}
	RecordingBuilder &exit(uint32_t pid, uint32_t tid, uint64_t time_ns)
	{
		recording::ByteWriter body;
		body.put(pid).put(pid).put(tid).put(tid).put(time_ns);
		return other(PERF_RECORD_EXIT, 0, body.bytes(), pid, tid, time_ns);
	}
	RecordingBuilder &to_cpu(uint32_t tid, uint64_t time_ns)
	{
		return other(PERF_RECORD_SWITCH, 0, "", kPid, tid, time_ns);
	}
	RecordingBuilder &off_cpu(uint32_t tid, uint64_t time_ns, bool preempted = false)
	{
		const int misc = PERF_RECORD_MISC_SWITCH_OUT | (preempted ? PERF_RECORD_MISC_SWITCH_OUT_PREEMPT : 0);
		return other(PERF_RECORD_SWITCH, static_cast<uint16_t>(misc), "", kPid, tid, time_ns);
	}
	// The same with what the thread waits for, of recordings that say stat("anatomy", 1) first.
	RecordingBuilder &leaves(uint32_t tid, uint64_t time_ns, int64_t system_call, uint32_t file_type = 0,
				 uint32_t state = 1, uint32_t flags = 0)
	{
		return fixed(recording::OwnEvent::switch_out, tid, time_ns,
			     recording::SwitchOutPayload{{}, state, system_call, 0, file_type, flags});
	}
	RecordingBuilder &comes(uint32_t tid, uint64_t time_ns, uint64_t woken_ns, uint32_t woken_by,
				uint32_t waker_pid = 0, uint32_t waker_tid = 0, uint32_t late_ns = 0)
	{
		return fixed(recording::OwnEvent::switch_in, tid, time_ns,
			     recording::SwitchInPayload{{}, woken_by, woken_ns, waker_pid, waker_tid, late_ns});
	}
	RecordingBuilder &interrupted(uint32_t tid, uint64_t begin_ns, uint64_t end_ns)
	{
		return fixed(recording::OwnEvent::interrupted, tid, end_ns,
			     recording::InterruptedPayload{{}, 0, begin_ns});
	}
	RecordingBuilder &map(uint32_t pid, uint64_t time_ns, uint64_t start, uint64_t length, uint64_t offset,
			      std::string_view path)
	{
		recording::ByteWriter body;
		body.put(pid).put(pid).put(start).put(length).put(offset);
		body.put<uint64_t>(0).put<uint64_t>(0).put<uint64_t>(0); // device, inode, generation
		body.put<uint32_t>(5).put<uint32_t>(0).put_text(path);   // readable and executable
		return other(PERF_RECORD_MMAP2, PERF_RECORD_MISC_USER, body.bytes(), pid, pid, time_ns);
	}
	RecordingBuilder &lost(uint64_t id, uint64_t count, uint64_t time_ns)
	{
		return raw(recording::lost_record({kPid, kPid, time_ns, 0, kSamplingId}, id, count,
						  sampling_type(callchain_)));
	}
	RecordingBuilder &other(uint32_t type, uint16_t misc, std::string_view body, uint32_t pid, uint32_t tid,
				uint64_t time_ns)
	{
		return raw(recording::record_with_trailer(type, misc, body, sampling_type(callchain_),
							  {pid, tid, time_ns, 0, kSamplingId}));
	}
	RecordingBuilder &raw(std::string_view bytes)
	{
		records_ += bytes;
		if (records_.size() > 256 * 1024)
			flush();
		return *this;
	}

	RecordingBuilder &round() { return raw(recording::finished_round_record()); }
	// Publishes everything so far, names of layers included.
	RecordingBuilder &commit()
	{
		flush();
		need(writer_.update_feature(
			recording::kFeatureTracingData,
			recording::own_tracing_data(names_, recording::PerfDataWriter::kMaxLateContents)));
		need(writer_.commit());
		return *this;
	}
	void finish()
	{
		stat("finished", 1, latest_ns_);
		round().commit();
	}
	recording::PerfDataWriter &writer() { return writer_; }

private:
	static recording::PerfDataWriter create(const std::string &path, const Options &options)
	{
		recording::WriterOptions to;
		to.path = path;
		to.compression_level = options.compression_level;
		recording::EventDescription sampling;
		sampling.attr.type = PERF_TYPE_SOFTWARE;
		sampling.attr.sample_type = sampling_type(options.callchain);
		sampling.attr.sample_id_all = 1;
		sampling.attr.context_switch = options.context_switches;
		sampling.name = "cpu-clock";
		sampling.ids = {kSamplingId};
		to.events.push_back(sampling);
		for (recording::EventDescription &event : collector::own_event_descriptions(options.callchain))
			to.events.push_back(std::move(event));
		to.events.insert(to.events.end(), options.more_events.begin(), options.more_events.end());
		to.features[recording::kFeatureTracingData] = recording::own_tracing_data({}, SIZE_MAX);
		if (!options.host.empty())
			to.features[recording::kFeatureHostname] = recording::text_contents(options.host);
		if (!options.architecture.empty())
			to.features[recording::kFeatureArch] = recording::text_contents(options.architecture);
		to.features[recording::kFeatureCommandLine] =
			recording::ByteWriter().put<uint32_t>(1).put_bytes(recording::text_contents("./app")).take();
		nlohmann::ordered_json section = {{"schema", recording::kPrivateSchema},
						  {"command", {"./app"}},
						  {"frequency_hz", options.frequency_hz}};
		if (!options.boot_id.empty())
			section["boot_id"] = options.boot_id;
		if (!options.target.empty())
			section["target"] = options.target;
		if (options.rank >= 0)
			section["rank"] = static_cast<uint64_t>(options.rank);
		if (options.private_section)
			to.private_section = recording::encode_private_section(section);
		auto writer = recording::PerfDataWriter::create(to);
		if (!writer.ok())
			throw std::runtime_error(writer.error().what);
		return std::move(*writer);
	}
	static void need(const Status &status)
	{
		if (!status.ok())
			throw std::runtime_error(status.error().what);
	}

	template <typename Payload>
	RecordingBuilder &fixed(recording::OwnEvent event, uint32_t tid, uint64_t time_ns, Payload payload)
	{
		return own(event, tid, time_ns, {reinterpret_cast<const char *>(&payload), sizeof payload});
	}
	RecordingBuilder &own(recording::OwnEvent event, uint32_t tid, uint64_t time_ns, std::string_view payload)
	{
		latest_ns_ = std::max(latest_ns_, time_ns);
		recording::CommonFields common;
		common.type = static_cast<uint16_t>(event);
		common.pid = static_cast<int32_t>(tid);
		std::string bytes(payload);
		std::memcpy(bytes.data(), &common, sizeof common);
		recording::append_own_sample(&records_, {kPid, tid, time_ns, 0, collector::own_event_id(event)},
					     callchain_, bytes);
		return raw({});
	}
	void flush()
	{
		need(writer_.append(records_));
		records_.clear();
	}

	bool callchain_;
	recording::PerfDataWriter writer_;
	std::string records_;
	uint64_t latest_ns_ = 1;
	std::vector<recording::SymbolicName> names_;
};

} // namespace neuroperf::test
