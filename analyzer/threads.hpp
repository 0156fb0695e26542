// SPDX-License-Identifier: Apache-2.0
// Processes and threads of a recording, with numbers of our own: the kernel reuses pids.
//
// A process is one program image tree by pid: fork makes a new one, exec keeps it but drops its mappings. Mappings say
// which file an address belongs to at that moment. The kernel and its modules are mapped once for all.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "analyzer/symbolizer.hpp"

namespace neuroperf::analyzer {

enum class ProcessId : uint32_t {};
enum class ThreadId : uint32_t {};
enum class ModuleId : uint32_t {};

struct Mapping {
	uint64_t end = 0;
	uint64_t file_offset = 0; // of the mapping's first byte
	ModuleId module{};
};

// By start address; they do not overlap.
struct Mappings {
	std::map<uint64_t, Mapping> by_start;
	uint32_t generation = 0; // unique among all mappings of the recording, a new one after each change
};

// A file, or a part of the kernel, that code was mapped from.
struct Module {
	CodeFile file;
	std::string only_symbol;        // code that the kernel named as it came (BPF programs): its name; else empty
	uint64_t only_symbol_start = 0; // its address
};

// Whose code an address is, as the kernel said with the sample. other: hypervisors and their guests.
enum class Side : uint8_t { user, kernel, other };

// A MMAP, MMAP2 or KSYMBOL record.
struct NewMapping {
	uint32_t pid = 0;
	uint64_t start = 0, length = 0, file_offset = 0;
	std::string_view path;
	std::string_view build_id; // empty: not recorded with the mapping
	bool huge_pages = false;   // MAP_HUGETLB: not the file's own memory, whatever the path says
};

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
	uint64_t offset = 0; // in the module's file; of the kernel and of generated code: the address
};

class Threads {
public:
	// The thread of this pid and tid now; made when it is new.
	ThreadId thread(uint32_t pid, uint32_t tid);

	void on_comm(uint32_t pid, uint32_t tid, std::string_view name, bool exec);
	// `copies`: the child has its parent's mappings (not so where perf only lists processes that ran already).
	void on_fork(uint32_t pid, uint32_t parent_pid, uint32_t tid, uint32_t parent_tid, bool copies = true);
	// False: not taken, as there are more mappings than any system allows.
	bool on_mmap(const NewMapping &mapping);
	bool on_kernel_mmap(const NewMapping &mapping);
	bool on_kernel_symbol(uint64_t start, uint64_t length, std::string_view name);
	// Build ids that the recording lists apart from the mappings; to be told before them.
	void set_build_id(std::string_view path, std::string_view build_id);

	// The file and offset behind an address.
	Place place(ProcessId process, uint64_t address, Side side) const;
	// Answers of place() stay true while this stays the same.
	uint32_t generation(ProcessId process, Side side) const;

	Process &process(ProcessId id) { return processes_[static_cast<uint32_t>(id)]; }
	const Process &process(ProcessId id) const { return processes_[static_cast<uint32_t>(id)]; }
	Thread &thread(ThreadId id) { return threads_[static_cast<uint32_t>(id)]; }
	const Thread &thread(ThreadId id) const { return threads_[static_cast<uint32_t>(id)]; }
	const std::vector<Thread> &threads() const { return threads_; }
	const Module &module(ModuleId id) const { return modules_[static_cast<uint32_t>(id)]; }
	std::size_t module_count() const { return modules_.size(); }

private:
	ProcessId process_of_pid(uint32_t pid);
	Mappings *own_mappings(uint32_t pid);
	std::shared_ptr<Mappings> new_mappings();
	ModuleId module_of(CodeFile file, std::string_view only_symbol = {}, uint64_t only_symbol_start = 0);
	void insert(Mappings *mappings, const NewMapping &mapping, ModuleId module);

	std::vector<Process> processes_;
	std::vector<Thread> threads_;
	std::vector<Module> modules_;
	Mappings kernel_;
	std::unordered_map<uint32_t, ProcessId> process_by_pid_;
	std::unordered_map<uint64_t, ThreadId> thread_by_tid_;     // pid << 32 | tid
	std::unordered_map<std::string, ModuleId> module_by_key_;  // path, build id and what else tells them apart
	std::unordered_map<std::string, std::string> build_id_of_; // by path
	uint32_t generations_ = 0;
	std::size_t mappings_made_ = 0; // copies included
};

} // namespace neuroperf::analyzer
