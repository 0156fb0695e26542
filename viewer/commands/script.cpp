// SPDX-License-Identifier: Apache-2.0
#include "analyzer/record_text.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/messages.hpp"

namespace neuroperf::viewer {

int run_script(const ScriptCommand &command)
{
	const auto reader = recording::PerfDataReader::open(command.path);
	if (!reader.ok()) {
		print_error(reader.error());
		return exit_code(reader.error());
	}
	std::string buffer;
	bool open = true;
	const auto print = [&](std::string_view line) {
		buffer += line;
		if (buffer.size() >= 1 << 16) {
			open = write_output(buffer);
			buffer.clear();
		}
		return open;
	};
	const analyzer::StreamCounts counts = analyzer::print_records(*reader, !command.mangled, print);
	if (open)
		write_output(buffer);
	for (const std::string &problem : reader->problems())
		print_line(problem);
	if (!counts.problem.empty())
		print_line("reading stopped early: " + counts.problem);
	return kExitOk;
}

} // namespace neuroperf::viewer
