// SPDX-License-Identifier: Apache-2.0
// Reports made by hand for the tests of the renderers, the JSON file and the gate, and names meant to break them.
#pragma once

#include <string>
#include <vector>

#include "analyzer/report.hpp"

namespace neuroperf::test {

using namespace analyzer;

inline Metric metric(const char *key, const char *unit, Provenance provenance = Provenance::measured,
		     bool deterministic = false)
{
	const std::string title = key;
	return {key, title.substr(0, title.find("_ns")), unit, Better::lower, provenance, *unit != 0, deterministic};
}

inline EnergyEstimate energy(double pj)
{
	return {pj, pj / 4, pj * 2, {{"synaptic_event", 1000, pj / 1000, pj / 4000, pj / 500}}};
}

inline std::vector<Metric> layer_columns()
{
	return {metric("name", "", Provenance::told),
		metric("kind", "", Provenance::told),
		metric("calls", "count", Provenance::measured, true),
		metric("total_ns", "ns"),
		metric("self_ns", "ns"),
		metric("min_ns", "ns"),
		metric("p50_ns", "ns"),
		metric("p95_ns", "ns"),
		metric("p99_ns", "ns"),
		metric("max_ns", "ns"),
		metric("spikes", "count", Provenance::told, true),
		metric("synops", "count", Provenance::told, true),
		metric("macs", "count", Provenance::told, true),
		metric("energy", "pJ", Provenance::modelled)};
}

inline std::vector<Cell> layer(const std::string &name, uint64_t size)
{
	const auto n = [&](uint64_t value) { return Cell(value); };
	return {name,         std::string("lif"),
		n(100),       n(size * 100),
		n(size * 90), n(size / 2),
		n(size),      n(size * 2),
		n(size * 3),  n(size * 4),
		n(size * 7),  n(size * 49),
		Cell(),       energy(double(size) * 5)};
}

inline Report sample_report()
{
	Report report;
	report.meta = {{metric("program", "", Provenance::told), std::string("./net")},
		       {metric("option_energy_model", ""), std::string("generic-45nm")}};
	report.quality = {{Severity::notice, "clock_fallback", "Samples come from the software clock.", "", Cell()},
			  {Severity::warning, "unresolved", "A share of the samples has no symbol.",
			   "Install debug symbols.", 0.25}};
	report.totals = {{metric("samples", "count"), uint64_t{4208}},
			 {metric("layer_calls", "count", Provenance::measured, true), uint64_t{200}},
			 {metric("spikes", "count", Provenance::told, true), uint64_t{21000}},
			 {metric("synops", "count", Provenance::told, true), Cell()},
			 {metric("lost", "count"), uint64_t{0}},
			 {metric("energy", "pJ", Provenance::modelled), energy(1.23e6)}};
	report.tables.push_back({"layers", "Layers", layer_columns(), {layer("conv1", 2000), layer("lif1", 1000)}});
	report.tables.push_back({"inferences",
				 "Inferences",
				 {metric("name", ""), metric("rate", "1/s")},
				 {{std::string("all"), 1234.5}}});
	report.tables.push_back({"functions",
				 "Functions",
				 {metric("symbol", ""), metric("module", ""), metric("self_samples", "count"),
				  metric("total_samples", "count"), metric("share", "share", Provenance::derived)},
				 {{std::string("main"), std::string("net"), uint64_t{17}, uint64_t{4208}, 0.123}}});
	report.tables.push_back({"threads", "Threads", {metric("name", ""), metric("samples", "count")}, {}});
	return report;
}

inline std::vector<std::string> hostile_names()
{
	return {"</script><img src=x onerror=alert(1)>",
		"operator<<(std::ostream&, char const*)",
		"a;b",
		"q\"uote\\back",
		"名前::スパイク",
		std::string("nul\0byte", 8),
		"\x1b[31mred\r\n",
		"bad\xff\xfe utf8 \xe5\x90",
		"over\xe2\x80\xaeride",
		"]]>&lt;'",
		"\xef\xbf\xbe noncharacter",
		"\xc2\x9b"
		"31m C1",
		"",
		std::string(4096, 'x')};
}

inline Report hostile_report()
{
	Report report = sample_report();
	Flame &flame = report.flame;
	flame.add(0, FrameKind::root, "./net", 0, 1400);
	for (const std::string &name : hostile_names()) {
		report.meta.push_back({metric("note", ""), name});
		report.quality.push_back({Severity::info, "note", name, name, name});
		for (Table &table : report.tables) {
			std::vector<Cell> row(table.columns.size());
			row[0] = name;
			table.rows.push_back(row);
		}
		flame.add(0, FrameKind::layer, name, 40, 100);
		const auto above = static_cast<uint32_t>(flame.nodes.size() - 1);
		flame.add(above, FrameKind::kernel, name, 60, 60);
	}
	return report;
}

} // namespace neuroperf::test
