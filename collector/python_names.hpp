// SPDX-License-Identifier: Apache-2.0
// Names of layers that a Python framework knows, told from inside a program that nobody edited.
//
// A folder with a sitecustomize.py (data/python/neuroperf_names/) comes first on PYTHONPATH of the launched program;
// Python runs it at its start, and it appends a line for each parameter of a network, before the network's first call,
// to a file in the same folder. The protocol is described there. Lines are hostile input.
//
// One thread. The folder is removed at the end.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "collector/host.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

// What an object was called from some time on.
struct ToldName {
	uint64_t since_ns = 0; // CLOCK_MONOTONIC
	uint32_t number = 0;   // of all names that were told; from 1 on
	std::string name;
};

struct PythonNamesCounts {
	uint64_t names = 0;
	uint64_t bad_lines = 0; // make no sense
	uint64_t left_out = 0;  // beyond the most that are kept
};

class PythonNames {
public:
	// `run_as`: the user that the program will be, if not ours.
	static Result<PythonNames> create(const std::optional<InvokingUser> &run_as);
	PythonNames(PythonNames &&other) noexcept;
	PythonNames &operator=(PythonNames &&) = delete;
	~PythonNames();

	// For the program: "NAME=value".
	std::vector<std::string> environment() const;
	const std::filesystem::path &folder() const { return folder_; }

	// What the object at `address` in the process was called at this time; null if nobody had said. Valid until the
	// next call.
	const ToldName *name_of(uint32_t pid, uint64_t address, uint64_t time_ns);
	// Reads what has been told since the last question: at the end, for the counts.
	void read_lines();
	const PythonNamesCounts &counts() const { return counts_; }

private:
	PythonNames() = default;
	void read_line(std::string_view line);

	std::filesystem::path folder_;
	UniqueFd file_;
	uint64_t offset_ = 0;                                                  // up to where it was read
	uint64_t read_until_ns_ = 0;                                           // lines of up to this time are known
	std::string rest_;                                                     // of a line that is not whole yet
	std::map<std::pair<uint32_t, uint64_t>, std::vector<ToldName>> names_; // ordered by time
	PythonNamesCounts counts_;
};

} // namespace neuroperf::collector
