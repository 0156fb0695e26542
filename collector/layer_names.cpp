// SPDX-License-Identifier: Apache-2.0
#include "collector/layer_names.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "collector/name_pattern.hpp"
#include "collector/python_names.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint32_t kLastId = 65536; // the analyzer takes larger ones for damage
constexpr std::size_t kMostIdentities = 200'000;

// "at::_ops::conv2d::call(...)": parts between "::" outside of brackets, without the arguments. `symbol` may be
// mangled, or an RTTI name, which is a type.
std::vector<std::string> parts_of(const std::string &symbol)
{
	const std::string text = demangled(symbol);
	std::vector<std::string> parts(1);
	int depth = 0;
	for (std::size_t i = 0; i < text.size(); i++) {
		if (depth == 0 && text[i] == '(')
			break;
		if (depth == 0 && std::string_view(text).substr(i).starts_with("::")) {
			parts.emplace_back();
			i++;
			continue;
		}
		depth += text[i] == '<' ? 1 : text[i] == '>' ? -1 : 0;
		parts.back() += text[i];
	}
	return parts;
}

// {symbol} is the function's own name, {class} that of what it is in, {1} what the first star stood for.
void fill_in(const NumberedFunction &function, std::string *name)
{
	if (name->find('{') == name->npos)
		return;
	const std::vector<std::string> parts = parts_of(function.name);
	const std::pair<std::string_view, std::string> known[] = {
		{"{symbol}", parts.back()},
		{"{class}", parts[parts.size() > 1 && !function.is_of_class ? parts.size() - 2 : parts.size() - 1]}};
	for (const auto &[word, text] : known)
		if (const std::size_t at = name->find(word); at != name->npos)
			name->replace(at, word.size(), text);
	*name = filled_in(std::move(*name), function.captured);
}

std::string text_of(const char *characters, std::size_t size)
{
	return {characters, ::strnlen(characters, size)};
}

std::string kind_of(const np_runtime_names &names, const RuntimePlace &place)
{
	const std::string text = text_of(names.kind, sizeof names.kind);
	if (!place.reads.kind.given() || place.reads.kind.as != NP_AS_NUMBER)
		return place.reads.kind.as == NP_AS_TYPE_NAME ? demangled(text) : text;
	return names.kind_number < place.kinds.size() ? place.kinds[names.kind_number]
						      : fmt::format("{}", names.kind_number);
}

// "[1x3x224x224]"
std::string shape_of(const np_runtime_names &names)
{
	const std::size_t count = std::min<std::size_t>(names.shape_count, NP_MOST_DIMENSIONS);
	return count == 0 ? "" : fmt::format(" [{}]", fmt::join(names.shape, names.shape + count, "x"));
}

} // namespace

bool LayerNames::take(const np_runtime_names &names, const RuntimePlace &place)
{
	if (names_.size() >= kMostIdentities)
		return false;
	const std::string name = text_of(names.name, sizeof names.name);
	names_[{names.event.pid, names.event.place, names.event.identity}] = {
		place.reads.name.as == NP_AS_TYPE_NAME ? demangled(name) : name, kind_of(names, place),
		shape_of(names)};
	return true;
}

// What tells layers apart: the runtime's own object where the description reads one, else the function.
LayerNames::Names *LayerNames::names_of(const np_runtime_event &event, const RuntimePlace &place)
{
	if (!place.reads.tells_names()) {
		// All requests are one inference.
		const bool by_identity = place.reads.identity.given() && place.async == RuntimePlace::Async::no;
		return names_.size() >= kMostIdentities ? nullptr
		       : by_identity                    ? &names_[{event.pid, event.place, event.identity}]
							: &names_[{0, event.place, event.function}];
	}
	const auto found = names_.find({event.pid, event.place, event.identity});
	unnamed_ += found == names_.end() ? 1 : 0;
	return found == names_.end() ? nullptr : &found->second;
}

uint32_t LayerNames::id_of(const np_runtime_event &event, const NumberedPlace &place, const NumberedFunction &function,
			   bool start_up)
{
	const RuntimePlace &described = *place.place;
	Names *const known = names_of(event, described);
	const ToldName *const told = known ? python_name(event, place) : nullptr;
	if (const uint32_t name = told ? told->number : 0; known && known->python_name != name) {
		known->python_name = name; // another object has come to this address
		known->id = known->start_up_id = 0;
	}
	uint32_t *const id = known ? (start_up ? &known->start_up_id : &known->id) : nullptr;
	if (id && *id != 0)
		return *id;
	Definition definition;
	definition.what = described.means == PlaceMeans::inference ? NP_DEFINES_INFERENCE : NP_DEFINES_LAYER;
	definition.name = known && !known->name.empty() ? known->name : described.name;
	fill_in(function, &definition.name);
	if (told) {
		definition.name = told->name;
		python_named_++;
	}
	if (known)
		definition.name += known->shape;
	if (start_up)
		definition.name = "start-up: " + definition.name;
	definition.kind = known && !known->kind.empty() ? known->kind : std::string(to_string(described.means));
	definition.identity = {event.pid, event.tid, event.time_ns, 0, 0};
	const uint32_t made =
		number(std::move(definition), described.async == RuntimePlace::Async::no ? event.identity : 0);
	if (id)
		*id = made;
	return made;
}

const ToldName *LayerNames::python_name(const np_runtime_event &event, const NumberedPlace &place)
{
	if (!python_name_of_ || !place.runtime->names_from_python || place.place->means != PlaceMeans::layer)
		return nullptr;
	return python_name_of_(event.pid, event.identity, event.time_ns);
}

uint32_t LayerNames::number(Definition definition, uint64_t identity)
{
	const std::string content =
		fmt::format("{} {} ", definition.what, definition.name.size()) + definition.name + definition.kind;
	std::vector<uint64_t> &identities = identities_[{content, definition.identity.pid}];
	auto turn = std::find(identities.begin(), identities.end(), identity);
	if (turn == identities.end()) {
		identities.push_back(identity);
		turn = identities.end() - 1;
	}
	const auto which = turn - identities.begin();
	if (which > 0)
		definition.name += fmt::format(" #{}", which + 1);
	const auto [known, is_new] = ids_.try_emplace(fmt::format("{} {}", which, content), next_id_);
	if (!is_new)
		return known->second;
	if (next_id_ > kLastId) {
		ids_.erase(known);
		return 0;
	}
	definition.id = next_id_++;
	fresh_.push_back(std::move(definition));
	return fresh_.back().id;
}

std::vector<Definition> LayerNames::take_definitions()
{
	return std::exchange(fresh_, {});
}

} // namespace neuroperf::collector
