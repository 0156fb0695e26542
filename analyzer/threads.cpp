// SPDX-License-Identifier: Apache-2.0
#include "analyzer/threads.hpp"

namespace neuroperf::analyzer {
namespace {

// A file may hold any number of forks, each of which may copy names and mappings: what is copied is bounded.
constexpr std::size_t kMaxName = 64;                // the kernel's have 16
constexpr std::size_t kMaxMappings = 65536;         // of one process; vm.max_map_count is 65530
constexpr std::size_t kMaxMappingsMade = 4'000'000; // of all processes together

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
	processes_.push_back({pid, "", std::make_shared<Mappings>()});
	process_by_pid_.emplace(pid, id);
	return id;
}

ModuleId Threads::module_of_path(std::string_view path)
{
	std::string key(path);
	if (const auto found = module_by_path_.find(key); found != module_by_path_.end())
		return found->second;
	const auto id = static_cast<ModuleId>(modules_.size());
	modules_.push_back(key);
	module_by_path_.emplace(std::move(key), id);
	return id;
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
		owner.mappings = std::make_shared<Mappings>();
}

void Threads::on_fork(uint32_t pid, uint32_t parent_pid, uint32_t tid)
{
	const uint64_t key = uint64_t{pid} << 32 | tid;
	if (pid == parent_pid) { // a thread: a new one even if the kernel had used the number before
		const ProcessId owner = process_of_pid(pid);
		thread_by_tid_[key] = static_cast<ThreadId>(threads_.size());
		threads_.push_back({tid, owner, process(owner).name, 0});
		return;
	}
	const ProcessId parent = process_of_pid(parent_pid);
	const auto id = static_cast<ProcessId>(processes_.size());
	processes_.push_back({pid, process(parent).name, process(parent).mappings});
	process_by_pid_[pid] = id;
	thread_by_tid_[key] = static_cast<ThreadId>(threads_.size());
	threads_.push_back({tid, id, process(id).name, 0});
}

// The process's mappings to change, no longer shared with its parent; null if there may not be more.
Mappings *Threads::own_mappings(uint32_t pid)
{
	std::shared_ptr<Mappings> &mappings = process(process_of_pid(pid)).mappings;
	const std::size_t made = mappings.use_count() > 1 ? mappings->size() + 1 : 1;
	if (mappings->size() >= kMaxMappings || made > kMaxMappingsMade - mappings_made_)
		return nullptr;
	mappings_made_ += made;
	if (mappings.use_count() > 1)
		mappings = std::make_shared<Mappings>(*mappings);
	return mappings.get();
}

bool Threads::on_mmap(uint32_t pid, uint64_t start, uint64_t length, uint64_t file_offset, std::string_view path)
{
	const uint64_t end = start + length;
	if (end <= start)
		return true;
	Mappings *const mappings = own_mappings(pid);
	if (!mappings)
		return false;
	const ModuleId module = module_of_path(path);
	// Cut away what the new mapping covers: from the first old one that may reach into it.
	auto at = mappings->upper_bound(start);
	if (at != mappings->begin())
		--at;
	while (at != mappings->end() && at->first < end) {
		const uint64_t old_start = at->first;
		const Mapping old = at->second;
		if (old.end <= start) {
			++at;
			continue;
		}
		at = mappings->erase(at);
		if (old_start < start)
			mappings->emplace(old_start, Mapping{start, old.file_offset, old.module});
		if (old.end > end)
			at = mappings->emplace(end, Mapping{old.end, old.file_offset + (end - old_start), old.module})
				     .first;
	}
	mappings->emplace(start, Mapping{end, file_offset, module});
	return true;
}

Place Threads::place(ProcessId id, uint64_t address) const
{
	const Mappings &mappings = *process(id).mappings;
	auto at = mappings.upper_bound(address);
	if (at == mappings.begin())
		return {};
	--at;
	if (address >= at->second.end)
		return {};
	return {true, at->second.module, at->second.file_offset + (address - at->first)};
}

} // namespace neuroperf::analyzer
