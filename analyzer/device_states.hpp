// SPDX-License-Identifier: Apache-2.0
// States and values of devices, as their drivers' events tell them: power states, clocks, fill levels. Each holds until
// the next one; what was before the first one is not known.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "analyzer/driver_events.hpp"
#include "analyzer/layers.hpp"

namespace neuroperf::analyzer {

class DeviceStates {
public:
	struct Of { // what has the state or value
		std::string driver, device, engine, quantity, unit;
		bool of_host = false; // by events that one recorder has for all ranks on the host
		auto operator<=>(const Of &) const = default;
	};
	struct Stays {
		uint64_t times = 0, total_ns = 0;
	};
	struct Values {
		uint64_t told = 0; // how often
		uint64_t least =
			std::numeric_limits<uint64_t>::max(); // from here on of those that held inside the window
		uint64_t most = 0, last = 0;
		uint64_t known_ns = 0;
		double sum = 0;       // value times ns
		uint64_t last_ns = 0; // since when it was the last
		double mean() const { return sum / static_cast<double>(known_ns); }
	};

	using AllStates = std::map<Of, std::map<std::string, Stays>>;
	using AllValues = std::map<Of, Values>;

	// `host_events`: names of events that are `of_host`.
	explicit DeviceStates(const DriverEvents &drivers, std::set<std::string> host_events = {})
		: drivers_(drivers), host_events_(std::move(host_events))
	{
	}

	void set_window(const TimeWindow &window) { window_ = window; }
	void take(const JobEvent &event, uint64_t time_ns);
	// Events are missing: nothing is known until the next one.
	void lost(uint64_t time_ns) { finish(time_ns); }
	// From now on another recorder may have what is `of_host`.
	void leave_host(uint64_t time_ns);
	void finish(uint64_t time_ns);

	const AllStates &states() const { return states_; }
	const AllValues &values() const { return values_; }

private:
	static constexpr std::size_t kMost = 4096; // of each: more are no device

	struct Current {
		std::string state;
		uint64_t value = 0, since_ns = 0;
	};
	uint64_t inside(uint64_t from_ns, uint64_t to_ns) const;
	void close(const Of &of, const Current &current, uint64_t time_ns);

	const DriverEvents &drivers_;
	std::set<std::string> host_events_;
	TimeWindow window_;
	std::map<Of, Current> current_;
	AllStates states_;
	AllValues values_;
};

} // namespace neuroperf::analyzer
