// SPDX-License-Identifier: Apache-2.0
#include "recording/driver_description.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "recording/built_in_drivers.hpp"
#include "recording/driver_probe_reader.hpp"
#include "recording/ftrace_text.hpp"
#include "recording/json_description.hpp"

namespace neuroperf::recording {
namespace {

using nlohmann::json;

constexpr std::size_t kMostSources = 16, kMostRules = 64, kMostConditions = 8;
constexpr std::pair<std::string_view, JobMoment> kMoments[] = {{"job_queued", JobMoment::queued},
							       {"job_started", JobMoment::started},
							       {"job_ended", JobMoment::ended},
							       {"job_done", JobMoment::done},
							       {"job_told", JobMoment::told},
							       {"pair_made", JobMoment::pair_made},
							       {"pair_signaled", JobMoment::pair_signaled},
							       {"fence_made", JobMoment::fence_made},
							       {"fence_signaled", JobMoment::fence_signaled},
							       {"task_done", JobMoment::task_done},
							       {"state", JobMoment::state},
							       {"value", JobMoment::value}};
constexpr std::string_view kCounts[kTaskCounts] = {"spikes", "macs", "bytes", "cycles"};

class DescriptionReader : private JsonDescription {
public:
	DescriptionReader(std::string_view text, std::string where)
		: JsonDescription(text, std::move(where), "docs/adding-a-driver.md says what a description holds")
	{
	}

	Result<DriverDescription> read()
	{
		const auto root = JsonDescription::root();
		if (!root.ok())
			return root.error();
		DriverDescription description = read_root(*root);
		if (failed())
			return error();
		return description;
	}

private:
	DriverDescription read_root(const json &root)
	{
		DriverDescription description;
		allow(root, "description",
		      {"schema", "name", "title", "seen", "knows", "infers", "match", "texts", "probes", "sources"});
		if (failed())
			return description;
		if (string_in(root, "schema", "description", false) != "neuroperf.driver/1")
			fail("description", "\"schema\" must be \"neuroperf.driver/1\"");
		description.name = string_in(root, "name", "description", false);
		description.title = string_in(root, "title", "description", false);
		description.seen = string_in(root, "seen", "description", false);
		description.knows = string_in(root, "knows", "description", false);
		description.infers = string_in(root, "infers", "description", true);
		if (root.contains("match"))
			read_match(root["match"], &description);
		if (root.contains("texts"))
			read_texts(root["texts"], &description);
		if (!failed() && root.contains("probes"))
			description.probes = read_driver_probes(root["probes"], this);
		const json sources = root.value("sources", json::array());
		if (!sources.is_array() || sources.size() > kMostSources)
			fail("sources", fmt::format("must be a list of {} sources at most", kMostSources));
		for (std::size_t i = 0; !failed() && i < sources.size(); i++)
			description.sources.push_back(read_source(sources[i], fmt::format("sources[{}]", i)));
		if (!failed() && description.sources.empty() && description.fence_drivers.empty())
			fail("description", "needs \"sources\", or in \"match\" the \"fences\" by which it is known");
		if (!failed())
			check_probes(description);
		return description;
	}

	void read_match(const json &match, DriverDescription *description)
	{
		allow(match, "match", {"modules", "drm", "compatible", "nodes", "fences", "general", "beside"});
		const std::pair<const char *, std::vector<std::string> *> lists[] = {
			{"modules", &description->modules},
			{"drm", &description->drm_names},
			{"compatible", &description->compatible},
			{"nodes", &description->nodes},
			{"fences", &description->fence_drivers}};
		for (const auto &[key, list] : lists)
			if (!failed() && match.contains(key))
				*list = strings_in(match, key, "match");
		const std::pair<const char *, bool *> flags[] = {{"general", &description->is_general},
								 {"beside", &description->is_beside}};
		for (const auto &[key, flag] : flags)
			if (!failed() && match.contains(key)) {
				*flag = match[key] == json(true);
				if (!*flag)
					fail("match", fmt::format("\"{}\" is true, or is left out", key));
			}
	}

	// A word that is written wrong would be an event, or a field, that never comes.
	void check_probes(const DriverDescription &description)
	{
		std::vector<const DriverProbe *> used;
		for (const DriverSource &source : description.sources)
			for (const DriverRule &rule : source.rules) {
				const DriverProbe *probe = description.probe_of(rule.event);
				if (!probe)
					continue;
				used.push_back(probe);
				for (const std::string &field : rule.fields())
					if (!probe->has_field(field, rule.event.ends_with("_end")))
						fail(rule.event, fmt::format("there is no field \"{}\"", field));
			}
		for (const DriverProbe &probe : description.probes)
			if (std::find(used.begin(), used.end(), &probe) == used.end())
				fail("probes." + probe.name, fmt::format("no source has {0}:{1}_begin or {0}:{1}_end",
									 description.name, probe.name));
	}

	void read_texts(const json &texts, DriverDescription *description)
	{
		if (!texts.is_object())
			return fail("texts", "must be an object of events and how they are printed");
		for (const auto &[event, pattern] : texts.items()) {
			if (!is_event(event))
				return fail("texts", fmt::format("\"{}\" is not GROUP:EVENT", event));
			description->texts.push_back({event, string_in(texts, event.c_str(), "texts", false)});
			const TextPattern parsed(description->texts.back().pattern);
			for (const TextPattern::Field &field : parsed.fields())
				if (!is_kernel_name(field.name))
					fail("texts",
					     fmt::format("{}: \"{}\" is no name of a field", event, field.name),
					     &pattern);
		}
	}

	static bool is_event(const std::string &name)
	{
		const std::size_t colon = name.find(':');
		return colon != name.npos && is_kernel_name(name.substr(0, colon)) &&
		       is_kernel_name(name.substr(colon + 1));
	}

	DriverSource read_source(const json &from, const std::string &path)
	{
		DriverSource source;
		allow(from, path, {"name", "keys", "confidence", "in_order", "events"});
		if (failed())
			return source;
		source.name = string_in(from, "name", path, false);
		source.keys = string_in(from, "keys", path, true);
		const std::string confidence = string_in(from, "confidence", path, false);
		if (!failed() && confidence != "exact" && confidence != "inferred")
			fail(path, "\"confidence\" is exact or inferred", &from["confidence"]);
		source.exact = confidence == "exact";
		source.in_order = !failed() && from.contains("in_order");
		if (source.in_order && from["in_order"] != json(true))
			fail(path, "\"in_order\" is true, or is left out");
		const json events = from.value("events", json());
		if (!failed() && (!events.is_array() || events.empty() || events.size() > kMostRules))
			fail(path, fmt::format("\"events\" must be a list of 1 to {} events", kMostRules));
		for (std::size_t i = 0; !failed() && i < events.size(); i++)
			source.rules.push_back(read_rule(events[i], fmt::format("{}.events[{}]", path, i)));
		return source;
	}

	DriverRule read_rule(const json &from, const std::string &path)
	{
		DriverRule rule;
		allow(from, path,
		      {"event", "means", "where", "except", "key", "engine", "device", "driver", "status", "ran_ns",
		       "jobs", "engine_name", "task", "counts", "state", "value", "of", "unit"});
		if (failed())
			return rule;
		rule.event = string_in(from, "event", path, false);
		if (!failed() && !is_event(rule.event))
			fail(path, "\"event\" is GROUP:EVENT, as tracefs has it", &from["event"]);
		const std::string means = string_in(from, "means", path, false);
		const auto *known = std::find_if(std::begin(kMoments), std::end(kMoments),
						 [&](const auto &entry) { return entry.first == means; });
		if (failed())
			return rule;
		if (known == std::end(kMoments)) {
			fail(path,
			     "\"means\" is job_queued, job_started, job_ended, job_done, job_told, pair_made, "
			     "pair_signaled, fence_made, fence_signaled, task_done, state or value",
			     &from["means"]);
			return rule;
		}
		rule.moment = known->second;
		read_conditions(from, "where", path, &rule.where);
		read_conditions(from, "except", path, &rule.except);
		const bool is_of_job = rule.moment != JobMoment::state && rule.moment != JobMoment::value;
		if (is_of_job)
			rule.key = strings_in(from, "key", path);
		else if (from.contains("key"))
			fail(path, "a state or a value has no \"key\"");
		if (!failed() && rule.key.size() > 2)
			fail(path, "\"key\" is one field, or two");
		if (from.contains("engine"))
			rule.engine = strings_in(from, "engine", path);
		rule.device = string_in(from, "device", path, true);
		rule.driver = string_in(from, "driver", path, true);
		rule.status = string_in(from, "status", path, true);
		rule.ran_ns = string_in(from, "ran_ns", path, true);
		rule.jobs = string_in(from, "jobs", path, true);
		rule.engine_name = string_in(from, "engine_name", path, true);
		if (!failed() && !rule.jobs.empty() && rule.moment != JobMoment::done)
			fail(path, "\"jobs\" is of job_done");
		if (!failed() && !rule.ran_ns.empty() && rule.moment != JobMoment::done &&
		    rule.moment != JobMoment::task_done)
			fail(path, "\"ran_ns\" is of job_done and task_done");
		if (!failed() && !rule.engine_name.empty() && !rule.engine.empty())
			fail(path, "has either \"engine\" or \"engine_name\"");
		read_task(from, path, &rule);
		read_quantity(from, path, &rule);
		return rule;
	}

	void read_task(const json &from, const std::string &path, DriverRule *rule)
	{
		if (failed())
			return;
		if (rule->moment != JobMoment::task_done) {
			if (from.contains("task") || from.contains("counts"))
				fail(path, "\"task\" and \"counts\" are of task_done");
			return;
		}
		rule->task = strings_in(from, "task", path);
		if (failed() || !from.contains("counts"))
			return;
		const json &counts = from["counts"];
		if (!counts.is_object() || counts.empty())
			fail(path, "\"counts\" must be an object of counts and their fields");
		allow(counts, path + ".counts", {kCounts[0], kCounts[1], kCounts[2], kCounts[3]});
		for (std::size_t i = 0; !failed() && i < kTaskCounts; i++)
			rule->counts[i] = string_in(counts, std::string(kCounts[i]).c_str(), path + ".counts", true);
	}

	void read_quantity(const json &from, const std::string &path, DriverRule *rule)
	{
		const bool is_state = rule->moment == JobMoment::state, is_value = rule->moment == JobMoment::value;
		rule->state = string_in(from, "state", path, !is_state);
		rule->value = string_in(from, "value", path, !is_value);
		rule->quantity = string_in(from, "of", path, !is_state && !is_value);
		rule->unit = string_in(from, "unit", path, true);
		if (failed())
			return;
		if ((!rule->state.empty() && !is_state) ||
		    ((!rule->value.empty() || !rule->unit.empty()) && !is_value) ||
		    (!rule->quantity.empty() && !is_state && !is_value))
			fail(path, "\"state\" is of a state, \"value\" and \"unit\" of a value, \"of\" of both");
	}

	void read_conditions(const json &from, const char *key, const std::string &path,
			     std::vector<std::pair<std::string, std::string>> *conditions)
	{
		if (failed() || !from.contains(key))
			return;
		const json &object = from[key];
		if (!object.is_object() || object.empty() || object.size() > kMostConditions)
			return fail(path, fmt::format("\"{}\" must be an object of 1 to {} fields and their values",
						      key, kMostConditions));
		for (const auto &[field, value] : object.items())
			conditions->emplace_back(field, string_in(object, field.c_str(), path + "." + key, false));
	}
};

} // namespace

std::string_view to_string(JobMoment moment)
{
	for (const auto &[word, known] : kMoments)
		if (known == moment)
			return word;
	return "";
}

std::string_view to_string(TaskCount count)
{
	return kCounts[static_cast<std::size_t>(count)];
}

std::vector<std::string> DriverRule::fields() const
{
	std::vector<std::string> names = key;
	names.insert(names.end(), engine.begin(), engine.end());
	for (const auto *conditions : {&where, &except})
		for (const auto &condition : *conditions)
			names.push_back(condition.first);
	names.insert(names.end(), task.begin(), task.end());
	for (const std::string &count : counts)
		if (!count.empty())
			names.push_back(count);
	for (const std::string *name : {&device, &driver, &status, &ran_ns, &jobs, &state, &value})
		if (!name->empty())
			names.push_back(*name);
	return names;
}

const DriverProbe *DriverDescription::probe_of(std::string_view event) const
{
	for (const DriverProbe &probe : probes)
		for (const bool at_end : {false, true})
			if (event == event_of_probe(name, probe, at_end))
				return &probe;
	return nullptr;
}

namespace {

bool tells_of_jobs(const DriverRule &rule)
{
	return rule.moment != JobMoment::task_done && rule.moment != JobMoment::state &&
	       rule.moment != JobMoment::value;
}

void add_once(const std::string &event, std::vector<std::string> *events)
{
	if (std::find(events->begin(), events->end(), event) == events->end())
		events->push_back(event);
}

} // namespace

std::vector<std::string> DriverSource::events() const
{
	const bool has_jobs = std::any_of(rules.begin(), rules.end(), tells_of_jobs);
	std::vector<std::string> found;
	for (const DriverRule &rule : rules)
		if (!has_jobs || tells_of_jobs(rule))
			add_once(rule.event, &found);
	return found;
}

std::vector<std::string> DriverSource::more_events() const
{
	const std::vector<std::string> first = events();
	std::vector<std::string> found;
	for (const DriverRule &rule : rules)
		if (std::find(first.begin(), first.end(), rule.event) == first.end())
			add_once(rule.event, &found);
	return found;
}

Result<DriverDescription> parse_driver_description(std::string_view text, const std::string &where)
{
	return DescriptionReader(text, where).read();
}

std::vector<DriverDescription> built_in_drivers()
{
	std::vector<DriverDescription> found;
	for (const BuiltInFile &file : built_in_driver_files())
		if (auto parsed = parse_driver_description(file.text, std::string(file.name) + ".json"); parsed.ok())
			found.push_back(std::move(*parsed));
	return found;
}

Result<DriverDescription> read_driver_description(const std::string &path)
{
	const auto text = read_description_file(path);
	return text.ok() ? parse_driver_description(*text, path) : text.error();
}

Result<std::vector<DriverDescription>> chosen_drivers(const std::vector<std::string> &names,
						      const std::vector<std::string> &files)
{
	return choose_descriptions("driver", names, files, built_in_drivers(), read_driver_description);
}

} // namespace neuroperf::recording
