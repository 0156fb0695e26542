// SPDX-License-Identifier: Apache-2.0
#include "analyzer/report.hpp"

#include <algorithm>
#include <limits>

namespace neuroperf::analyzer {

std::string_view to_string(Provenance provenance)
{
	switch (provenance) {
	case Provenance::measured:
		return "measured";
	case Provenance::derived:
		return "derived";
	case Provenance::apportioned:
		return "apportioned";
	case Provenance::modelled:
		return "modelled";
	case Provenance::told:
		return "told";
	}
	return "unknown";
}

std::string_view to_string(Better better)
{
	switch (better) {
	case Better::lower:
		return "lower";
	case Better::higher:
		return "higher";
	case Better::neither:
		return "neither";
	}
	return "neither";
}

std::string_view to_string(Severity severity)
{
	switch (severity) {
	case Severity::info:
		return "info";
	case Severity::notice:
		return "notice";
	case Severity::warning:
		return "warning";
	case Severity::data_loss:
		return "data_loss";
	}
	return "unknown";
}

std::string_view to_string(FrameKind kind)
{
	switch (kind) {
	case FrameKind::root:
		return "root";
	case FrameKind::process:
		return "process";
	case FrameKind::thread:
		return "thread";
	case FrameKind::layer:
		return "layer";
	case FrameKind::function:
		return "function";
	case FrameKind::kernel:
		return "kernel";
	case FrameKind::state:
		return "state";
	case FrameKind::waker:
		return "waker";
	}
	return "unknown";
}

namespace {

// A sum that would not fit stays at the largest number instead of starting again at 0.
uint64_t saturating_sum(uint64_t a, uint64_t b)
{
	return b > std::numeric_limits<uint64_t>::max() - a ? std::numeric_limits<uint64_t>::max() : a + b;
}

void add_energy(EnergyEstimate &sum, const EnergyEstimate &more)
{
	sum.pj += more.pj;
	sum.low_pj += more.low_pj;
	sum.high_pj += more.high_pj;
	for (const EnergyTerm &term : more.terms) {
		auto same = std::find_if(sum.terms.begin(), sum.terms.end(), [&](const EnergyTerm &t) {
			return t.operation == term.operation && t.pj_each == term.pj_each &&
			       t.low_pj_each == term.low_pj_each && t.high_pj_each == term.high_pj_each;
		});
		if (same == sum.terms.end())
			sum.terms.push_back(term);
		else
			same->count = saturating_sum(same->count, term.count);
	}
}

double as_double(const Cell &cell)
{
	const auto *integer = std::get_if<uint64_t>(&cell);
	return integer ? static_cast<double>(*integer) : std::get<double>(cell);
}

bool is_number(const Cell &cell)
{
	return std::holds_alternative<uint64_t>(cell) || std::holds_alternative<double>(cell);
}

} // namespace

void add_cell(Cell &sum, const Cell &more)
{
	if (is_absent(more) || std::holds_alternative<std::string>(more))
		return;
	if (is_absent(sum)) {
		sum = more;
		return;
	}
	if (auto *energy = std::get_if<EnergyEstimate>(&sum)) {
		if (const auto *other = std::get_if<EnergyEstimate>(&more))
			add_energy(*energy, *other);
		return;
	}
	if (!is_number(more))
		return;
	if (std::holds_alternative<uint64_t>(sum) && std::holds_alternative<uint64_t>(more))
		sum = saturating_sum(std::get<uint64_t>(sum), std::get<uint64_t>(more));
	else
		sum = as_double(sum) + as_double(more);
}

Table Table::top(std::size_t count) const
{
	if (count == 0 || rows.size() <= count)
		return *this;
	Table shown;
	shown.id = id;
	shown.title = title;
	shown.columns = columns;
	shown.rows.assign(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count));
	std::vector<Cell> others(columns.size());
	for (std::size_t r = count; r < rows.size(); r++)
		for (std::size_t c = 1; c < columns.size() && c < rows[r].size(); c++)
			if (columns[c].additive)
				add_cell(others[c], rows[r][c]);
	if (!others.empty())
		others[0] = "others (" + std::to_string(rows.size() - count) + ")";
	shown.rows.push_back(std::move(others));
	return shown;
}

int Table::column(std::string_view key) const
{
	auto found = std::find_if(columns.begin(), columns.end(), [&](const Metric &m) { return m.key == key; });
	return found == columns.end() ? -1 : static_cast<int>(found - columns.begin());
}

void Table::leave_out(std::string_view key)
{
	const int index = column(key);
	if (index < 0)
		return;
	columns.erase(columns.begin() + index);
	for (std::vector<Cell> &row : rows)
		row.erase(row.begin() + index);
}

const Table *Report::table(std::string_view id) const
{
	auto found = std::find_if(tables.begin(), tables.end(), [&](const Table &t) { return t.id == id; });
	return found == tables.end() ? nullptr : &*found;
}

bool Report::lossy() const
{
	return std::any_of(quality.begin(), quality.end(),
			   [](const QualityItem &item) { return item.severity == Severity::data_loss; });
}

} // namespace neuroperf::analyzer
