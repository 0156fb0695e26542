// SPDX-License-Identifier: Apache-2.0
// The processes that are attached to, as they come and go: those that were named, the children that they fork, those
// of a list that is asked for again and again (a control group, the machine); and the programs that they start.
//
// Of children and programs the kernel tells at once (ProcessNotices). Where it does not, they are looked for in /proc
// once a second.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "collector/attached_events.hpp"
#include "collector/attached_process.hpp"
#include "collector/process_notices.hpp"

namespace neuroperf::collector {

class AttachedProcesses {
public:
	AttachedProcesses(AttachedTarget target, Attaching *to) : target_(std::move(target)), to_(to) {}

	// Has the kernel tell of new processes, if it can. Returns the map of those that are followed, -1 if it cannot.
	int open_notices();
	// Attaches to all that are there. Fails if one that was named is not.
	Status open();
	// What the kernel has told since, and processes that are still starting a program. Costs nothing otherwise.
	void follow_up();
	void rescan();
	// Takes all probes away, from children that were forked meanwhile too.
	void detach();

	AttachedProcess *find(uint32_t pid);
	bool any() const; // alive
	int descriptor() const { return notices_ ? notices_->descriptor() : -1; }
	const std::string &why_not_at_once() const { return why_not_at_once_; }

private:
	// A process that has started a program maps the program's libraries in the next moments.
	struct Starting {
		uint64_t next_look_ns, wait_ns;
	};
	void look_at(int pid);
	void look_at_child(const ProcessNotice &notice);
	bool is_due(int pid, const AttachedProcess &process) const;
	void look_at_starting();
	void look_at_list();
	void find_children();
	void forget_the_gone();
	void mend_everybody();

	AttachedTarget target_;
	Attaching *to_;
	std::optional<ProcessNotices> notices_;
	std::string why_not_at_once_;
	std::unordered_map<int, AttachedProcess> processes_;
	std::unordered_map<int, Starting> starting_;
	uint64_t rescans_ = 0;
	std::set<int> children_before_; // forked before we came, where the kernel does not tell of children
};

} // namespace neuroperf::collector
