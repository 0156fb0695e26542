// SPDX-License-Identifier: Apache-2.0
#include "analyzer/report_json.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "analyzer/utf8.hpp"

namespace neuroperf::analyzer {

using Json = nlohmann::ordered_json;

namespace {

Json number(double value)
{
	return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Json energy_json(const EnergyEstimate &energy, Provenance provenance)
{
	Json terms = Json::array();
	for (const EnergyTerm &term : energy.terms) {
		Json one;
		one["operation"] = to_valid_utf8(term.operation);
		one["count"] = term.count;
		one["pj_each"] = number(term.pj_each);
		one["low_pj_each"] = number(term.low_pj_each);
		one["high_pj_each"] = number(term.high_pj_each);
		terms.push_back(std::move(one));
	}
	Json out;
	out["pj"] = number(energy.pj);
	out["low_pj"] = number(energy.low_pj);
	out["high_pj"] = number(energy.high_pj);
	out["provenance"] = to_string(provenance);
	out["terms"] = std::move(terms);
	return out;
}

Json cell_json(const Cell &cell, Provenance provenance)
{
	if (const auto *integer = std::get_if<uint64_t>(&cell))
		return *integer;
	if (const auto *real = std::get_if<double>(&cell))
		return number(*real);
	if (const auto *text = std::get_if<std::string>(&cell))
		return to_valid_utf8(*text);
	if (const auto *energy = std::get_if<EnergyEstimate>(&cell))
		return energy_json(*energy, provenance);
	return nullptr;
}

Json metric_json(const Metric &metric)
{
	Json out;
	out["unit"] = to_valid_utf8(metric.unit);
	out["better"] = to_string(metric.better);
	out["provenance"] = to_string(metric.provenance);
	out["deterministic"] = metric.deterministic;
	out["additive"] = metric.additive;
	out["title"] = to_valid_utf8(metric.title);
	return out;
}

Json summary_json(const Summary &summary)
{
	Json out = Json::object();
	for (const SummaryEntry &entry : summary)
		out[to_valid_utf8(entry.metric.key)] = cell_json(entry.value, entry.metric.provenance);
	return out;
}

Json summary_metrics(const Summary &summary)
{
	Json out = Json::object();
	for (const SummaryEntry &entry : summary)
		out[to_valid_utf8(entry.metric.key)] = metric_json(entry.metric);
	return out;
}

Json quality_json(const std::vector<QualityItem> &quality)
{
	Json out = Json::array();
	for (const QualityItem &item : quality) {
		Json one;
		one["severity"] = to_string(item.severity);
		one["code"] = to_valid_utf8(item.code);
		one["text"] = to_valid_utf8(item.text);
		one["remedy"] = to_valid_utf8(item.remedy);
		one["value"] = cell_json(item.value, Provenance::measured);
		out.push_back(std::move(one));
	}
	return out;
}

Json rows_json(const Table &table)
{
	std::vector<std::string> keys;
	for (const Metric &metric : table.columns)
		keys.push_back(to_valid_utf8(metric.key));
	Json out = Json::array();
	for (const std::vector<Cell> &row : table.rows) {
		Json one = Json::object();
		for (std::size_t c = 0; c < keys.size(); c++)
			one[keys[c]] = c < row.size() ? cell_json(row[c], table.columns[c].provenance) : Json(nullptr);
		out.push_back(std::move(one));
	}
	return out;
}

// Engines under the device that has them. A device without a name has its driver's.
Json devices_json(const Table &engines)
{
	const auto device = static_cast<std::size_t>(engines.column("device"));
	const Json rows = rows_json(engines);
	Json devices = Json::array();
	for (std::size_t i = 0; i < engines.rows.size(); i++) {
		const Json driver_name = rows[i]["driver"];
		const Json name = is_absent(engines.rows[i][device]) ? driver_name : rows[i]["device"];
		const auto same = [&](const Json &one) { return one["name"] == name && one["driver"] == driver_name; };
		auto found = std::find_if(devices.begin(), devices.end(), same);
		if (found == devices.end()) {
			devices.push_back(Json{{"name", name}, {"driver", driver_name}, {"engines", Json::array()}});
			found = devices.end() - 1;
		}
		Json engine = rows[i];
		engine.erase("device");
		engine.erase("driver");
		(*found)["engines"].push_back(std::move(engine));
	}
	return devices;
}

Json column_metrics(const Table &table)
{
	Json out = Json::object();
	for (const Metric &metric : table.columns)
		out[to_valid_utf8(metric.key)] = metric_json(metric);
	return out;
}

} // namespace

std::string render_json(const Report &report)
{
	Json metrics = Json::object();
	metrics["meta"] = summary_metrics(report.meta);
	metrics["totals"] = summary_metrics(report.totals);
	for (const Table &table : report.tables)
		metrics[table.id] = column_metrics(table);
	Json out;
	out["schema"] = kReportSchema;
	out["meta"] = summary_json(report.meta);
	out["quality"] = quality_json(report.quality);
	out["metrics"] = std::move(metrics);
	out["totals"] = summary_json(report.totals);
	for (const Table &table : report.tables)
		if (table.id == "engines")
			out["devices"] = devices_json(table);
		else
			out[table.id] = rows_json(table);
	for (const char *id : {"layers", "inferences", "functions", "threads"})
		if (!out.contains(id))
			out[id] = Json::array();
	return out.dump(1, '\t', false, Json::error_handler_t::replace) + "\n";
}

} // namespace neuroperf::analyzer
