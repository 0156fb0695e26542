// SPDX-License-Identifier: Apache-2.0
// Follows layers and inferences: who is inside what, how long calls took, what they counted.
//
// Events come in time order. Each thread has a stack of open inferences and layers; self time is a call's time without
// the layers called inside it. Where the end of a call says what probes cost in between, that is taken out of its time;
// what of it did not lie in the layers called inside, out of its self time. What does not fit (an end without a begin,
// a begin never ended) is counted, never guessed.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/durations.hpp"
#include "analyzer/histogram.hpp"
#include "analyzer/slow_calls.hpp"
#include "analyzer/thread_states.hpp"
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {

// The number that an instrumented program gave a layer or inference, unique in a recording.
using DefinitionNumber = uint32_t;
constexpr DefinitionNumber kMaxDefinition = 1 << 16;

// Of what probes cost in one call, by what the recorder told.
struct ProbeCostTaken {
	uint64_t ns = 0, of_self_ns = 0; // out of its duration, and its self time
	bool less_than_told = false;     // since there was not so much self time
};

struct CallStats {
	uint64_t calls = 0, untimed = 0;          // of them without a duration: their end was not seen
	uint64_t total_ns = 0, self_ns = 0;       // without what probes cost, where that is told
	uint64_t probe_ns = 0, self_probe_ns = 0; // which has been taken out of them
	uint64_t probed = 0, clamped = 0;         // calls of which it is told; that would be shorter than nothing
	uint64_t min_ns = UINT64_MAX, max_ns = 0; // of calls
	Histogram durations;
	bool told_spikes = false, told_synops = false;
	uint64_t spikes = 0, synops = 0;
	// Of calls whose thread was followed: wall time by what the thread did, probes and what was called inside
	// included.
	uint64_t followed = 0;
	StateTimes states;
	uint64_t user_samples = 0, kernel_samples = 0; // of the clock that samples, inside
	uint64_t fault_samples = 0;                    // of those in the kernel: it handled a page fault

	void add_call(uint64_t duration_ns, uint64_t call_self_ns);
	void add_probed_call(uint64_t duration_ns, uint64_t call_self_ns, const ProbeCostTaken &taken);
	uint64_t timed() const { return calls - untimed; }
	void merge(const CallStats &other);
	bool empty() const { return calls == 0 && !told_spikes && !told_synops; }
};

// From the begin of each call to that of the next one.
struct Periods {
	uint64_t last_begin_ns = 0;
	Durations durations;
};

struct Definition {
	enum class What { unknown, layer, inference, counter, mark };
	What what = What::unknown;
	std::string name, kind;
	uint64_t neurons = 0, synapses = 0, macs = 0, parameters = 0;
	CallStats steady;
	CallStats warm_up;         // the first calls, if the user wants them apart
	bool exchange = false;     // between the ranks of a run (collectives.hpp)
	DeadlineMisses deadline{}; // of an inference, if there is one
	Periods periods{};         // of an inference
};

struct LayerProblems {
	uint64_t end_without_begin = 0;
	uint64_t begin_without_end = 0;
	uint64_t unseen_ends = 0;
	uint64_t bad_number = 0; // numbers no program can have been given
};

// A submitted inference: which of a process, by the runtime's own number, mostly an address.
struct RequestKey {
	uint32_t pid = 0;
	DefinitionNumber inference = 0;
	uint64_t sequence = 0;
	auto operator<=>(const RequestKey &) const = default;
};

struct TimeWindow {
	uint64_t from_ns = 0, to_ns = UINT64_MAX; // both included
	bool has(uint64_t time_ns) const { return time_ns >= from_ns && time_ns <= to_ns; }
};

class Layers {
public:
	// The first `skip` inferences of each kind (and calls of layers outside any inference) count as warm-up.
	explicit Layers(uint64_t skip) : skip_(skip) {}

	// Only calls that begin and end inside count.
	void set_window(const TimeWindow &window) { window_ = window; }
	// Calls are split by the states of their thread from now on. Must stay.
	void follow(ThreadStates *states) { states_ = states; }
	// Inferences that take longer miss it.
	void set_deadline(uint64_t deadline_ns) { deadline_ns_ = deadline_ns; }

	void define(DefinitionNumber number, Definition facts);
	void begin(ThreadId thread, DefinitionNumber number, uint64_t time_ns, bool inference);
	void end(ThreadId thread, DefinitionNumber number, uint64_t time_ns,
		 std::optional<uint64_t> probe_ns = std::nullopt);
	// It ended some time before, and so did what it called.
	void end_unseen(ThreadId thread, DefinitionNumber number, uint64_t time_ns);
	// Inferences that go on beside what threads do: they have a duration, and no layers inside.
	void begin_request(const RequestKey &request, uint64_t time_ns);
	void end_request(const RequestKey &request, uint64_t time_ns);
	// A sample of the thread: it counts for every call that is open on it.
	enum class SampledIn { user, kernel, page_fault };
	void add_sample(ThreadId thread, SampledIn where);
	void add_spikes(ThreadId thread, DefinitionNumber number, uint64_t count);
	void add_synops(ThreadId thread, DefinitionNumber number, uint64_t count);
	// Open calls of a thread end with its program (exec), all of them with the recording.
	void abandon(ThreadId thread);
	void finish();

	// Numbers of the layers that are open on a thread, outermost first.
	void open_layers(ThreadId thread, std::vector<DefinitionNumber> *layers) const;
	// The innermost open layer, else the innermost inference; 0 if there is none.
	DefinitionNumber innermost(ThreadId thread) const;
	// Indexed by number; entry 0 stands for events without a definition.
	const std::vector<Definition> &definitions() const { return definitions_; }
	const LayerProblems &problems() const { return problems_; }
	const SlowCalls &slow_inferences() const { return slow_inferences_; }

private:
	struct Open {
		DefinitionNumber number;
		bool inference;
		bool warm_up;
		uint64_t begin_ns;
		uint64_t children_ns;       // time in layers called inside
		uint64_t children_probe_ns; // what probes cost in them, ...
		uint64_t children_taken_ns; // ... and how much of it was taken out of their time
		StateTimes states;          // of the thread when it began
	};
	struct ThreadState {
		std::vector<Open> stack;
	};
	Definition *definition(DefinitionNumber number);
	ThreadState &state(ThreadId thread);
	void note_inference(Definition *known, const Open &call, ThreadId thread, uint64_t wall_ns,
			    const StateTimes &states);
	static ProbeCostTaken taken_out(const Open &call, uint64_t duration_ns, uint64_t self_ns,
					std::optional<uint64_t> probe_ns);
	bool pop(ThreadId thread, DefinitionNumber number, Open *call);
	bool is_warm_up(const ThreadState &thread, DefinitionNumber number, bool inference);

	uint64_t skip_;
	ThreadStates *states_ = nullptr;
	std::optional<uint64_t> deadline_ns_;
	SlowCalls slow_inferences_;
	TimeWindow window_;
	std::vector<Definition> definitions_;
	std::vector<uint64_t> begun_; // per number: begins that may count as warm-up
	std::vector<ThreadState> threads_;
	std::map<RequestKey, uint64_t> requests_; // when those that are open began
	LayerProblems problems_;
};

} // namespace neuroperf::analyzer
