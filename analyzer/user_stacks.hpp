// SPDX-License-Identifier: Apache-2.0
// Unwinds the user stacks that samples carry (perf record --call-graph dwarf), with the files of the recording.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/call_chain.hpp"
#include "analyzer/code_file.hpp"
#include "analyzer/threads.hpp"
#include "analyzer/unwinder.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

class UserStacks {
public:
	// `root`: under which the recorded system's files lie; empty: here.
	UserStacks(const recording::PerfDataReader &reader, const Threads &threads, const std::string &root);

	// Appends the user frames of a sample that carries registers and stack; nothing for others.
	void append(ProcessId process, const recording::RecordedEvent &event, const recording::Sample &sample,
		    std::vector<Frame> *frames);

	// Chains by how they ended; all 0 where nothing was unwound.
	std::array<uint64_t, Unwinder::kEnds> ends() const;
	// Stacks of machines that the unwinder does not know: they stay without callers.
	uint64_t foreign() const { return foreign_; }

private:
	Unwinder::Location locate(ProcessId process, uint64_t address);
	Unwinder::FileId file_of(ModuleId module);

	const recording::PerfDataReader &reader_;
	const Threads &threads_;
	CodeFinder finder_;
	std::optional<Unwinder> unwinder_; // from the first stack on; never of machines that it does not know
	uint64_t foreign_ = 0;
	std::vector<Unwinder::FileId> files_; // by module; kNotAsked: not looked for yet
	std::vector<uint64_t> addresses_;     // scratch
};

} // namespace neuroperf::analyzer
