// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "analyzer/gate.hpp"
#include "analyzer/report_json.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/messages.hpp"
#include "viewer/render/gate_text.hpp"

namespace neuroperf::viewer {
namespace {

constexpr std::streamoff kMaxReport = 1 << 30;

Result<analyzer::Report> read_report(const std::string &path)
{
	std::ifstream file(path, std::ios::binary | std::ios::ate);
	const std::streamoff size = file ? static_cast<std::streamoff>(file.tellg()) : -1;
	if (size < 0 || size > kMaxReport)
		return Error{ErrorCode::io, fmt::format("cannot read the report {}", path), 0,
			     "make one: neuroperf report --json -o FILE"};
	std::string text(static_cast<std::size_t>(size), '\0');
	file.seekg(0);
	file.read(text.data(), size);
	text.resize(static_cast<std::size_t>(file.gcount()));
	auto report = analyzer::read_json_report(text);
	if (!report.ok()) {
		Error error = report.error();
		error.what = fmt::format("{}: {}", path, error.what);
		return error;
	}
	return report;
}

} // namespace

int run_gate(const GateCommand &command)
{
	const auto baseline = read_report(command.baseline);
	const auto candidate = read_report(command.candidate);
	for (const auto *report : {&baseline, &candidate}) {
		if (report->ok())
			continue;
		print_error(report->error());
		return exit_code(report->error());
	}
	const analyzer::GateResult result = analyzer::compare(*baseline, *candidate);
	TerminalOptions terminal = detect_terminal(STDOUT_FILENO, command.colour);
	terminal.top = command.top;
	write_output(render_gate(result, terminal));
	switch (result.outcome) {
	case analyzer::GateOutcome::pass:
		return kExitOk;
	case analyzer::GateOutcome::regression:
		return kExitRegression;
	case analyzer::GateOutcome::inconclusive:
		return kExitInconclusive;
	}
	return kExitFailure;
}

} // namespace neuroperf::viewer
