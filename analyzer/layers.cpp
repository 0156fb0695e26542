// SPDX-License-Identifier: Apache-2.0
#include "analyzer/layers.hpp"

#include <algorithm>

#include "analyzer/collectives.hpp"

namespace neuroperf::analyzer {

namespace {

// A stack deeper than this is damage, not a network.
constexpr std::size_t kMaxDepth = 4096;
constexpr std::size_t kMaxRequests = 100'000; // open at a time

} // namespace

void CallStats::add_call(uint64_t duration_ns, uint64_t call_self_ns)
{
	calls++;
	total_ns += duration_ns;
	self_ns += call_self_ns;
	min_ns = std::min(min_ns, duration_ns);
	max_ns = std::max(max_ns, duration_ns);
	durations.add(duration_ns);
}

void CallStats::add_probed_call(uint64_t duration_ns, uint64_t call_self_ns, const ProbeCostTaken &taken)
{
	probed++;
	clamped += taken.less_than_told ? 1 : 0;
	probe_ns += taken.ns;
	self_probe_ns += taken.of_self_ns;
	add_call(duration_ns - taken.ns, call_self_ns - taken.of_self_ns);
}

void CallStats::merge(const CallStats &other)
{
	calls += other.calls;
	untimed += other.untimed;
	total_ns += other.total_ns;
	self_ns += other.self_ns;
	probe_ns += other.probe_ns;
	self_probe_ns += other.self_probe_ns;
	probed += other.probed;
	clamped += other.clamped;
	min_ns = std::min(min_ns, other.min_ns);
	max_ns = std::max(max_ns, other.max_ns);
	durations.merge(other.durations);
	told_spikes = told_spikes || other.told_spikes;
	told_synops = told_synops || other.told_synops;
	spikes += other.spikes;
	synops += other.synops;
	followed += other.followed;
	states += other.states;
	user_samples += other.user_samples;
	kernel_samples += other.kernel_samples;
	fault_samples += other.fault_samples;
}

Definition *Layers::definition(DefinitionNumber number)
{
	if (number > kMaxDefinition) {
		problems_.bad_number++;
		return nullptr;
	}
	if (number >= definitions_.size()) {
		definitions_.resize(number + 1);
		begun_.resize(number + 1);
	}
	return &definitions_[number];
}

Layers::ThreadState &Layers::state(ThreadId thread)
{
	const auto index = static_cast<std::size_t>(thread);
	if (index >= threads_.size())
		threads_.resize(index + 1);
	return threads_[index];
}

void Layers::define(DefinitionNumber number, Definition facts)
{
	Definition *known = definition(number);
	if (!known)
		return;
	facts.steady = std::move(known->steady);
	facts.warm_up = std::move(known->warm_up);
	facts.deadline = known->deadline;
	facts.periods = std::move(known->periods);
	facts.exchange = facts.what == Definition::What::layer && is_exchange(facts.name, facts.kind);
	*known = std::move(facts);
}

bool Layers::is_warm_up(const ThreadState &thread, DefinitionNumber number, bool inference)
{
	if (skip_ == 0)
		return false;
	if (!thread.stack.empty() && (thread.stack.front().inference || !inference))
		return thread.stack.front().warm_up; // as the outermost one
	return begun_[number]++ < skip_;
}

void Layers::begin(ThreadId id, DefinitionNumber number, uint64_t time_ns, bool inference)
{
	if (!definition(number))
		return;
	ThreadState &thread = state(id);
	if (thread.stack.size() >= kMaxDepth) {
		problems_.begin_without_end++;
		return;
	}
	const bool warm_up = is_warm_up(thread, number, inference);
	const StateTimes states = states_ ? states_->runs(id, time_ns) : StateTimes{};
	thread.stack.push_back({number, inference, warm_up, time_ns, 0, 0, 0, states});
}

// The innermost open call of this layer, and away with what was called inside it.
bool Layers::pop(ThreadId id, DefinitionNumber number, Open *call)
{
	std::vector<Open> &stack = state(id).stack;
	auto at = stack.end();
	while (at != stack.begin() && (at - 1)->number != number)
		--at;
	if (at == stack.begin()) {
		problems_.end_without_begin++;
		return false;
	}
	problems_.begin_without_end += static_cast<uint64_t>(stack.end() - at);
	stack.erase(at, stack.end());
	*call = stack.back();
	stack.pop_back();
	return true;
}

void Layers::end(ThreadId id, DefinitionNumber number, uint64_t time_ns, std::optional<uint64_t> probe_ns)
{
	Definition *known = definition(number);
	Open call{};
	const StateTimes states = states_ ? states_->runs(id, time_ns) : StateTimes{};
	if (!known || !pop(id, number, &call))
		return;
	const uint64_t duration_ns = time_ns > call.begin_ns ? time_ns - call.begin_ns : 0;
	const uint64_t self_ns = duration_ns > call.children_ns ? duration_ns - call.children_ns : 0;
	CallStats &stats = call.warm_up ? known->warm_up : known->steady;
	const bool counts = window_.has(call.begin_ns) && window_.has(time_ns);
	const ProbeCostTaken taken = taken_out(call, duration_ns, self_ns, probe_ns);
	if (counts && probe_ns)
		stats.add_probed_call(duration_ns, self_ns, taken);
	else if (counts)
		stats.add_call(duration_ns, self_ns);
	if (counts && states_) {
		stats.followed++;
		stats.states += states - call.states;
	}
	if (counts && call.inference && !call.warm_up)
		note_inference(known, call, id, duration_ns, states - call.states);
	// Only layers take time away from the calls around them; an inference hands on what the layers in it took.
	std::vector<Open> &stack = state(id).stack;
	if (stack.empty())
		return;
	Open &around = stack.back();
	around.children_ns += call.inference ? call.children_ns : duration_ns;
	around.children_probe_ns += call.inference ? call.children_probe_ns : probe_ns.value_or(call.children_probe_ns);
	around.children_taken_ns += call.inference ? call.children_taken_ns : taken.ns;
}

// As much of the self time as there is, and what was taken out of the calls inside: so that times add up.
ProbeCostTaken Layers::taken_out(const Open &call, uint64_t duration_ns, uint64_t self_ns,
				 std::optional<uint64_t> probe_ns)
{
	if (!probe_ns)
		return {call.children_taken_ns, 0, false};
	const uint64_t of_self_ns = *probe_ns > call.children_probe_ns ? *probe_ns - call.children_probe_ns : 0;
	const uint64_t taken_of_self_ns = std::min(of_self_ns, self_ns);
	return {std::min(taken_of_self_ns + call.children_taken_ns, duration_ns), taken_of_self_ns,
		taken_of_self_ns < of_self_ns};
}

void Layers::note_inference(Definition *known, const Open &call, ThreadId id, uint64_t wall_ns,
			    const StateTimes &states)
{
	const SlowCall slow{call.number, id, call.begin_ns, wall_ns, states_ != nullptr, states};
	slow_inferences_.add(slow);
	Periods &periods = known->periods;
	if (periods.last_begin_ns != 0 && call.begin_ns > periods.last_begin_ns)
		periods.durations.add(call.begin_ns - periods.last_begin_ns);
	periods.last_begin_ns = std::max(periods.last_begin_ns, call.begin_ns);
	if (deadline_ns_)
		known->deadline.add(slow, *deadline_ns_);
}

void Layers::end_unseen(ThreadId id, DefinitionNumber number, uint64_t time_ns)
{
	Definition *known = definition(number);
	Open call{};
	if (!known || !pop(id, number, &call))
		return;
	problems_.unseen_ends++;
	if (window_.has(call.begin_ns) && window_.has(time_ns)) {
		CallStats &stats = call.warm_up ? known->warm_up : known->steady;
		stats.calls++;
		stats.untimed++;
	}
	if (std::vector<Open> &stack = state(id).stack; !stack.empty()) {
		stack.back().children_ns += call.children_ns;
		stack.back().children_probe_ns += call.children_probe_ns;
		stack.back().children_taken_ns += call.children_taken_ns;
	}
}

void Layers::begin_request(const RequestKey &request, uint64_t time_ns)
{
	if (!definition(request.inference))
		return;
	if (requests_.size() >= kMaxRequests && !requests_.contains(request)) {
		problems_.begin_without_end++;
		return;
	}
	const auto [open, is_new] = requests_.try_emplace(request, time_ns);
	if (is_new)
		return;
	problems_.begin_without_end++; // submitted again
	open->second = time_ns;
}

void Layers::end_request(const RequestKey &request, uint64_t time_ns)
{
	Definition *known = definition(request.inference);
	const auto open = requests_.find(request);
	if (!known || open == requests_.end()) {
		problems_.end_without_begin += known ? 1 : 0;
		return;
	}
	const uint64_t begin_ns = open->second;
	requests_.erase(open);
	if (!window_.has(begin_ns) || !window_.has(time_ns))
		return;
	const bool warm_up = begun_[request.inference]++ < skip_;
	const uint64_t duration_ns = time_ns > begin_ns ? time_ns - begin_ns : 0;
	(warm_up ? known->warm_up : known->steady).add_call(duration_ns, duration_ns);
}

void Layers::add_sample(ThreadId id, SampledIn where)
{
	const std::vector<Open> &stack = state(id).stack;
	for (auto call = stack.begin(); call != stack.end(); ++call) {
		const auto same = [&](const Open &other) { return other.number == call->number; };
		if (std::any_of(stack.begin(), call, same))
			continue; // it calls itself: once is enough
		Definition &of = definitions_[call->number];
		CallStats &stats = call->warm_up ? of.warm_up : of.steady;
		(where == SampledIn::user ? stats.user_samples : stats.kernel_samples)++;
		stats.fault_samples += where == SampledIn::page_fault ? 1 : 0;
	}
}

void Layers::add_spikes(ThreadId id, DefinitionNumber number, uint64_t count)
{
	Definition *known = definition(number);
	if (!known)
		return;
	const std::vector<Open> &stack = state(id).stack;
	CallStats &stats = !stack.empty() && stack.front().warm_up ? known->warm_up : known->steady;
	stats.told_spikes = true;
	stats.spikes += count;
}

void Layers::add_synops(ThreadId id, DefinitionNumber number, uint64_t count)
{
	Definition *known = definition(number);
	if (!known)
		return;
	const std::vector<Open> &stack = state(id).stack;
	CallStats &stats = !stack.empty() && stack.front().warm_up ? known->warm_up : known->steady;
	stats.told_synops = true;
	stats.synops += count;
}

void Layers::abandon(ThreadId thread)
{
	std::vector<Open> &stack = state(thread).stack;
	problems_.begin_without_end += stack.size();
	stack.clear();
}

void Layers::finish()
{
	for (std::size_t thread = 0; thread < threads_.size(); thread++)
		abandon(static_cast<ThreadId>(thread));
	problems_.begin_without_end += requests_.size();
	requests_.clear();
}

DefinitionNumber Layers::innermost(ThreadId id) const
{
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size() || threads_[index].stack.empty())
		return 0;
	const std::vector<Open> &stack = threads_[index].stack;
	const auto layer = std::find_if(stack.rbegin(), stack.rend(), [](const Open &open) { return !open.inference; });
	return layer != stack.rend() ? layer->number : stack.back().number;
}

void Layers::open_layers(ThreadId id, std::vector<DefinitionNumber> *layers) const
{
	layers->clear();
	const auto index = static_cast<std::size_t>(id);
	if (index >= threads_.size())
		return;
	for (const Open &open : threads_[index].stack)
		if (!open.inference)
			layers->push_back(open.number);
}

} // namespace neuroperf::analyzer
