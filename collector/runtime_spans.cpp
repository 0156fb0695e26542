// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_spans.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "collector/name_pattern.hpp"
#include "collector/own_event_encoder.hpp"
#include "collector/runtime_match.hpp"

namespace neuroperf::collector {
namespace {

constexpr uint32_t kLastId = 65536; // the analyzer takes larger ones for damage
constexpr std::size_t kDeepest = 1024;
constexpr std::size_t kMostIdentities = 200'000;
constexpr std::size_t kMostThreads = 100'000;
constexpr std::size_t kMostCallers = 20'000;

// What a call leaves on the stack of its caller is gone when it has returned.
#if defined(__x86_64__)
constexpr uint64_t kReturnAddressBytes = 8;
#else
constexpr uint64_t kReturnAddressBytes = 0;
#endif

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

np_slot slot_of(uint16_t type, uint64_t time_ns, uint32_t id, uint64_t value)
{
	return np_slot{time_ns, value, id, type, 0};
}

} // namespace

uint16_t RuntimeSpans::add_place(const NumberedPlace &place)
{
	places_.push_back(place);
	hits_.push_back(0);
	entries_.emplace_back();
	return static_cast<uint16_t>(places_.size() - 1);
}

uint32_t RuntimeSpans::add_function(NumberedFunction function)
{
	functions_.push_back(std::move(function));
	return static_cast<uint32_t>(functions_.size() - 1);
}

uint32_t RuntimeSpans::add_return(uint32_t pushed_bytes, ProbeCost cost, std::optional<uint16_t> place)
{
	returns_.push_back({pushed_bytes, cost, 0, place});
	return static_cast<uint32_t>(returns_.size() - 1);
}

std::vector<RuntimeCaller> RuntimeSpans::take_callers()
{
	taken_callers_ = std::exchange(fresh_callers_, {});
	return taken_callers_;
}

// A caller that is met for the first time is not, nor one that nobody can be told of.
bool RuntimeSpans::is_watched(const RuntimeCaller &caller, uint64_t time_ns)
{
	const auto known = callers_.find(caller);
	if (known != callers_.end())
		return time_ns >= known->second;
	if (caller.address != 0 && callers_.size() < kMostCallers) {
		callers_.emplace(caller, UINT64_MAX);
		fresh_callers_.push_back(caller);
	}
	return false;
}

std::optional<HitClass> RuntimeSpans::take(const np_runtime_event &event, const Emit &emit)
{
	const bool is_return = event.what == NP_RUNTIME_RETURN;
	const bool known = is_return ? event.function < returns_.size()
				     : event.place < places_.size() && event.function < functions_.size();
	if (!known) {
		counts_.bad_records++;
		return std::nullopt;
	}
	HitClass hit{HitClass::At::behind_call, ProbeCost::emulated};
	if (is_return)
		hit.cost = returns_[event.function].cost;
	else
		hit = {places_[event.place].place->reads.tells_names() ? HitClass::At::named_entry
								       : HitClass::At::entry,
		       functions_[event.function].cost};
	const HitCost cost = costs_.of(hit).value_or(HitCost{});
	add_cost(event.tid, cost.before_ns);
	if (is_return) {
		returns_[event.function].hits++;
		leave(event, emit);
	} else {
		entries_[event.place][index_of(hit)]++;
		enter(event, emit);
	}
	add_cost(event.tid, cost.after_ns);
	return hit;
}

// Of a thread in which nothing has been open yet, nobody will ask.
void RuntimeSpans::add_cost(uint32_t tid, uint64_t cost_ns)
{
	if (const auto found = threads_.find(tid); cost_ns > 0 && found != threads_.end())
		found->second.cost_ns += cost_ns;
}

std::array<uint64_t, kHitClasses> RuntimeSpans::hits_by_class(std::size_t first, std::size_t last) const
{
	std::array<uint64_t, kHitClasses> hits{};
	for (std::size_t place = first; place < std::min(last, entries_.size()); place++)
		for (std::size_t i = 0; i < kHitClasses; i++)
			hits[i] += entries_[place][i];
	for (const Return &one : returns_)
		if (one.place && *one.place >= first && *one.place < last)
			hits[index_of({HitClass::At::behind_call, one.cost})] += one.hits;
	return hits;
}

void RuntimeSpans::enter(const np_runtime_event &event, const Emit &emit)
{
	const NumberedPlace &place = places_[event.place];
	counts_.hits++;
	hits_[event.place]++;
	if (threads_.size() >= kMostThreads && !threads_.contains(event.tid))
		threads_.clear(); // long gone, most of them
	Thread &thread = threads_[event.tid];
	thread.pid = event.pid;
	thread.last_ns = event.time_ns;
	const bool start_up = is_start_up(event.pid, place);
	counts_.start_up += start_up ? 1 : 0;
	const uint32_t id = id_of(event, place, start_up);
	if (id == 0) {
		counts_.without_number++;
		return;
	}
	if (!place.place->is_span()) {
		const uint16_t type = place.place->means == PlaceMeans::spikes ? NP_EVENT_SPIKES : NP_EVENT_SYNOPS;
		emit(slot_of(type, event.time_ns, id, event.value), event.pid, event.tid);
		return;
	}
	const uint64_t stack = event.stack + functions_[event.function].pushed_bytes + kReturnAddressBytes;
	// What was at this depth or deeper has ended; but two places may be in one function, which is entered once.
	const auto has_ended = [&](const Open &call) {
		const bool same_call = call.returns_to == event.value && call.place != event.place;
		return call.stack < stack || (call.stack == stack && !same_call);
	};
	// And no layer has an inference in it.
	const bool inference = place.place->means == PlaceMeans::inference;
	const auto is_stale = [&](const Open &call) { return inference && call.unwatched && may_be_sampled(call); };
	while (!thread.open.empty() && (has_ended(thread.open.back()) || is_stale(thread.open.back()))) {
		end_unseen(thread.open.back(), event.pid, event.tid, event.time_ns, emit);
		thread.open.pop_back();
	}
	if (thread.open.size() >= kDeepest) {
		counts_.too_deep++;
		return;
	}
	const RuntimeCaller caller{event.pid, event.value, place.place->may_be_sampled()};
	const bool submits = place.place->async == RuntimePlace::Async::begin;
	const bool unwatched = !submits && !is_watched(caller, event.time_ns);
	const Open call{stack, event.value, id, event.place, event.identity, thread.cost_ns, unwatched};
	begin(call, event, emit);
	if (!submits)
		thread.open.push_back(call);
}

void RuntimeSpans::begin(const Open &open, const np_runtime_event &event, const Emit &emit)
{
	const RuntimePlace &place = *places_[open.place].place;
	if (place.async == RuntimePlace::Async::end)
		return; // it is being waited for
	const bool inference = place.means == PlaceMeans::inference;
	if (inference && inferences_.size() < kMostThreads) {
		Inferences &of_runtime = inferences_[{event.pid, places_[open.place].runtime}];
		of_runtime.open += place.async == RuntimePlace::Async::no ? 1 : 0;
		of_runtime.submitted |= place.async == RuntimePlace::Async::begin;
	}
	uint16_t type = inference ? NP_EVENT_INFERENCE_BEGIN : NP_EVENT_LAYER_BEGIN;
	if (place.async == RuntimePlace::Async::begin)
		type = kRequestBegin;
	const uint64_t value = type == kRequestBegin ? open.identity : inference ? hits_[open.place] : 0;
	emit(slot_of(type, event.time_ns, open.id, value), event.pid, event.tid);
}

void RuntimeSpans::end_unseen(const Open &open, uint32_t pid, uint32_t tid, uint64_t time_ns, const Emit &emit)
{
	counts_.entries_without_return++;
	count_end(open, pid);
	if (places_[open.place].place->async == RuntimePlace::Async::no)
		emit(slot_of(kUnseenEnd, time_ns, open.id, 0), pid, tid);
}

void RuntimeSpans::leave(const np_runtime_event &event, const Emit &emit)
{
	counts_.returns++;
	const auto found = threads_.find(event.tid);
	if (found != threads_.end())
		found->second.last_ns = event.time_ns;
	const uint64_t stack = event.stack + returns_[event.function].pushed_bytes;
	bool ended = false;
	while (found != threads_.end() && !found->second.open.empty() && found->second.open.back().stack <= stack) {
		const Open call = found->second.open.back();
		found->second.open.pop_back();
		if (call.stack == stack) { // of two places in one function both
			close(call, event, found->second.cost_ns, emit);
			returns_[event.function].place = call.place;
			ended = true;
			continue;
		}
		end_unseen(call, event.pid, event.tid, event.time_ns, emit);
	}
	counts_.returns_without_entry += ended ? 0 : 1;
}

void RuntimeSpans::close(const Open &open, const np_runtime_event &event, uint64_t cost_ns, const Emit &emit)
{
	count_end(open, event.pid);
	const RuntimePlace &place = *places_[open.place].place;
	const bool inference = place.means == PlaceMeans::inference;
	uint16_t type = inference ? NP_EVENT_INFERENCE_END : NP_EVENT_LAYER_END;
	uint64_t value = 0;
	if (place.async == RuntimePlace::Async::end) {
		type = kRequestEnd;
		value = open.identity;
	} else if (costs_.known()) {
		type = inference ? kProbedInferenceEnd : kProbedEnd;
		value = cost_ns - open.cost_ns;
	}
	emit(slot_of(type, event.time_ns, open.id, value), event.pid, event.tid);
}

// Work of a runtime that knows inferences, while none is under way: weights are packed, constants are folded.
bool RuntimeSpans::is_start_up(uint32_t pid, const NumberedPlace &place) const
{
	// What is counted is counted whole, whenever it is read.
	if (place.place->means == PlaceMeans::inference || !place.place->is_span() ||
	    !place.runtime->has_inferences() || !from_start_.contains(pid))
		return false;
	const auto known = inferences_.find({pid, place.runtime}); // whichever thread they were called on
	return known == inferences_.end() || (known->second.open == 0 && !known->second.submitted);
}

void RuntimeSpans::count_end(const Open &open, uint32_t pid)
{
	const NumberedPlace &place = places_[open.place];
	if (place.place->means != PlaceMeans::inference || place.place->async != RuntimePlace::Async::no)
		return;
	if (const auto known = inferences_.find({pid, place.runtime}); known != inferences_.end())
		known->second.open -= known->second.open > 0 ? 1 : 0;
}

void RuntimeSpans::take_names(const np_runtime_names &names)
{
	if (names.event.place >= places_.size() || names_.size() >= kMostIdentities) {
		counts_.bad_records++;
		return;
	}
	Names &known = names_[{names.event.pid, names.event.place, names.event.identity}];
	const RuntimePlace &place = *places_[names.event.place].place;
	const std::string name = text_of(names.name, sizeof names.name);
	known = {place.reads.name.as == NP_AS_TYPE_NAME ? demangled(name) : name, kind_of(names, place),
		 shape_of(names), 0, 0};
}

// What tells layers apart: the runtime's own object where the description reads one, else the function.
RuntimeSpans::Names *RuntimeSpans::names_of(const np_runtime_event &event, const RuntimePlace &place)
{
	if (!place.reads.tells_names()) {
		// All requests are one inference.
		const bool by_identity = place.reads.identity.given() && place.async == RuntimePlace::Async::no;
		return names_.size() >= kMostIdentities ? nullptr
		       : by_identity                    ? &names_[{event.pid, event.place, event.identity}]
							: &names_[{0, event.place, event.function}];
	}
	const auto found = names_.find({event.pid, event.place, event.identity});
	counts_.unnamed += found == names_.end() ? 1 : 0;
	return found == names_.end() ? nullptr : &found->second;
}

uint32_t RuntimeSpans::id_of(const np_runtime_event &event, const NumberedPlace &place, bool start_up)
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
	fill_in(functions_[event.function], &definition.name);
	if (told) {
		definition.name = told->name;
		counts_.python_named++;
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

const ToldName *RuntimeSpans::python_name(const np_runtime_event &event, const NumberedPlace &place)
{
	if (!python_name_of_ || !place.runtime->names_from_python || place.place->means != PlaceMeans::layer)
		return nullptr;
	return python_name_of_(event.pid, event.identity, event.time_ns);
}

uint32_t RuntimeSpans::number(Definition definition, uint64_t identity)
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

// As of the thread's last event: those that are still in the ring are newer. What an inference lies in goes on.
void RuntimeSpans::end_innermost(const std::function<bool(const Open &call)> &has_ended, const Emit &emit)
{
	for (auto &[tid, thread] : threads_)
		for (; !thread.open.empty() && may_be_sampled(thread.open.back()) && has_ended(thread.open.back());
		     thread.open.pop_back())
			end_unseen(thread.open.back(), thread.pid, tid, thread.last_ns, emit);
}

void RuntimeSpans::watch_callers(uint64_t from_ns, const Emit &emit)
{
	for (const RuntimeCaller &caller : std::exchange(taken_callers_, {}))
		callers_[caller] = from_ns;
	end_innermost([](const Open &call) { return call.unwatched; }, emit);
}

void RuntimeSpans::end_sampled(const Emit &emit)
{
	end_innermost([](const Open &) { return true; }, emit);
}

void RuntimeSpans::finish(uint64_t time_ns, const std::function<bool(uint32_t pid)> &has_ended, const Emit &emit)
{
	for (auto &[tid, thread] : threads_) {
		if (thread.open.empty() || !has_ended(thread.pid))
			continue;
		for (; !thread.open.empty(); thread.open.pop_back())
			end_unseen(thread.open.back(), thread.pid, tid, time_ns, emit);
	}
}

std::vector<Definition> RuntimeSpans::take_definitions()
{
	return std::exchange(fresh_, {});
}

} // namespace neuroperf::collector
