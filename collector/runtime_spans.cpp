// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_spans.hpp"

#include <algorithm>
#include <utility>

#include "collector/own_event_encoder.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kDeepest = 1024;
constexpr std::size_t kMostThreads = 100'000;
constexpr std::size_t kMostCallers = 20'000;

// What a call leaves on the stack of its caller is gone when it has returned.
#if defined(__x86_64__)
constexpr uint64_t kReturnAddressBytes = 8;
#else
constexpr uint64_t kReturnAddressBytes = 0;
#endif

np_slot slot_of(uint16_t type, uint64_t time_ns, uint32_t id, uint64_t value)
{
	return np_slot{time_ns, value, id, type, 0};
}

HitClass::At kind_of_entry(const RuntimePlace &place)
{
	if (place.names_stay_us > 0)
		return HitClass::At::staying_entry;
	return place.reads.tells_names() ? HitClass::At::named_entry : HitClass::At::entry;
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

uint32_t RuntimeSpans::add_return(int32_t pushed_bytes, ProbeCost cost, std::optional<uint16_t> place)
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
		hit = {kind_of_entry(*places_[event.place].place), functions_[event.function].cost};
	const HitCost cost = costs_.of(hit).value_or(HitCost{});
	if (costs_.of(hit)) {
		CostOfHits &all = cost_of_hits_[index_of(hit)];
		all.hits++;
		all.before_ns += cost.before_ns;
		all.after_ns += cost.after_ns;
	}
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

std::optional<HitCost> RuntimeSpans::mean_cost(HitClass hit) const
{
	const CostOfHits &all = cost_of_hits_[index_of(hit)];
	if (all.hits == 0)
		return std::nullopt;
	return HitCost{(all.before_ns + all.hits / 2) / all.hits, (all.after_ns + all.hits / 2) / all.hits};
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
	if (is_left_out(event))
		return;
	hits_[event.place]++;
	if (place.place->means == PlaceMeans::renewal)
		return; // it was for the BPF program
	if (threads_.size() >= kMostThreads && !threads_.contains(event.tid))
		threads_.clear(); // long gone, most of them
	Thread &thread = threads_[event.tid];
	thread.pid = event.pid;
	thread.last_ns = event.time_ns;
	const bool start_up = is_start_up(event.pid, place);
	counts_.start_up += start_up ? 1 : 0;
	const uint32_t id = names_.id_of(event, place, functions_[event.function], start_up);
	counts_.unnamed = names_.unnamed();
	counts_.python_named = names_.python_named();
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
	while (!thread.open.empty() && !is_of_same_object(thread.open.back(), event, stack) &&
	       (has_ended(thread.open.back()) || is_stale(thread.open.back()))) {
		const Open call = thread.open.back();
		thread.open.pop_back();
		if (inference)
			end_unseen(call, event.pid, event.tid, event.time_ns, emit); // long ago, for all we know
		else
			end(call, event, thread, emit);
	}
	if (!thread.open.empty() && is_of_same_object(thread.open.back(), event, stack)) {
		counts_.of_base_classes++;
		return;
	}
	if (thread.open.size() >= kDeepest) {
		counts_.too_deep++;
		return;
	}
	const RuntimeCaller caller{event.pid, event.value, place.place->may_be_sampled(), place.place->successive};
	const bool submits = place.place->async == RuntimePlace::Async::begin;
	const bool alone = place.place->successive && !has_inference(thread);
	counts_.successive += place.place->successive && !start_up ? 1 : 0;
	counts_.successive_alone += alone && !start_up ? 1 : 0;
	const bool is_told = functions_[event.function].ends_are_told;
	const bool unwatched =
		lasts_until_next(*place.place) ? alone : !submits && !is_told && !is_watched(caller, event.time_ns);
	const Open call{stack, event.value, id, event.place, event.identity, thread.cost_ns, unwatched};
	begin(call, event, emit);
	if (!submits)
		thread.open.push_back(call);
}

bool RuntimeSpans::is_left_out(const np_runtime_event &event) const
{
	if (event.time_ns >= rests_until_ns_ || !places_[event.place].place->may_be_sampled())
		return false;
	const auto found = threads_.find(event.tid);
	if (found == threads_.end() || found->second.open.empty())
		return true;
	const Open &caller = found->second.open.back();
	return !may_be_sampled(caller) || caller.stack <= event.stack + functions_[event.function].pushed_bytes;
}

// A virtual function may call what it overrides, or jump there: that is no call of its own. A jump looks as if the
// same object were called again after an end that nobody saw, which is not so where ends are watched.
bool RuntimeSpans::is_of_same_object(const Open &call, const np_runtime_event &event, uint64_t stack) const
{
	const RuntimePlace &place = *places_[event.place].place;
	if (place.find.how != PlaceSearch::How::virtual_slot || !place.reads.identity.given() ||
	    places_[call.place].place != &place || call.identity != event.identity)
		return false;
	const bool is_end_seen = !call.unwatched && !lasts_until_next(place);
	return stack < call.stack || (stack == call.stack && call.returns_to == event.value && is_end_seen);
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

bool RuntimeSpans::has_inference(const Thread &thread) const
{
	return std::ranges::any_of(thread.open, [this](const Open &call) {
		return places_[call.place].place->means == PlaceMeans::inference;
	});
}

void RuntimeSpans::end(const Open &open, const np_runtime_event &event, const Thread &thread, const Emit &emit)
{
	if (!lasts_until_next(*places_[open.place].place) || !has_inference(thread))
		return end_unseen(open, event.pid, event.tid, event.time_ns, emit);
	counts_.ended_by_next++;
	close(open, event, thread.cost_ns, emit);
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
	const uint64_t stack = event.stack + static_cast<uint64_t>(int64_t{returns_[event.function].pushed_bytes});
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
		end(call, event, found->second, emit);
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
	if (names.event.place >= places_.size() || !names_.take(names, *places_[names.event.place].place))
		counts_.bad_records++;
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

void RuntimeSpans::take_begins_alone()
{
	begins_alone_ = true;
	forget_callers();
}

void RuntimeSpans::forget_callers()
{
	callers_.clear();
	fresh_callers_.clear();
	taken_callers_.clear();
}

void RuntimeSpans::has_been_watched(const RuntimeCaller &caller)
{
	std::erase(taken_callers_, caller);
	callers_[caller] = 0;
	for (auto &[tid, thread] : threads_)
		for (Open &call : thread.open)
			if (thread.pid == caller.pid && call.returns_to == caller.address)
				call.unwatched = false;
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

} // namespace neuroperf::collector
