// SPDX-License-Identifier: Apache-2.0
#include "analyzer/threads.hpp"

#include <fmt/format.h>

namespace neuroperf::analyzer {
namespace {

// A file may hold any number of forks, each of which may copy names and mappings: what is copied is bounded.
constexpr std::size_t kMaxName = 64;                // the kernel's have 16
constexpr std::size_t kMaxMappings = 65536;         // of one process; vm.max_map_count is 65530
constexpr std::size_t kMaxMappingsMade = 4'000'000; // of all processes together

constexpr std::string_view kKernelText = "[kernel.kallsyms]";

// Code that is in no file: made while the program ran (JIT), in anonymous memory. Names come by address.
bool is_generated_code(const NewMapping &mapping)
{
	const std::string_view path = mapping.path;
	return mapping.huge_pages || path == "//anon" || path == "[heap]" || path.starts_with("[anon:") ||
	       path.starts_with("[stack") || path.starts_with("/SYSV") || path.starts_with("/dev/zero") ||
	       path.starts_with("/anon_hugepage");
}

} // namespace

ThreadId Threads::thread(uint32_t pid, uint32_t tid)
{
	const uint64_t key = uint64_t{pid} << 32 | tid;
	if (const auto found = thread_by_tid_.find(key); found != thread_by_tid_.end())
		return found->second;
	const auto id = static_cast<ThreadId>(threads_.size());
	const ProcessId process = process_of_pid(pid);
	threads_.push_back({tid, process, processes_[static_cast<uint32_t>(process)].name, 0});
	thread_by_tid_.emplace(key, id);
	return id;
}

ProcessId Threads::process_of_pid(uint32_t pid)
{
	if (const auto found = process_by_pid_.find(pid); found != process_by_pid_.end())
		return found->second;
	const auto id = static_cast<ProcessId>(processes_.size());
	processes_.push_back({pid, "", new_mappings()});
	process_by_pid_.emplace(pid, id);
	return id;
}

std::shared_ptr<Mappings> Threads::new_mappings()
{
	auto mappings = std::make_shared<Mappings>();
	mappings->generation = ++generations_;
	return mappings;
}

ModuleId Threads::module_of(CodeFile file, std::string_view only_symbol, uint64_t only_symbol_start)
{
	const bool is_generated = file.path.starts_with("/tmp/perf-");
	std::string key = fmt::format("{}\n{}\n{}\n{}", file.path, file.build_id, file.kernel ? 'k' : 'u',
				      is_generated ? file.pid : only_symbol_start);
	if (const auto found = module_by_key_.find(key); found != module_by_key_.end())
		return found->second;
	const auto id = static_cast<ModuleId>(modules_.size());
	modules_.push_back({std::move(file), std::string(only_symbol), only_symbol_start});
	module_by_key_.emplace(std::move(key), id);
	return id;
}

void Threads::set_build_id(std::string_view path, std::string_view build_id)
{
	build_id_of_.insert_or_assign(std::string(path), std::string(build_id));
}

void Threads::on_comm(uint32_t pid, uint32_t tid, std::string_view name, bool exec)
{
	name = name.substr(0, kMaxName);
	Thread &named = thread(thread(pid, tid));
	named.name = std::string(name);
	Process &owner = process(named.process);
	if (pid == tid || owner.name.empty())
		owner.name = std::string(name);
	if (exec)
		owner.mappings = new_mappings();
}

void Threads::on_fork(uint32_t pid, uint32_t parent_pid, uint32_t tid, uint32_t parent_tid, bool copies)
{
	const std::string name = thread(thread(parent_pid, parent_tid)).name;
	ProcessId owner;
	if (pid == parent_pid) { // a thread: a new one even if the kernel had used the number before
		owner = process_of_pid(pid);
	} else {
		const Process &parent = process(process_of_pid(parent_pid));
		std::shared_ptr<Mappings> mappings = copies ? parent.mappings : new_mappings();
		owner = static_cast<ProcessId>(processes_.size());
		processes_.push_back({pid, name, std::move(mappings)});
		process_by_pid_[pid] = owner;
	}
	thread_by_tid_[uint64_t{pid} << 32 | tid] = static_cast<ThreadId>(threads_.size());
	threads_.push_back({tid, owner, name, 0});
}

// The process's mappings to change, no longer shared with its parent; null if there may not be more.
Mappings *Threads::own_mappings(uint32_t pid)
{
	std::shared_ptr<Mappings> &mappings = process(process_of_pid(pid)).mappings;
	const std::size_t made = mappings.use_count() > 1 ? mappings->by_start.size() + 1 : 1;
	if (mappings->by_start.size() >= kMaxMappings || made > kMaxMappingsMade - mappings_made_)
		return nullptr;
	mappings_made_ += made;
	if (mappings.use_count() > 1)
		mappings = std::make_shared<Mappings>(*mappings);
	return mappings.get();
}

bool Threads::on_mmap(const NewMapping &mapping)
{
	if (mapping.start + mapping.length <= mapping.start)
		return true;
	Mappings *const mappings = own_mappings(mapping.pid);
	if (!mappings)
		return false;
	CodeFile file{std::string(mapping.path), std::string(mapping.build_id), mapping.pid, false};
	NewMapping taken = mapping;
	if (is_generated_code(mapping)) {
		file.path = fmt::format("/tmp/perf-{}.map", mapping.pid); // where its names are, if anywhere
		taken.file_offset = mapping.start;
	} else if (const auto known = build_id_of_.find(file.path);
		   file.build_id.empty() && known != build_id_of_.end()) {
		file.build_id = known->second;
	}
	insert(mappings, taken, module_of(std::move(file)));
	return true;
}

bool Threads::on_kernel_mmap(const NewMapping &mapping)
{
	NewMapping taken = mapping;
	std::string_view path = mapping.path;
	if (path.starts_with(kKernelText)) { // "[kernel.kallsyms]_text": the symbol behind which it begins
		path = kKernelText;
		taken.length = 0; // what was recorded ends before the code that runs at boot only
	}
	if (taken.length == 0) // up to where the next one begins
		taken.length = UINT64_MAX - taken.start;
	if (taken.start + taken.length <= taken.start || kernel_.by_start.size() >= kMaxMappings)
		return taken.start == 0;
	taken.file_offset = taken.start;
	CodeFile file{std::string(path), std::string(mapping.build_id), 0, true};
	if (const auto known = build_id_of_.find(file.path); file.build_id.empty() && known != build_id_of_.end())
		file.build_id = known->second;
	insert(&kernel_, taken, module_of(std::move(file)));
	return true;
}

bool Threads::on_kernel_symbol(uint64_t start, uint64_t length, std::string_view name)
{
	if (start + length <= start)
		return true;
	if (kernel_.by_start.size() >= kMaxMappings)
		return false;
	NewMapping taken;
	taken.start = taken.file_offset = start;
	taken.length = length;
	insert(&kernel_, taken, module_of({std::string(name), "", 0, true}, name, start));
	return true;
}

// Cuts away what the new mapping covers: from the first old one that may reach into it.
void Threads::insert(Mappings *mappings, const NewMapping &mapping, ModuleId module)
{
	const uint64_t start = mapping.start, end = mapping.start + mapping.length;
	std::map<uint64_t, Mapping> &all = mappings->by_start;
	auto at = all.upper_bound(start);
	if (at != all.begin())
		--at;
	while (at != all.end() && at->first < end) {
		const uint64_t old_start = at->first;
		const Mapping old = at->second;
		if (old.end <= start) {
			++at;
			continue;
		}
		at = all.erase(at);
		if (old_start < start)
			all.emplace(old_start, Mapping{start, old.file_offset, old.module});
		if (old.end > end)
			at = all.emplace(end, Mapping{old.end, old.file_offset + (end - old_start), old.module}).first;
	}
	all.emplace(start, Mapping{end, mapping.file_offset, module});
	mappings->generation = ++generations_;
}

Place Threads::place(ProcessId id, uint64_t address, Side side) const
{
	if (side == Side::other)
		return {};
	const std::map<uint64_t, Mapping> &all = (side == Side::kernel ? kernel_ : *process(id).mappings).by_start;
	auto at = all.upper_bound(address);
	if (at == all.begin())
		return {};
	--at;
	if (address >= at->second.end)
		return {};
	return {true, at->second.module, at->second.file_offset + (address - at->first)};
}

uint32_t Threads::generation(ProcessId id, Side side) const
{
	return side == Side::kernel ? kernel_.generation : side == Side::user ? process(id).mappings->generation : 0;
}

} // namespace neuroperf::analyzer
