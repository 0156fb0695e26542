// SPDX-License-Identifier: Apache-2.0
// How many times what the trial told (probe_cost.hpp) hits cost where the recorded programs are: they leave caches less
// full of the kernel's path to a probe, and of the BPF program behind it.
//
// The kernel's part cannot be timed, the BPF program's can: of some hits it takes its own time, in the trial and from
// then on. That the kernel's part gets longer by as much is taken to be so (docs/runtimes.md has how far it is).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "collector/probe_cost.hpp"

namespace neuroperf::collector {

class InPlaceCost {
public:
	// Until enough hits have told: in ONNX Runtime, inferences got longer by 1.4 to 2.2 times what was measured.
	static constexpr double kUsual = 2.2;
	static constexpr double kLeast = 1, kMost = 4;

	void set_trial(const ProgramTimes &trial) { trial_ = trial; }
	// All that the program has timed since.
	void set_in_place(const ProgramTimes &in_place);

	double of(HitClass::At at) const { return factors_[static_cast<std::size_t>(at)]; }
	// Of all kinds of hits, as often as each was met; nothing while too few have told.
	std::optional<double> overall() const;

private:
	ProgramTimes trial_{}, in_place_{};
	std::array<double, NP_TIMED_KINDS> factors_{kUsual, kUsual, kUsual, kUsual};
};

} // namespace neuroperf::collector
