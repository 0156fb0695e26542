// SPDX-License-Identifier: Apache-2.0
#include "collector/switched_probes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace neuroperf::collector {

std::size_t SwitchedProbes::add(UprobeKind kind, const bpf_program *program, int file, std::vector<UprobeSpot> spots,
				bool switchable)
{
	if (spots.empty())
		return 0;
	std::size_t attached = 0;
	std::vector<Uprobe> probes;
	if (!switchable || on_)
		probes = Uprobe::attach_all(kind, program, file, spots, &attached);
	else
		attached = spots.size(); // to be seen
	if (switchable)
		switchable_.push_back({kind, program, UniqueFd(::fcntl(file, F_DUPFD_CLOEXEC, 0)), std::move(spots),
				       attached, std::move(probes)});
	else
		std::move(probes.begin(), probes.end(), std::back_inserter(kept_));
	return attached;
}

std::size_t SwitchedProbes::switch_to(bool on)
{
	std::size_t refused = 0;
	if (on == on_)
		return refused;
	on_ = on;
	for (Group &group : switchable_) {
		std::size_t attached = 0;
		if (on) {
			group.probes =
				Uprobe::attach_all(group.kind, group.program, group.file.get(), group.spots, &attached);
			refused += group.wanted - std::min(group.wanted, attached);
		} else {
			taken_off_.add(std::exchange(group.probes, {}));
		}
	}
	taken_off_.work();
	return refused;
}

void SwitchedProbes::detach()
{
	for (Group &group : switchable_)
		std::move(group.probes.begin(), group.probes.end(), std::back_inserter(kept_));
	switchable_.clear();
	let_go(std::exchange(kept_, {}));
	taken_off_.finish();
}

} // namespace neuroperf::collector
