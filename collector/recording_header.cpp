// SPDX-License-Identifier: Apache-2.0
#include "collector/recording_header.hpp"

#include <unistd.h>

#include <charconv>
#include <optional>

#include "collector/bpf_tracepoints.hpp"
#include "collector/output_name.hpp"
#include "collector/own_event_encoder.hpp"
#include "recording/event_formats.hpp"
#include "recording/private_section.hpp"
#include "recording/records.hpp"
#include "recording/version.hpp"

namespace neuroperf::collector {
namespace {

using recording::ByteWriter;
using recording::text_contents;

std::string words_feature(const std::vector<std::string> &words)
{
	ByteWriter section;
	section.put(static_cast<uint32_t>(words.size()));
	for (const std::string &word : words)
		section.put_bytes(text_contents(word));
	return section.take();
}

std::map<unsigned, std::string> make_features(const RecordOptions &options, const HostSnapshot &host, const Plan &plan,
					      const ClockMoment &start)
{
	using namespace recording;
	const auto cpus = static_cast<uint32_t>(host.online_cpus.size());
	return {
		{kFeatureTracingData, own_tracing_data({}, SIZE_MAX, plan.tracing_systems())},
		{kFeatureHostname, text_contents(host.hostname)},
		{kFeatureOsRelease, text_contents(host.kernel_release)},
		{kFeatureVersion, text_contents(std::string("neuroperf ") + kVersion)},
		{kFeatureArch, text_contents(host.architecture)},
		{kFeatureCpuCount, ByteWriter().put(cpus).put(cpus).take()},
		{kFeatureCpuDescription, text_contents(host.cpu_model)},
		{kFeatureCommandLine, words_feature(options.command_line)},
		{kFeatureSampleTime, ByteWriter().put(start.monotonic_ns).put(start.monotonic_ns).take()},
		{kFeatureClockId, ByteWriter().put<uint64_t>(1).take()}, // resolution, ns
		{kFeatureClockData, ByteWriter()
					    .put<uint32_t>(1) // version
					    .put<uint32_t>(CLOCK_MONOTONIC)
					    .put(start.realtime_ns)
					    .put(start.monotonic_ns)
					    .take()},
	};
}

recording::EventDescription tracepoint_by_bpf(const PlannedEvent &event, std::size_t index)
{
	recording::EventDescription description{event.attr, event.name, {recording::kTracepointIdBase + index}};
	description.attr.sample_type = kTracepointSampleType;
	return description;
}

std::optional<uint64_t> rank_number()
{
	const std::string text = job_rank(output_name_facts(::getpid()));
	uint64_t rank = 0;
	const char *const end = text.data() + text.size();
	const auto [stop, error] = std::from_chars(text.data(), end, rank);
	return error == std::errc{} && stop == end ? std::optional(rank) : std::nullopt;
}

std::string make_private_section(const RecordOptions &options, const HostSnapshot &host, const Plan &plan, bool sampled,
				 const ClockMoment &start, bool continues)
{
	nlohmann::ordered_json json;
	json["schema"] = recording::kPrivateSchema;
	json["version"] = kVersion;
	json["command"] = options.command;
	json["target"] = plan.target.text();
	json["frequency_hz"] = plan.frequency_hz;
	json["callgraph"] = options.callgraph != CallGraph::none;
	json["sampling"] = sampled ? nlohmann::ordered_json(plan.sampling_name()) : nlohmann::ordered_json();
	// Calls may be under way when the file begins: their ends come alone.
	json["begins_inside"] = continues || options.delay_ms != 0 || plan.target.kind != Target::Kind::program;
	json["clock"] = plan.counter_clock ? "counter" : "monotonic";
	json["kernel_text"] = host.kernel_text;
	json["started_realtime_ns"] = start.realtime_ns;
	json["memory_bytes"] = host.memory_bytes;
	if (!host.boot_id.empty())
		json["boot_id"] = host.boot_id;
	if (const auto rank = rank_number())
		json["rank"] = *rank;
	if (!plan.drivers.empty()) { // others' jobs are in it as well, but for who queued them
		json["drivers"] = plan.drivers;
		json["drivers_of_all"] = plan.target.kind == Target::Kind::machine;
	}
	if (std::vector<std::string> events = plan.host_events(); !events.empty())
		json["host_events"] = std::move(events);
	json["plan"] = nlohmann::ordered_json::array();
	for (const PlanItem &item : plan.items)
		json["plan"].push_back({{"what", item.what},
					{"state", to_string(item.state)},
					{"detail", item.detail},
					{"remedy", item.remedy}});
	return recording::encode_private_section(json);
}

} // namespace

recording::WriterOptions make_writer_options(const RecordOptions &options, const std::string &path,
					     const HostSnapshot &host, const Plan &plan, const PerfEvents *events,
					     const ClockMoment &start, bool continues)
{
	recording::WriterOptions writer;
	writer.path = path;
	for (std::size_t i = 0; events && i < plan.events.size(); i++) {
		if (plan.events[i].by_bpf)
			writer.events.push_back(tracepoint_by_bpf(plan.events[i], i));
		else if (!events->ids(i).empty())
			writer.events.push_back({plan.events[i].attr, plan.events[i].name, events->ids(i)});
	}
	for (recording::EventDescription &event : own_event_descriptions(options.callgraph != CallGraph::none))
		writer.events.push_back(std::move(event));
	writer.features = make_features(options, host, plan, start);
	writer.compression_level = options.compression_level;
	writer.private_section = make_private_section(options, host, plan, events != nullptr, start, continues);
	if (host.invoking_user) {
		writer.owner_uid = static_cast<int>(host.invoking_user->uid);
		writer.owner_gid = static_cast<int>(host.invoking_user->gid);
	}
	return writer;
}

} // namespace neuroperf::collector
