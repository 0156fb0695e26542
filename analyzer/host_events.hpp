// SPDX-License-Identifier: Apache-2.0
// Events that are the host's and of no process (states and clocks of devices): of the ranks of a job one recorder has
// them, for all on its host. Which recording has them, from when to when, and when none has.
//
// Times are those of the host's clock (CLOCK_MONOTONIC), ns.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

constexpr const char *kHostEvents = "host_events"; // the code of what quality says of them

// What one recording says.
struct HostEventsShare {
	uint64_t election = 0; // alike in all recordings whose recorders agreed upon one
	uint64_t joined_ns = 0, left_ns = 0;
	bool was_cut = false;              // left_ns is the end of what was published
	uint64_t from_ns = 0;              // has them from then on; 0: never
	uint64_t others = 0;               // that had them before
	std::optional<uint64_t> rank, pid; // the last one of these

	bool has_any() const { return from_ns != 0; }
};

// Nothing where there was no election. `stats`: of the recorder; `first_ns`, `last_ns`: of the recording.
std::optional<HostEventsShare> host_events_share(const std::map<std::string, uint64_t> &stats, uint64_t first_ns,
						 uint64_t last_ns);

// What is to be known of one recording.
QualityItem host_events_item(const HostEventsShare &share, uint64_t first_ns);

// The same of all recordings of a report.
class MergedHostEvents {
public:
	void add(uint64_t rank, const std::string &host, const HostEventsShare &share);
	std::vector<QualityItem> items() const;

private:
	using OfRank = std::pair<uint64_t, HostEventsShare>;
	struct Election {
		std::string host;
		std::vector<OfRank> ranks;

		std::vector<OfRank> holders() const;
	};
	static QualityItem item(const Election &election);

	std::map<uint64_t, Election> elections_;
};

} // namespace neuroperf::analyzer
