// SPDX-License-Identifier: Apache-2.0
// Probes at many places of files, of which some can be taken off and put back while the others stay.
//
// The kernel takes some 30 us for each place, and holds up the program meanwhile; a file may have thousands of which a
// program calls a few dozens. So only those are switched that have been hit. Places are let go of by links, a few each:
// a link of which some have been hit goes, and its others come back by themselves and stay, since they cost nothing.
// Nothing is on a place twice, so what is hit in between is not seen.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "collector/uprobe.hpp"
#include "collector/uprobe_disposal.hpp"
#include "recording/unique_fd.hpp"

struct bpf_program;

namespace neuroperf::collector {

class SwitchedProbes {
public:
	// Whether the place with this cookie has been hit; empty: all have.
	using IsMet = std::function<bool(uint64_t cookie)>;

	// Attaches; returns how many places the kernel took. Those that are `switchable` wait until they are on.
	std::size_t add(UprobeKind kind, const bpf_program *program, int file, std::vector<UprobeSpot> spots,
			bool switchable, IsMet is_met = {});
	bool is_on() const { return on_; }
	// What was taken off is off.
	bool are_gone() const { return taken_off_.is_done(); }
	// Taking off goes on beside the caller's work. Returns how many places the kernel refused.
	std::size_t switch_to(bool on);
	// Now and then: goes on with what is to be taken off, and while they are off takes off what is hit for the
	// first time. Returns whether something came back by itself.
	bool work();
	// Takes all off, and waits until they are.
	void detach();

private:
	// At some places of a file, let go together.
	struct Link {
		std::vector<UprobeSpot> spots;
		std::optional<std::size_t> wanted; // of them: as many as the kernel took the first time
		std::vector<Uprobe> probes;        // empty while they are off
	};
	struct Group {
		UprobeKind kind;
		const bpf_program *program;
		UniqueFd file;
		IsMet is_met;
		Link switched;
		std::vector<Link> idle; // never hit: on, or soon
	};
	static std::size_t attach(const Group &group, Link *link);
	static std::size_t add_idle(std::vector<UprobeSpot> spots, Group *group);
	void take_off(Group *group);
	void part(Group *group);

	bool on_ = true;
	std::vector<Uprobe> kept_;
	std::vector<Group> switchable_;
	UprobeDisposal taken_off_;
};

} // namespace neuroperf::collector
