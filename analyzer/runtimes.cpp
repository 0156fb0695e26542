// SPDX-License-Identifier: Apache-2.0
#include "analyzer/runtimes.hpp"

#include <algorithm>
#include <set>

#include "analyzer/columns.hpp"

namespace neuroperf::analyzer {
namespace {

constexpr uint64_t kMostRuntimes = 1000;
constexpr std::size_t kMostClasses = 16;
constexpr std::size_t kHits = 8, kCost = 9, kShare = 10; // columns of the table; behind them, the classes

void add_to(std::optional<uint64_t> *sum, const std::optional<uint64_t> &value)
{
	if (value)
		*sum = sum->value_or(0) + *value;
}

// "emulated entry" -> "emulated_entry_ns"
std::string key_of(const std::string &probes)
{
	std::string key;
	for (const char c : probes)
		if (c == ' ')
			key += '_';
		else if (c >= 'a' && c <= 'z')
			key += c;
	return key + "_ns";
}

} // namespace

uint64_t RecordedRuntime::hits() const
{
	uint64_t sum = 0;
	for (const auto &[what, one] : probes)
		sum += one.hits;
	return sum;
}

std::optional<uint64_t> RecordedRuntime::cost_ns() const
{
	std::optional<uint64_t> sum;
	for (const auto &[what, one] : probes)
		if (one.known())
			add_to(&sum, one.hits * one.hit_ns());
	return sum;
}

void Runtimes::tell(uint64_t number, RecordedRuntime facts)
{
	if (number >= kMostRuntimes)
		return;
	RecordedRuntime &known = runtimes_[number];
	facts.probes = std::move(known.probes);
	known = std::move(facts);
}

void Runtimes::tell_probes(uint64_t number, RuntimeProbesOfClass probes)
{
	const auto runtime = runtimes_.find(number);
	if (runtime == runtimes_.end())
		return;
	auto &classes = runtime->second.probes;
	if (classes.size() < kMostClasses || classes.contains(probes.name))
		classes[probes.name] = std::move(probes);
}

uint64_t Runtimes::hits() const
{
	uint64_t sum = 0;
	for (const auto &[number, runtime] : runtimes_)
		sum += runtime.hits();
	return sum;
}

std::optional<uint64_t> Runtimes::cost_ns() const
{
	std::optional<uint64_t> sum;
	for (const auto &[number, runtime] : runtimes_)
		add_to(&sum, runtime.cost_ns());
	return sum;
}

uint64_t Runtimes::hits_of_unknown_cost(std::string *why) const
{
	uint64_t sum = 0;
	for (const auto &[number, runtime] : runtimes_)
		for (const auto &[name, one] : runtime.probes)
			if (!one.known()) {
				sum += one.hits;
				*why = one.why_unknown;
			}
	return sum;
}

Table make_runtimes(const Runtimes &runtimes, const RecordedTime &recorded)
{
	using enum Provenance;
	Table table{"runtimes",
		    "Runtimes",
		    {text_column("name", "name"),
		     text_column("title", "title"),
		     text_column("file", "file"),
		     count_column("places_found", "found"),
		     count_column("places", "of places"),
		     count_column("functions_attached", "probed"),
		     count_column("functions", "of functions"),
		     count_column("functions_stepped", "stepped"),
		     count_column("hits", "hits"),
		     time_column("cost_ns", "probe cost", derived, true),
		     {recorded.is_cpu ? "share_of_cpu" : "share_of_wall",
		      recorded.is_cpu ? "of CPU time" : "of wall time", "share", Better::lower, derived, true, false}},
		    {}};
	std::set<std::string> classes; // columns for those that any of them has
	for (const auto &[number, runtime] : runtimes.all())
		for (const auto &[name, one] : runtime.probes)
			classes.insert(name);
	for (const std::string &name : classes)
		table.columns.push_back({key_of(name), name, "ns", Better::lower, measured, false, false});
	for (const auto &[number, runtime] : runtimes.all()) {
		std::vector<Cell> row = {runtime.name,      runtime.title,
					 runtime.file,      runtime.places_found,
					 runtime.places,    runtime.functions_attached,
					 runtime.functions, runtime.functions_stepped,
					 runtime.hits()};
		const std::optional<uint64_t> cost = runtime.cost_ns();
		row.resize(table.columns.size()); // absent, but for what is known
		if (cost)
			row[kCost] = *cost;
		if (cost && recorded.ns > 0)
			row[kShare] = static_cast<double>(*cost) / static_cast<double>(recorded.ns);
		std::size_t column = kShare;
		for (const std::string &name : classes) {
			const auto one = runtime.probes.find(name);
			column++;
			if (one != runtime.probes.end() && one->second.known())
				row[column] = one->second.hit_ns();
		}
		table.rows.push_back(std::move(row));
	}
	std::stable_sort(table.rows.begin(), table.rows.end(), [](const auto &a, const auto &b) {
		return std::get<uint64_t>(a[kHits]) > std::get<uint64_t>(b[kHits]);
	});
	return table;
}

} // namespace neuroperf::analyzer
