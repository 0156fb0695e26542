// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_facts.hpp"

namespace neuroperf::collector {
namespace {

using recording::OwnEvent;
using recording::RuntimePayload;
using recording::RuntimeProbesPayload;

void write_places(uint32_t number, const RuntimeFile &file, RecorderLog *log)
{
	const auto count = [](std::size_t value) { return static_cast<uint32_t>(value); };
	recording::TextPayload payload(RuntimePayload{
		{},
		number,
		count(file.places),
		count(file.places_found),
		count(file.functions),
		count(file.functions_attached),
		count(file.stepped),
		0,
		0,
		0,
	});
	payload.text(offsetof(RuntimePayload, name), file.runtime);
	payload.text(offsetof(RuntimePayload, title), file.title);
	payload.text(offsetof(RuntimePayload, file), file.path);
	log->write(OwnEvent::runtime, payload.bytes());
}

void write_hits(uint32_t number, HitClass of, uint64_t hits, const RuntimeProbes &runtimes, RecorderLog *log)
{
	const std::optional<HitCost> cost = runtimes.mean_cost(of);
	const HitCost told = cost.value_or(HitCost{});
	recording::TextPayload payload(RuntimeProbesPayload{{}, number, hits, told.before_ns, told.after_ns, 0, 0});
	payload.text(offsetof(RuntimeProbesPayload, probes), to_string(of));
	payload.text(offsetof(RuntimeProbesPayload, why_unknown), cost ? "" : runtimes.trial().why_unknown);
	log->write(OwnEvent::runtime_probes, payload.bytes());
}

} // namespace

void write_runtime_facts(const RuntimeProbes &runtimes, RecorderLog *log)
{
	for (std::size_t i = 0; i < runtimes.files().size(); i++) {
		const RuntimeFile &file = runtimes.files()[i];
		const auto number = static_cast<uint32_t>(i);
		write_places(number, file, log);
		const auto hits = runtimes.hits_by_class(file);
		for (std::size_t k = 0; k < kHitClasses; k++)
			if (hits[k] > 0)
				write_hits(number, hit_class(k), hits[k], runtimes, log);
	}
}

} // namespace neuroperf::collector
