// SPDX-License-Identifier: Apache-2.0
#include "collector/switched_probes.hpp"

#include <fcntl.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace neuroperf::collector {
namespace {

// Places that share a link with one that is hit get a second probe: few are to share one. But when a recorder is
// killed, the kernel lets go of its links one after another, 50 ms each.
constexpr std::size_t kFewestPlacesOfLink = 4, kMostLinks = 64;

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
				bool switchable, ProbeCookies cookies, bool droppable)
{
	if (spots.empty())
		return 0;
	Group group{kind, program, UniqueFd(::fcntl(file, F_DUPFD_CLOEXEC, 0)), std::move(cookies), {}, {}, droppable};
	std::size_t attached = 0;
	if (switchable && on_ && group.cookies.is_met) {
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
	std::size_t places = std::max(kFewestPlacesOfLink, (spots.size() + kMostLinks - 1) / kMostLinks);
	if (group->kind == UprobeKind::perf) // each is let go of alone anyway
		places = 1;
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
	switched_ += group->switched.probes.empty() ? 0 : group->switched.spots.size();
	taken_off_.add(std::exchange(group->switched.probes, {}));
	if (group->cookies.is_met)
		part(group);
}

// Those that have been hit from the others.
void SwitchedProbes::part(Group *group)
{
	Link &switched = group->switched;
	std::vector<Link> parted;
	if (auto unmet = extracted(&switched.spots, std::not_fn(group->cookies.is_met)); !unmet.empty()) {
		parted.push_back(take_over(*group, std::move(unmet), false)); // they were added while all were off
		switched.wanted = std::nullopt;
	}
	for (Link &link : group->idle) {
		const std::vector<UprobeSpot> met = extracted(&link.spots, group->cookies.is_met);
		if (met.empty())
			continue;
		const bool had_all = link.wanted == link.spots.size() + met.size();
		if (!link.spots.empty())
			parted.push_back(take_over(*group, std::exchange(link.spots, {}), had_all));
		taken_off_.add(std::exchange(link.probes, {}));
		switched.spots.insert(switched.spots.end(), met.begin(), met.end());
		switched.wanted = std::nullopt;
		switched_ += met.size();
	}
	std::erase_if(group->idle, [](const Link &link) { return link.spots.empty(); });
	std::ranges::move(parted, std::back_inserter(group->idle));
}

// Of places that have probes in another link, which will go; `had_all`: the kernel took each of them there.
SwitchedProbes::Link SwitchedProbes::take_over(const Group &group, std::vector<UprobeSpot> spots, bool had_all)
{
	Link link;
	link.spots = std::move(spots);
	if (had_all)
		link.wanted = link.spots.size();
	for (UprobeSpot &spot : link.spots)
		spot.cookie = group.cookies.other(spot.cookie);
	refused_ += attach(group, &link);
	for (const UprobeSpot &spot : link.spots)
		group.cookies.count(spot.cookie);
	return link;
}

std::size_t SwitchedProbes::switch_to(bool on)
{
	if (on == on_)
		return 0;
	on_ = on;
	for (Group &group : switchable_)
		if (!on) {
			take_off(&group);
		} else {
			refused_ += attach(group, &group.switched);
			switched_ += group.switched.spots.size();
		}
	work();
	return std::exchange(refused_, 0);
}

void SwitchedProbes::remove(const std::function<bool(uint64_t cookie)> &is_one)
{
	const auto remove_from = [&](const Group &group, Link *link) {
		const std::size_t before = link->spots.size();
		const std::size_t removed = extracted(&link->spots, is_one).size();
		if (removed == 0)
			return;
		const bool had_all = link->wanted == before, was_on = !link->probes.empty();
		std::vector<Uprobe> probes = std::exchange(link->probes, {});
		if (was_on && !link->spots.empty())
			*link = take_over(group, std::exchange(link->spots, {}), had_all);
		else
			link->wanted = std::nullopt;
		taken_off_.add(std::move(probes));
		switched_ += was_on ? removed : 0;
	};
	for (Group &group : switchable_) {
		remove_from(group, &group.switched);
		for (Link &link : group.idle)
			remove_from(group, &link);
		std::erase_if(group.idle, [](const Link &link) { return link.spots.empty(); });
	}
	work();
}

void SwitchedProbes::drop()
{
	for (Group &group : switchable_) {
		if (!group.droppable)
			continue;
		take_off(&group);
		for (Link &link : group.idle)
			taken_off_.add(std::move(link.probes));
	}
	std::erase_if(switchable_, [](const Group &group) { return group.droppable; });
	work();
}

void SwitchedProbes::work()
{
	for (Group &group : switchable_)
		if (!on_ && group.cookies.is_met)
			part(&group); // hit since they were off
	taken_off_.work();
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
