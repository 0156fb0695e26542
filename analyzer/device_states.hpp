// SPDX-License-Identifier: Apache-2.0
// States and values of devices, as their drivers' events tell them: power states, clocks, fill levels. Each holds until
// the next one; what was before the first one is not known.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <string>

#include "analyzer/driver_events.hpp"
#include "analyzer/layers.hpp"

namespace neuroperf::analyzer {

class DeviceStates {
public:
	struct Of { // what has the state or value
		std::string driver, device, engine, quantity, unit;
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
		double sum = 0; // value times ns
		double mean() const { return sum / static_cast<double>(known_ns); }
	};

	explicit DeviceStates(const DriverEvents &drivers) : drivers_(drivers) {}

	void set_window(const TimeWindow &window) { window_ = window; }
	void take(const JobEvent &event, uint64_t time_ns);
	// Events are missing: nothing is known until the next one.
	void lost(uint64_t time_ns) { finish(time_ns); }
	void finish(uint64_t time_ns);

	const std::map<Of, std::map<std::string, Stays>> &states() const { return states_; }
	const std::map<Of, Values> &values() const { return values_; }

private:
	static constexpr std::size_t kMost = 4096; // of each: more are no device

	struct Current {
		std::string state;
		uint64_t value = 0, since_ns = 0;
	};
	uint64_t inside(uint64_t from_ns, uint64_t to_ns) const;
	void close(const Of &of, const Current &current, uint64_t time_ns);

	const DriverEvents &drivers_;
	TimeWindow window_;
	std::map<Of, Current> current_;
	std::map<Of, std::map<std::string, Stays>> states_;
	std::map<Of, Values> values_;
};

} // namespace neuroperf::analyzer
