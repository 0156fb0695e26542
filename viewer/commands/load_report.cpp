// SPDX-License-Identifier: Apache-2.0
#include "viewer/commands/load_report.hpp"

#include <cstdlib>

#include "analyzer/ranks.hpp"
#include "viewer/progress.hpp"

namespace neuroperf::viewer {

Result<analyzer::ReportOptions> report_options(const ReportInput &input)
{
	analyzer::ReportOptions options;
	options.skip_first = input.skip_first;
	options.group = input.group;
	options.filter = input.filter;
	options.inline_frames = input.inline_frames;
	options.lines = input.lines;
	options.debuginfod = input.debuginfod;
	options.symbol_root = input.symbol_root;
	auto drivers = recording::chosen_drivers(input.drivers, input.driver_files);
	if (!drivers.ok())
		return drivers.error();
	options.drivers = std::move(*drivers);
	if (input.energy_model != "none") {
		auto model = analyzer::load_energy_model(input.energy_model);
		if (!model.ok())
			return model.error();
		options.energy = std::move(*model);
	}
	return options;
}

Result<analyzer::Report> load_report(const std::string &path, analyzer::ReportOptions options)
{
	if (!options.debuginfod)
		::unsetenv("DEBUGINFOD_URLS"); // libraries would ask these servers by themselves
	Progress progress("reading " + path);
	options.progress = [&progress](uint64_t done, uint64_t all) { progress.tell(done, all); };
	return analyzer::make_report(path, options);
}

Result<analyzer::Report> load_ranks_report(const std::vector<std::string> &paths, analyzer::ReportOptions options)
{
	if (!options.debuginfod)
		::unsetenv("DEBUGINFOD_URLS");
	Progress progress("reading " + std::to_string(paths.size()) + " recordings");
	options.progress = [&progress](uint64_t done, uint64_t all) { progress.tell(done, all); };
	return analyzer::make_ranks_report(paths, options);
}

} // namespace neuroperf::viewer
