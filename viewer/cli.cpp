// SPDX-License-Identifier: Apache-2.0
// The only file that includes CLI11: it takes seconds to compile.
#include "viewer/cli.hpp"

#include <CLI/CLI.hpp>

#include <fmt/format.h>

#include <cmath>

#include "recording/version.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/messages.hpp"

namespace neuroperf::viewer {
namespace {

const std::map<std::string, ColourChoice> kColours = {
	{"auto", ColourChoice::automatic}, {"always", ColourChoice::always}, {"never", ColourChoice::never}};

// What the parser calls once it knows the command. A command's options live in its object here.
struct Commands {
	RecordCommand record;
	ReportCommand report;
	ScriptCommand script;
	ExportCommand to_export;
	GateCommand gate;
	DoctorCommand doctor;
	ListCommand list;
	ImportCommand to_import;
};

// One value each time that it is given. A list of CLI11's would take the words behind it too.
CLI::Option *add_each(CLI::App *app, const std::string &name, std::vector<std::string> *values, const std::string &help)
{
	return app
		->add_option_function<std::string>(
			name, [values](const std::string &text) { values->push_back(text); }, help)
		->trigger_on_parse();
}

void add_record(CLI::App &app, RecordCommand *command)
{
	CLI::App *record = app.add_subcommand("record", "Run a program, or take what runs already, and record it");
	collector::RecordOptions &options = command->options;
	record->add_option("-o,--output", options.output, "File to write; an older one is kept as FILE.old")
		->capture_default_str();
	record->add_option("-p,--pid", command->processes, "Record running processes, with all their threads")
		->type_name("PID,...");
	record->add_option("-t,--tid", command->threads, "Record running threads")->type_name("TID,...");
	record->add_flag("-a,--all-cpus", options.whole_machine, "Record every process of the machine");
	record->add_option("-C,--cpu", command->cpus, "Only on these CPUs: 0-3,8")->type_name("CPUS");
	record->add_option("-G,--cgroup", options.control_group, "Record a control group")->type_name("NAME");
	record->add_option("--container", options.container,
			   "Record a container: its id, the first digits of it, or name")
		->type_name("ID");
	add_each(record, "-e,--event", &options.events,
		 "Sample these events: cycles, r1a8, cpu/event=0x3c/, sched:sched_switch, {a,b}:S, ...; repeatable")
		->type_name("EVENTS");
	CLI::Option *frequency =
		record->add_option("-F,--freq", options.frequency_hz,
				   "Samples per second and CPU; without this 999, or 249 or 99 where those would take "
				   "more than 1 % of a busy CPU")
			->check(CLI::Range(1u, 1000000u).description(""))
			->type_name("HZ");
	record->add_option("-c,--count", options.period, "Instead: a sample every so many events")
		->check(CLI::Range(uint64_t{1}, uint64_t{1} << 62).description(""))
		->type_name("N")
		->excludes(frequency);
	record->add_flag("-g", command->callgraph_fp, "Record call chains, by frame pointers");
	record->add_option("--call-graph", command->callgraph,
			   "Record call chains: fp (frame pointers), dwarf[,BYTES] (copies of the stack) or no")
		->type_name("HOW");
	record->add_flag("--no-bpf", options.no_bpf, "Load no BPF programs: of running programs samples alone");
	add_each(record, "--runtime", &options.runtimes,
		 "Look inside these runtimes: auto (all that are known), none, or names; repeatable")
		->type_name("NAME");
	add_each(record, "--runtime-file", &options.runtime_files,
		 "Describes one more runtime, or replaces what is known of it; repeatable")
		->type_name("FILE");
	add_each(record, "--driver", &options.drivers,
		 "Record jobs of these accelerators' drivers: auto (those that are here), none, or names; repeatable")
		->type_name("NAME");
	add_each(record, "--driver-file", &options.driver_files,
		 "Describes one more driver, or replaces what is known of it; repeatable")
		->type_name("FILE");
	record->add_option_function<double>(
		      "--probe-budget",
		      [&options](double percent) {
			      if (std::isnan(percent)) // which is in any range
				      throw CLI::ValidationError("--probe-budget", "not a number");
			      options.probe_budget = percent / 100;
		      },
		      "How much of a thread's time probes in runtimes may cost, in percent (2, less what samples may "
		      "cost); beyond it, layers that follow each other are probed where they begin alone if that is "
		      "enough, else layers are sampled; 100: no limit")
		->check(CLI::Range(0.01, 100.0).description(""))
		->type_name("PERCENT");
	record->add_flag(
		"--begins-only", options.begins_only,
		"Probe layers that follow each other (of ONNX Runtime) where they begin alone, at half the cost: each "
		"is taken to last until the next one begins");
	record->add_flag(
		"--agent", options.agent,
		"Load an agent into the launched program, by which calls of runtimes' virtual functions (nodes of ONNX "
		"Runtime) go: a tenth of what probes cost");
	record->add_flag("--per-shape", options.per_shape, "Tell the layers of runtimes apart by shape too");
	record->add_flag("--python-names", options.python_names,
			 "Name the layers of Python frameworks (PyTorch) as the program's modules are named");
	record->add_flag("--no-switches", options.no_switches, "Do not record when threads get and leave a CPU");
	record->add_flag("--no-anatomy", options.no_anatomy,
			 "Do not record what threads wait for, who wakes them, and interrupts");
	record->add_flag("--user-only", options.user_only, "Record nothing of the kernel");
	record->add_flag("-z{1},--compression-level{1}", options.compression_level,
			 "Compress the recording, by zstd: -zLEVEL, 1 (fast) to 22")
		->check(CLI::Range(1, 22).description(""))
		->type_name("LEVEL");
	record->add_option("-m,--mmap-size", command->ring, "Of each CPU's perf ring: pages, or bytes with K, M or G")
		->type_name("SIZE");
	record->add_option("-d,--duration", command->duration, "End the recording after SECONDS, or 500ms, 2m, ...")
		->type_name("TIME");
	record->add_option("--max-size", command->max_size, "End the recording when it is so large: 100M, 2G")
		->type_name("SIZE");
	record->add_option("--switch-output", command->switch_output,
			   "Go on in a new file at this SIZE or after this TIME: 100M, 30s")
		->type_name("SIZE|TIME");
	record->add_option("-D,--delay", options.delay_ms, "Begin MS milliseconds after the program")->type_name("MS");
	record->add_flag("--follow", options.follow, "Go on until the last child of the program has ended");
	record->add_flag("--as-root", options.as_root, "Under sudo: run the program as root, not as the invoking user");
	record->add_flag("-q,--quiet", command->quiet, "Say nothing unless something fails");
	record->add_flag("-v,--verbose", command->verbose, "Say what is opened");
	record->add_flag("--dry-run", command->dry_run,
			 "Print what would be opened, what not, why, and the remedy; run nothing");
	record->add_option("command", options.command, "Program and its arguments");
	record->positionals_at_end(); // everything from the program's name on is the program's
}

void add_view(CLI::App *app, ReportInput *input)
{
	app->add_option("--skip-first", input->skip_first, "Keep the first N inferences apart as warm-up");
	app->add_option("--group", input->group, "Add up layers whose names match REGEX (under its first capture)");
	app->add_option("--energy-model", input->energy_model, "Model by name, a model file, or none")
		->capture_default_str();
	app->add_option("--process", input->filter.process, "Only this process: name or pid");
	app->add_option("--thread", input->filter.thread, "Only this thread: name or tid");
	app->add_option(
		"--time", input->filter.time,
		"Only FROM,TO: seconds as script prints them, or +seconds after the start; either may be empty");
	app->add_option("--layer", input->filter.layer, "Only layers whose names match REGEX, and samples inside them");
	app->add_option("--event", input->filter.event, "Event whose samples make up functions and flame graph");
	app->add_flag("--inline", input->inline_frames, "Show functions that the compiler inlined (debug information)");
	app->add_flag("--lines", input->lines, "Tell functions apart by source line (debug information)");
	app->add_flag("--debuginfod", input->debuginfod, "Fetch debug files from the servers in DEBUGINFOD_URLS");
	add_each(app, "--driver", &input->drivers,
		 "Follow jobs of these drivers: auto (all that are known), none, or names; repeatable")
		->type_name("NAME");
	add_each(app, "--driver-file", &input->driver_files,
		 "Describes one more driver, or replaces what is known of it; repeatable")
		->type_name("FILE");
	app->add_option("--symfs", input->symbol_root, "Folder under which the recorded system's files lie");
}

void add_colour(CLI::App *app, ColourChoice *colour)
{
	app->add_option("--color", *colour, "auto, always or never")
		->transform(CLI::CheckedTransformer(kColours).description(""))
		->type_name("WHEN");
}

void add_report(CLI::App &app, ReportCommand *command)
{
	CLI::App *report =
		app.add_subcommand("report", "Show layers, inferences, energy and hot functions of a recording");
	add_each(report, "-i,--input", &command->recordings,
		 "Recording to read, neuroperf.data without; repeatable: recordings of the ranks of one run");
	report->add_option_function<std::vector<std::string>>(
		"input",
		[command](const std::vector<std::string> &paths) {
			command->recordings.insert(command->recordings.end(), paths.begin(), paths.end());
		},
		"The same");
	add_view(report, &command->input);
	report->add_flag("--json", command->json, "JSON (schema neuroperf.report/1) instead of tables");
	report->add_option("-o,--output", command->output, "Write to a file instead of the terminal");
	report->add_option("--top", command->top, "Rows of each table; 0 for all")->capture_default_str();
	report->add_option(
		"--sort", command->sort,
		"Group samples by KEY,...: process, thread, module, function, layer; or order tables by a column");
	report->add_option("--callers", command->callers, "Who calls FUNCTION");
	report->add_option("--deadline", command->deadline,
			   "Count inferences that took longer, by what made them slow: 5ms")
		->type_name("TIME");
	report->add_flag("!--no-pager", command->pager, "Do not page long output on a terminal");
	report->add_flag("--ascii", command->ascii, "No characters beyond ASCII");
	add_colour(report, &command->colour);
}

void add_script(CLI::App &app, ScriptCommand *command)
{
	CLI::App *script = app.add_subcommand("script", "Print a recording, one record a line");
	script->add_option("-i,--input,input", command->path, "Recording to read")->capture_default_str();
	script->add_flag("--no-demangle", command->mangled, "Print symbols as they are in the file");
}

void add_export(CLI::App &app, ExportCommand *command)
{
	CLI::App *exporter = app.add_subcommand("export", "Write a recording in another form");
	exporter->add_option("-i,--input,input", command->input.path, "Recording to read")->capture_default_str();
	add_view(exporter, &command->input);
	exporter->add_option("--format", command->format, "json, folded (stacks, one a line) or svg (flame graph)")
		->check(CLI::IsMember({"json", "folded", "svg"}))
		->capture_default_str();
	exporter->add_option("--metric", command->metric,
			     "What flame graphs show: samples, or off-cpu (time that threads waited, in ns)")
		->check(CLI::IsMember({"samples", "off-cpu"}))
		->capture_default_str();
	exporter->add_option("-o,--output", command->output, "File to write; without it, standard output");
}

void add_gate(CLI::App &app, GateCommand *command)
{
	CLI::App *gate = app.add_subcommand("gate", "Compare two reports; exit 3 if the network's work changed");
	gate->add_option("--baseline", command->baseline, "Report (JSON) to compare with")->required();
	gate->add_option("--candidate", command->candidate, "Report (JSON) to judge")->required();
	gate->add_option("--top", command->top, "Rows of the table; 0 for all")->capture_default_str();
	add_colour(gate, &command->colour);
}

void add_doctor(CLI::App &app, DoctorCommand *command)
{
	CLI::App *doctor = app.add_subcommand("doctor", "Say what can be recorded here, what not, why, and the remedy");
	doctor->add_flag("--json", command->json, "JSON instead of lines");
}

void add_list(CLI::App &app, ListCommand *command)
{
	CLI::App *list = app.add_subcommand(
		"list", "Show what is here: events for -e, accelerators; and what is known: drivers, runtimes");
	list->add_option("what", command->what,
			 "events that -e takes here, devices (accelerators), drivers or runtimes that are known")
		->required()
		->check(CLI::IsMember({"events", "devices", "drivers", "runtimes"}).description(""))
		->type_name("SUBJECT");
	list->add_option("pattern", command->pattern, "Events that match: 'sched:*', or a part of the name");
	CLI::Option *file = list->add_option("--in", command->file, "Look into this executable or library");
	list->add_option("-p,--pid", command->pid, "Look into what this process has mapped")
		->type_name("PID")
		->excludes(file);
	add_each(list, "--runtime-file", &command->runtime_files, "Describes one more runtime; repeatable")
		->type_name("FILE");
	add_each(list, "--driver-file", &command->driver_files, "Describes one more driver; repeatable")
		->type_name("FILE");
}

void add_import(CLI::App &app, ImportCommand *command)
{
	CLI::App *import = app.add_subcommand("import", "Make a recording of what another tool has written");
	import->add_option("--format", command->format, "ftrace: text of /sys/kernel/tracing/trace or trace-cmd report")
		->capture_default_str()
		->check(CLI::IsMember({"ftrace"}));
	import->add_option("input", command->input, "File to read; - for standard input")->required();
	import->add_option("-o,--output", command->output, "Recording to write; an older one is kept as FILE.old")
		->capture_default_str();
	add_each(import, "--driver-file", &command->driver_files, "Describes one more driver; repeatable")
		->type_name("FILE");
}

// CLI11 splits a positional word "[a,b]" at its commas, but the words of the program to record are not ours to read:
// a mark in front of the bracket hides it from the parser.
constexpr char kBracketMark = '\x01';

// The parser knows no short option with an optional value: -z3 becomes --compression-level=3, up to the first word that
// is no option of record or an option's value.
void spell_out_compression_level(const CLI::App &record, std::vector<std::string> *words)
{
	for (std::size_t i = 1; i < words->size() && (*words)[i].starts_with('-') && (*words)[i] != "--"; i++) {
		std::string &word = (*words)[i];
		if (word.size() > 2 && word.starts_with("-z") && word.find_first_not_of("0123456789", 2) == word.npos)
			word = "--compression-level=" + word.substr(2);
		const CLI::Option *option = record.get_option_no_throw(word);
		if (option && option->get_items_expected_max() > 0)
			i++; // its value
	}
}

// Last word first, as the parser wants them.
std::vector<std::string> words_for_parser(int argc, char **argv, const CLI::App *record)
{
	std::vector<std::string> words;
	for (int i = 1; i < argc; i++) {
		const bool mark = record && (argv[i][0] == '[' || argv[i][0] == kBracketMark);
		words.push_back((mark ? std::string(1, kBracketMark) : std::string()) + argv[i]);
	}
	if (record)
		spell_out_compression_level(*record, &words);
	std::reverse(words.begin(), words.end());
	return words;
}

void remove_bracket_marks(collector::RecordOptions *options)
{
	const auto remove = [](std::string *word) { word->erase(0, word->starts_with(kBracketMark) ? 1 : 0); };
	remove(&options->output);
	for (std::string &word : options->command)
		remove(&word);
}

int run(const CLI::App &app, const Commands &commands)
{
	if (app.got_subcommand("record"))
		return run_record(commands.record);
	if (app.got_subcommand("report"))
		return run_report(commands.report);
	if (app.got_subcommand("script"))
		return run_script(commands.script);
	if (app.got_subcommand("export"))
		return run_export(commands.to_export);
	if (app.got_subcommand("doctor"))
		return run_doctor(commands.doctor);
	if (app.got_subcommand("list"))
		return run_list(commands.list);
	if (app.got_subcommand("import"))
		return run_import(commands.to_import);
	return run_gate(commands.gate);
}

} // namespace

int run_command_line(int argc, char **argv)
{
	CLI::App app("Profiler for neural networks on Linux: layers, spikes, energy and functions of a running program",
		     "neuroperf");
	app.set_version_flag("--version", std::string("neuroperf ") + kVersion);
	app.require_subcommand(1);
	app.footer("First steps: neuroperf record ./app && neuroperf report");
	Commands commands;
	add_record(app, &commands.record);
	add_report(app, &commands.report);
	add_script(app, &commands.script);
	add_export(app, &commands.to_export);
	add_gate(app, &commands.gate);
	add_doctor(app, &commands.doctor);
	add_list(app, &commands.list);
	add_import(app, &commands.to_import);
	const bool recording = argc > 1 && std::string_view(argv[1]) == "record";
	try {
		app.parse(words_for_parser(argc, argv, recording ? app.get_subcommand("record") : nullptr));
	} catch (const CLI::Success &done) { // --help, --version
		return app.exit(done);
	} catch (const CLI::ParseError &error) {
		print_error({ErrorCode::usage, error.what(), 0, "see neuroperf --help"});
		return recording ? kExitRecorder : kExitUsage;
	}
	remove_bracket_marks(&commands.record.options);
	commands.record.options.command_line.assign(argv, argv + argc);
	return run(app, commands);
}

} // namespace neuroperf::viewer
