// SPDX-License-Identifier: Apache-2.0
#include "analyzer/sample_filter.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace neuroperf::analyzer {
namespace {

bool is_named(const std::string &wanted, const std::string &name, uint32_t number)
{
	return wanted == name || wanted == std::to_string(static_cast<int32_t>(number));
}

} // namespace

// Seconds with up to nine digits behind the point, exactly: "123.000000001".
bool SampleFilter::parse_bound(std::string_view text, Bound *bound)
{
	if (text.empty())
		return true;
	bound->relative = text.starts_with('+');
	if (bound->relative)
		text.remove_prefix(1);
	const auto point = std::min(text.find('.'), text.size());
	std::string fraction(text.substr(std::min(point + 1, text.size())));
	if (fraction.size() > 9 || (point == text.size() - 1 && point > 0))
		return false;
	fraction.resize(9, '0');
	uint64_t seconds = 0, nanoseconds = 0;
	const auto whole = std::from_chars(text.data(), text.data() + point, seconds);
	const auto part = std::from_chars(fraction.data(), fraction.data() + fraction.size(), nanoseconds);
	if (whole.ec != std::errc() || whole.ptr != text.data() + point || part.ec != std::errc() ||
	    part.ptr != fraction.data() + fraction.size() || seconds > UINT64_MAX / 2'000'000'000)
		return false;
	bound->ns = seconds * 1'000'000'000 + nanoseconds;
	return true;
}

Result<SampleFilter> SampleFilter::make(const FilterOptions &options)
{
	SampleFilter filter;
	filter.process_ = options.process;
	filter.thread_ = options.thread;
	if (!options.time.empty()) {
		const auto comma = options.time.find(',');
		const std::string_view text = options.time;
		if (comma == options.time.npos || !parse_bound(text.substr(0, comma), &filter.from_) ||
		    !parse_bound(text.substr(comma + 1), &filter.to_))
			return Error{
				ErrorCode::usage, fmt::format("--time: not FROM,TO in seconds: {}", options.time), 0,
				"for example --time 12.5,13 (as `neuroperf script` prints) or --time +0.5,+2 (after "
				"the start)"};
		filter.by_time_ = true;
	}
	if (!options.layer.empty()) {
		try {
			filter.layer_.emplace(options.layer, std::regex::ECMAScript | std::regex::optimize);
		} catch (const std::regex_error &error) {
			return Error{ErrorCode::usage,
				     fmt::format("--layer: not a regular expression: {}", error.what()), 0, ""};
		}
	}
	return filter;
}

bool SampleFilter::names_thread(const Threads &threads, ThreadId id) const
{
	const Thread &thread = threads.thread(id);
	const Process &process = threads.process(thread.process);
	return (process_.empty() || is_named(process_, process.name, process.pid)) &&
	       (thread_.empty() || is_named(thread_, thread.name, thread.tid));
}

} // namespace neuroperf::analyzer
