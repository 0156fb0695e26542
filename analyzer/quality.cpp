// SPDX-License-Identifier: Apache-2.0
#include "analyzer/quality.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "analyzer/host_events.hpp"
#include "recording/count.hpp"

namespace neuroperf::analyzer {
namespace {

using nlohmann::ordered_json;
using recording::Count;

std::string text_of(const ordered_json &object, const char *key)
{
	const auto found = object.find(key);
	return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string type_name(uint32_t type)
{
	switch (type) {
	case PERF_RECORD_AUX:
	case recording::kRecordAuxTraceInfo:
	case recording::kRecordAuxTrace:
	case recording::kRecordAuxTraceError:
	case PERF_RECORD_ITRACE_START:
	case PERF_RECORD_AUX_OUTPUT_HW_ID:
		return fmt::format("hardware traces (type {})", type);
	case kOtherTypes:
		return "other types";
	default:
		return fmt::format("type {}", type);
	}
}

class Assessor {
public:
	explicit Assessor(const QualityInputs &inputs) : in_(inputs) {}

	std::vector<QualityItem> run()
	{
		file_problems();
		losses();
		decoding_problems();
		plan_items();
		notes();
		layer_problems();
		job_problems();
		probe_costs();
		sampling_cost();
		cut_stacks();
		symbol_problems();
		absences();
		host_events();
		stolen_time();
		overhead();
		std::stable_sort(items_.begin(), items_.end(),
				 [](const QualityItem &a, const QualityItem &b) { return a.severity > b.severity; });
		return std::move(items_);
	}

private:
	void add(Severity severity, std::string code, std::string text, std::string remedy = "", Cell value = {})
	{
		items_.push_back({severity, std::move(code), std::move(text), std::move(remedy), std::move(value)});
	}

	uint64_t stat(const std::string &name) const
	{
		const auto found = in_.analysis.recorder_stats.find(name);
		return found != in_.analysis.recorder_stats.end() ? found->second : 0;
	}
	bool has_stat(const std::string &name) const { return in_.analysis.recorder_stats.contains(name); }
	bool is_ours() const { return in_.private_section.is_object(); }
	bool is_imported() const { return is_ours() && in_.private_section.contains("imported"); }

	void file_problems()
	{
		for (const std::string &problem : in_.reader.problems())
			add(problem.find("cut") != problem.npos ? Severity::data_loss : Severity::warning,
			    "file_damaged", problem);
		if (!in_.analysis.stream.problem.empty())
			add(Severity::data_loss, "file_damaged",
			    "reading stopped early: " + in_.analysis.stream.problem);
		if (is_ours() && !is_imported() && !has_stat("finished"))
			add(Severity::data_loss, "not_finished",
			    "the recording was not finished (the recorder was killed?): about its last second is "
			    "missing",
			    "end a recording with Ctrl-C or by ending the program");
	}

	using Places = std::initializer_list<std::pair<const char *, const char *>>;

	std::string where_lost(Places places) const
	{
		std::string text;
		for (const auto &[name, place] : places)
			if (stat(name) > 0)
				text += fmt::format("{}{} {}", text.empty() ? "" : ", ", place, stat(name));
		return text;
	}

	std::string where_events_were_lost() const
	{
		const std::string text = where_lost({
			{"lost_ring_full", "ring full"},
			{"lost_without_ring", "no free ring"},
			{"malformed_events", "malformed"},
			{"lost_probe_ring_full", "ring of probes full"},
			{"lost_probe_recursion", "probe hit inside a probe"},
		});
		return text.empty() ? "the recorder did not say where" : text;
	}

	// Of those that the kernel's own rings lose, nobody knows more.
	std::string where_samples_were_lost() const
	{
		const std::string text = where_lost({
			{"lost_tracepoint_ring_full", "ring of tracepoints full"},
			{"lost_tracepoint_recursion", "tracepoint hit inside a tracepoint"},
		});
		return text.empty() ? "" : fmt::format(" ({})", text);
	}

	void losses()
	{
		const Analysis &analysis = in_.analysis;
		if (analysis.lost_in_process > 0)
			add(Severity::data_loss, "lost_events",
			    fmt::format("{:in-process event was|in-process events were} lost ({}): calls, times, "
					"spikes and synaptic events are too low",
					Count{analysis.lost_in_process}, where_events_were_lost()),
			    "leave the recorder a CPU, or emit fewer events", analysis.lost_in_process);
		if (analysis.lost_samples > 0)
			add(Severity::data_loss, "lost_samples",
			    fmt::format("{:sample was|samples were} lost{}", Count{analysis.lost_samples},
					where_samples_were_lost()),
			    "sample less often (-F, -c), or enlarge the rings (-m)", analysis.lost_samples);
		if (analysis.lost_switches > 0)
			add(Severity::data_loss, "lost_switches",
			    fmt::format("{:record of a thread that left or got a CPU was|records of threads that left "
					"or got a CPU were} lost ({}): what they did meanwhile is unknown",
					Count{analysis.lost_switches},
					stat("lost_switches_ring_full") > 0
						? "the rings were full"
						: "the program that tells of them was busy"),
			    "enlarge the rings (-m), or leave the recorder a CPU", analysis.lost_switches);
		if (stat("definitions_lost") > 0)
			add(Severity::data_loss, "lost_definitions",
			    fmt::format("{:layer has|layers have} no name: more were defined than fit",
					Count{stat("definitions_lost")}),
			    "define each layer once", stat("definitions_lost"));
		if (stat("corrupt_rings") > 0)
			add(Severity::data_loss, "corrupt_rings",
			    fmt::format("the program overwrote memory shared with the recorder {:time|times}; events "
					"are missing",
					Count{stat("corrupt_rings")}),
			    "look for stray writes in the program", stat("corrupt_rings"));
	}

	void decoding_problems()
	{
		const StreamCounts &stream = in_.analysis.stream;
		if (stream.late > 0)
			add(Severity::warning, "late_events",
			    fmt::format("records that came too late to be put into order: {}; figures around them may "
					"be off",
					stream.late),
			    "", stream.late);
		if (const uint64_t unknown = in_.analysis.on_cpu.unknown(); unknown > 0)
			add(in_.analysis.lost_samples > 0 ? Severity::warning : Severity::notice, "unknown_on_cpu",
			    fmt::format("{:stay of a thread on a CPU is|stays of threads on a CPU are} left out of the "
					"time there: the record of one end is missing",
					Count{unknown}),
			    in_.analysis.lost_samples > 0 ? "leave the recorder a CPU, or give it larger rings (-m)"
							  : "",
			    unknown);
		if (in_.analysis.damaged_records + stream.unknown_event > 0)
			add(Severity::data_loss, "damaged_records",
			    fmt::format("{:record|records} could not be read",
					Count{in_.analysis.damaged_records + stream.unknown_event}),
			    "", in_.analysis.damaged_records + stream.unknown_event);
		if (in_.analysis.unknown_counters > 0)
			add(Severity::warning, "unknown_counters",
			    fmt::format("{:reading of a counter that the recording does not describe was|readings of "
					"counters that the recording does not describe were} left out",
					Count{in_.analysis.unknown_counters}),
			    "", in_.analysis.unknown_counters);
		for (const auto &[type, count] : stream.skipped)
			add(Severity::info, "skipped_records",
			    fmt::format("skipped {:record|records} of {}", Count{count}, type_name(type)), "", count);
		if (stream.hardware_trace_bytes > 0)
			add(Severity::notice, "hardware_trace",
			    fmt::format("{} bytes of hardware trace (AUX) are in the file and are not read",
					stream.hardware_trace_bytes),
			    "", stream.hardware_trace_bytes);
	}

	void plan_items()
	{
		if (!is_ours())
			return;
		const auto plan = in_.private_section.find("plan");
		if (plan == in_.private_section.end() || !plan->is_array())
			return;
		for (const ordered_json &item : *plan)
			if (item.is_object() && text_of(item, "state") != "ok")
				add(Severity::notice, "not_opened",
				    text_of(item, "what") + ": " + text_of(item, "detail"), text_of(item, "remedy"));
	}

	void notes()
	{
		for (const RecordedNote &note : in_.analysis.notes)
			add(static_cast<Severity>(std::min(note.severity, 3u)), note.code, note.text, note.remedy);
		if (const uint64_t status = stat("exit_status"); status > 128)
			add(Severity::notice, "program_killed",
			    fmt::format("the program was ended by signal {}", status - 128), "", status);
		else if (status != 0)
			add(Severity::notice, "program_failed", fmt::format("the program ended with status {}", status),
			    "", status);
	}

	// Calls may have been under way when it began.
	bool begins_inside() const
	{
		const auto told = is_ours() ? in_.private_section.find("begins_inside") : in_.private_section.end();
		return told != in_.private_section.end() && told->is_boolean() && told->get<bool>();
	}

	void job_problems()
	{
		if (const auto recorded = is_ours() ? in_.private_section.find("drivers") : in_.private_section.end();
		    is_ours() && recorded != in_.private_section.end() && recorded->is_array())
			for (const ordered_json &name : *recorded)
				if (name.is_string() && !in_.analysis.driver_events->knows(name.get<std::string>()))
					add(Severity::notice, "driver_unknown",
					    fmt::format("events of the driver {} were recorded, and no description of "
							"it is used here",
							name.get<std::string>()),
					    "give the file that described it: --driver-file");
		std::string silent;
		for (const LiveSource &source : in_.analysis.driver_events->sources())
			if (source.events == 0 && !is_elsewhere(*source.source))
				silent += fmt::format("{}{} ({})", silent.empty() ? "" : ", ", source.driver->title,
						      source.source->name);
		// Of drivers that were found here it is no surprise; who asked for events wants to know.
		if (!silent.empty())
			add(in_.private_section.is_object() && in_.private_section.contains("drivers")
				    ? Severity::info
				    : Severity::notice,
			    "driver_silent", "events of drivers were recorded, and none came: " + silent,
			    "where the device was at work a driver may have renamed them: neuroperf list drivers");
		const JobProblems &problems = in_.analysis.jobs->problems();
		if (problems.end_without_job + problems.start_without_job > 0)
			add(Severity::notice, "jobs_begun_before",
			    fmt::format("{:job of a device was|jobs of devices were} queued before the recording "
					"began, or events are missing: {} without a queue time, {} left out",
					Count{problems.end_without_job + problems.start_without_job},
					problems.start_without_job, problems.end_without_job),
			    "", problems.end_without_job + problems.start_without_job);
		if (problems.key_again > 0)
			add(Severity::warning, "jobs_never_done",
			    fmt::format("{:job of a device was never told to be done, and another has its number|jobs "
					"of devices were never told to be done, and others have their numbers} now",
					Count{problems.key_again}),
			    "", problems.key_again);
		if (problems.too_many > 0)
			add(Severity::data_loss, "too_many_jobs",
			    fmt::format(
				    "{:job of a device was|jobs of devices were} left out: too many were open at once",
				    Count{problems.too_many}),
			    "", problems.too_many);
	}

	void layer_problems()
	{
		const LayerProblems &problems = in_.analysis.layers.problems();
		if (problems.end_without_begin > 0 && begins_inside())
			add(Severity::notice, "end_without_begin",
			    fmt::format("{:call of a layer was|calls of layers were} under way when the recording "
					"began, and left out",
					Count{problems.end_without_begin}),
			    "", problems.end_without_begin);
		else if (problems.end_without_begin > 0)
			add(Severity::warning, "end_without_begin",
			    fmt::format("{:end of a layer had no begin on its thread and was|ends of layers had no "
					"begin on their thread and were} left out",
					Count{problems.end_without_begin}),
			    "begin and end a layer on the same thread", problems.end_without_begin);
		if (problems.unseen_ends > 0)
			add(Severity::notice, "unseen_ends",
			    fmt::format("the end of {:call was not seen: it is|calls was not seen: they are} counted, "
					"without a duration",
					Count{problems.unseen_ends}),
			    "", problems.unseen_ends);
		if (problems.begin_without_end > 0)
			add(Severity::notice, "begin_without_end",
			    fmt::format("{:call of a layer or inference never ended and was|calls of layers or "
					"inferences never ended and were} left out",
					Count{problems.begin_without_end}),
			    "", problems.begin_without_end);
		if (problems.bad_number > 0)
			add(Severity::warning, "bad_layer_number",
			    fmt::format("{:event|events} named a layer that no program can have defined",
					Count{problems.bad_number}),
			    "", problems.bad_number);
		if (in_.layers.unnamed > 0)
			add(Severity::warning, "unnamed_layers",
			    fmt::format("{:layer has|layers have} events but no name", Count{in_.layers.unnamed}),
			    "define layers while recording is on", static_cast<uint64_t>(in_.layers.unnamed));
	}

	// Of probes in runtimes that nobody rebuilt.
	// Of the software clock: what one costs was tried before the program began.
	void sampling_cost()
	{
		const Analysis &analysis = in_.analysis;
		if (!has_stat("sample_cost_ns") || analysis.counted_event < 0)
			return;
		const auto event = static_cast<std::size_t>(analysis.counted_event);
		const perf_event_attr &attr = in_.reader.events()[event].attr;
		if (attr.type != PERF_TYPE_SOFTWARE || attr.config != PERF_COUNT_SW_CPU_CLOCK)
			return;
		const uint64_t cost_ns = stat("sample_cost_ns"), samples = analysis.samples_of_event[event];
		add(Severity::info, "sampling_cost",
		    fmt::format("sampling cost about {:.1f} ms of CPU time: {:sample|samples} of {:.1f} us each, as "
				"tried when the recorder began{}; where caches are cold up to three times that",
				static_cast<double>(cost_ns * samples) / 1e6, Count{samples},
				static_cast<double>(cost_ns) / 1e3,
				attr.sample_type & PERF_SAMPLE_CALLCHAIN ? ", and what their call chains cost" : ""),
		    "", cost_ns * samples);
	}

	void probe_costs()
	{
		const Runtimes &runtimes = in_.analysis.runtimes;
		std::string why;
		const uint64_t unknown = runtimes.hits_of_unknown_cost(&why);
		const std::optional<uint64_t> cost_ns = runtimes.cost_ns();
		if (!cost_ns)
			return; // the recorder has said it
		const uint64_t in_place = stat("runtime_probe_in_place_percent");
		add(Severity::info, "runtime_probe_cost",
		    fmt::format("probes in runtimes cost the program {:.2f} ms in {:hit|hits}, which is taken out of "
				"the times of layers: what each kind of hit took when they were attached{}",
				static_cast<double>(*cost_ns) / 1e6, Count{runtimes.hits() - unknown},
				in_place ? fmt::format(", {:.1f} times as long where the program has filled the "
						       "caches, as hits have told",
						       static_cast<double>(in_place) / 100)
					 : "; with cold caches it is up to twice that"),
		    "", *cost_ns);
		if (unknown > 0)
			add(Severity::warning, "runtime_probe_cost_unknown",
			    fmt::format("what {:hit|hits} of probes in runtimes cost is n/a ({}): it is part of the "
					"times of layers",
					Count{unknown}, why),
			    "", unknown);
		uint64_t clamped = 0, probed = 0;
		for (const Definition &definition : in_.analysis.layers.definitions()) {
			clamped += definition.steady.clamped + definition.warm_up.clamped;
			probed += definition.steady.probed + definition.warm_up.probed;
		}
		if (clamped > 0)
			add(clamped * 20 > probed ? Severity::notice : Severity::info, "runtime_probe_cost_clamped",
			    fmt::format("{} of {} calls took less time by themselves than their probes are said to "
					"cost: 0 is taken for what is left",
					clamped, probed),
			    clamped * 20 > probed ? "leave out places that are called so often, or that do so little"
						  : "",
			    clamped);
	}

	// Stacks that end before the thread's first function, and why.
	void cut_stacks()
	{
		using End = Unwinder::End;
		constexpr struct {
			End end;
			const char *why, *remedy;
		} kCauses[] = {
			{End::stack_too_short, "the copy of the stack ended", "record more: --call-graph dwarf,65528"},
			{End::no_rules, "code without unwind information", ""},
			{End::no_progress, "unwind information that leads nowhere", ""},
			{End::limit, "deeper than 127 frames", ""},
			{End::bad_registers, "no usable registers", ""},
		};
		if (const uint64_t count = in_.analysis.foreign_stacks; count > 0) {
			const std::string machine = in_.reader.text_feature(recording::kFeatureArch);
			add(Severity::warning, "foreign_stacks",
			    fmt::format("{:stack|stacks} cannot be unwound: the registers of {} are not known here; "
					"their functions have no callers",
					Count{count}, machine.empty() ? "the machine that was recorded" : machine),
			    "record with --call-graph fp there", count);
		}
		uint64_t all = 0;
		for (const uint64_t count : in_.analysis.unwound)
			all += count;
		for (const auto &cause : kCauses)
			if (const uint64_t count = in_.analysis.unwound[static_cast<std::size_t>(cause.end)]; count > 0)
				add(count * 20 > all ? Severity::warning : Severity::info, "cut_stacks",
				    fmt::format("{} of {} unwound stacks do not reach the thread's first function: {}",
						count, all, cause.why),
				    cause.remedy, count);
	}

	void symbol_problems()
	{
		const NamedStacks &stacks = in_.stacks;
		if (stacks.samples > 0 && stacks.without_name > 0) {
			const double share =
				static_cast<double>(stacks.without_name) / static_cast<double>(stacks.samples);
			add(share > 0.05 ? Severity::warning : Severity::info, "without_symbol",
			    fmt::format("{} of {} samples ({:.1f} %) fell in code without a symbol",
					stacks.without_name, stacks.samples, 100 * share),
			    share > 0.05 ? "install debug symbols, or do not strip the program" : "",
			    stacks.without_name);
		}
		for (const auto &[module, problem] : in_.symbolizer.problems())
			add(Severity::notice, "no_symbols", problem);
	}

	void absent(const char *code, std::size_t without, const char *what, const char *why)
	{
		if (without > 0)
			add(Severity::info, code,
			    fmt::format("{}: n/a for {} of {} layers ({})", what, without, in_.layers.layers, why), "",
			    static_cast<uint64_t>(without));
	}

	void absences()
	{
		if (in_.layers.layers == 0) {
			add(Severity::notice, "absent_layers", "no layers: the program told none while it was recorded",
			    "add include/neuroperf/neuroperf.h to the program: np_layer_begin, np_layer_end, "
			    "np_spikes");
		} else {
			absent("absent_spikes", in_.layers.without_spikes, "spikes", "the program told none");
			absent("absent_synops", in_.layers.without_synops, "synaptic events", "the program told none");
			absent("absent_macs", in_.layers.without_macs, "MACs", "not among the facts of the layer");
			absent("absent_energy", in_.layers.without_energy, "energy",
			       in_.has_energy_model ? "nothing told that the model has a constant for"
						    : "no energy model");
		}
		if (in_.analysis.samples == 0)
			add(Severity::notice, "absent_samples", "no samples: hot functions are not known",
			    "the program was too short, slept, or could not be sampled");
	}

	std::optional<HostEventsShare> host_events_share() const
	{
		const StreamCounts &stream = in_.analysis.stream;
		return analyzer::host_events_share(in_.analysis.recorder_stats, stream.first_ns, stream.last_ns);
	}

	void host_events()
	{
		if (const auto share = host_events_share())
			items_.push_back(host_events_item(*share, in_.analysis.stream.first_ns));
	}

	// Another rank's recording has them: no wonder that there are none here.
	bool is_elsewhere(const recording::DriverSource &source) const
	{
		const auto share = host_events_share();
		if (!share || share->has_any() || !in_.private_section.contains("host_events"))
			return false;
		const ordered_json &names = in_.private_section["host_events"];
		return std::all_of(source.rules.begin(), source.rules.end(), [&](const recording::DriverRule &rule) {
			return std::find(names.begin(), names.end(), rule.event) != names.end();
		});
	}

	// Of less nobody needs to know. Threads have it in their time on a CPU; whose it was nobody tells.
	static constexpr double kLeastStolenShare = 0.002, kStolenWarning = 0.05;

	void stolen_time()
	{
		const uint64_t span_ns = in_.analysis.stream.last_ns - in_.analysis.stream.first_ns;
		const auto stolen_ns = static_cast<double>(stat("stolen_ns"));
		const double share = span_ns ? stolen_ns / static_cast<double>(span_ns) : 0.0;
		if (share < kLeastStolenShare)
			return;
		add(share < kStolenWarning ? Severity::info : Severity::warning, "stolen_time",
		    fmt::format("a hypervisor took {:.0f} ms from this machine's CPUs meanwhile ({:.1f} % of one CPU): "
				"that is in times on a CPU",
				stolen_ns / 1e6, share * 100),
		    share < kStolenWarning ? "" : "compare runs only where nothing else runs on the machine below",
		    stat("stolen_ns"));
	}

	void overhead()
	{
		if (!is_ours() || !has_stat("recorder_cpu_us"))
			return;
		const uint64_t span_ns = in_.analysis.stream.last_ns - in_.analysis.stream.first_ns;
		const double cpu_ms = static_cast<double>(stat("recorder_cpu_us")) / 1e3;
		add(Severity::info, "recorder_cpu",
		    fmt::format(
			    "the recorder itself used {:.0f} ms of CPU time ({:.1f} % of one CPU) and {} MiB of memory",
			    cpu_ms, span_ns ? cpu_ms * 1e8 / static_cast<double>(span_ns) : 0.0,
			    (stat("recorder_peak_memory_bytes") + (1 << 19)) >> 20),
		    "", stat("recorder_cpu_us") * 1000);
		if (text_of(in_.private_section, "clock") == "counter" && has_stat("clock_residual_ns") &&
		    in_.layers.layers > 0)
			add(Severity::info, "clock_residual",
			    fmt::format("times of in-process events are converted from the CPU's counter; largest "
					"error seen {} ns",
					stat("clock_residual_ns")),
			    "", stat("clock_residual_ns"));
	}

	const QualityInputs &in_;
	std::vector<QualityItem> items_;
};

} // namespace

std::vector<QualityItem> assess_quality(const QualityInputs &inputs)
{
	return Assessor(inputs).run();
}

} // namespace neuroperf::analyzer
