// SPDX-License-Identifier: Apache-2.0
#include "collector/held_process.hpp"

#include <algorithm>
#include <cstdint>

#include "collector/clock.hpp"
#include "collector/target.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostThreads = 4096; // of a process with more not all are held
constexpr uint64_t kLongestHoldNs = 50'000'000;

bool is_there(pid_t process, pid_t thread)
{
	const std::vector<int> threads = threads_of(process);
	return std::binary_search(threads.begin(), threads.end(), thread);
}

} // namespace

HeldProcess::HeldProcess(pid_t process, std::vector<std::unique_ptr<HeldThread>> *stopping) : stopping_(*stopping)
{
	const uint64_t begin_ns = monotonic_now_ns();
	for (std::size_t held = 0; held_ && ask(process) > 0;) // they may start others until they are held
		for (; held_ && held < threads_.size(); held++) {
			const uint64_t waited_ns = monotonic_now_ns() - begin_ns;
			held_ = threads_[held].second->wait(kLongestHoldNs - std::min(waited_ns, kLongestHoldNs)) ||
				!is_there(process, threads_[held].first);
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
