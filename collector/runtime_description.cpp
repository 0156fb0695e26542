// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_description.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "collector/built_in_runtimes.hpp"
#include "collector/value_expression.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::size_t kMostPlacesOfOne = 256;
constexpr std::size_t kLongestText = 4096;
constexpr std::pair<std::string_view, PlaceMeans> kMeanings[] = {
	{"inference", PlaceMeans::inference}, {"layer", PlaceMeans::layer},   {"operator", PlaceMeans::op},
	{"phase", PlaceMeans::phase},         {"spikes", PlaceMeans::spikes}, {"synops", PlaceMeans::synops}};

std::size_t line_at(std::string_view text, std::size_t position)
{
	return 1 + static_cast<std::size_t>(std::count(
			   text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(position, text.size())),
			   '\n'));
}

// Reads one description; the first thing that is wrong stays in error().
class DescriptionReader {
public:
	DescriptionReader(std::string_view text, std::string where) : text_(text), where_(std::move(where)) {}

	Result<RuntimeDescription> read()
	{
		json root;
		try {
			root = json::parse(text_);
		} catch (const json::parse_error &error) {
			return Error{ErrorCode::format,
				     fmt::format("{}, line {}: not JSON ({})", where_,
						 line_at(text_, error.byte > 0 ? error.byte - 1 : 0), error.what()),
				     0, kRemedy};
		} catch (const json::exception &error) { // a number that is out of range
			return Error{ErrorCode::format, fmt::format("{}: not JSON ({})", where_, error.what()), 0,
				     kRemedy};
		}
		RuntimeDescription description = read_root(root);
		if (error_)
			return *error_;
		return description;
	}

private:
	static constexpr const char *kRemedy = "docs/adding-a-runtime.md says what a description holds";

	void fail(const std::string &path, std::string_view what, const json *value = nullptr)
	{
		if (error_)
			return;
		std::string line;
		if (value && value->is_string()) // where it stands first; most texts stand there once
			if (const std::size_t at = text_.find(value->dump()); at != text_.npos)
				line = fmt::format(", line {}", line_at(text_, at));
		error_ = Error{ErrorCode::format, fmt::format("{}{}: {}: {}", where_, line, path, what), 0, kRemedy};
	}

	void allow(const json &object, const std::string &path, std::initializer_list<std::string_view> keys)
	{
		if (!object.is_object())
			return fail(path, "must be an object");
		for (const auto &[key, value] : object.items())
			if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
				const json named = key;
				fail(path, fmt::format("\"{}\" is not known here ({})", key, fmt::join(keys, ", ")),
				     &named);
			}
	}

	std::string string_in(const json &object, const char *key, const std::string &path, bool optional)
	{
		const auto found = object.find(key);
		if (found == object.end()) {
			if (!optional)
				fail(path, fmt::format("\"{}\" is missing", key));
			return "";
		}
		if (!found->is_string() || found->get_ref<const std::string &>().empty() ||
		    found->get_ref<const std::string &>().size() > kLongestText) {
			fail(path, fmt::format("\"{}\" must be a text", key));
			return "";
		}
		return found->get<std::string>();
	}

	RuntimeDescription read_root(const json &root)
	{
		RuntimeDescription description;
		allow(root, "description", {"schema", "name", "title", "tested", "match", "places"});
		if (error_)
			return description;
		if (string_in(root, "schema", "description", false) != "neuroperf.runtime/1")
			fail("description", "its \"schema\" is not \"neuroperf.runtime/1\"");
		description.name = string_in(root, "name", "description", false);
		description.title = string_in(root, "title", "description", false);
		description.tested = string_in(root, "tested", "description", false);
		read_match(root.value("match", json()), &description);
		const json places = root.value("places", json());
		if (!places.is_array() || places.empty() || places.size() > kMostPlacesOfOne)
			fail("places", fmt::format("must be a list of 1 to {} places", kMostPlacesOfOne));
		for (std::size_t i = 0; !error_ && i < places.size(); i++)
			description.places.push_back(read_place(places[i], fmt::format("places[{}]", i)));
		return description;
	}

	void read_match(const json &match, RuntimeDescription *description)
	{
		allow(match, "match", {"files", "exports", "class"});
		if (error_)
			return;
		const json files = match.value("files", json());
		if (!files.is_array() || files.empty())
			return fail("match", "\"files\" must be a list of file names, '*' for any characters");
		for (const json &file : files) {
			if (!file.is_string())
				return fail("match.files", "must hold texts");
			description->files.push_back(file.get<std::string>());
		}
		description->requires_symbol = string_in(match, "exports", "match", true);
		description->requires_class = string_in(match, "class", "match", true);
	}

	RuntimePlace read_place(const json &from, const std::string &path)
	{
		RuntimePlace place;
		allow(from, path, {"name", "means", "find", "identity", "count", "layer", "kind"});
		if (error_)
			return place;
		place.name = string_in(from, "name", path, false);
		const std::string means = string_in(from, "means", path, false);
		const auto *known = std::find_if(std::begin(kMeanings), std::end(kMeanings),
						 [&](const auto &entry) { return entry.first == means; });
		if (known == std::end(kMeanings))
			fail(path, "\"means\" is inference, layer, operator, phase, spikes or synops", &from["means"]);
		else
			place.means = known->second;
		read_search(from.value("find", json()), path + ".find", &place.find);
		read_values(from, path, &place);
		return place;
	}

	void read_search(const json &from, const std::string &path, PlaceSearch *search)
	{
		allow(from, path, {"exported", "symbol", "class", "slot"});
		if (error_)
			return;
		const bool exported = from.contains("exported"), symbol = from.contains("symbol");
		if (exported + symbol + from.contains("class") != 1)
			return fail(path, "must hold one of \"exported\", \"symbol\" and \"class\"");
		search->how = exported ? PlaceSearch::How::exported
			      : symbol ? PlaceSearch::How::symbol
				       : PlaceSearch::How::virtual_slot;
		search->pattern = string_in(from, exported ? "exported" : symbol ? "symbol" : "class", path, false);
		if (search->how != PlaceSearch::How::virtual_slot)
			return;
		const json slot = from.value("slot", json());
		if (!slot.is_number_unsigned() || slot.get<uint64_t>() > 1000)
			return fail(path, "\"slot\" must be the number of a virtual function, from 0");
		search->slot = slot.get<unsigned>();
	}

	void read_values(const json &from, const std::string &path, RuntimePlace *place)
	{
		read_value(from, "identity", path, parse_value, &place->reads.identity);
		read_value(from, "count", path, parse_value, &place->reads.value);
		read_value(from, "layer", path, parse_string, &place->reads.name);
		read_value(from, "kind", path, parse_string, &place->reads.kind);
		if (!place->is_span() && place->reads.value.from == NP_READ_NOTHING)
			fail(path, "spikes and synops need a \"count\": what one hit stands for, \"1\" perhaps");
		if (place->reads.kind.from != NP_READ_NOTHING && place->reads.name.from == NP_READ_NOTHING)
			fail(path, "a \"kind\" is read together with a \"layer\" only");
	}

	void read_value(const json &from, const char *key, const std::string &path,
			Result<np_read> (*parse)(std::string_view), np_read *read)
	{
		if (!from.contains(key))
			return;
		const std::string text = string_in(from, key, path, false);
		if (error_)
			return;
		const auto parsed = parse(text);
		if (!parsed.ok())
			return fail(path + "." + key, parsed.error().what, &from[key]);
		*read = *parsed;
	}

	std::string_view text_;
	std::string where_;
	std::optional<Error> error_;
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
	for (const np_read *read : {&reads.identity, &reads.value, &reads.name, &reads.kind})
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
	struct stat info;
	const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)); // a pipe has no writer
	std::string text(kMaxFile + 1, '\0');
	const bool regular = file.valid() && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode);
	const ssize_t size = regular ? ::read(file.get(), text.data(), text.size()) : -1;
	if (size < 0)
		return Error{ErrorCode::io,
			     fmt::format("cannot read the runtime description {}: {}", path,
					 file.valid() && !regular ? "no regular file" : std::strerror(errno)),
			     0, ""};
	text.resize(static_cast<std::size_t>(size));
	if (text.size() > kMaxFile)
		return Error{ErrorCode::format, fmt::format("{}: larger than a runtime description may be", path), 0,
			     ""};
	return parse_runtime_description(text, path);
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
	std::vector<RuntimeDescription> chosen;
	for (const std::string &path : files) {
		auto read = read_runtime_description(path);
		if (!read.ok())
			return read.error();
		chosen.push_back(std::move(*read));
	}
	const bool all = names.empty() || names == std::vector<std::string>{"auto"};
	if (names == std::vector<std::string>{"none"})
		return chosen;
	std::vector<RuntimeDescription> known = built_in_runtimes();
	for (const std::string &name : all ? std::vector<std::string>{} : names) {
		const auto same = [&](const RuntimeDescription &description) { return description.name == name; };
		if (std::none_of(known.begin(), known.end(), same) && std::none_of(chosen.begin(), chosen.end(), same))
			return Error{ErrorCode::usage, fmt::format("no description of a runtime \"{}\"", name), 0,
				     "neuroperf list runtimes names them; auto: all, none: none of them"};
	}
	for (RuntimeDescription &description : known) {
		const bool named = all || std::find(names.begin(), names.end(), description.name) != names.end();
		const bool replaced = std::any_of(chosen.begin(), chosen.end(), [&](const RuntimeDescription &other) {
			return other.name == description.name;
		});
		if (named && !replaced)
			chosen.push_back(std::move(description));
	}
	return chosen;
}

bool matches_pattern(std::string_view text, std::string_view pattern)
{
	std::size_t at = 0, in_pattern = 0, star = pattern.npos, behind_star = 0;
	while (at < text.size()) {
		if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
			star = in_pattern++;
			behind_star = at;
		} else if (in_pattern < pattern.size() && pattern[in_pattern] == text[at]) {
			in_pattern++;
			at++;
		} else if (star != pattern.npos) {
			in_pattern = star + 1;
			at = ++behind_star;
		} else {
			return false;
		}
	}
	while (in_pattern < pattern.size() && pattern[in_pattern] == '*')
		in_pattern++;
	return in_pattern == pattern.size();
}

} // namespace neuroperf::collector
