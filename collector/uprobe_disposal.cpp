// SPDX-License-Identifier: Apache-2.0
#include "collector/uprobe_disposal.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace neuroperf::collector {

void let_go(std::vector<Uprobe> probes)
{
	constexpr std::size_t kMostThreads = 32;
	const std::size_t count = std::min(probes.size(), kMostThreads);
	const std::size_t share = count > 0 ? (probes.size() + count - 1) / count : 0;
	std::vector<std::jthread> threads;
	while (!probes.empty()) {
		const auto first = probes.end() - static_cast<std::ptrdiff_t>(std::min(share, probes.size()));
		std::vector<Uprobe> some(std::make_move_iterator(first), std::make_move_iterator(probes.end()));
		probes.erase(first, probes.end());
		threads.emplace_back([mine = std::move(some)]() mutable { mine.clear(); });
	}
}

void UprobeDisposal::add(std::vector<Uprobe> probes)
{
	waiting_.insert(waiting_.end(), std::make_move_iterator(probes.begin()), std::make_move_iterator(probes.end()));
}

void UprobeDisposal::work()
{
	if (waiting_.empty() || busy_.exchange(true))
		return;
	worker_ = std::jthread([this, probes = std::exchange(waiting_, {})]() mutable {
		let_go(std::move(probes));
		busy_ = false;
	});
}

void UprobeDisposal::finish()
{
	let_go(std::exchange(waiting_, {}));
	if (worker_.joinable())
		worker_.join();
}

} // namespace neuroperf::collector
