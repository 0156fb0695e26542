// SPDX-License-Identifier: Apache-2.0
#include "viewer/commands/load_report.hpp"

#include <unistd.h>

#include "analyzer/report_json.hpp"
#include "collector/output_name.hpp"
#include "viewer/messages.hpp"
#include "viewer/pager.hpp"

namespace neuroperf::viewer {

int run_report(const ReportCommand &command)
{
	auto options = report_options(command.input);
	if (!options.ok()) {
		print_error(options.error());
		return exit_code(options.error());
	}
	options->flame = false;
	options->sort = command.sort;
	options->callers = command.callers;
	if (!command.deadline.empty()) {
		const auto deadline = collector::parse_duration_ns(command.deadline);
		if (!deadline.ok()) {
			print_error(
				{ErrorCode::usage, "--deadline: " + deadline.error().what, 0, deadline.error().hint});
			return kExitUsage;
		}
		options->deadline_ns = *deadline;
	}
	const auto report =
		command.recordings.size() > 1
			? load_ranks_report(command.recordings, std::move(*options))
			: load_report(command.recordings.empty() ? command.input.path : command.recordings.front(),
				      std::move(*options));
	if (!report.ok()) {
		print_error(report.error());
		return exit_code(report.error());
	}
	TerminalOptions terminal = detect_terminal(STDOUT_FILENO, command.colour);
	terminal.top = command.top;
	terminal.unicode = terminal.unicode && !command.ascii;
	if (!command.output.empty())
		terminal.width = 0;
	const std::string text = command.json ? analyzer::render_json(*report) : render_terminal(*report, terminal);
	if (command.pager && !command.json && command.output.empty() && show_in_pager(text))
		return kExitOk;
	if (const Status done = write_file(command.output, text); !done.ok()) {
		print_error(done.error());
		return exit_code(done.error());
	}
	return kExitOk;
}

} // namespace neuroperf::viewer
