// SPDX-License-Identifier: Apache-2.0
// How many times what the trial told (probe_cost.hpp) hits cost where the recorded programs are: they leave caches less
// full of the kernel's path to a probe, and of the BPF program behind it.
//
// The kernel's part cannot be timed, the BPF program's can: of some hits it takes its own time, in the trial and from
// then on. The kernel's part gets longer by as much or a little more (docs/runtimes.md has what programs lost). The
// single step of an instruction, which takes ten times as long, does not.
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
	// What programs have lost was 0.9 to 1.2 times what their hits told: a budget is to be kept.
	static constexpr double kMargin = 1.2;

	void set_trial(const ProgramTimes &trial) { trial_ = trial; }
	// All that the program has timed since.
	void set_in_place(const ProgramTimes &in_place);

	// With the margin, as the next one.
	double of(HitClass::At at) const { return factors_[static_cast<std::size_t>(at)]; }
	double reckoned() const;
	// As hits have told, of all kinds as often as each was met; nothing while too few have.
	std::optional<double> told() const;
	// What single hits cost there, from what they cost in the trial: as it was while too few have told.
	ProbeCosts costs(const ProbeCosts &trial) const;

private:
	double told_of(HitClass::At at) const;

	ProgramTimes trial_{}, in_place_{};
	std::array<double, NP_TIMED_KINDS> factors_{kUsual, kUsual, kUsual, kUsual};
};

} // namespace neuroperf::collector
