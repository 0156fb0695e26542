// SPDX-License-Identifier: Apache-2.0
// Layers, operators and spikes of runtimes that nobody rebuilt: finds them among the files that recorded processes map,
// attaches to the places that their descriptions name, and makes events of layers of what is hit.
//
// Probes are on files, so that children and ranks are met from their first call on; a BPF program leaves those that are
// not recorded at once (bpf/runtime_events.bpf.c). Needs root, or CAP_BPF and CAP_PERFMON.
//
// One thread. At the start and whenever processes have mapped something: look_at. In each round: drain, then
// take_definitions. At the end: detach, then drain once more.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/agent_calls.hpp"
#include "collector/own_event_encoder.hpp"
#include "collector/plan.hpp"
#include "collector/probe_cost.hpp"
#include "collector/runtime_budget.hpp"
#include "collector/runtime_callers.hpp"
#include "collector/runtime_spans.hpp"
#include "collector/uprobe_disposal.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// One file in which a runtime was recognised.
struct RuntimeFile {
	std::string runtime, title;               // of the description
	std::string path;                         // as the first process has it
	std::size_t places = 0, places_found = 0; // of the description
	std::vector<std::string> places_missing;
	std::size_t functions = 0, functions_attached = 0; // in which places were found
	std::size_t stepped = 0; // of them at an instruction that the kernel single-steps: dear
	std::vector<std::string> refused, uncounted;
	uint64_t attach_ns = 0;                      // how long finding and attaching took
	std::size_t first_place = 0, last_place = 0; // their numbers; the last one is not its own
};

struct RuntimeProbesCounts {
	uint64_t events = 0;
	uint64_t hits = 0;           // of recorded processes, entries and returns
	uint64_t hits_of_others = 0; // which map the same file
	uint64_t dropped = 0;        // the ring was full
	uint64_t unreadable = 0;     // memory that a description names was not there
	uint64_t too_large = 0;      // counts that are sums of more bytes than are added up: left out
	uint64_t recursion_misses = 0;
	uint64_t bad_records = 0;
	uint64_t files_looked_at = 0, files_unreadable = 0;
	uint64_t held = 0, not_held = 0; // threads that mapped a runtime, until its probes were there
	uint64_t longest_hold_ns = 0;
	// Of them, those that were held so late that they may have run what was probed then only.
	uint64_t held_late = 0, longest_delay_ns = 0;
	RuntimeBudgetCounts budget;
	std::optional<AgentCallsCounts> agent; // with one
	RuntimeCallersCounts callers;
	RuntimeSpansCounts spans;

	uint64_t lost() const { return dropped + recursion_misses; }
};

class PythonNames;

class RuntimeProbes {
public:
	static constexpr uint32_t kFirstId = 49153; // behind those of attached programs
	// The BPF programs are loaded when the first runtime is found: most recordings need none. `plan` must stay.
	// `cpus`: at least one. `ring_bytes`: of each.
	RuntimeProbes(const Plan &plan, std::vector<unsigned> cpus, std::size_t ring_bytes);
	~RuntimeProbes();
	RuntimeProbes(RuntimeProbes &&other) noexcept;
	RuntimeProbes &operator=(RuntimeProbes &&) = delete;

	// For a program that is about to be launched: some calls shall go by an agent in it. What it needs in its
	// environment, "NAME=value"; nothing if it cannot be had, see agent_error.
	std::vector<std::string> create_agent();
	// Whose names layers have that are described so. Must stay.
	void use_names_of(PythonNames *names);
	void enable();
	void disable();
	// Has the kernel tell at once of what a launched program, stopped before exec, or (-1) any process maps.
	void open_notices(pid_t program);
	std::vector<int> descriptors() const; // to poll: readable when follow_up has something to do
	// Attaches to a program that is about to begin, if it is a runtime itself: then not even its first call is
	// missed.
	void look_ahead(const std::string &path, pid_t program);
	// Attaches to runtimes that have just been mapped; the thread that did it is held meanwhile.
	void follow_up();
	// Attaches to what is new among the files that this process has mapped.
	void look_at(int pid);
	// The same, of whole records as the kernel wrote them; does nothing where notices come at once.
	void look_at_mappers(const std::string &records);
	// Whether it should be drained at once.
	bool asks();
	// Returns how full the ring was, 0 to 1.
	double drain(OwnEventEncoder *encoder);
	std::vector<Definition> take_definitions();
	void detach();

	const std::vector<RuntimeFile> &files() const;
	uint64_t hits_in(const RuntimeFile &file) const;
	std::array<uint64_t, kHitClasses> hits_by_class(const RuntimeFile &file) const; // returns too
	const ProbeCosts &trial() const;                      // what hits cost when it was tried
	std::optional<HitCost> mean_cost(HitClass hit) const; // of those that were met, as ends have told it
	const RuntimeProbesCounts &counts() const;
	double probe_budget() const; // a share
	// Why nothing could be attached to, if so.
	const std::optional<Error> &error() const;
	// Why there is no agent, if one was wanted.
	const std::optional<Error> &agent_error() const;

private:
	struct Impl;

	std::unique_ptr<Impl> impl_;
};

} // namespace neuroperf::collector
