// SPDX-License-Identifier: Apache-2.0
// What the kernel says about a PMU in /sys/bus/event_source/devices/<pmu>: its type number, where the fields of its
// events stand in config, config1, config2 (format/), its named events (events/), and the CPUs that it counts on.
// Documentation/ABI/testing/sysfs-bus-event_source-devices-{events,format} of Linux.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "collector/event_grammar.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// A field: the set bits of `mask`, lowest first, whatever the order of the text ("config:0-7,32-35").
struct PmuField {
	unsigned word = 0; // 0 to 2: config, config1, config2
	uint64_t mask = 0;

	uint64_t max_value() const;
	uint64_t place(uint64_t value) const; // the value's bits where they belong
};
std::optional<PmuField> parse_pmu_field(std::string_view text);

// An event that the kernel names: the terms it stands for, and what a count of it means.
struct PmuAlias {
	std::vector<EventTerm> terms;
	std::string unit;
	double scale = 1;
};

class PmuFolder {
public:
	static std::vector<std::string> list(const std::string &devices); // names of all PMUs, sorted

	// A name of list(), never a text of the user's.
	static Result<PmuFolder> open(const std::string &devices, const std::string &name);

	const std::string &name() const { return name_; }
	uint32_t type() const { return type_; }
	const std::vector<unsigned> &cpus() const { return cpus_; } // empty: all of them
	const PmuField *find_field(std::string_view name) const;
	std::vector<std::string> field_names() const;

	// Cheaper than opening it.
	static bool names_event(const std::string &devices, const std::string &pmu, const std::string &event);

	// As the kernel spells it; case does not matter. Empty: the PMU has no such event.
	std::string find_alias_name(std::string_view name) const;
	Result<PmuAlias> read_alias(const std::string &name) const; // a name that find_alias_name() returned
	const std::vector<std::string> &alias_names() const { return aliases_; }

private:
	std::string path_, name_;
	uint32_t type_ = 0;
	std::map<std::string, PmuField, std::less<>> fields_;
	std::vector<std::string> aliases_;
	std::vector<unsigned> cpus_;
};

} // namespace neuroperf::collector
