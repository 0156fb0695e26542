// SPDX-License-Identifier: Apache-2.0
#include "collector/switched_probes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace neuroperf::collector {
namespace {

// Places that share a link with one that is hit are taken off and put back without need: few are to share one. But when
// a recorder is killed, the kernel lets go of its links one after another, 50 ms each.
constexpr std::size_t kFewestPlacesOfLink = 8, kMostLinks = 32;

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
	std::size_t attached = 0;
	if (switchable && on_ && group.is_met) {
		attached = add_idle(std::move(spots), &group);
	} else {
		group.switched.spots = std::move(spots);
		if (!switchable || on_)
			attach(group, &group.switched);
		else
			group.switched.wanted = group.switched.spots.size(); // to be seen
		attached = *group.switched.wanted;
	}
	if (switchable)
		switchable_.push_back(std::move(group));
	else
		std::ranges::move(group.switched.probes, std::back_inserter(kept_));
	return attached;
}

// By where they are: parts of a program lie together.
std::size_t SwitchedProbes::add_idle(std::vector<UprobeSpot> spots, Group *group)
{
	std::size_t attached = 0;
	const std::size_t places = std::max(kFewestPlacesOfLink, (spots.size() + kMostLinks - 1) / kMostLinks);
	std::sort(spots.begin(), spots.end(),
		  [](const UprobeSpot &one, const UprobeSpot &other) { return one.offset < other.offset; });
	for (std::size_t first = 0; first < spots.size(); first += places) {
		const std::size_t count = std::min(places, spots.size() - first);
		const auto begin = spots.begin() + static_cast<std::ptrdiff_t>(first);
		Link &link = group->idle.emplace_back();
		link.spots.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
		attach(*group, &link);
		attached += *link.wanted;
	}
	return attached;
}

void SwitchedProbes::take_off(Group *group)
{
	taken_off_.add(std::exchange(group->switched.probes, {}));
	if (group->is_met)
		part(group);
}

// Those that have been hit from the others.
void SwitchedProbes::part(Group *group)
{
	Link &switched = group->switched;
	if (auto unmet = extracted(&switched.spots, std::not_fn(group->is_met)); !unmet.empty()) {
		group->idle.emplace_back().spots = std::move(unmet);
		switched.wanted = std::nullopt;
	}
	for (Link &link : group->idle) {
		const std::vector<UprobeSpot> met = extracted(&link.spots, group->is_met);
		if (met.empty())
			continue;
		taken_off_.add(std::exchange(link.probes, {}));
		switched.spots.insert(switched.spots.end(), met.begin(), met.end());
		switched.wanted = link.wanted = std::nullopt;
	}
	std::erase_if(group->idle, [](const Link &link) { return link.spots.empty(); });
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
	for (Group &group : switchable_)
		if (!on_ && group.is_met)
			part(&group); // hit since they were off
	taken_off_.work();
	if (!taken_off_.is_done())
		return came_back; // their places may be among them
	for (Group &group : switchable_)
		for (Link &link : group.idle)
			if (!link.wanted) {
				attach(group, &link);
				came_back = true;
			}
	return came_back;
}

void SwitchedProbes::detach()
{
	for (Group &group : switchable_) {
		std::ranges::move(group.switched.probes, std::back_inserter(kept_));
		for (Link &link : group.idle)
			std::ranges::move(link.probes, std::back_inserter(kept_));
	}
	switchable_.clear();
	let_go(std::exchange(kept_, {}));
	taken_off_.finish();
}

} // namespace neuroperf::collector
