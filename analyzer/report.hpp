// SPDX-License-Identifier: Apache-2.0
// The report: everything neuroperf has to say about one recording, as data.
//
// Terminal, JSON, flame graphs and the gate read this and nothing else, and none of them computes a number of its own:
// a figure that is not in the Report is not shown. The analyzer fills it (report_builder.hpp); what a renderer may do
// is choose rows, with Table::top.
//
// A cell that is absent (std::monostate) is shown as n/a or null, never as 0, and a quality item gives the reason.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace neuroperf::analyzer {

// Where a number comes from. `told`: the program said so (facts of a layer).
enum class Provenance { measured, derived, apportioned, modelled, told };
enum class Better { lower, higher, neither };

std::string_view to_string(Provenance provenance);
std::string_view to_string(Better better);

// One product "count of an operation x energy of one operation" of an energy estimate.
struct EnergyTerm {
	std::string operation; // name in the energy model: "synaptic_event", "neuron_update", "mac", "spike"
	uint64_t count = 0;
	double pj_each = 0, low_pj_each = 0, high_pj_each = 0;
	bool operator==(const EnergyTerm &) const = default;
};

// Modelled energy in picojoules with its range: the sum of the terms.
struct EnergyEstimate {
	double pj = 0, low_pj = 0, high_pj = 0;
	std::vector<EnergyTerm> terms;
	bool operator==(const EnergyEstimate &) const = default;
};

using Cell = std::variant<std::monostate, uint64_t, double, std::string, EnergyEstimate>;

inline bool is_absent(const Cell &cell)
{
	return std::holds_alternative<std::monostate>(cell);
}

// Absent and text cells add nothing: a sum of nothing but absent cells is absent.
void add_cell(Cell &sum, const Cell &more);

// What a column of a table (or an entry of a summary) means.
struct Metric {
	std::string key;   // name in JSON: "total_ns"
	std::string title; // heading in the terminal: "total"
	std::string unit;  // "" for text, else "count", "ns", "share" (0..1), "1/s", "pJ", "bytes"
	Better better = Better::neither;
	Provenance provenance = Provenance::measured;
	bool additive = false;      // rows may be summed: used for the "others" line
	bool deterministic = false; // equal in equal runs: the gate compares it exactly
	bool quiet = false;         // people need not see a column of zeros
};

// Rows in the order they should be shown, most important first. Every row has one cell per column.
struct Table {
	std::string id;    // name in JSON: "layers"
	std::string title; // "Layers"
	std::vector<Metric> columns;
	std::vector<std::vector<Cell>> rows;

	// The first `count` rows and, if any are left, one more that sums the additive columns of the rest, names
	// itself "others (N)" in the first column and leaves the other columns absent. count == 0: all rows.
	Table top(std::size_t count) const;
	// Index of a column, or -1.
	int column(std::string_view key) const;
	// Takes a column away, with its cells.
	void leave_out(std::string_view key);
};

struct SummaryEntry {
	Metric metric;
	Cell value;
};
using Summary = std::vector<SummaryEntry>;

// What a reader must know before believing the numbers, worst first. `remedy` may be empty.
enum class Severity { info, notice, warning, data_loss };
std::string_view to_string(Severity severity);

struct QualityItem {
	Severity severity = Severity::info;
	std::string code; // stable, for programs: "lost_events", "clock_fallback", "absent_macs"
	std::string text; // one sentence
	std::string remedy;
	Cell value; // the number behind the sentence, if it has one
};

// A tree of stacks with layers as frames above functions. Nodes stand in preorder: a parent before its children, and
// node 0 is the root, named after the program. Siblings stand in order of falling total.
// state and waker: of time off a CPU, what a thread waited for and who woke it; innermost.
enum class FrameKind { root, process, thread, layer, function, kernel, state, waker };
std::string_view to_string(FrameKind kind);

struct FlameNode {
	uint32_t parent = 0; // index; the root is its own parent
	FrameKind kind = FrameKind::root;
	uint32_t name = 0;  // index into Flame::names
	uint64_t self = 0;  // samples that ended here
	uint64_t total = 0; // samples here and below
};

struct Flame {
	std::string metric = "samples";
	std::vector<std::string> names; // unescaped, may hold any byte
	std::vector<FlameNode> nodes;

	const std::string &name(const FlameNode &node) const { return names[node.name]; }
	void add(uint32_t parent, FrameKind kind, std::string name, uint64_t self, uint64_t total)
	{
		nodes.push_back({parent, kind, static_cast<uint32_t>(names.size()), self, total});
		names.push_back(std::move(name));
	}
};

struct Report {
	Summary meta;
	std::vector<QualityItem> quality;
	Summary totals;
	std::vector<Table> tables; // "layers", "inferences", "functions", "threads"
	Flame flame;

	const Table *table(std::string_view id) const;
	// True if a quality item says that data is missing: counts may then be too low.
	bool lossy() const;
};

} // namespace neuroperf::analyzer
