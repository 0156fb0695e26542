// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/gate_text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "viewer/render/display_text.hpp"
#include "viewer/render/format_value.hpp"
#include "viewer/render/text_table.hpp"

namespace neuroperf::viewer {

using namespace analyzer;

namespace {

std::string what_changed(const GateRow &row, bool unicode)
{
	switch (row.change) {
	case GateChange::layer_missing:
		return "layer is missing";
	case GateChange::layer_new:
		return "layer is new";
	case GateChange::changed:
		break;
	}
	return printable(row.metric.title.empty() ? row.metric.key : row.metric.title, unicode);
}

// The sign as a character, so that nothing depends on colour.
std::string difference_text(const GateRow &row, bool unicode)
{
	if (row.change != GateChange::changed)
		return "";
	if (is_absent(row.difference))
		return "n/a";
	const char *sign = row.direction > 0 ? "+" : row.direction < 0 ? "-" : "";
	return sign + format_cell(row.difference, row.metric, unicode);
}

std::string side_text(const GateRow &row, const Cell &cell, bool unicode)
{
	return row.change == GateChange::changed ? format_cell(cell, row.metric, unicode) : "";
}

TextTable difference_table(const GateResult &result, std::size_t shown, bool unicode)
{
	TextTable table;
	table.columns = {{"layer", true, 9},     {"kind", true, 1},       {"metric", true, 8},
			 {"baseline", false, 6}, {"candidate", false, 7}, {"difference", false, 5}};
	for (std::size_t i = 0; i < shown; i++) {
		const GateRow &row = result.rows[i];
		const bool total = row.layer.empty() && row.kind.empty();
		table.rows.push_back({total ? "(total)" : printable(row.layer, unicode), printable(row.kind, unicode),
				      what_changed(row, unicode), side_text(row, row.baseline, unicode),
				      side_text(row, row.candidate, unicode), difference_text(row, unicode)});
	}
	return table;
}

std::string verdict(const GateResult &result, const TextStyle &style)
{
	const std::string compared =
		fmt::format("{} {} and {} {} compared exactly", format_count(result.layers_compared),
			    result.layers_compared == 1 ? "layer" : "layers", format_count(result.values_compared),
			    result.values_compared == 1 ? "value" : "values");
	const auto coloured = [&](const char *code, const char *word) {
		return style.colour ? fmt::format("\x1b[{}m{}\x1b[0m", code, word) : std::string(word);
	};
	switch (result.outcome) {
	case GateOutcome::pass:
		return coloured("1;36", "PASS") + ": " + compared + ", no difference";
	case GateOutcome::regression:
		return coloured("1;31", "REGRESSION") + ": " + compared + ", " + format_count(result.rows.size()) +
		       (result.rows.size() == 1 ? " difference" : " differences");
	case GateOutcome::inconclusive:
		break;
	}
	return coloured("1;33", "INCONCLUSIVE") + ": " + compared + ", but the reports cannot answer the question";
}

} // namespace

std::string render_gate(const GateResult &result, const TerminalOptions &options)
{
	const TextStyle style{options.width, options.colour, options.unicode};
	std::string out;
	if (!result.rows.empty()) {
		const std::size_t all = result.rows.size();
		const std::size_t shown = options.top ? std::min(all, options.top) : all;
		const LaidOutTable table = lay_out(difference_table(result, shown, options.unicode), style);
		out += table.text;
		if (shown < all)
			out += fmt::format("and {} more\n", format_count(all - shown));
		if (!table.left_out.empty())
			out += fmt::format("columns not shown at this width: {}\n", fmt::join(table.left_out, ", "));
		out += "\n";
	}
	for (const std::string &reason : result.reasons)
		for (const std::string &line : wrap(printable(reason, options.unicode), options.width))
			out += line + "\n";
	return out + verdict(result, style) + "\n";
}

} // namespace neuroperf::viewer
