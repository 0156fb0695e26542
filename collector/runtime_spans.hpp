// SPDX-License-Identifier: Apache-2.0
// From hits of probes in runtimes to events of layers and inferences: which return belongs to which entry.
//
// Each thread has a stack of open calls. Ends are seen behind the call in the caller, which becomes known with its
// first call; an end belongs to the call that had the same stack pointer. Calls that were deeper, or are followed by
// another at their place, have ended unseen (the first of a caller, an exception, a lost event): they count, without a
// duration. What they are called: layer_names.hpp. Pure, no kernel.
//
// What the probes cost a thread is added up hit by hit, each in two parts, before and after the time of its event; the
// end of a call then tells what they have cost between its begin and its end, in it and in what it called.
#pragma once

#include <neuroperf/shared_memory.h>

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "bpf/runtime_event.h"
#include "collector/layer_names.hpp"
#include "collector/probe_cost.hpp"
#include "collector/runtime_description.hpp"
#include "collector/shared_rings.hpp"

namespace neuroperf::collector {

// Where a call returns to: a probe goes there, or a little behind.
struct RuntimeCaller {
	uint32_t pid = 0;
	uint64_t address = 0;
	bool is_sampled = false;    // what it calls may be left out for a while
	bool is_successive = false; // what it calls follows each other
	auto operator<=>(const RuntimeCaller &) const = default;
};

struct RuntimeSpansCounts {
	uint64_t hits = 0, returns = 0;
	uint64_t returns_without_entry = 0;  // of other calls at the same place, or the entry was lost
	uint64_t ended_by_next = 0;          // calls that are taken to end where the next one begins
	uint64_t entries_without_return = 0; // ended by what came next: their caller was not known yet, or an exception
	uint64_t of_base_classes = 0;        // entries of a virtual function in a call of one that overrides it
	uint64_t too_deep = 0;               // calls nested so deeply that they are not followed
	uint64_t unnamed = 0;                // hits whose name could not be read
	uint64_t bad_records = 0;            // of places that nobody has described
	uint64_t without_number = 0;
	uint64_t python_named = 0; // layers that have a name of Python's
	uint64_t start_up = 0;     // hits outside of any inference of their runtime
	// Calls of layers that follow each other, after the start-up, and of these those in no inference of their
	// thread: where the last one ends is not known by what comes next.
	uint64_t successive = 0, successive_alone = 0;
};

class RuntimeSpans {
public:
	using Emit = std::function<void(const np_slot &slot, uint32_t pid, uint32_t tid)>;

	explicit RuntimeSpans(uint32_t first_id) : names_(first_id) {}

	uint16_t add_place(const NumberedPlace &place);
	uint32_t add_function(NumberedFunction function);
	// Ends of its calls are told without a probe from now on, or no more: nobody need watch its callers.
	void tell_ends_of(uint32_t function, bool are_told) { functions_[function].ends_are_told = are_told; }
	// A probe behind calls, where the stack pointer is so far below what it was right after them, or above it.
	// Returns its number.
	// `place`: for whose calls it was put there, if that is known.
	uint32_t add_return(int32_t pushed_bytes, ProbeCost cost = ProbeCost::emulated,
			    std::optional<uint16_t> place = std::nullopt);
	void set_python_names(LayerNames::NameOf name_of) { names_.set_python_names(std::move(name_of)); }
	// From now on ends tell what probes have cost, as far as it is known, and hits cost so much.
	void set_costs(const ProbeCosts &costs) { costs_ = costs; }
	// Of the hits of this class so far; nothing where it is not known.
	std::optional<HitCost> mean_cost(HitClass hit) const;
	// Callers that were met for the first time since the last call.
	std::vector<RuntimeCaller> take_callers();
	const std::vector<NumberedPlace> &places() const { return places_; }

	// The process is seen from the moment on at which it loaded a runtime: only then is known what its start-up is.
	void sees_start_of(uint32_t pid) { from_start_.insert(pid); }
	// What kind of hit it was; none if it is of nobody.
	std::optional<HitClass> take(const np_runtime_event &event, const Emit &emit);
	void take_names(const np_runtime_names &names);

	// From now on ends of layers that follow each other are not watched: one lasts until the next one begins, or
	// its inference ends. All callers are met anew.
	void take_begins_alone();

	// All callers are met anew: probes behind their calls are gone.
	void forget_callers();
	// Those that were taken are watched from this time on. Layers that were called from where nobody watched have
	// ended, or nobody will know when: they do not stay open for the samples of what comes behind. Inferences may
	// last, and stay.
	void watch_callers(uint64_t from_ns, const Emit &emit);
	// One of those that were taken has had a probe all along.
	void has_been_watched(const RuntimeCaller &caller);
	// Probes of places that may be sampled are being taken off, or are not back before this time: calls that begin
	// cost what they cost, but their ends may not be seen. What is open goes on, with what it calls.
	void rest_until(uint64_t time_ns) { rests_until_ns_ = time_ns; }
	// They are off: ends of open calls will not be seen.
	void end_sampled(const Emit &emit);
	// At the end: open calls of processes that have ended too were not seen to end.
	void finish(uint64_t time_ns, const std::function<bool(uint32_t pid)> &has_ended, const Emit &emit);

	std::vector<Definition> take_definitions() { return names_.take_definitions(); }
	const RuntimeSpansCounts &counts() const { return counts_; }
	const std::vector<uint64_t> &hits_by_place() const { return hits_; }
	// Of the places from `first` up to, without it, `last`. A return counts for the place whose calls it ended
	// last.
	std::array<uint64_t, kHitClasses> hits_by_class(std::size_t first, std::size_t last) const;

private:
	struct Open {
		uint64_t stack, returns_to; // pointer and address right after the call
		uint32_t id;
		uint16_t place;
		uint64_t identity;
		uint64_t cost_ns; // of the thread's probes when it began
		bool unwatched;   // its end
	};
	struct Inferences { // of one runtime in one process
		std::size_t open = 0;
		bool submitted = false; // asynchronous ones: nobody knows when none is under way
	};
	struct Thread {
		uint32_t pid = 0;
		uint64_t cost_ns = 0; // of probes so far
		std::vector<Open> open;
		uint64_t last_ns = 0; // time of its last event so far
	};
	struct Return {
		int32_t pushed_bytes;
		ProbeCost cost;
		uint64_t hits = 0;
		std::optional<uint16_t> place{}; // whose calls it has ended
	};
	struct CostOfHits {
		uint64_t hits = 0, before_ns = 0, after_ns = 0;
	};
	void enter(const np_runtime_event &event, const Emit &emit);
	void leave(const np_runtime_event &event, const Emit &emit);
	bool is_of_same_object(const Open &call, const np_runtime_event &event, uint64_t stack) const;
	void begin(const Open &open, const np_runtime_event &event, const Emit &emit);
	// A call that is open no more when this event comes.
	void end(const Open &open, const np_runtime_event &event, const Thread &thread, const Emit &emit);
	void end_unseen(const Open &open, uint32_t pid, uint32_t tid, uint64_t time_ns, const Emit &emit);
	void close(const Open &open, const np_runtime_event &event, uint64_t cost_ns, const Emit &emit);
	void add_cost(uint32_t tid, uint64_t cost_ns);
	bool is_start_up(uint32_t pid, const NumberedPlace &place) const;
	void count_end(const Open &open, uint32_t pid);
	bool is_watched(const RuntimeCaller &caller, uint64_t time_ns);
	bool is_left_out(const np_runtime_event &event) const;
	bool has_inference(const Thread &thread) const;
	bool lasts_until_next(const RuntimePlace &place) const { return begins_alone_ && place.successive; }
	bool may_be_sampled(const Open &call) const { return places_[call.place].place->may_be_sampled(); }
	void end_innermost(const std::function<bool(const Open &call)> &has_ended, const Emit &emit);

	std::vector<NumberedPlace> places_;
	std::vector<uint64_t> hits_;
	std::vector<NumberedFunction> functions_;
	std::vector<Return> returns_;                            // by probe
	std::vector<std::array<uint64_t, kHitClasses>> entries_; // hits by place
	ProbeCosts costs_;
	std::array<CostOfHits, kHitClasses> cost_of_hits_{}; // that were known
	uint64_t rests_until_ns_ = 0;
	bool begins_alone_ = false;
	std::map<RuntimeCaller, uint64_t> callers_; // since when they are watched; UINT64_MAX: not yet
	std::vector<RuntimeCaller> fresh_callers_, taken_callers_;
	std::unordered_map<uint32_t, Thread> threads_;
	std::set<uint32_t> from_start_; // processes
	std::map<std::pair<uint32_t, const RuntimeDescription *>, Inferences> inferences_;
	LayerNames names_;
	RuntimeSpansCounts counts_;
};

} // namespace neuroperf::collector
