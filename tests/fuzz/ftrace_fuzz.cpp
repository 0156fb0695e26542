// SPDX-License-Identifier: Apache-2.0
// ftrace's text, to a recording and its report.
#include <unistd.h>

#include "analyzer/report_builder.hpp"
#include "recording/ftrace_import.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz::MemoryFile file;
	static const std::string path = "/tmp/ftrace_fuzz." + std::to_string(::getpid()) + ".data";
	static const auto drivers = *recording::chosen_drivers({}, {});
	const auto counts = recording::import_ftrace({file.with(fuzz::text_of(data, size)), path, drivers, {}});
	if (counts.ok()) {
		analyzer::ReportOptions options;
		options.drivers = drivers;
		options.flame = false;
		const auto report = analyzer::make_report(path, options);
		if (!report.ok())
			__builtin_trap();
	} else if (counts.error().what.empty()) {
		__builtin_trap();
	}
	::unlink(path.c_str());
	::unlink((path + ".old").c_str());
	return 0;
}
