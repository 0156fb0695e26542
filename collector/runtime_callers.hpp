// SPDX-License-Identifier: Apache-2.0
// Probes where calls of runtimes end: behind the call, in the function that called. Descriptions name some of these
// functions; the others become known with their first call.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collector/file_mappings.hpp"
#include "collector/runtime_spans.hpp"
#include "collector/switched_probes.hpp"

struct bpf_program;

namespace neuroperf::collector {

struct RuntimeCallersCounts {
	uint64_t met = 0;    // places from which runtimes were called
	uint64_t probed = 0; // of them
	std::string problem; // why one of the others is not, of the last one
};

class RuntimeCallers {
public:
	// Both must stay. `spans` numbers the probes.
	RuntimeCallers(RuntimeSpans &spans, SwitchedProbes &probes) : spans_(spans), probes_(probes) {}

	// What is attached, before anything is.
	void use(UprobeKind kind, const bpf_program *program, bool wide_nops_are_calls);
	// Behind all calls of functions that a description names. Many call something else: nobody misses a probe
	// there. What they cost is that of the description's place.
	void add_named(const FileKey &key, int file, const std::string &path, const std::vector<uint64_t> &offsets,
		       uint16_t place);
	// Behind those calls that `spans` has met since the last time. The kernel takes as long for one as for many.
	void add_met();

	// Whether the probe of this number may be taken off for a while.
	bool may_be_sampled(uint32_t number) const { return number < sampled_.size() && sampled_[number]; }
	const RuntimeCallersCounts &counts() const { return counts_; }

private:
	using Place = std::pair<FileKey, uint64_t>; // offset in the file that a call returns to
	struct Spots {
		UniqueFd file;
		std::vector<std::pair<Place, UprobeSpot>> kept, sampled;
	};
	void look_at(const RuntimeCaller &caller, const FileMapping &mapping, Spots *to);
	void find(const Place &place, int file, const std::string &path, bool sampled, std::optional<uint16_t> of_place,
		  Spots *to);
	void attach(int file, Spots *spots);
	void attach_some(int file, const std::vector<std::pair<Place, UprobeSpot>> &some, bool sampled);

	RuntimeSpans &spans_;
	SwitchedProbes &probes_;
	UprobeKind kind_ = UprobeKind::perf;
	const bpf_program *program_ = nullptr;
	bool wide_nops_are_calls_ = false;
	std::map<Place, bool> probed_; // places that were looked at
	std::vector<bool> sampled_;    // by number of the probe
	RuntimeCallersCounts counts_;
};

} // namespace neuroperf::collector
