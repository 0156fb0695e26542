// SPDX-License-Identifier: Apache-2.0
#include "collector/attached_processes.hpp"

#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "collector/clock.hpp"
#include "collector/launch.hpp"
#include "collector/open_file_limit.hpp"
#include "collector/target.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint64_t kFirstWaitNs = 5'000'000, kLongestWaitNs = 1'000'000'000; // then rescan has it
constexpr uint64_t kRescansOfAllListed = 10;
constexpr std::size_t kMostProcesses = 100'000;
// Further ones get the probes of their files.
constexpr std::size_t kMostWithOwnProbes = 4;
constexpr uint64_t kMostProbes = 16'384; // a descriptor each

} // namespace

int AttachedProcesses::open_notices()
{
	if (target_.pids.empty() && !target_.list)
		return -1;
	auto notices = ProcessNotices::open(target_.every_program);
	if (!notices.ok()) {
		why_not_at_once_ = notices.error().what;
		return -1;
	}
	notices_.emplace(std::move(*notices));
	to_->mark = [this](int pid, bool by_files) { notices_->follow(pid, by_files); };
	return notices_->followed_map();
}

Status AttachedProcesses::open()
{
	if (target_.pids.empty() && !target_.list)
		return Done{};
	to_->most_with_own_probes = target_.every_program ? 0 : kMostWithOwnProbes;
	if (target_.every_program)
		to_->program_for_files = to_->program; // everybody's events are wanted
	const Status room = OpenFileLimit().make_room_for(kMostProbes);
	static_cast<void>(room); // what does not fit is counted
	if (to_->use_wide_nops && !may_mend_everybody())
		to_->program_for_files = nullptr; // it would break what others have inherited
	for (const int pid : target_.pids) {
		if (notices_)
			notices_->follow(pid, false); // first: of whom it forks while we look at it we are told
		else
			for (const ChildProcess &child : descendants(pid))
				children_before_.insert(child.pid);
		AttachedProcess process(pid);
		if (Status found = process.rescan(to_); !found.ok())
			return found;
		processes_.emplace(pid, std::move(process));
	}
	to_->counts.processes = processes_.size();
	look_at_list();
	return Done{};
}

// Attaches to what is new in it. A process that has ended is gone from the next rescan on.
void AttachedProcesses::look_at(int pid)
{
	auto found = processes_.find(pid);
	if (found != processes_.end() && found->second.is_gone()) { // another one has its number
		to_->names.forget(found->second.pid());
		processes_.erase(found);
		found = processes_.end();
	}
	const bool is_new = found == processes_.end();
	if (is_new) {
		if (processes_.size() >= kMostProcesses)
			return;
		found = processes_.emplace(pid, AttachedProcess(pid)).first;
	}
	const bool is_there = found->second.rescan(to_).ok();
	if (!is_new)
		return;
	to_->counts.processes += is_there ? 1 : 0;
	if (!is_there) { // a zombie, a thread of the kernel, or hidden from us
		to_->counts.processes_gone--;
		processes_.erase(found);
	} else if (notices_ && (!target_.every_program || found->second.has_sites())) {
		notices_->follow(pid, found->second.is_by_files());
	}
}

void AttachedProcesses::look_at_child(const ProcessNotice &notice)
{
	look_at(notice.pid);
	if (!processes_.contains(notice.pid)) {
		to_->counts.children_missed++;
		return;
	}
	to_->counts.children++;
	const uint64_t now = monotonic_now_ns();
	if (now > notice.time_ns)
		to_->counts.latest_child_ns = std::max(to_->counts.latest_child_ns, now - notice.time_ns);
}

void AttachedProcesses::follow_up()
{
	if (notices_) {
		for (const ProcessNotice &notice : notices_->take()) {
			if (notice.pid == ::getpid())
				continue;
			if (notice.is_fork) {
				look_at_child(notice);
				continue;
			}
			look_at(notice.pid);
			starting_[notice.pid] = {notice.time_ns + kFirstWaitNs, kFirstWaitNs};
		}
		to_->counts.notices_lost = notices_->lost();
	}
	look_at_starting();
	to_->disposal.work();
}

void AttachedProcesses::look_at_starting()
{
	const uint64_t now = starting_.empty() ? 0 : monotonic_now_ns();
	for (auto &[pid, starting] : starting_) {
		if (now < starting.next_look_ns)
			continue;
		look_at(pid);
		starting.wait_ns *= 4;
		starting.next_look_ns = now + starting.wait_ns;
	}
	std::erase_if(starting_, [&](const auto &entry) {
		return entry.second.wait_ns > kLongestWaitNs || !processes_.contains(entry.first);
	});
}

void AttachedProcesses::look_at_list()
{
	if (!target_.list)
		return;
	for (const int pid : target_.list())
		if (pid != ::getpid() && !processes_.contains(pid))
			look_at(pid);
}

// Where the kernel does not tell of them.
void AttachedProcesses::find_children()
{
	std::vector<int> found;
	for (const auto &[pid, process] : processes_)
		if (!process.is_gone())
			for (const ChildProcess &child : descendants(pid))
				if (!processes_.contains(child.pid) && !children_before_.contains(child.pid))
					found.push_back(child.pid);
	for (const int pid : found) {
		if (processes_.contains(pid))
			continue; // of two of ours it is a descendant
		look_at(pid);
		to_->counts.children += processes_.contains(pid) ? 1 : 0;
	}
}

// Their events have been drained since they were found to be gone.
void AttachedProcesses::forget_the_gone()
{
	std::erase_if(processes_, [&](const auto &entry) {
		if (entry.second.is_gone())
			to_->names.forget(entry.second.pid());
		return entry.second.is_gone();
	});
	std::erase_if(to_->files, [](const auto &entry) { return entry.second.expired(); });
}

// Of hundreds that have no probes, most never get any: of them only a share is looked at each time.
bool AttachedProcesses::is_due(int pid, const AttachedProcess &process) const
{
	return !target_.list || process.has_sites() ||
	       static_cast<uint64_t>(pid) % kRescansOfAllListed == rescans_ % kRescansOfAllListed;
}

void AttachedProcesses::rescan()
{
	rescans_++;
	forget_the_gone();
	follow_up();
	for (auto &[pid, process] : processes_) {
		if (process.is_gone() || !is_due(pid, process) || !process.rescan(to_).ok())
			continue;
		if (notices_ && (!target_.every_program || process.has_sites()))
			notices_->follow(pid, process.is_by_files()); // a thread that starts a program takes the first
								      // one's place, unmarked
	}
	look_at_list();
	if (!notices_ && !target_.list)
		find_children();
	to_->disposal.work();
}

void AttachedProcesses::detach()
{
	std::vector<Uprobe> probes;
	for (auto &[pid, process] : processes_)
		process.take_probes(&probes);
	for (auto &[file, of_file] : to_->file_probes)
		probes.insert(probes.end(), std::make_move_iterator(of_file.probes.begin()),
			      std::make_move_iterator(of_file.probes.end()));
	to_->disposal.add(std::move(probes));
	to_->disposal.finish();
	mend_everybody();
	to_->file_probes.clear();
	if (!notices_) {
		for (const auto &[pid, process] : processes_)
			for (const ChildProcess &child : descendants(pid))
				AttachedProcess(child.pid).mend(to_, Mended::unattached);
		return;
	}
	// No parent has a call any more that further children could inherit.
	for (std::vector<ProcessNotice> late = notices_->take(); !late.empty(); late = notices_->take())
		for (const ProcessNotice &notice : late)
			if (notice.is_fork)
				AttachedProcess(notice.pid).mend(to_, Mended::unattached);
}

// Others have forked too while their files had probes, and nobody has told us.
void AttachedProcesses::mend_everybody()
{
	if (to_->file_probes.empty() || !to_->use_wide_nops)
		return;
	for (const int pid : all_processes())
		for (const auto &[file, probes] : to_->file_probes)
			AttachedProcess(pid).mend(to_, Mended::unattached, &file);
}

AttachedProcess *AttachedProcesses::find(uint32_t pid)
{
	const auto found = processes_.find(static_cast<int>(pid));
	return found != processes_.end() ? &found->second : nullptr;
}

bool AttachedProcesses::any() const
{
	return std::any_of(processes_.begin(), processes_.end(),
			   [](const auto &entry) { return !entry.second.is_gone(); });
}

} // namespace neuroperf::collector
