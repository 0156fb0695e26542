// SPDX-License-Identifier: Apache-2.0
#include "viewer/commands/record_options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "collector/output_name.hpp"

namespace neuroperf::viewer {
namespace {

using collector::CallGraph;
using collector::RecordOptions;

// What the kernel can copy with a sample: a record has 16 bits for its size.
constexpr uint32_t kMaxStackBytes = 65528;
constexpr unsigned kMaxCpu = 65535;

Error wrong(std::string_view option, std::string_view word, std::string_view wanted)
{
	return {ErrorCode::usage, fmt::format("{}: \"{}\" is not {}", option, word, wanted), 0,
		"see neuroperf record --help"};
}

template <typename T> bool parse_number(std::string_view word, T *value)
{
	const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), *value);
	return error == std::errc{} && stop == word.data() + word.size();
}

std::vector<std::string_view> split(std::string_view text)
{
	std::vector<std::string_view> words;
	for (std::size_t at = 0; at <= text.size();) {
		const std::size_t comma = std::min(text.find(',', at), text.size());
		words.push_back(text.substr(at, comma - at));
		at = comma + 1;
	}
	return words;
}

Result<std::vector<int>> task_list(std::string_view option, std::string_view text)
{
	std::vector<int> tasks;
	for (const std::string_view word : text.empty() ? std::vector<std::string_view>{} : split(text)) {
		int task = 0;
		if (!parse_number(word, &task) || task <= 0)
			return wrong(option, word, "a process or thread id");
		tasks.push_back(task);
	}
	return tasks;
}

// "0-3,8"
Result<std::vector<unsigned>> cpu_list(std::string_view text)
{
	std::vector<unsigned> cpus;
	for (const std::string_view word : text.empty() ? std::vector<std::string_view>{} : split(text)) {
		const std::size_t dash = word.find('-');
		unsigned first = 0, last = 0;
		const bool is_range = dash != word.npos;
		if (!parse_number(word.substr(0, dash), &first) ||
		    (is_range && !parse_number(word.substr(dash + 1), &last)))
			return wrong("-C", word, "a CPU or a range of CPUs, as in 0-3,8");
		last = is_range ? last : first;
		if (last < first || last > kMaxCpu)
			return wrong("-C", word, "a range of CPUs, as in 0-3,8");
		for (unsigned cpu = first; cpu <= last; cpu++)
			cpus.push_back(cpu);
	}
	return cpus;
}

// "fp", "dwarf", "dwarf,16384", "no"
Status set_call_graph(const std::string &text, RecordOptions *options)
{
	const std::vector<std::string_view> words = split(text);
	const std::string_view how = words.front();
	if (how == "dwarf" && words.size() == 2) {
		if (!parse_number(words[1], &options->stack_bytes) || options->stack_bytes < 8 ||
		    options->stack_bytes > kMaxStackBytes)
			return wrong("--call-graph", words[1],
				     fmt::format("a number of bytes from 8 to {}", kMaxStackBytes));
		options->stack_bytes = (options->stack_bytes + 7) / 8 * 8;
	}
	if (words.size() > (how == "dwarf" ? 2u : 1u))
		return wrong("--call-graph", text, "fp, dwarf[,BYTES] or no");
	if (how == "fp")
		options->callgraph = CallGraph::frame_pointers;
	else if (how == "dwarf")
		options->callgraph = CallGraph::dwarf;
	else if (how == "no")
		options->callgraph = CallGraph::none;
	else
		return wrong("--call-graph", text, "fp, dwarf[,BYTES] or no");
	return Done{};
}

Result<double> seconds(const std::string &text)
{
	double value = 0;
	if (parse_number(text, &value) && value > 0 && std::isfinite(value))
		return value;
	const auto duration = collector::parse_duration_ns(text);
	if (!duration.ok())
		return duration.error();
	return static_cast<double>(*duration) * 1e-9;
}

Error of_option(std::string_view option, const Error &error)
{
	return {ErrorCode::usage, fmt::format("{}: {}", option, error.what), 0, error.hint};
}

// A bare number counts pages, as in perf.
Status set_ring(const std::string &text, RecordOptions *options)
{
	uint64_t pages = 0;
	if (parse_number(text, &pages) && pages > 0 && pages <= UINT32_MAX) {
		options->ring_bytes = pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
		return Done{};
	}
	const auto bytes = collector::parse_size(text);
	if (!bytes.ok() || *bytes == 0)
		return wrong("-m", text, "a number of pages, or a size such as 512K or 4M");
	options->ring_bytes = *bytes;
	return Done{};
}

Status set_limits(const RecordCommand &command, RecordOptions *options)
{
	if (!command.duration.empty()) {
		const auto duration = seconds(command.duration);
		if (!duration.ok())
			return of_option("-d", duration.error());
		options->duration_s = *duration;
	}
	if (!command.max_size.empty()) {
		const auto size = collector::parse_size(command.max_size);
		if (!size.ok())
			return of_option("--max-size", size.error());
		options->max_bytes = *size;
	}
	if (command.switch_output.empty())
		return Done{};
	const auto size = collector::parse_size(command.switch_output);
	const auto time = collector::parse_duration_ns(command.switch_output);
	if (time.ok())
		options->switch_s = static_cast<double>(*time) * 1e-9;
	else if (size.ok() && *size > 0)
		options->switch_bytes = *size;
	else
		return wrong("--switch-output", command.switch_output, "a size such as 100M or a time such as 30s");
	return Done{};
}

} // namespace

Result<RecordOptions> checked_options(const RecordCommand &command)
{
	RecordOptions options = command.options;
	auto processes = task_list("-p", command.processes);
	auto threads = task_list("-t", command.threads);
	auto cpus = cpu_list(command.cpus);
	for (const Error *error : {processes.ok() ? nullptr : &processes.error(),
				   threads.ok() ? nullptr : &threads.error(), cpus.ok() ? nullptr : &cpus.error()})
		if (error)
			return *error;
	options.processes = std::move(*processes);
	options.threads = std::move(*threads);
	options.cpus = std::move(*cpus);
	if (command.callgraph_fp)
		options.callgraph = CallGraph::frame_pointers;
	if (command.callgraph)
		if (Status set = set_call_graph(*command.callgraph, &options); !set.ok())
			return set.error();
	if (!command.ring.empty())
		if (Status set = set_ring(command.ring, &options); !set.ok())
			return set.error();
	if (Status set = set_limits(command, &options); !set.ok())
		return set.error();
	if (options.python_names && !options.records_command())
		return Error{ErrorCode::usage, "--python-names: a program that runs already cannot be asked", 0,
			     "launch it: neuroperf record --python-names -- COMMAND"};
	if (options.agent && !options.records_command())
		return Error{ErrorCode::usage, "--agent: a program that runs already has none", 0,
			     "launch it: neuroperf record --agent -- COMMAND"};
	return options;
}

} // namespace neuroperf::viewer
