// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "collector/built_in_runtimes.hpp"
#include "collector/value_expression.hpp"
#include "recording/json_description.hpp"

namespace neuroperf::collector {
namespace {

using nlohmann::json;

constexpr std::size_t kMostPlacesOfOne = 256;
constexpr uint32_t kLargestElement = 65536;
constexpr uint32_t kLongestStayUs = 1'000'000;
constexpr std::pair<std::string_view, PlaceMeans> kMeanings[] = {
	{"inference", PlaceMeans::inference}, {"layer", PlaceMeans::layer},   {"operator", PlaceMeans::op},
	{"phase", PlaceMeans::phase},         {"spikes", PlaceMeans::spikes}, {"synops", PlaceMeans::synops},
	{"renewal", PlaceMeans::renewal}};

class DescriptionReader : private recording::JsonDescription {
public:
	DescriptionReader(std::string_view text, std::string where)
		: JsonDescription(text, std::move(where), "docs/adding-a-runtime.md says what a description holds")
	{
	}

	Result<RuntimeDescription> read()
	{
		const auto root = JsonDescription::root();
		if (!root.ok())
			return root.error();
		RuntimeDescription description = read_root(*root);
		if (failed())
			return error();
		return description;
	}

private:
	RuntimeDescription read_root(const json &root)
	{
		RuntimeDescription description;
		allow(root, "description",
		      {"schema", "name", "title", "tested", "match", "names", "callers", "places"});
		if (failed())
			return description;
		if (string_in(root, "schema", "description", false) != "neuroperf.runtime/1")
			fail("description", "its \"schema\" is not \"neuroperf.runtime/1\"");
		description.name = string_in(root, "name", "description", false);
		description.title = string_in(root, "title", "description", false);
		description.tested = string_in(root, "tested", "description", false);
		read_match(root.value("match", json()), &description);
		if (root.contains("names")) {
			description.names_from_python = root["names"] == "python";
			if (!description.names_from_python)
				fail("description", "its \"names\" must be \"python\"");
		}
		if (root.contains("callers"))
			description.callers = strings_in(root, "callers", "description");
		const json places = root.value("places", json());
		if (!places.is_array() || places.empty() || places.size() > kMostPlacesOfOne)
			fail("places", fmt::format("must be a list of 1 to {} places", kMostPlacesOfOne));
		for (std::size_t i = 0; !failed() && i < places.size(); i++)
			description.places.push_back(read_place(places[i], fmt::format("places[{}]", i)));
		return description;
	}

	void read_match(const json &match, RuntimeDescription *description)
	{
		allow(match, "match", {"files", "except", "exports", "class"});
		if (failed())
			return;
		description->files = strings_in(match, "files", "match");
		if (match.contains("except"))
			description->excepted_files = strings_in(match, "except", "match");
		description->requires_symbol = string_in(match, "exports", "match", true);
		description->requires_class = string_in(match, "class", "match", true);
	}

	RuntimePlace read_place(const json &from, const std::string &path)
	{
		RuntimePlace place;
		allow(from, path,
		      {"name", "means", "find", "each", "at", "optional", "successive", "async", "identity",
		       "names_stay_us", "in_registers", "count", "layer", "kind", "kinds", "shape"});
		if (failed())
			return place;
		place.name = string_in(from, "name", path, false);
		const std::string means = string_in(from, "means", path, false);
		const auto *known = std::find_if(std::begin(kMeanings), std::end(kMeanings),
						 [&](const auto &entry) { return entry.first == means; });
		if (failed())
			return place;
		if (known == std::end(kMeanings))
			fail(path, "\"means\" is inference, layer, operator, phase, spikes, synops or renewal",
			     &from["means"]);
		else
			place.means = known->second;
		read_search(from.value("find", json()), path + ".find", &place.find);
		read_values(from, path, &place);
		read_names_stay(from, path, &place);
		read_each(from, path, &place);
		read_moment(from, path, &place);
		read_async(from, path, &place);
		place.optional = flag_in(from, "optional", path);
		place.successive = flag_in(from, "successive", path);
		place.in_registers = flag_in(from, "in_registers", path);
		if (place.means == PlaceMeans::renewal && from.size() > (from.contains("optional") ? 4 : 3))
			fail(path, "a renewal has a \"name\" and a \"find\", and may be \"optional\"");
		if (place.successive && (!place.is_span() || place.means == PlaceMeans::inference))
			fail(path, "\"successive\" is of layers, operators and phases");
		if (place.in_registers && (place.find.how != PlaceSearch::How::virtual_slot || place.at_exit ||
					   !place.successive || place.names_stay_us == 0))
			fail(path, "\"in_registers\" is of calls of virtual functions that are \"successive\" and have "
				   "\"names_stay_us\"");
		return place;
	}

	bool flag_in(const json &from, const char *key, const std::string &path)
	{
		const json flag = from.value(key, json(false));
		if (!flag.is_boolean())
			fail(path, fmt::format("\"{}\" is true or false", key));
		return flag.is_boolean() && flag.get<bool>();
	}

	void read_search(const json &from, const std::string &path, PlaceSearch *search)
	{
		using How = PlaceSearch::How;
		constexpr std::pair<const char *, How> kWays[] = {{"exported", How::exported},
								  {"symbol", How::symbol},
								  {"class", How::virtual_slot},
								  {"table", How::table}};
		allow(from, path, {"exported", "symbol", "class", "slot", "table", "slots"});
		if (failed())
			return;
		std::size_t ways = 0;
		for (const auto &[key, how] : kWays) {
			if (!from.contains(key))
				continue;
			ways++;
			search->how = how;
			search->pattern = string_in(from, key, path, false);
		}
		if (ways != 1)
			return fail(path, "must hold one of \"exported\", \"symbol\", \"class\" and \"table\"");
		if (search->how == How::virtual_slot)
			search->slots = {slot_in(from.value("slot", json()), path + ".slot")};
		if (search->how == How::table)
			read_slots(from.value("slots", json()), path + ".slots", search);
	}

	void read_slots(const json &slots, const std::string &path, PlaceSearch *search)
	{
		if (!slots.is_array() || slots.empty() || slots.size() > 4)
			return fail(path, "must be a list of 1 to 4 numbers");
		for (const json &slot : slots)
			search->slots.push_back(slot_in(slot, path));
	}

	unsigned slot_in(const json &slot, const std::string &path)
	{
		if (slot.is_number_unsigned() && slot.get<uint64_t>() <= 1000)
			return slot.get<unsigned>();
		fail(path, "must be the number of a function in a table, from 0 to 1000");
		return 0;
	}

	void read_values(const json &from, const std::string &path, RuntimePlace *place)
	{
		PlaceReads &reads = place->reads;
		read_expression(from, "identity", path, parse_value, &reads.identity);
		CountExpression count;
		read_expression(from, "count", path, parse_count, &count);
		reads.value = count.value;
		reads.summed = count.bytes;
		reads.element_bytes = count.element_bytes;
		read_expression(from, "layer", path, parse_string, &reads.name);
		if (from.contains("kinds")) {
			place->kinds = strings_in(from, "kinds", path);
			read_expression(from, "kind", path, parse_value, &reads.kind);
			if (!reads.kind.given())
				fail(path, "\"kinds\" are names of what a \"kind\" is read as: a number");
		} else {
			read_expression(from, "kind", path, parse_string, &reads.kind);
		}
		for (const ValueExpression *read : reads.all())
			if (read->uses_index())
				fail(path, "only the values of a \"shape\" have an index");
		if (from.contains("shape"))
			read_shape(from["shape"], path + ".shape", &reads);
		if (place->is_counted() && !reads.value.given())
			fail(path, "spikes and synops need a \"count\": what one hit stands for, \"1\" perhaps");
	}

	void read_names_stay(const json &from, const std::string &path, RuntimePlace *place)
	{
		if (!from.contains("names_stay_us"))
			return;
		const json &stay = from["names_stay_us"];
		if (!stay.is_number_unsigned() || stay == 0 || stay > kLongestStayUs)
			return fail(path, fmt::format("\"names_stay_us\" is a number from 1 to {}", kLongestStayUs));
		place->names_stay_us = stay.get<uint32_t>();
		if (!place->reads.identity.given() || !place->reads.tells_names())
			fail(path, "\"names_stay_us\" is of names of an \"identity\"");
	}

	void read_shape(const json &from, const std::string &path, PlaceReads *reads)
	{
		allow(from, path, {"index", "sizes", "count", "bytes"});
		if (failed())
			return;
		read_indices(from, path, reads);
		read_expression(from, "sizes", path, parse_value, &reads->shape);
		read_expression(from, "count", path, parse_value, &reads->shape_count);
		const json bytes = from.value("bytes", json(8));
		if (bytes != 4 && bytes != 8)
			return fail(path, "\"bytes\" of one size are 4 or 8");
		reads->shape_size = bytes.get<uint32_t>();
		if (!reads->shape.given() || !reads->shape_count.given())
			fail(path, "needs \"sizes\", where they are, and \"count\", how many");
		else if (reads->index[0].given() != (reads->shape.uses_index() || reads->shape_count.uses_index()))
			fail(path, "\"index\" is what index stands for in \"sizes\" and \"count\"");
	}

	void read_indices(const json &from, const std::string &path, PlaceReads *reads)
	{
		if (!from.contains("index"))
			return;
		const std::vector<std::string> texts = strings_in(from, "index", path);
		if (texts.size() > NP_MOST_INDICES)
			return fail(path, fmt::format("\"index\" holds {} values at most", NP_MOST_INDICES),
				    &from["index"]);
		for (std::size_t i = 0; !failed() && i < texts.size(); i++) {
			auto value = parse_value(texts[i]);
			if (!value.ok())
				return fail(path + ".index", value.error().what, &from["index"][i]);
			if (i == 0 && value->uses_index())
				return fail(path + ".index", "the first one cannot use itself", &from["index"][i]);
			reads->index[i] = std::move(*value);
		}
	}

	void read_each(const json &from, const std::string &path, RuntimePlace *place)
	{
		const auto reads = place->reads.all();
		const bool used = std::any_of(reads.begin(), reads.end(),
					      [](const ValueExpression *read) { return read->uses_element(); });
		if (from.contains("each"))
			read_array(from["each"], path + ".each", &place->each);
		if (failed())
			return;
		if (place->each.given() && place->is_span())
			fail(path, "only spikes and synops are counted of \"each\" element: a call is one call",
			     &from["each"]);
		else if (place->each.given() != used)
			fail(path, "\"each\" says what element stands for in the values: give both, or neither");
	}

	void read_array(const json &from, const std::string &path, ArraySearch *array)
	{
		allow(from, path, {"array", "bytes", "filled_by"});
		if (failed())
			return;
		array->pattern = string_in(from, "array", path, false);
		array->filled_by = string_in(from, "filled_by", path, true);
		const json bytes = from.value("bytes", json());
		if (!bytes.is_number_unsigned() || bytes == 0 || bytes > kLargestElement)
			return fail(path, fmt::format("needs \"bytes\", of one element: 1 to {}", kLargestElement));
		array->element_bytes = bytes.get<uint32_t>();
	}

	void read_moment(const json &from, const std::string &path, RuntimePlace *place)
	{
		const std::string at = string_in(from, "at", path, true);
		if (!at.empty() && at != "entry" && at != "exit")
			return fail(path, "\"at\" is entry or exit", &from["at"]);
		place->at_exit = at == "exit";
		if (place->at_exit && place->is_span())
			return fail(path,
				    "at the exit only spikes and synops are counted: ends of layers are seen anyway",
				    &from["at"]);
		for (const ValueExpression *value : place->reads.all()) {
			if (place->at_exit && is_argument(*value))
				return fail(path, "at the exit the arguments are gone; \"result\" is there",
					    &from["at"]);
			if (!place->at_exit && value->from == NP_READ_RESULT)
				return fail(path, "\"result\" is there at the exit only");
		}
	}

	void read_async(const json &from, const std::string &path, RuntimePlace *place)
	{
		const std::string async = string_in(from, "async", path, true);
		if (async.empty())
			return;
		if (async != "begin" && async != "end")
			return fail(path, "\"async\" is begin or end", &from["async"]);
		if (place->means != PlaceMeans::inference || !place->reads.identity.given())
			return fail(path, "only an inference is async, and needs an \"identity\" that joins its ends",
				    &from["async"]);
		place->async = async == "begin" ? RuntimePlace::Async::begin : RuntimePlace::Async::end;
	}

	static bool is_argument(const ValueExpression &value)
	{
		return value.from >= NP_READ_ARGUMENT_1 && value.from <= NP_READ_ARGUMENT_6;
	}

	template <typename Expression>
	void read_expression(const json &from, const char *key, const std::string &path,
			     Result<Expression> (*parse)(std::string_view), Expression *read)
	{
		if (!from.contains(key))
			return;
		const std::string text = string_in(from, key, path, false);
		if (failed())
			return;
		auto parsed = parse(text);
		if (!parsed.ok())
			return fail(path + "." + key, parsed.error().what, &from[key]);
		*read = std::move(*parsed);
	}
};

} // namespace

std::string_view to_string(PlaceMeans means)
{
	for (const auto &[word, meaning] : kMeanings)
		if (meaning == means)
			return word;
	return "";
}

uint8_t RuntimePlace::arguments() const
{
	uint8_t found = 0;
	for (const ValueExpression *read : reads.all())
		if (read->from >= NP_READ_ARGUMENT_1 && read->from <= NP_READ_ARGUMENT_6)
			found |= static_cast<uint8_t>(1u << (read->from - NP_READ_ARGUMENT_1));
	return found;
}

bool RuntimeDescription::has_inferences() const
{
	return std::any_of(places.begin(), places.end(),
			   [](const RuntimePlace &place) { return place.means == PlaceMeans::inference; });
}

Result<RuntimeDescription> parse_runtime_description(std::string_view text, const std::string &where)
{
	return DescriptionReader(text, where).read();
}

Result<RuntimeDescription> read_runtime_description(const std::string &path)
{
	const auto text = recording::read_description_file(path);
	return text.ok() ? parse_runtime_description(*text, path) : text.error();
}

std::vector<RuntimeDescription> built_in_runtimes()
{
	std::vector<RuntimeDescription> found;
	for (const BuiltInFile &file : built_in_runtime_files())
		if (auto parsed = parse_runtime_description(file.text, std::string(file.name) + ".json"); parsed.ok())
			found.push_back(std::move(*parsed));
	return found;
}

Result<std::vector<RuntimeDescription>> chosen_runtimes(const std::vector<std::string> &names,
							const std::vector<std::string> &files)
{
	return recording::choose_descriptions("runtime", names, files, built_in_runtimes(), read_runtime_description);
}

} // namespace neuroperf::collector
