// SPDX-License-Identifier: Apache-2.0
// What a thread waits for that has left its CPU by itself, by rules in data/waits/linux.json: the first one of which
// everything holds counts.
//
// System calls have names there, and numbers in recordings; which is which depends on the machine that was recorded.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::recording {

enum class WaitsFor : uint8_t {
	unknown, // no rule says
	io,      // disks, files, what comes from the network or a terminal
	fault,   // a page that is not in memory
	device,  // the driver of a character device
	others,  // threads, processes
	sleep,   // time
};

enum class WokenBy : uint8_t { unknown, thread, kernel_thread, interrupt };

// Types of files, as the kernel's S_IFMT >> 12 has them.
constexpr uint16_t kFifo = 1, kCharacterDevice = 2, kFolder = 4, kBlockDevice = 6, kRegularFile = 8, kSocket = 12;
constexpr uint16_t kNoFileAwaited = 15; // of a system call that may wait for files, and was given none

constexpr int32_t kNoSystemCall = -1;

struct Wait {
	int32_t system_call = kNoSystemCall;
	bool io_wait = false;
	uint16_t file_type = 0;    // of what it waits for; 0: none, or unknown
	uint32_t device_major = 0; // of a device
	WokenBy woken_by = WokenBy::unknown;
};

// Where a system call is told the file that it waits for.
enum class FileArgument : uint8_t { none, first, polled, selected };

class WaitRules {
public:
	static constexpr std::size_t kMostSystemCalls = 512;

	// For a machine as uname says it: "x86_64", "aarch64". Of others no number has a name.
	// Errors: format.
	static Result<WaitRules> parse(std::string_view text, std::string_view where, std::string_view machine);
	static WaitRules built_in(std::string_view machine);

	WaitsFor waits_for(const Wait &wait) const;
	// `system_call` < kMostSystemCalls.
	FileArgument file_argument(std::size_t system_call) const { return files_[system_call]; }

private:
	friend class WaitRulesReader;
	struct Rule {
		WaitsFor waits_for = WaitsFor::unknown;
		bool any_call = true, no_call = false; // no_call: outside of any
		std::bitset<kMostSystemCalls> calls;
		std::optional<bool> io_wait;
		uint16_t file_types = 0; // bits; 0: any
		std::vector<uint32_t> device_majors;
		uint8_t woken_by = 0; // bits; 0: anybody

		bool holds(const Wait &wait) const;
	};

	std::vector<Rule> rules_;
	FileArgument files_[kMostSystemCalls] = {};
};

} // namespace neuroperf::recording
