// SPDX-License-Identifier: Apache-2.0
#include "analyzer/report_json.hpp"
#include "viewer/commands/load_report.hpp"
#include "viewer/messages.hpp"
#include "viewer/render/flame_svg.hpp"
#include "viewer/render/folded.hpp"

namespace neuroperf::viewer {

int run_export(const ExportCommand &command)
{
	auto options = report_options(command.input);
	if (!options.ok()) {
		print_error(options.error());
		return exit_code(options.error());
	}
	options->flame = command.format != "json";
	options->off_cpu = command.metric == "off-cpu";
	if (options->off_cpu && !options->flame) {
		print_error({ErrorCode::usage, "--metric off-cpu is for flame graphs", 0,
			     "add --format svg or --format folded; the tables \"anatomy\" have the times in any case"});
		return kExitUsage;
	}
	const auto report = load_report(command.input.path, std::move(*options));
	if (!report.ok()) {
		print_error(report.error());
		return exit_code(report.error());
	}
	std::string text;
	if (command.format == "folded")
		text = render_folded(report->flame);
	else if (command.format == "svg")
		text = render_flame_svg(*report);
	else
		text = analyzer::render_json(*report);
	if (const Status done = write_file(command.output, text); !done.ok()) {
		print_error(done.error());
		return exit_code(done.error());
	}
	return kExitOk;
}

} // namespace neuroperf::viewer
