// SPDX-License-Identifier: Apache-2.0
#include "collector/switched_probes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace neuroperf::collector {
namespace {

// Those of which it is true, which are no more in `spots`.
std::vector<UprobeSpot> extracted(std::vector<UprobeSpot> *spots, const std::function<bool(uint64_t cookie)> &is_one)
{
	const auto found = std::partition(spots->begin(), spots->end(),
					  [&](const UprobeSpot &spot) { return !is_one(spot.cookie); });
	std::vector<UprobeSpot> taken(found, spots->end());
	spots->erase(found, spots->end());
	return taken;
}

} // namespace

// Returns how many places the kernel refused that it took before.
std::size_t SwitchedProbes::attach(const Group &group, Link *link)
{
	std::size_t attached = 0;
	if (!link->spots.empty())
		link->probes = Uprobe::attach_all(group.kind, group.program, group.file.get(), link->spots, &attached);
	if (!link->wanted)
		link->wanted = attached;
	return *link->wanted - std::min(*link->wanted, attached);
}

std::size_t SwitchedProbes::add(UprobeKind kind, const bpf_program *program, int file, std::vector<UprobeSpot> spots,
				bool switchable, IsMet is_met)
{
	if (spots.empty())
		return 0;
	Group group{kind, program, UniqueFd(::fcntl(file, F_DUPFD_CLOEXEC, 0)), std::move(is_met), {}, {}};
	group.switched.spots = std::move(spots);
	if (!switchable || on_)
		attach(group, &group.switched);
	else
		group.switched.wanted = group.switched.spots.size(); // to be seen
	const std::size_t attached = *group.switched.wanted;
	if (switchable)
		switchable_.push_back(std::move(group));
	else
		std::ranges::move(group.switched.probes, std::back_inserter(kept_));
	return attached;
}

// And parts those that have been hit from the others.
void SwitchedProbes::take_off(Group *group)
{
	Link &idle = group->idle, &switched = group->switched;
	taken_off_.add(std::exchange(switched.probes, {}));
	if (!group->is_met)
		return;
	const std::vector<UprobeSpot> met = extracted(&idle.spots, group->is_met);
	const std::vector<UprobeSpot> unmet = extracted(&switched.spots, std::not_fn(group->is_met));
	if (met.empty() && unmet.empty())
		return;
	taken_off_.add(std::exchange(idle.probes, {}));
	switched.spots.insert(switched.spots.end(), met.begin(), met.end());
	idle.spots.insert(idle.spots.end(), unmet.begin(), unmet.end());
	switched.wanted = idle.wanted = std::nullopt;
}

std::size_t SwitchedProbes::switch_to(bool on)
{
	std::size_t refused = 0;
	if (on == on_)
		return refused;
	on_ = on;
	for (Group &group : switchable_)
		if (on)
			refused += attach(group, &group.switched);
		else
			take_off(&group);
	work();
	return refused;
}

bool SwitchedProbes::work()
{
	bool came_back = false;
	taken_off_.work();
	if (!taken_off_.is_done())
		return came_back; // their places may be among them
	for (Group &group : switchable_)
		if (!group.idle.spots.empty() && !group.idle.wanted) {
			attach(group, &group.idle);
			came_back = true;
		}
	return came_back;
}

void SwitchedProbes::detach()
{
	for (Group &group : switchable_)
		for (Link *const link : {&group.switched, &group.idle})
			std::ranges::move(link->probes, std::back_inserter(kept_));
	switchable_.clear();
	let_go(std::exchange(kept_, {}));
	taken_off_.finish();
}

} // namespace neuroperf::collector
