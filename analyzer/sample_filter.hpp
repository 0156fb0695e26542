// SPDX-License-Identifier: Apache-2.0
// Which part of a recording a report is about.
#pragma once

#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

#include "analyzer/layers.hpp"
#include "analyzer/threads.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

// As the user says it. Empty: everything.
struct FilterOptions {
	std::string process{}; // name or pid
	std::string thread{};  // name or tid
	std::string time{};  // "FROM,TO" in seconds of the recording's clock, or after its start: "+0.5,+2"; either may
			     // be empty
	std::string layer{}; // regular expression: samples inside such layers, and these layers
	std::string event{}; // whose samples make up functions and flame graph; empty: the first that samples code
};

class SampleFilter {
public:
	static Result<SampleFilter> make(const FilterOptions &options);

	bool has_thread(const Threads &threads, ThreadId thread) const
	{
		return (process_.empty() && thread_.empty()) || names_thread(threads, thread);
	}
	// `first_ns`: the recording's first time.
	TimeWindow window(uint64_t first_ns) const
	{
		return {bound(from_, first_ns, 0), bound(to_, first_ns, UINT64_MAX)};
	}
	bool by_layer() const { return layer_.has_value(); }
	bool has_layer(const std::string &name) const { return !layer_ || std::regex_search(name, *layer_); }
	bool is_all() const { return process_.empty() && thread_.empty() && !by_time_ && !layer_; }

private:
	struct Bound {
		std::optional<uint64_t> ns;
		bool relative = false;
	};
	static bool parse_bound(std::string_view text, Bound *bound);
	static uint64_t bound(const Bound &given, uint64_t first_ns, uint64_t otherwise)
	{
		return !given.ns ? otherwise : *given.ns + (given.relative ? first_ns : 0);
	}
	bool names_thread(const Threads &threads, ThreadId thread) const;

	std::string process_, thread_;
	bool by_time_ = false;
	Bound from_, to_;
	std::optional<std::regex> layer_;
};

} // namespace neuroperf::analyzer
