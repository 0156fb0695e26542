// SPDX-License-Identifier: Apache-2.0
// Processes and threads of a recording, with numbers of our own: the kernel reuses pids.
//
// A process is one program image tree by pid: fork makes a new one, exec keeps it but drops its mappings. Mappings say
// which file an address belongs to at that moment.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace neuroperf::analyzer {

enum class ProcessId : uint32_t {};
enum class ThreadId : uint32_t {};
enum class ModuleId : uint32_t {};

struct Mapping {
	uint64_t end = 0;
	uint64_t file_offset = 0; // of the mapping's first byte
	ModuleId module{};
};
using Mappings = std::map<uint64_t, Mapping>; // by start address; they do not overlap

struct Process {
	uint32_t pid = 0;
	std::string name;
	std::shared_ptr<Mappings> mappings; // shared with the parent until one of them changes
};

struct Thread {
	uint32_t tid = 0;
	ProcessId process{};
	std::string name;
	uint64_t samples = 0;
};

struct Place {
	bool known = false;
	ModuleId module{};
	uint64_t offset = 0; // in the module's file
};

class Threads {
public:
	// The thread of this pid and tid now; made when it is new.
	ThreadId thread(uint32_t pid, uint32_t tid);

	void on_comm(uint32_t pid, uint32_t tid, std::string_view name, bool exec);
	void on_fork(uint32_t pid, uint32_t parent_pid, uint32_t tid);
	// False: not taken, as there are more mappings than any system allows.
	bool on_mmap(uint32_t pid, uint64_t start, uint64_t length, uint64_t file_offset, std::string_view path);

	// The file and offset behind a user-space address.
	Place place(ProcessId process, uint64_t address) const;

	Process &process(ProcessId id) { return processes_[static_cast<uint32_t>(id)]; }
	const Process &process(ProcessId id) const { return processes_[static_cast<uint32_t>(id)]; }
	Thread &thread(ThreadId id) { return threads_[static_cast<uint32_t>(id)]; }
	const Thread &thread(ThreadId id) const { return threads_[static_cast<uint32_t>(id)]; }
	const std::vector<Thread> &threads() const { return threads_; }
	const std::string &module(ModuleId id) const { return modules_[static_cast<uint32_t>(id)]; }
	std::size_t module_count() const { return modules_.size(); }

private:
	ProcessId process_of_pid(uint32_t pid);
	Mappings *own_mappings(uint32_t pid);
	ModuleId module_of_path(std::string_view path);

	std::vector<Process> processes_;
	std::vector<Thread> threads_;
	std::vector<std::string> modules_;
	std::unordered_map<uint32_t, ProcessId> process_by_pid_;
	std::unordered_map<uint64_t, ThreadId> thread_by_tid_; // pid << 32 | tid
	std::unordered_map<std::string, ModuleId> module_by_path_;
	std::size_t mappings_made_ = 0; // copies included
};

} // namespace neuroperf::analyzer
