// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/terminal.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "viewer/render/display_text.hpp"
#include "viewer/render/format_value.hpp"
#include "viewer/render/text_table.hpp"

namespace neuroperf::viewer {

using namespace analyzer;

namespace {

// Columns that give way where the line is too short, least important first. What is not listed goes before these.
constexpr std::array kKeepOrder = {
	"recording",
	"clock_error_ns",
	"clock_offset_ns",
	"begin_ns",
	"start_ns",
	"min_ns",
	"max_ns",
	"mean_ns",
	"p95_ns",
	"module",
	"host",
	"min_rank",
	"self_min_ns",
	"ranks",
	"inference_ns",
	"inferences",
	"lost",
	"quality",
	"exchange_share",
	"cpu_ns",
	"at_ns",
	"samples_inside",
	"depth_mean",
	"device",
	"source",
	"queue_p95_ns",
	"run_p95_ns",
	"in_flight",
	"depth_max",
	"queue_p99_ns",
	"run_p99_ns",
	"confidence",
	"kind",
	"share",
	"user_ns",
	"kernel_ns",
	"page_fault_ns",
	"unknown_ns",
	"stuck",
	"failed",
	"driver",
	"utilisation",
	"queue_p50_ns",
	"run_p50_ns",
	"queue_total_ns",
	"run_total_ns",
	"jobs",
	"probe_cost_ns",
	"functions_stepped",
	"functions",
	"functions_attached",
	"places",
	"places_found",
	"share_of_wall",
	"share_of_cpu",
	"macs",
	"self_ns",
	"p50_ns",
	"p99_ns",
	"synops",
	"spikes",
	"self_samples",
	"cost_ns",
	"hits",
	"energy",
	"calls",
	"total_ns",
	"on_cpu_ns",
	"total_samples",
	"self_mean_ns",
	"self_max_ns",
	"slowest_rank",
	"imbalance",
	"compute_ns",
	"exchange_ns",
	"mostly",
	"cpu_ns",
	"wall_ns",
};
// Below this width tables show energy without its range; the totals and JSON have it.
constexpr unsigned kWidthForRanges = 120;

constexpr int kKeepStep = 100;

int keep_of(const std::string &key)
{
	const auto *found = std::find(kKeepOrder.begin(), kKeepOrder.end(), key);
	return found == kKeepOrder.end() ? 0 : kKeepStep * (static_cast<int>(found - kKeepOrder.begin()) + 1);
}

uint64_t sum_of(const Table &table, std::size_t column)
{
	uint64_t sum = 0;
	for (const std::vector<Cell> &row : table.rows)
		if (const auto *value = column < row.size() ? std::get_if<uint64_t>(&row[column]) : nullptr)
			sum += *value;
	return sum;
}

// Of parts of a whole (states of threads) those that hold much of it: around the time on a CPU.
int keep_of_part(const Table &table, std::size_t column)
{
	uint64_t all = 0;
	for (std::size_t c = 0; c < table.columns.size(); c++)
		all += table.columns[c].quiet ? sum_of(table, c) : 0;
	const double share = all > 0 ? static_cast<double>(sum_of(table, column)) / static_cast<double>(all) : 0;
	return keep_of("on_cpu_ns") + static_cast<int>(kKeepStep * (share - 0.5));
}

const char *severity_colour(Severity severity)
{
	switch (severity) {
	case Severity::data_loss:
		return "\x1b[1;31m";
	case Severity::warning:
		return "\x1b[33m";
	case Severity::notice:
		return "\x1b[36m";
	case Severity::info:
		break;
	}
	return "\x1b[2m";
}

std::string severity_word(Severity severity)
{
	std::string word(to_string(severity));
	std::replace(word.begin(), word.end(), '_', ' ');
	return word;
}

class TerminalReport {
public:
	TerminalReport(const Report &report, const TerminalOptions &options)
		: report_(report), top_(options.top), style_{options.width, options.colour, options.unicode}
	{
	}

	std::string render()
	{
		write_quality();
		write_summary("Recording", report_.meta, false);
		write_summary("Totals", report_.totals, true);
		for (const Table &table : report_.tables)
			write_table(table);
		return out_.empty() ? "The report is empty: the recording holds no data.\n" : std::move(out_);
	}

private:
	void heading(const std::string &title)
	{
		if (!out_.empty())
			out_ += "\n";
		out_ += bold(printable(title, style_.unicode), style_) + "\n";
	}

	// Lines of `text` after `label`, wrapped under their own start; below the label where the line is too short.
	void paragraph(const std::string &label, std::size_t indent, const std::string &text)
	{
		constexpr std::size_t kLeastRoom = 10;
		std::string lead = label;
		if (style_.width && style_.width < indent + kLeastRoom) {
			const std::size_t first = label.find_first_not_of(' ');
			if (first != std::string::npos)
				out_ += label.substr(first, label.find_last_not_of(' ') + 1 - first) + "\n";
			indent = std::min<std::size_t>(2, style_.width - 1);
			lead.assign(indent, ' ');
		}
		for (const std::string &line : wrap(text, style_.width ? style_.width - indent : 0)) {
			out_ += lead + line + "\n";
			lead.assign(indent, ' ');
		}
	}

	void write_quality()
	{
		if (report_.quality.empty())
			return;
		heading("Quality");
		std::vector<const QualityItem *> items;
		for (const QualityItem &item : report_.quality)
			items.push_back(&item);
		std::stable_sort(items.begin(), items.end(),
				 [](auto *a, auto *b) { return a->severity > b->severity; });
		constexpr std::size_t kIndent = 11; // "data loss" and a gap
		for (const QualityItem *item : items) {
			std::string word = severity_word(item->severity);
			const std::string gap(kIndent - std::min(word.size(), kIndent - 1), ' ');
			if (style_.colour)
				word = severity_colour(item->severity) + word + "\x1b[0m";
			paragraph(word + gap, kIndent, printable(item->text, style_.unicode));
			if (!item->remedy.empty())
				paragraph(std::string(kIndent, ' ') + (style_.unicode ? "→ " : "> "), kIndent + 2,
					  printable(item->remedy, style_.unicode));
		}
	}

	struct Entry {
		std::string title, value;
	};

	// Two entries a line where they fit, in reading order down the columns of a page: left, right, next line.
	void write_summary(const char *title, const Summary &summary, bool with_provenance)
	{
		if (summary.empty())
			return;
		heading(title);
		std::vector<Entry> entries;
		std::vector<Metric> metrics;
		std::size_t label = 0, value = 0;
		for (const SummaryEntry &entry : summary) {
			entries.push_back({printable(entry.metric.title, style_.unicode),
					   format_cell(entry.value, entry.metric, style_.unicode)});
			metrics.push_back(entry.metric);
			label = std::max(label, display_width(entries.back().title));
		}
		const std::size_t most = style_.width ? std::clamp<std::size_t>(style_.width / 3, 8, 24) : 24;
		label = std::min(label, most) + 2;
		const std::size_t half = std::min<std::size_t>(style_.width / 2, 60);
		value = half > label + 2 ? half - label - 2 : 0; // room for a value in half a line
		for (std::size_t i = 0; i < entries.size();) {
			const bool pair = i + 1 < entries.size() && display_width(entries[i].value) <= value &&
					  display_width(entries[i + 1].value) <= value;
			if (pair)
				write_pair(entries[i], entries[i + 1], label, half);
			else
				paragraph(labelled(entries[i].title, label), label, entries[i].value);
			i += pair ? 2 : 1;
		}
		if (with_provenance)
			write_provenance(metrics, {});
	}

	std::string labelled(const std::string &title, std::size_t width) const
	{
		const std::string shown = shorten_middle(title, width - 2, style_.unicode);
		return dim(shown, style_) + std::string(width - display_width(shown), ' ');
	}

	void write_pair(const Entry &left, const Entry &right, std::size_t label, std::size_t half)
	{
		out_ += labelled(left.title, label) + left.value;
		out_.append(half - label - display_width(left.value), ' ');
		out_ += labelled(right.title, label) + right.value + "\n";
	}

	void write_table(const Table &whole)
	{
		heading(whole.title);
		Table table = whole.top(top_);
		const std::vector<std::string> zeros = leave_out_zeros(whole, &table);
		if (table.rows.empty()) {
			out_ += dim("none", style_) + "\n";
			return;
		}
		TextTable text;
		for (std::size_t c = 0; c < table.columns.size(); c++)
			text.columns.push_back(text_column(table, c));
		for (const std::vector<Cell> &row : table.rows)
			text.rows.push_back(text_row(table, row));
		const LaidOutTable laid_out = lay_out(text, style_);
		out_ += laid_out.text;
		write_provenance(table.columns, laid_out.left_out);
		std::vector<std::string> left_out = laid_out.left_out;
		if (hides_ranges() && has_energy(table))
			left_out.emplace_back("range of energy");
		if (!left_out.empty())
			footnote("not shown at this width: " + joined(left_out));
		if (!zeros.empty())
			footnote("all 0: " + joined(zeros));
	}

	// Takes out what need not be seen where all rows have 0. Returns the titles.
	static std::vector<std::string> leave_out_zeros(const Table &whole, Table *shown)
	{
		std::vector<std::string> titles;
		for (std::size_t c = 0; c < whole.columns.size(); c++) {
			const auto is_zero = [c](const std::vector<Cell> &row) {
				return c < row.size() && row[c] == Cell(uint64_t{0});
			};
			if (!whole.columns[c].quiet || !std::all_of(whole.rows.begin(), whole.rows.end(), is_zero))
				continue;
			titles.push_back(whole.columns[c].title);
			shown->leave_out(whole.columns[c].key);
		}
		return titles;
	}

	bool hides_ranges() const { return style_.width != 0 && style_.width < kWidthForRanges; }

	static bool has_energy(const Table &table)
	{
		for (const std::vector<Cell> &row : table.rows)
			for (const Cell &cell : row)
				if (std::holds_alternative<EnergyEstimate>(cell))
					return true;
		return false;
	}

	std::string cell_text(const Cell &cell, const Metric &metric) const
	{
		const auto *energy = std::get_if<EnergyEstimate>(&cell);
		if (energy && hides_ranges())
			return format_cell(Cell(energy->pj), metric, style_.unicode);
		const auto *text = std::get_if<std::string>(&cell);
		if (text && metric.key == "module" && hides_ranges()) // paths would take the room of the names
			return printable(text->substr(text->rfind('/') + 1), style_.unicode);
		return format_cell(cell, metric, style_.unicode);
	}

	TextColumn text_column(const Table &table, std::size_t c) const
	{
		const Metric &metric = table.columns[c];
		TextColumn column;
		column.heading = printable(metric.title, style_.unicode);
		column.text = metric.unit.empty();
		// A column of nothing but n/a is the first to go.
		const bool known = std::any_of(table.rows.begin(), table.rows.end(), [&](const std::vector<Cell> &row) {
			return c < row.size() && !is_absent(row[c]);
		});
		column.keep = !known ? -1 : metric.quiet ? keep_of_part(table, c) : keep_of(metric.key);
		if (metric.provenance == Provenance::modelled)
			column.heading += " (modelled)";
		return column;
	}

	std::vector<std::string> text_row(const Table &table, const std::vector<Cell> &row) const
	{
		const bool others = &row == &table.rows.back() && top_ != 0 && table.rows.size() > top_;
		std::vector<std::string> out;
		for (std::size_t c = 0; c < table.columns.size(); c++) {
			const bool absent = c >= row.size() || is_absent(row[c]);
			// In the sum of other rows, what cannot be summed is not unknown: it has no meaning.
			if (absent && others && !table.columns[c].additive)
				out.emplace_back();
			else
				out.push_back(absent ? "n/a" : cell_text(row[c], table.columns[c]));
		}
		return out;
	}

	// "measured: calls, total; modelled: energy" for the columns that are shown and hold numbers.
	void write_provenance(const std::vector<Metric> &metrics, const std::vector<std::string> &left_out)
	{
		std::string line;
		for (Provenance provenance : {Provenance::measured, Provenance::told, Provenance::derived,
					      Provenance::apportioned, Provenance::modelled}) {
			std::vector<std::string> titles;
			for (const Metric &metric : metrics) {
				const std::string title = printable(metric.title, style_.unicode);
				const bool shown = std::none_of(left_out.begin(), left_out.end(), [&](const auto &out) {
					return out == title || out == title + " (modelled)";
				});
				if (metric.provenance == provenance && !metric.unit.empty() && shown)
					titles.push_back(title);
			}
			if (!titles.empty())
				line += (line.empty() ? "" : "; ") + std::string(to_string(provenance)) + ": " +
					joined(titles);
		}
		if (!line.empty())
			footnote(line);
	}

	static std::string joined(const std::vector<std::string> &words)
	{
		std::string out;
		for (const std::string &word : words)
			out += (out.empty() ? "" : ", ") + word;
		return out;
	}

	void footnote(const std::string &text)
	{
		for (const std::string &line : wrap(text, style_.width))
			out_ += dim(line, style_) + "\n";
	}

	const Report &report_;
	const std::size_t top_;
	const TextStyle style_;
	std::string out_;
};

} // namespace

std::string render_terminal(const Report &report, const TerminalOptions &options)
{
	return TerminalReport(report, options).render();
}

} // namespace neuroperf::viewer
