// SPDX-License-Identifier: Apache-2.0
// Quality of several ranks as one list: what they say alike is said once, with the ranks that say it.
//
// Sentences that differ in their numbers alone are alike; the one with the largest value is shown, and whose it is.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::analyzer {

class MergedQuality {
public:
	void add(uint64_t rank, const std::vector<QualityItem> &items);
	// Worst first. `all`: how many ranks there are.
	std::vector<QualityItem> items(std::size_t all) const;

private:
	struct Group {
		QualityItem most;
		uint64_t rank_of_most = 0;
		bool same_text = true;
		std::vector<uint64_t> ranks;
	};
	std::vector<Group> groups_; // in the order in which they came
	std::map<std::tuple<Severity, std::string, std::string>, std::size_t> index_;
};

// "0-3, 7"
std::string ranks_text(const std::vector<uint64_t> &ranks);

} // namespace neuroperf::analyzer
