// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "recording/ftrace_import.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/messages.hpp"
#include "viewer/progress.hpp"

namespace neuroperf::viewer {

int run_import(const ImportCommand &command)
{
	auto drivers = recording::chosen_drivers({}, command.driver_files);
	if (!drivers.ok()) {
		print_error(drivers.error());
		return exit_code(drivers.error());
	}
	Progress progress("reading " + command.input);
	recording::FtraceImport import{command.input, command.output, std::move(*drivers), {}};
	import.progress = [&progress](uint64_t done, uint64_t all) { progress.tell(done, all);
};
const auto counts = recording::import_ftrace(import);
if (!counts.ok()) {
	print_error(counts.error());
	return exit_code(counts.error());
}
std::string text = fmt::format("{} events, {} of them known to drivers' descriptions; {}", counts->lines, counts->known,
			       command.output);
if (counts->others > 0)
	text += fmt::format("; {} lines were not understood", counts->others);
if (counts->out_of_order > 0)
	text += fmt::format("; {} events out of order", counts->out_of_order);
if (counts->lost > 0)
	text += fmt::format("; {} lost by the kernel", counts->lost);
print_line(text);
return kExitOk;
} // namespace neuroperf::viewer

} // namespace neuroperf::viewer
