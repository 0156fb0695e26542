// SPDX-License-Identifier: Apache-2.0
// Virtual functions of runtimes whose calls go by the agent inside the launched program (collector/agent/), which tells
// them for a tenth of what a probe costs.
//
// A function is probed as ever until it is hit. Then, while all threads of the program are held, the slots of the
// tables that hold its address get that of an entry of the agent's; its probe is taken off a little later, since some
// thread may have been about to call it: what both tell of is told once (RuntimeSpans). This is for a file that one
// process has mapped: probes are on files, and without them another process would not be seen. Where a second one
// comes, all that is taken over goes back to its probes. Forked children have the tables of their parent, and no rings:
// their calls go by a probe in the agent.
//
// One thread. It is told of mappings and works after each draining of hits.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "collector/agent_memory.hpp"
#include "collector/file_mappings.hpp"
#include "collector/held_thread.hpp"
#include "collector/runtime_callers.hpp"
#include "collector/runtime_spans.hpp"
#include "collector/switched_probes.hpp"

struct runtime_events_bpf;

namespace neuroperf::collector {

// A function that may be called by way of the agent.
struct AgentFunction {
	UprobeSpot spot; // of its probe
	NumberedFunction told;
	uint64_t entry_offset = 0, entry_address = 0; // in the file, and in its numbering
	std::vector<uint64_t> slots;                  // addresses likewise
	uint32_t names_stay_ns = 0;
	uint16_t place = 0;
	uint16_t identity_argument = 0; // 0 to 5
};

// Which register holds the identity, if calls of this place can be told by the agent as it is read in a file.
std::optional<uint16_t> told_by_agent(const RuntimePlace &place, const np_place &reads);

struct AgentCallsCounts {
	uint64_t functions = 0;       // that were taken over
	uint64_t held = 0;            // how often a program was held for it
	uint64_t longest_hold_ns = 0; // of all its threads
	uint64_t given_back = 0;      // files of which another process came
	std::string problem;          // why functions were not taken over, the last one
};

class AgentCalls {
public:
	// All but `memory` must stay.
	AgentCalls(AgentMemory memory, RuntimeSpans &spans, RuntimeCallers &callers, SwitchedProbes &probes)
		: memory_(std::move(memory)), spans_(spans), callers_(callers), probes_(probes)
	{
	}

	// Finds its way about in the agent's file, and puts probes there.
	Status open(UprobeKind kind, runtime_events_bpf *program);
	AgentMemory &memory() { return memory_; }

	// Of a file that probes were attached to, by which `cookies` says what is known.
	void add_file(const FileKey &key, int file, std::vector<AgentFunction> functions, ProbeCookies cookies);
	// A process has this mapped, executable. Returns whether probes had to be put back for it.
	bool has_mapped(pid_t process, const FileMapping &mapping);
	// Takes over what has been hit, now and then. `on`: events are wanted.
	void work(uint64_t now_ns, bool on);
	// Calls go to the functions from now on as if nobody watched.
	void stop() { switch_to(false); }

	AgentCallsCounts counts() const;

private:
	enum class State { probed, both, taken, refused };
	struct Function {
		AgentFunction what;
		State state = State::probed;
		std::optional<uint32_t> number; // of its entry in the agent
	};
	struct File {
		UniqueFd file;
		ProbeCookies cookies;
		std::vector<Function> functions;
		pid_t owner = 0; // 0: nobody yet
		uint64_t offset = 0, start = 0,
			 end = 0;       // of the owner's mapping: an offset in the file, and where it lies
		bool is_shared = false; // by several processes: for good
		uint64_t next_try_ns = 0;
		unsigned tries = 0;
		std::string problem;        // why not, the last time
		uint64_t both_since_ns = 0; // the last ones that became so
	};
	struct Inside {                 // the agent, in one process
		uint64_t functions = 0; // address of neuroperf_agent_functions
		uint64_t calls = 0;     // of neuroperf_agent_calls
		int memory = -1;        // /proc/PID/mem
	};
	void switch_to(bool on);
	std::optional<Inside> find_agent(pid_t process);
	void take_over(const FileKey &key, File *file, const std::vector<Function *> &met);
	bool number(Function *function);
	Status put_probes();
	bool is_mapped_by_others(const FileKey &key, pid_t owner) const;
	void try_again(File *file, const std::vector<Function *> &met, const std::string &problem);
	void take_probes_off(File *file);
	std::vector<Function *> write(File *file, const Inside &inside, const std::vector<Function *> &met);
	bool give_back(File *file);

	AgentMemory memory_;
	RuntimeSpans &spans_;
	RuntimeCallers &callers_;
	SwitchedProbes &probes_;
	UprobeKind kind_ = UprobeKind::perf;
	runtime_events_bpf *program_ = nullptr;
	UniqueFd library_;
	// In the agent's file: offsets of code, and the address of data.
	uint64_t calls_offset_ = 0, slow_call_offset_ = 0, slow_end_offset_ = 0, ask_offset_ = 0;
	uint64_t calls_address_ = 0, functions_address_ = 0, ready_address_ = 0;
	uint32_t numbers_ = 0;
	bool on_ = false;
	std::map<FileKey, File> files_;
	std::vector<std::unique_ptr<HeldThread>> stopping_;
	uint64_t last_look_at_rings_ns_ = 0;
	AgentCallsCounts counts_;
};

} // namespace neuroperf::collector
