// SPDX-License-Identifier: Apache-2.0
// Holds all threads of a process, as long as this lives: by ptrace, see held_thread.hpp.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "collector/held_thread.hpp"

namespace neuroperf::collector {

class HeldProcess {
public:
	// Waits until they have stopped, for 50 ms at most. `stopping`: where those go in the end that had not stopped
	// by then, to be asked again (HeldThread::release); must stay.
	HeldProcess(pid_t process, std::vector<std::unique_ptr<HeldThread>> *stopping);
	~HeldProcess();
	HeldProcess(const HeldProcess &) = delete;
	HeldProcess &operator=(const HeldProcess &) = delete;

	// All of them are.
	bool held() const { return held_; }

private:
	std::size_t ask(pid_t process);

	std::set<pid_t> known_;
	std::vector<std::pair<pid_t, std::unique_ptr<HeldThread>>> threads_;
	std::vector<std::unique_ptr<HeldThread>> &stopping_;
	bool held_ = true;
};

} // namespace neuroperf::collector
