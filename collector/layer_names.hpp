// SPDX-License-Identifier: Apache-2.0
// What layers of runtimes are called, and by which number the recording knows each.
//
// A name comes from the runtime's memory, once for each identity and again when it changes, from Python where the
// program's modules have names, or from the description. Layers with the same name, of which a process has several
// objects, have a turn behind it: "conv #2". Pure, no kernel.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "bpf/runtime_event.h"
#include "collector/probe_placer.hpp"
#include "collector/runtime_description.hpp"
#include "collector/shared_rings.hpp"

namespace neuroperf::collector {

struct ToldName; // python_names.hpp

// One place of one description, as the BPF program numbers it.
struct NumberedPlace {
	const RuntimeDescription *runtime = nullptr;
	const RuntimePlace *place = nullptr;
};

// One function in which a place was found.
struct NumberedFunction {
	std::string name;                    // for people
	uint32_t pushed_bytes = 0;           // at the entry probe
	std::vector<std::string> captured{}; // what the stars of the place's pattern stood for
	ProbeCost cost = ProbeCost::emulated;
	bool is_of_class = false;   // the name is that of a class whose virtual function it is
	bool ends_are_told = false; // by the agent, which calls it: nobody need watch its callers
};

class LayerNames {
public:
	// What Python calls the object at an address of a process at a time; null if nobody has said.
	using NameOf = std::function<const ToldName *(uint32_t pid, uint64_t address, uint64_t time_ns)>;

	explicit LayerNames(uint32_t first_id) : next_id_(first_id) {}
	void set_python_names(NameOf name_of) { python_name_of_ = std::move(name_of); }

	// What stands in the memory of the runtime from now on. False if more are known than are kept.
	bool take(const np_runtime_names &names, const RuntimePlace &place);
	// The number of the layer that was hit: a new one, with a definition, where it has none yet; 0 if there are no
	// more. `start_up`: as work before the first inference, which has a name of its own.
	uint32_t id_of(const np_runtime_event &event, const NumberedPlace &place, const NumberedFunction &function,
		       bool start_up);
	std::vector<Definition> take_definitions();

	uint64_t unnamed() const { return unnamed_; }           // hits whose name could not be read
	uint64_t python_named() const { return python_named_; } // layers that have a name of Python's

private:
	using Identity = std::tuple<uint32_t, uint16_t, uint64_t>; // process, place, identity
	struct Names {
		std::string name, kind, shape;
		uint32_t id = 0, start_up_id = 0; // 0: none yet
		uint32_t python_name = 0;         // its number; 0: it has none
	};

	Names *names_of(const np_runtime_event &event, const RuntimePlace &place);
	const ToldName *python_name(const np_runtime_event &event, const NumberedPlace &place);
	uint32_t number(Definition definition, uint64_t identity);

	NameOf python_name_of_;
	std::map<Identity, Names> names_;
	// The same name of another identity in the same process is another layer; in another process it is the same.
	std::map<std::tuple<std::string, uint32_t>, std::vector<uint64_t>> identities_; // by content and process
	std::map<std::string, uint32_t> ids_;                                           // by content and its turn
	uint32_t next_id_;
	std::vector<Definition> fresh_;
	uint64_t unnamed_ = 0, python_named_ = 0;
};

} // namespace neuroperf::collector
