// SPDX-License-Identifier: Apache-2.0
// What the recorder itself writes into the recording: what names mean, the clocks, its own cost, and notes for people.
//
// Every event is stamped with the clock's latest moment and the recorder's pid, but definitions, which carry who
// defined them and when.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "collector/clock.hpp"
#include "collector/own_event_encoder.hpp"
#include "collector/shared_rings.hpp"
#include "recording/event_formats.hpp"

namespace neuroperf::collector {

class RecorderLog {
public:
	// `tracepoints`: formats of the kernel's events, which stand in the tracing data beside our own.
	RecorderLog(OwnEventEncoder *encoder, const CounterClock &clock,
		    std::vector<recording::TracingSystem> tracepoints)
		: encoder_(encoder), clock_(clock), tracepoints_(std::move(tracepoints))
	{
	}

	void write_definition(const Definition &definition);
	// Writes all definitions so far again, into a new file.
	void repeat_definitions();
	void write_clock();
	// Cumulative; the last value of a name counts.
	void write_stat(std::string_view name, uint64_t value);
	// Another of our events, by its ready payload.
	void write(recording::OwnEvent event, std::string_view payload) { encoder_->encode(event, now(), payload); }
	// The recorder's own CPU time and memory, and what the rings have counted.
	void write_stats(const SharedRingsCounts &rings);
	// Severity as in recording::NotePayload.
	void write_note(unsigned severity, std::string_view code, std::string_view text, std::string_view remedy);

	// The tracing-data section with all names defined so far, if there are new ones since the last call and they
	// fit; else empty.
	std::string take_tracing_data(std::size_t max_size);

private:
	recording::RecordIdentity now() const;

	OwnEventEncoder *encoder_;
	const CounterClock &clock_;
	std::vector<recording::TracingSystem> tracepoints_;
	std::vector<Definition> definitions_;
	std::vector<recording::SymbolicName> names_;
	bool names_changed_ = false;
};

} // namespace neuroperf::collector
