// SPDX-License-Identifier: Apache-2.0
// The reading half of report_json.hpp. The file may have been written by anybody: its shape is checked before the
// JSON library sees it (depth, size, members of one object: each would cost unbounded time or memory), its types after.
#include <algorithm>
#include <array>
#include <optional>

#include <fmt/core.h>
#include <nlohmann/json.hpp>

#include "analyzer/report_json.hpp"

namespace neuroperf::analyzer {

using Json = nlohmann::ordered_json;

namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxDepth = 16;
// Looking up a member is linear in an ordered object.
constexpr std::size_t kMaxMembers = 256;
constexpr std::array<const char *, 4> kTables = {"layers", "inferences", "functions", "threads"};
constexpr std::array<const char *, 4> kTitles = {"Layers", "Inferences", "Functions", "Threads"};

Error bad(std::string what)
{
	return Error{ErrorCode::format, "the report cannot be read: " + what, 0, {}};
}

// Follows brackets and strings only; whether the rest is JSON is for the parser to say.
class ShapeCheck {
public:
	std::optional<Error> run(std::string_view text)
	{
		if (text.size() > kMaxBytes)
			return bad(fmt::format("it has {} bytes, more than {}", text.size(), kMaxBytes));
		for (char c : text) {
			if (in_string_)
				step_in_string(c);
			else if (const char *problem = step(c))
				return bad(problem);
		}
		return std::nullopt;
	}

private:
	void step_in_string(char c)
	{
		if (escaped_)
			escaped_ = false;
		else if (c == '\\')
			escaped_ = true;
		else if (c == '"')
			in_string_ = false;
	}

	const char *step(char c)
	{
		if (c == '"')
			in_string_ = true;
		else if (c == '{' || c == '[')
			return open(c);
		else if ((c == '}' || c == ']') && depth_ > 0)
			depth_--;
		else if (c == ',' && depth_ > 0 && levels_[depth_ - 1].object &&
			 ++levels_[depth_ - 1].members > kMaxMembers)
			return "one object in it has more than 256 members";
		return nullptr;
	}

	const char *open(char c)
	{
		if (depth_ == kMaxDepth)
			return "it is nested more than 16 levels deep";
		levels_[depth_++] = {c == '{', 0};
		return nullptr;
	}

	struct Level {
		bool object = false;
		std::size_t members = 0;
	};
	std::array<Level, kMaxDepth> levels_;
	std::size_t depth_ = 0;
	bool in_string_ = false, escaped_ = false;
};

// Reads members by name and remembers the first thing that is not as it should be.
class Reader {
public:
	explicit Reader(const Json &root) : root_(root) {}

	Result<Report> read()
	{
		Report report;
		const Json &metrics = object(root_, "metrics", "the file");
		report.meta = summary("meta", metrics);
		report.quality = quality();
		report.totals = summary("totals", metrics);
		for (std::size_t i = 0; i < kTables.size(); i++)
			if (!member(metrics, kTables[i]).is_null() || !array(root_, kTables[i], "the file").empty())
				report.tables.push_back(table(kTables[i], kTitles[i], metrics));
		if (problem_)
			return *problem_;
		return report;
	}

private:
	void fail(std::string what)
	{
		if (!problem_)
			problem_ = bad(std::move(what));
	}

	const Json &member(const Json &parent, const std::string &key)
	{
		static const Json kNull;
		if (!parent.is_object())
			return kNull;
		auto found = parent.find(key);
		return found == parent.end() ? kNull : *found;
	}

	const Json &object(const Json &parent, const char *key, const std::string &where)
	{
		static const Json kEmpty = Json::object();
		const Json &found = member(parent, key);
		if (found.is_object())
			return found;
		fail(fmt::format("\"{}\" of {} is not an object", key, where));
		return kEmpty;
	}

	const Json &array(const Json &parent, const char *key, const std::string &where)
	{
		static const Json kEmpty = Json::array();
		const Json &found = member(parent, key);
		if (found.is_array())
			return found;
		fail(fmt::format("\"{}\" of {} is not an array", key, where));
		return kEmpty;
	}

	std::string text(const Json &parent, const char *key, const std::string &where)
	{
		const Json &found = member(parent, key);
		if (found.is_string())
			return found.get<std::string>();
		fail(fmt::format("\"{}\" of {} is not text", key, where));
		return {};
	}

	bool flag(const Json &parent, const char *key, const std::string &where)
	{
		const Json &found = member(parent, key);
		if (found.is_boolean())
			return found.get<bool>();
		fail(fmt::format("\"{}\" of {} is neither true nor false", key, where));
		return false;
	}

	// null, what a number that was not finite became, reads as 0.
	double real(const Json &parent, const char *key, const std::string &where)
	{
		const Json &found = member(parent, key);
		if (found.is_number())
			return found.get<double>();
		if (!found.is_null() || !parent.contains(key))
			fail(fmt::format("\"{}\" of {} is not a number", key, where));
		return 0;
	}

	template <typename Enum>
	Enum word(const Json &parent, const char *key, std::initializer_list<Enum> values, const std::string &where)
	{
		const std::string given = text(parent, key, where);
		for (Enum value : values)
			if (to_string(value) == given)
				return value;
		fail(fmt::format("\"{}\" of {} is none of the known words", key, where));
		return *values.begin();
	}

	Provenance provenance(const Json &from, const std::string &where)
	{
		return word(from, "provenance",
			    {Provenance::measured, Provenance::derived, Provenance::apportioned, Provenance::modelled,
			     Provenance::told},
			    where);
	}

	Metric metric(const std::string &key, const Json &from, const std::string &where)
	{
		Metric out;
		out.key = key;
		out.title = text(from, "title", where);
		out.unit = text(from, "unit", where);
		out.better = word(from, "better", {Better::lower, Better::higher, Better::neither}, where);
		out.provenance = provenance(from, where);
		out.deterministic = flag(from, "deterministic", where);
		out.additive = from.is_object() && from.contains("additive") && flag(from, "additive", where);
		return out;
	}

	EnergyEstimate energy(const Json &from, const std::string &where)
	{
		EnergyEstimate out;
		provenance(from, where); // known from the metric, and still it has to be there
		out.pj = real(from, "pj", where);
		out.low_pj = real(from, "low_pj", where);
		out.high_pj = real(from, "high_pj", where);
		for (const Json &term : array(from, "terms", where)) {
			EnergyTerm one;
			one.operation = text(term, "operation", where);
			const Json &count = member(term, "count");
			if (count.is_number_unsigned())
				one.count = count.get<uint64_t>();
			else
				fail(fmt::format("the count of a term in {} is not a whole number", where));
			one.pj_each = real(term, "pj_each", where);
			one.low_pj_each = real(term, "low_pj_each", where);
			one.high_pj_each = real(term, "high_pj_each", where);
			out.terms.push_back(std::move(one));
		}
		return out;
	}

	Cell cell(const Json &from, const std::string &where)
	{
		if (from.is_null())
			return {};
		if (from.is_string())
			return from.get<std::string>();
		if (from.is_number_unsigned())
			return from.get<uint64_t>();
		if (from.is_number())
			return from.get<double>();
		if (from.is_object())
			return energy(from, where);
		fail(fmt::format("a value in {} is neither number, text, energy nor null", where));
		return {};
	}

	Summary summary(const char *name, const Json &metrics)
	{
		Summary out;
		const Json &values = object(root_, name, "the file");
		const std::string where = fmt::format("\"{}\"", name);
		for (const auto &[key, about] : object(metrics, name, "\"metrics\"").items())
			out.push_back({metric(key, about, where), cell(member(values, key), where)});
		if (out.size() != values.size())
			fail(fmt::format("{} and its metrics do not name the same entries", where));
		return out;
	}

	std::vector<QualityItem> quality()
	{
		std::vector<QualityItem> out;
		const std::string where = "a \"quality\" item";
		for (const Json &item : array(root_, "quality", "the file")) {
			QualityItem one;
			one.severity =
				word(item, "severity",
				     {Severity::info, Severity::notice, Severity::warning, Severity::data_loss}, where);
			one.code = text(item, "code", where);
			one.text = text(item, "text", where);
			one.remedy = text(item, "remedy", where);
			one.value = cell(member(item, "value"), where);
			out.push_back(std::move(one));
		}
		return out;
	}

	Table table(const char *id, const char *title, const Json &metrics)
	{
		Table out;
		out.id = id;
		out.title = title;
		const std::string where = fmt::format("a row of \"{}\"", id);
		const Json &rows = array(root_, id, "the file");
		for (const auto &[key, about] : object(metrics, id, "\"metrics\"").items())
			out.columns.push_back(metric(key, about, where));
		for (const Json &row : rows) {
			out.rows.push_back(cells(row, out.columns, where));
			if (problem_)
				break;
		}
		return out;
	}

	// A row must hold every column, or a small file could ask for a large table.
	std::vector<Cell> cells(const Json &row, const std::vector<Metric> &columns, const std::string &where)
	{
		std::vector<Cell> out;
		if (!row.is_object() || row.size() != columns.size()) {
			fail(where + " does not hold exactly the columns that the metrics name");
			return out;
		}
		auto next = row.begin(); // as a rule the members stand in the columns' order
		for (const Metric &column : columns) {
			auto found = next.key() == column.key ? next : row.find(column.key);
			++next;
			if (found == row.end())
				fail(where + " does not hold exactly the columns that the metrics name");
			else
				out.push_back(cell(*found, where));
		}
		return out;
	}

	const Json &root_;
	std::optional<Error> problem_;
};

} // namespace

Result<Report> read_json_report(std::string_view text)
{
	if (std::optional<Error> problem = ShapeCheck().run(text))
		return *problem;
	try {
		const Json root = Json::parse(text.begin(), text.end());
		if (!root.is_object() || !root.contains("schema") || root["schema"] != kReportSchema)
			return bad(fmt::format("its schema is not {}", kReportSchema));
		return Reader(root).read();
	} catch (const nlohmann::json::parse_error &error) {
		return bad(fmt::format("it is not JSON: damaged at byte {}", error.byte));
	} catch (const nlohmann::json::exception &) {
		return bad("it holds a number that is out of range");
	}
}

} // namespace neuroperf::analyzer
