// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "collector/sampling_rate.hpp"

namespace neuroperf::collector {
namespace {

// Unasked, probes and samples together take this much from a program, but probes are left half of it.
constexpr double kShareOfProgram = 0.02;

double probe_budget(const RecordOptions &options, const HostSnapshot &host, unsigned frequency_hz)
{
	if (options.probe_budget)
		return *options.probe_budget;
	const bool samples_clock = options.events.empty() && !options.period;
	const double left = kShareOfProgram - (samples_clock ? sampling_share(host, frequency_hz) : 0);
	return std::max(std::round(left * 1000) / 1000, kShareOfProgram / 2);
}

// Once it is known which runtimes are looked into.
void plan_agent(const RecordOptions &options, const HostSnapshot &host, Plan *plan)
{
	if (!options.agent)
		return;
	plan->agent = !plan->runtimes.empty() && host.agent_problem.empty();
	if (plan->agent)
		plan->items.push_back({"agent", PlanItem::State::open,
				       "loaded into the program by LD_PRELOAD, which it can see in its environment; "
				       "while one process has a runtime mapped, calls of virtual functions go by it",
				       ""});
	else if (plan->runtimes.empty())
		plan->items.push_back({"agent", PlanItem::State::missing, "no runtime is looked into", ""});
	else
		plan->items.push_back({"agent", PlanItem::State::missing, host.agent_problem,
				       "record without --agent: by probes, at ten times the cost"});
}

void plan_places(std::vector<RuntimeDescription> runtimes, const RecordOptions &options, const HostSnapshot &host,
		 Plan *plan)
{
	constexpr const char *what = "layers of runtimes";
	if (runtimes.empty()) {
		plan->items.push_back({what, PlanItem::State::open, "none are looked for", ""});
		return;
	}
	std::vector<std::string> names;
	for (const RuntimeDescription &runtime : runtimes)
		names.push_back(runtime.name);
	const std::string listed = fmt::format("{}", fmt::join(names, ", "));
	if (options.no_bpf) {
		plan->items.push_back(
			{what, PlanItem::State::open, "--no-bpf leaves out what is inside " + listed, ""});
		return;
	}
	if (host.bpf_error != 0) {
		plan->items.push_back({what, PlanItem::State::missing,
				       fmt::format("nothing is seen inside {}: {}", listed, reason_of(host.bpf_error)),
				       std::string(run_as_root(host.in_user_namespace))});
		return;
	}
	plan->items.push_back({what, PlanItem::State::open, "by probes, where a process maps " + listed, ""});
	for (RuntimeDescription &runtime : runtimes)
		for (RuntimePlace &place : runtime.places) {
			if (!options.per_shape)
				place.reads.leave_out_shape();
			place.successive &= runtime.has_inferences();
		}
	plan->runtimes = std::move(runtimes);
	plan->begins_only = options.begins_only;
	plan->probe_budget = probe_budget(options, host, plan->frequency_hz);
}

} // namespace

void plan_runtimes(std::vector<RuntimeDescription> runtimes, const RecordOptions &options, const HostSnapshot &host,
		   Plan *plan)
{
	plan_places(std::move(runtimes), options, host, plan);
	plan_agent(options, host, plan);
}

} // namespace neuroperf::collector
