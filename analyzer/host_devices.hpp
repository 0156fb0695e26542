// SPDX-License-Identifier: Apache-2.0
// States and values of devices as the ranks on one host recorded them, each moment once.
//
// Of events that one recorder had for all, its recording has one time, and that of who took over another: these are
// added up. What was before the first event after that is not known. Of other events each rank's recording may have
// all: those of the first rank that has them count.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <utility>

#include "analyzer/device_states.hpp"
#include "analyzer/report.hpp"
#include "analyzer/report_builder.hpp"

namespace neuroperf::analyzer {

class HostDevices {
public:
	// In the order of the ranks. `host`: index of the first rank on the same host.
	void add(std::size_t host, uint64_t rank, const RecordingReport &recording);
	// Appends the rows of tables, beside the rank whose recording has them, or the first of several.
	void append_to(Table *states, Table *values) const;

private:
	struct Source {
		uint64_t rank = 0, election = 0; // 0: none
	};
	// Of what the rank has, or is the first to have.
	struct OfRank {
		uint64_t first_ns = 0, last_ns = 0;
		DeviceStates::AllStates states;
		DeviceStates::AllValues values;
	};
	OfRank *place_of(std::size_t host, uint64_t rank, const DeviceStates::Of &of, const RecordingReport &recording);

	std::map<std::pair<std::size_t, DeviceStates::Of>, Source> sources_;
	std::map<std::pair<std::size_t, uint64_t>, OfRank> ranks_; // by host
};

} // namespace neuroperf::analyzer
