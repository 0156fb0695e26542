// SPDX-License-Identifier: Apache-2.0
// A whole file, through every way of reading it.
#include "analyzer/record_text.hpp"
#include "analyzer/report_builder.hpp"
#include "analyzer/report_json.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "viewer/render/terminal.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz::MemoryFile file;
	const std::string &path = file.with(fuzz::text_of(data, size));
	analyzer::ReportOptions options;
	options.skip_first = size % 3;
	const auto report = analyzer::make_report(path, options);
	if (report.ok()) {
		analyzer::render_json(*report);
		viewer::render_terminal(*report, {});
	}
	if (const auto reader = recording::PerfDataReader::open(path); reader.ok())
		analyzer::print_records(*reader, true, [](std::string_view) { return true; });
	return 0;
}
