// SPDX-License-Identifier: Apache-2.0
// Columns of tables for the states of threads: times, or counts.
#pragma once

#include <string>
#include <vector>

#include "analyzer/report.hpp"
#include "analyzer/thread_states.hpp"

namespace neuroperf::analyzer {

inline Metric state_column(ThreadState state)
{
	const StateInfo &about = info(state);
	return {std::string(about.key) + "_ns",
		std::string(about.name),
		"ns",
		Better::lower,
		Provenance::measured,
		false,
		false,
		state != ThreadState::on_cpu};
}

// All recorded ones behind on_cpu, in their order.
inline void append_state_columns(const RecordedStates &recorded, std::vector<Metric> *columns)
{
	for (std::size_t i = 1; i < kThreadStates; i++)
		if (recorded.has(thread_state(i)))
			columns->push_back(state_column(thread_state(i)));
}

} // namespace neuroperf::analyzer
