// SPDX-License-Identifier: Apache-2.0
#include "collector/held_process.hpp"

#include <dirent.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostThreads = 4096; // of a process with more not all are held
constexpr uint64_t kLongestHoldNs = 50'000'000;

std::set<pid_t> threads_of(pid_t process)
{
	std::set<pid_t> threads;
	DIR *const tasks = ::opendir(fmt::format("/proc/{}/task", process).c_str());
	if (tasks == nullptr)
		return threads;
	while (const dirent *entry = ::readdir(tasks)) {
		pid_t tid = 0;
		const char *end = entry->d_name + std::strlen(entry->d_name);
		if (std::from_chars(entry->d_name, end, tid).ptr == end && tid > 0)
			threads.insert(tid);
	}
	::closedir(tasks);
	return threads;
}

} // namespace

HeldProcess::HeldProcess(pid_t process, std::vector<std::unique_ptr<HeldThread>> *stopping) : stopping_(*stopping)
{
	const uint64_t begin_ns = monotonic_now_ns();
	for (std::size_t held = 0; held_ && ask(process) > 0;) // they may start others until they are held
		for (; held_ && held < threads_.size(); held++) {
			const uint64_t waited_ns = monotonic_now_ns() - begin_ns;
			held_ = threads_[held].second->wait(kLongestHoldNs - std::min(waited_ns, kLongestHoldNs)) ||
				!threads_of(process).contains(threads_[held].first);
		}
	held_ &= !threads_.empty();
}

HeldProcess::~HeldProcess()
{
	for (auto &[tid, thread] : threads_)
		if (!thread->release())
			stopping_.push_back(std::move(thread));
}

// Asks all at once to stop: those that wait for a CPU come to it soon. Returns how many are new.
std::size_t HeldProcess::ask(pid_t process)
{
	std::size_t asked = 0;
	for (const pid_t tid : threads_of(process)) {
		if (!known_.insert(tid).second)
			continue;
		held_ &= threads_.size() < kMostThreads;
		if (!held_)
			break;
		threads_.emplace_back(tid, std::make_unique<HeldThread>(tid, 0));
		asked++;
	}
	return asked;
}

} // namespace neuroperf::collector
