// SPDX-License-Identifier: Apache-2.0
#include "collector/recorder_log.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <iterator>

namespace neuroperf::collector {

using recording::OwnEvent;
using recording::TextPayload;

recording::RecordIdentity RecorderLog::now() const
{
	const auto pid = static_cast<uint32_t>(::getpid());
	return {pid, pid, clock_.latest().monotonic_ns, 0, 0};
}

void RecorderLog::repeat_definitions()
{
	const std::vector<Definition> definitions = std::move(definitions_);
	definitions_.clear();
	names_.clear();
	for (const Definition &definition : definitions)
		write_definition(definition);
}

void RecorderLog::write_definition(const Definition &definition)
{
	using recording::LayerDefPayload, recording::NameDefPayload;
	static constexpr std::string_view kFields[] = {"", "layer", "inference", "counter", "mark"}; // by `what`
	if (definition.what == 0 || definition.what >= std::size(kFields))
		return;
	definitions_.push_back(definition);
	names_.push_back({definition.id, kFields[definition.what], definition.name});
	names_changed_ = true;
	if (definition.what == NP_DEFINES_LAYER) {
		LayerDefPayload payload{};
		payload.layer = definition.id;
		payload.neurons = definition.neurons;
		payload.synapses = definition.synapses;
		payload.macs = definition.macs;
		payload.parameters = definition.parameters;
		TextPayload text(payload);
		text.text(offsetof(LayerDefPayload, name), definition.name);
		text.text(offsetof(LayerDefPayload, kind), definition.kind);
		encoder_->encode(OwnEvent::layer_def, definition.identity, text.bytes());
	} else {
		TextPayload text(NameDefPayload{{}, definition.id, definition.what, 0, 0});
		text.text(offsetof(NameDefPayload, name), definition.name);
		text.text(offsetof(NameDefPayload, kind), definition.kind);
		encoder_->encode(OwnEvent::name_def, definition.identity, text.bytes());
	}
}

void RecorderLog::write_clock()
{
	const recording::ClockPayload payload{{}, 0, clock_.latest().counter, clock_.latest().realtime_ns};
	encoder_->encode(OwnEvent::clock, now(), {reinterpret_cast<const char *>(&payload), sizeof payload});
}

void RecorderLog::write_stat(std::string_view name, uint64_t value)
{
	TextPayload payload(recording::StatPayload{{}, 0, value});
	payload.text(offsetof(recording::StatPayload, name), name);
	encoder_->encode(OwnEvent::recorder_stat, now(), payload.bytes());
}

void RecorderLog::write_stats(const SharedRingsCounts &rings)
{
	rusage usage{};
	::getrusage(RUSAGE_SELF, &usage);
	const auto microseconds = [](const timeval &time) {
		return static_cast<uint64_t>(time.tv_sec) * 1'000'000 + static_cast<uint64_t>(time.tv_usec);
	};
	write_stat("recorder_cpu_us", microseconds(usage.ru_utime) + microseconds(usage.ru_stime));
	write_stat("recorder_peak_memory_bytes", static_cast<uint64_t>(usage.ru_maxrss) * 1024);
	write_stat("threads_seen", rings.rings_used);
	write_stat("lost_ring_full", rings.lost);
	write_stat("lost_without_ring", rings.lost_without_ring);
	write_stat("malformed_events", rings.malformed);
	write_stat("corrupt_rings", rings.corrupt_rings);
	write_stat("definitions_lost", rings.definitions_lost);
	write_stat("clock_residual_ns", clock_.residual_ns());
}

void RecorderLog::write_note(unsigned severity, std::string_view code, std::string_view text, std::string_view remedy)
{
	using recording::NotePayload;
	TextPayload payload(NotePayload{{}, severity, 0, 0, 0});
	payload.text(offsetof(NotePayload, code), code);
	payload.text(offsetof(NotePayload, text), text);
	payload.text(offsetof(NotePayload, remedy), remedy);
	encoder_->encode(OwnEvent::note, now(), payload.bytes());
}

std::string RecorderLog::take_tracing_data(std::size_t max_size)
{
	if (!names_changed_)
		return {};
	names_changed_ = false;
	std::string section = recording::own_tracing_data(names_, max_size, tracepoints_);
	return section.size() <= max_size ? section : std::string();
}

} // namespace neuroperf::collector
