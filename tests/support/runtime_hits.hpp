// SPDX-License-Identifier: Apache-2.0
// Hits of probes in a made runtime, taken by RuntimeSpans, and the events that they become as texts. For tests only.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "collector/own_event_encoder.hpp"
#include "collector/runtime_spans.hpp"

namespace neuroperf::test {

using collector::Definition;
using collector::kProbedEnd;
using collector::kProbedInferenceEnd;
using collector::kRequestBegin;
using collector::kRequestEnd;
using collector::kUnseenEnd;
using collector::PlaceMeans;
using collector::RuntimeDescription;
using collector::RuntimePlace;
using collector::RuntimeSpans;

#if defined(__x86_64__)
constexpr uint64_t kReturnAddress = 8;
#else
constexpr uint64_t kReturnAddress = 0;
#endif

// Hits of a runtime of six places, and what becomes of them.
class RuntimeHits : public testing::Test {
protected:
	RuntimeHits()
	{
		runtime_.places.resize(6);
		runtime_.places[0] = {"run", PlaceMeans::inference, {}, {}};
		runtime_.places[1] = {"node", PlaceMeans::op, {}, {}};
		runtime_.places[1].reads.identity.from = NP_READ_ARGUMENT_1;
		runtime_.places[1].reads.name.from = NP_READ_ARGUMENT_1;
		runtime_.places[2] = {"{class}", PlaceMeans::layer, {}, {}};
		runtime_.places[3] = {"cells", PlaceMeans::spikes, {}, {}};
		runtime_.places[4] = {"request", PlaceMeans::inference, {}, {}};
		runtime_.places[4].async = RuntimePlace::Async::begin;
		runtime_.places[5] = {"request", PlaceMeans::inference, {}, {}};
		runtime_.places[5].async = RuntimePlace::Async::end;
		for (const RuntimePlace &place : runtime_.places)
			spans_.add_place({&runtime_, &place});
		spans_.add_function({"_ZN2at4_ops6conv2d4callEv", 0});
		spans_.add_function({"_ZN2at4_ops4relu4callEv", 16});
		spans_.add_return(0);
		spans_.add_return(24);
	}

	np_runtime_event event(uint16_t what, uint16_t place, uint64_t stack, uint64_t identity = 0)
	{
		np_runtime_event made{};
		made.time_ns = ++now_;
		made.what = what;
		made.place = place;
		made.stack = stack;
		made.identity = identity;
		made.pid = 7;
		made.tid = 8;
		made.function = function_;
		return made;
	}
	// The stack pointer in the caller; the probe at the entry sees it below.
	void enter(uint16_t place, uint64_t stack, uint64_t identity = 0)
	{
		const uint64_t pushed = function_ == 1 ? 16 : 0;
		np_runtime_event made = event(NP_RUNTIME_HIT, place, stack - kReturnAddress - pushed, identity);
		made.value = returns_to_;
		spans_.take(made, emit_);
	}
	void leave(uint16_t, uint64_t stack)
	{
		np_runtime_event made = event(NP_RUNTIME_RETURN, 0, stack);
		made.function = 0;
		spans_.take(made, emit_);
	}
	void name(uint64_t identity, const char *text, const char *kind = "Conv", uint32_t pid = 7)
	{
		np_runtime_names names{};
		names.event = event(NP_RUNTIME_NAMES, 1, 0, identity);
		names.event.pid = pid;
		std::strncpy(names.name, text, sizeof names.name - 1);
		std::strncpy(names.kind, kind, sizeof names.kind - 1);
		spans_.take_names(names);
	}
	void learn()
	{
		for (Definition &definition : spans_.take_definitions()) {
			names_[definition.id] = definition.name;
			kinds_[definition.name] = definition.kind;
		}
	}
	// A layer of place 1 that is entered and left under the names that the runtime's memory has.
	void run(uint64_t identity, const std::function<void(np_runtime_names *)> &tell)
	{
		np_runtime_names names{};
		names.event = event(NP_RUNTIME_NAMES, 1, 0, identity);
		tell(&names);
		spans_.take_names(names);
		enter(1, 900, identity);
		leave(1, 900);
	}
	std::vector<std::string> events()
	{
		learn();
		std::vector<std::string> texts;
		for (const np_slot &slot : emitted_) {
			const char *what = slot.type == NP_EVENT_LAYER_BEGIN       ? "+"
					   : slot.type == NP_EVENT_LAYER_END       ? "-"
					   : slot.type == NP_EVENT_INFERENCE_BEGIN ? "["
					   : slot.type == NP_EVENT_INFERENCE_END   ? "]"
					   : slot.type == kUnseenEnd               ? "?"
					   : slot.type == kRequestBegin            ? "<"
					   : slot.type == kRequestEnd              ? ">"
					   : slot.type == kProbedEnd               ? "-"
					   : slot.type == kProbedInferenceEnd      ? "]"
										   : "*";
			texts.push_back(what + names_[slot.id]);
		}
		return texts;
	}

	RuntimeDescription runtime_;
	RuntimeSpans spans_{100};
	std::vector<np_slot> emitted_;
	RuntimeSpans::Emit emit_ = [this](const np_slot &slot, uint32_t, uint32_t) { emitted_.push_back(slot); };
	std::map<uint32_t, std::string> names_;
	std::map<std::string, std::string> kinds_; // by name
	uint64_t now_ = 0;
	uint32_t function_ = 0;
	uint64_t returns_to_ = 0;
};

} // namespace neuroperf::test
