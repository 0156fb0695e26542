// SPDX-License-Identifier: Apache-2.0
#include "viewer/commands/load_report.hpp"

#include <unistd.h>

#include "analyzer/report_json.hpp"
#include "viewer/messages.hpp"

namespace neuroperf::viewer {

Result<analyzer::Report> load_report(const ReportInput &input)
{
	analyzer::ReportOptions options;
	options.skip_first = input.skip_first;
	options.group = input.group;
	if (input.energy_model != "none") {
		auto model = analyzer::load_energy_model(input.energy_model);
		if (!model.ok())
			return model.error();
		options.energy = std::move(*model);
	}
	return analyzer::make_report(input.path, options);
}

int run_report(const ReportCommand &command)
{
	const auto report = load_report(command.input);
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
	if (const Status done = write_file(command.output, text); !done.ok()) {
		print_error(done.error());
		return exit_code(done.error());
	}
	return kExitOk;
}

} // namespace neuroperf::viewer
