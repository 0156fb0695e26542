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

	// Ends that the agent tells, where the stack pointer is so far below what it was right after the call. Returns
	// their number.
	uint32_t add_told(int32_t pushed_bytes, ProbeCost cost);

	// Ends of layers that follow each other are not needed any more.
	void drop_spare();

	// Whether the probe of this number may be taken off for a while.
	bool may_be_sampled(uint32_t number) const { return number < kinds_.size() && kinds_[number] != Kind::kept; }
	// Whether it is for ends of layers that follow each other.
	bool is_spare(uint32_t number) const { return number < kinds_.size() && kinds_[number] == Kind::spare; }
	const RuntimeCallersCounts &counts() const { return counts_; }

private:
	using Place = std::pair<FileKey, uint64_t>; // offset in the file that a call returns to
	enum class Kind { kept, sampled, spare };
	struct Spots {
		UniqueFd file;
		std::map<Kind, std::vector<std::pair<Place, UprobeSpot>>> of_kind;
	};
	void look_at(const RuntimeCaller &caller, const FileMapping &mapping, Spots *to);
	void find(const Place &place, int file, const std::string &path, Kind kind, std::optional<uint16_t> of_place,
		  Spots *to);
	void attach(int file, Spots *spots);
	void attach_some(int file, const std::vector<std::pair<Place, UprobeSpot>> &some, Kind kind);

	RuntimeSpans &spans_;
	SwitchedProbes &probes_;
	UprobeKind kind_ = UprobeKind::perf;
	const bpf_program *program_ = nullptr;
	bool wide_nops_are_calls_ = false;
	std::map<Place, bool> probed_; // places that were looked at
	std::vector<Kind> kinds_;      // by number of the probe
	std::vector<Place> spare_;
	RuntimeCallersCounts counts_;
};

} // namespace neuroperf::collector
