// SPDX-License-Identifier: Apache-2.0
// The only file that includes CLI11: it takes seconds to compile.
#include "viewer/cli.hpp"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

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
};

void add_record(CLI::App &app, RecordCommand *command)
{
	CLI::App *record = app.add_subcommand("record", "Run a program and record it");
	collector::RecordOptions &options = command->options;
	record->add_option("-o,--output", options.output, "File to write; an older one is kept as FILE.old")
		->capture_default_str();
	record->add_option("-F,--freq", options.frequency_hz, "Samples per second and CPU")
		->check(CLI::Range(1u, 1000000u))
		->capture_default_str();
	record->add_flag("-g,--call-graph-fp", options.callgraph, "Record call chains, by frame pointers");
	record->add_flag("--follow", options.follow, "Go on until the last child of the program has ended");
	record->add_flag("--as-root", options.as_root, "Under sudo: run the program as root, not as the invoking user");
	record->add_flag("-q,--quiet", command->quiet, "Say nothing unless something fails");
	record->add_flag("-v,--verbose", command->verbose, "Say what is opened");
	record->add_flag("--dry-run", command->dry_run,
			 "Print what would be opened, what not, why, and the remedy; run nothing");
	record->add_option("command", options.command, "Program and its arguments")->required();
	record->positionals_at_end(); // everything from the program's name on is the program's
}

void add_input(CLI::App *app, ReportInput *input)
{
	app->add_option("-i,--input,input", input->path, "Recording to read")->capture_default_str();
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
	add_input(report, &command->input);
	report->add_flag("--json", command->json, "JSON (schema neuroperf.report/1) instead of tables");
	report->add_option("-o,--output", command->output, "Write to a file instead of the terminal");
	report->add_option("--top", command->top, "Rows of each table; 0 for all")->capture_default_str();
	report->add_option(
		"--sort", command->sort,
		"Group samples by KEY,...: process, thread, module, function, layer; or order tables by a column");
	report->add_option("--callers", command->callers, "Who calls FUNCTION");
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
	add_input(exporter, &command->input);
	exporter->add_option("--format", command->format, "json, folded (stacks, one a line) or svg (flame graph)")
		->check(CLI::IsMember({"json", "folded", "svg"}))
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

// CLI11 splits a positional word "[a,b]" at its commas, but the words of the program to record are not ours to read:
// a mark in front of the bracket hides it from the parser.
constexpr char kBracketMark = '\x01';

// Last word first, as the parser wants them.
std::vector<std::string> words_for_parser(int argc, char **argv, bool mark_brackets)
{
	std::vector<std::string> words;
	for (int i = argc - 1; i > 0; i--) {
		const bool mark = mark_brackets && (argv[i][0] == '[' || argv[i][0] == kBracketMark);
		words.push_back((mark ? std::string(1, kBracketMark) : std::string()) + argv[i]);
	}
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
	const bool recording = argc > 1 && std::string_view(argv[1]) == "record";
	try {
		app.parse(words_for_parser(argc, argv, recording));
	} catch (const CLI::Success &done) { // --help, --version
		return app.exit(done);
	} catch (const CLI::ParseError &error) {
		print_error({ErrorCode::usage, error.what(), 0, "see neuroperf --help"});
		return recording ? kExitRecorder : kExitUsage;
	}
	remove_bracket_marks(&commands.record.options);
	return run(app, commands);
}

} // namespace neuroperf::viewer
