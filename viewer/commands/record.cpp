// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "collector/recorder.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/messages.hpp"

namespace neuroperf::viewer {
namespace {

using collector::Plan;
using collector::PlanItem;
using collector::RecordSummary;

// One or two lines: the item, and its remedy below it.
std::vector<std::string> describe(const PlanItem &item)
{
	std::vector<std::string> lines = {fmt::format("{:8}  {}: {}", to_string(item.state), item.what, item.detail)};
	if (!item.remedy.empty())
		lines.push_back(fmt::format("          remedy: {}", item.remedy));
	return lines;
}

std::string size_text(uint64_t bytes)
{
	if (bytes < 10'000)
		return fmt::format("{} B", bytes);
	if (bytes < 10'000'000)
		return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
	return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

int report_missing_command(const std::string &program, int status)
{
	print_error({ErrorCode::not_found,
		     status == kExitNotFound ? fmt::format("{}: command not found", program)
					     : fmt::format("{}: not executable", program),
		     0, ""});
	return status;
}

void print_summary(const RecordSummary &summary, const std::string &file)
{
	for (const auto &child : summary.left_running)
		print_line(fmt::format("process {} ({}) is still running and no longer recorded; --follow waits for it",
				       child.pid, child.name));
	print_line(fmt::format("{} samples, {} layer calls, {} spikes, {} lost; {} in {}", summary.samples,
			       summary.layer_calls, summary.spikes, summary.lost, size_text(summary.file_bytes), file));
}

} // namespace

int run_record(const RecordCommand &command)
{
	const collector::HostSnapshot host = collector::take_host_snapshot();
	const Plan plan = collector::make_plan(command.options, host);
	if (command.dry_run) {
		for (const PlanItem &item : plan.items)
			for (const std::string &line : describe(item))
				write_output(line + "\n");
		return kExitOk;
	}
	if (const int problem = collector::command_problem(command.options.command.front()); problem != 0)
		return report_missing_command(command.options.command.front(), problem);
	for (const PlanItem &item : plan.items)
		if (command.verbose || (!command.quiet && item.state != PlanItem::State::open))
			for (const std::string &line : describe(item))
				print_line(line);
	const auto summary = collector::record(command.options, host, plan);
	if (!summary.ok()) {
		if (summary.error().code == ErrorCode::not_found)
			return report_missing_command(command.options.command.front(),
						      summary.error().system_errno == ENOENT ? kExitNotFound
											     : kExitNotExecutable);
		print_error(summary.error());
		return kExitRecorder;
	}
	if (summary->sampling_error)
		print_error(*summary->sampling_error);
	if (!command.quiet)
		print_summary(*summary, command.options.output);
	if (summary->write_error) {
		print_error(*summary->write_error);
		print_line(
			fmt::format("the recording ends early; what {} holds can be read. The program's status was {}",
				    command.options.output, summary->exit_status));
		return kExitRecorder;
	}
	if (!summary->program_ended) {
		print_line("the recording ended, the program goes on");
		return 128 + summary->ended_by_signal;
	}
	return summary->exit_status;
}

} // namespace neuroperf::viewer
