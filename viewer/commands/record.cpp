// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>

#include "collector/driver_plan.hpp"
#include "collector/event_syntax.hpp"
#include "collector/recorder.hpp"
#include "collector/recording_plan.hpp"
#include "collector/runtime_plan.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/commands/plan_text.hpp"
#include "viewer/commands/record_options.hpp"
#include "viewer/messages.hpp"

namespace neuroperf::viewer {
namespace {

using collector::Plan;
using collector::PlanItem;
using collector::RecordSummary;

std::string size_text(uint64_t bytes)
{
	if (bytes < 10'000)
		return fmt::format("{} B", bytes);
	if (bytes < 10'000'000)
		return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
	return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
}

int report_error(const Error &error)
{
	print_error(error);
	return kExitRecorder;
}

int report_missing_command(const std::string &program, int status)
{
	print_error({ErrorCode::not_found,
		     status == kExitNotFound ? fmt::format("{}: command not found", program)
					     : fmt::format("{}: not executable", program),
		     0, ""});
	return status;
}

std::string files_text(const RecordSummary &summary)
{
	if (summary.files.empty())
		return summary.file;
	return fmt::format("{} files, {} to {}", summary.files.size() + 1, summary.files.front(), summary.file);
}

void print_summary(const RecordSummary &summary)
{
	for (const auto &child : summary.left_running)
		print_line(fmt::format("process {} ({}) is still running and no longer recorded; --follow waits for it",
				       child.pid, child.name));
	print_line(fmt::format("{} samples, {} layer calls, {} spikes, {} lost; {} in {}", summary.samples,
			       summary.layer_calls, summary.spikes, summary.lost, size_text(summary.file_bytes),
			       files_text(summary)));
}

} // namespace

int run_record(const RecordCommand &command)
{
	const collector::HostSnapshot host = collector::take_host_snapshot();
	const auto checked = checked_options(command);
	if (!checked.ok())
		return report_error(checked.error());
	const collector::RecordOptions &options = *checked;
	const auto target = collector::find_target(options);
	if (!target.ok())
		return report_error(target.error());
	const auto events = collector::parse_events(options.events, {});
	if (!events.ok())
		return report_error(events.error());
	auto runtimes = collector::chosen_runtimes(options.runtimes, options.runtime_files);
	if (!runtimes.ok())
		return report_error(runtimes.error());
	const auto drivers = recording::chosen_drivers(options.drivers, options.driver_files);
	if (!drivers.ok())
		return report_error(drivers.error());
	Plan plan = collector::make_plan(options, host, *target, *events);
	collector::plan_drivers(collector::find_driver_events(*drivers, options, {}), options, host, &plan);
	collector::plan_runtimes(std::move(*runtimes), options, host, &plan);
	for (PlanItem &item : collector::recording_items(plan, options, host))
		plan.items.push_back(std::move(item));
	if (command.dry_run) {
		for (const PlanItem &item : plan.items)
			for (const std::string &line : plan_text(item))
				write_output(line + "\n");
		return kExitOk;
	}
	const std::string program = options.command.empty() ? "" : options.command.front();
	if (const int problem = program.empty() ? 0 : collector::command_problem(program); problem != 0)
		return report_missing_command(program, problem);
	for (const PlanItem &item : plan.items)
		if (command.verbose || (!command.quiet && item.state != PlanItem::State::open))
			for (const std::string &line : plan_text(item))
				print_line(line);
	const auto summary = collector::record(options, host, plan);
	if (!summary.ok()) {
		if (summary.error().code == ErrorCode::not_found)
			return report_missing_command(
				program, summary.error().system_errno == ENOENT ? kExitNotFound : kExitNotExecutable);
		return report_error(summary.error());
	}
	if (summary->sampling_error)
		print_error(*summary->sampling_error);
	if (!command.quiet)
		print_summary(*summary);
	if (summary->write_error) {
		print_error(*summary->write_error);
		print_line(
			fmt::format("the recording ends early; what {} holds can be read. The program's status was {}",
				    summary->file, summary->exit_status));
		return kExitRecorder;
	}
	if (!summary->launched)
		return kExitOk;
	if (!summary->program_ended) {
		print_line("the recording ended, the program goes on");
		return summary->ended_by_limit ? kExitOk : 128 + summary->ended_by_signal;
	}
	return summary->exit_status;
}

} // namespace neuroperf::viewer
