// SPDX-License-Identifier: Apache-2.0
// A report as JSON, energy models and the private section; what is read as a report must be written and read again.
#include "analyzer/energy.hpp"
#include "analyzer/report_json.hpp"
#include "recording/private_section.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "viewer/render/terminal.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view input = fuzz::text_of(data, size);
	const auto report = analyzer::read_json_report(input);
	if (report.ok()) {
		viewer::render_terminal(*report, {});
		if (!analyzer::read_json_report(analyzer::render_json(*report)).ok())
			__builtin_trap();
	}
	if (const auto model = analyzer::parse_energy_model(input, "fuzz"); model.ok())
		analyzer::estimate_energy(*model, {1, 2, 3, 4});
	static_cast<void>(recording::decode_private_section(input).ok());
	return 0;
}
