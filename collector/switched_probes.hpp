// SPDX-License-Identifier: Apache-2.0
// Probes at many places of files, of which some can be taken off and put back while the others stay.
//
// The kernel takes some 30 us for each place, and holds up the program meanwhile; a file may have thousands of which a
// program calls a few dozens. So only those are switched that have been hit. Places are let go of by links: before one
// goes of which some have been hit, its others get a second probe in a new link, for which the kernel need not touch
// the program, and which stays, since it costs nothing. For a moment two are at those places; the program behind them
// is told which one counts.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "collector/uprobe.hpp"
#include "collector/uprobe_disposal.hpp"
#include "recording/unique_fd.hpp"

struct bpf_program;

namespace neuroperf::collector {

// What the program behind the probes makes of their cookies.
struct ProbeCookies {
	std::function<bool(uint64_t cookie)> is_met; // its place has been hit; empty: all have
	std::function<uint64_t(uint64_t cookie)> other = [](uint64_t cookie) { return cookie; }; // of a second probe
	std::function<void(uint64_t cookie)> count = [](uint64_t) {}; // from now on, and not its other
};

class SwitchedProbes {
public:
	// Attaches; returns how many places the kernel took. Those that are `switchable` wait until they are on.
	std::size_t add(UprobeKind kind, const bpf_program *program, int file, std::vector<UprobeSpot> spots,
			bool switchable, ProbeCookies cookies = {}, bool droppable = false);
	bool is_on() const { return on_; }
	// What was taken off is off.
	bool are_gone() const { return taken_off_.is_done(); }
	// Taking off goes on beside the caller's work. Returns how many places the kernel refused since the last time.
	std::size_t switch_to(bool on);
	// Takes those off for good that are switchable and whose cookies it is true of.
	void remove(const std::function<bool(uint64_t cookie)> &is_one);
	// Takes those off for good that are switchable and droppable.
	void drop();
	// Now and then: goes on with what is to be taken off, and while they are off takes off what is hit for the
	// first time.
	void work();
	// At how many places the program was changed since this was asked.
	std::size_t take_switched() { return std::exchange(switched_, 0); }
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
		ProbeCookies cookies;
		Link switched;
		std::vector<Link> idle; // on, and never hit
		bool droppable = false;
	};
	static std::size_t attach(const Group &group, Link *link);
	static std::size_t add_idle(std::vector<UprobeSpot> spots, Group *group);
	Link take_over(const Group &group, std::vector<UprobeSpot> spots, bool had_all);
	void take_off(Group *group);
	void part(Group *group);

	bool on_ = true;
	std::size_t switched_ = 0, refused_ = 0;
	std::vector<Uprobe> kept_;
	std::vector<Group> switchable_;
	UprobeDisposal taken_off_;
};

} // namespace neuroperf::collector
