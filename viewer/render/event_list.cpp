// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/event_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {
namespace {

using collector::Availability;
using collector::CataloguedEvent;
using collector::EventFamily;
using collector::EventKind;

constexpr std::size_t kMostListed = 40; // events of a kind
constexpr std::size_t kWidestName = 40; // of which the remarks stand in one column
constexpr std::string_view kIndent = "  ";

std::string counted(std::size_t count, const std::string &noun)
{
	return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string remark(const Availability &here)
{
	return here.works ? printable(here.reason) : "n/a: " + printable(here.reason);
}

std::string remarks(const CataloguedEvent &event)
{
	std::vector<std::string> parts;
	if (!event.also.empty())
		parts.push_back(printable(fmt::format("also {}", fmt::join(event.also, ", "))));
	if (!event.terms.empty())
		parts.push_back(printable(event.terms));
	if (std::string text = remark(event.here); !text.empty())
		parts.push_back(std::move(text));
	return fmt::format("{}", fmt::join(parts, "; "));
}

// Why all of them are n/a; empty if one is not, or has a reason of its own.
std::string common_problem(const EventFamily &family)
{
	const Availability &first = family.events.front().here;
	const bool is_common =
		std::all_of(family.events.begin(), family.events.end(), [&](const CataloguedEvent &event) {
			return !event.here.works && event.here.reason == first.reason;
		});
	return is_common ? remark(first) : "";
}

std::string common_problem(const EventKind &kind)
{
	const std::string first = kind.families.empty() ? "" : common_problem(kind.families.front());
	const bool is_common = std::all_of(kind.families.begin(), kind.families.end(),
					   [&](const EventFamily &family) { return common_problem(family) == first; });
	return is_common ? first : "";
}

std::string lines_of_events(const EventKind &kind)
{
	std::size_t width = 0;
	for (const EventFamily &family : kind.families)
		for (const CataloguedEvent &event : family.events)
			if (const std::size_t own = display_width(printable(event.text)); own <= kWidestName)
				width = std::max(width, own);
	std::string text;
	for (const EventFamily &family : kind.families)
		for (const CataloguedEvent &event : family.events) {
			const std::string name = printable(event.text), behind = remarks(event);
			const std::size_t blanks = width - std::min(width, display_width(name));
			text += behind.empty() ? fmt::format("{}{}\n", kIndent, name)
					       : fmt::format("{}{}{:{}}  {}\n", kIndent, name, "", blanks, behind);
		}
	return text;
}

std::string lines_of_families(const EventKind &kind)
{
	std::string text;
	for (const EventFamily &family : kind.families) {
		const std::string problem = common_problem(family);
		text += fmt::format("{}{}: {}{}{}\n", kIndent, printable(family.name),
				    counted(family.events.size(), kind.noun), problem.empty() ? "" : "; ", problem);
	}
	return text;
}

std::string missing_line(const Error &error)
{
	return fmt::format("{}n/a: {}{}\n", kIndent, printable(error.what),
			   error.hint.empty() ? "" : fmt::format(" ({})", printable(error.hint)));
}

bool is_long(const EventKind &kind)
{
	return kind.count() > kMostListed;
}

// What matches may be of this kind all the same.
bool can_be_helped(const EventKind &kind)
{
	return kind.missing && !kind.missing->hint.empty();
}

std::string body(const EventKind &kind, bool whole)
{
	if (kind.missing)
		return missing_line(*kind.missing);
	if (kind.families.empty())
		return fmt::format("{}none\n", kIndent);
	const std::string problem = whole || kind.count() == 1 ? "" : common_problem(kind);
	if (!problem.empty())
		return fmt::format("{}{}, {}\n", kIndent, counted(kind.count(), kind.noun), problem);
	return is_long(kind) && !whole ? lines_of_families(kind) : lines_of_events(kind);
}

} // namespace

std::string render_event_list(const std::vector<EventKind> &kinds, const collector::WordFilter &filter)
{
	const bool whole = !filter.is_empty();
	std::string text;
	std::size_t found = 0;
	bool shortened = false;
	for (const EventKind &kind : kinds) {
		found += kind.count();
		shortened |= !whole && (is_long(kind) || !common_problem(kind).empty());
		if (whole && kind.families.empty() && !can_be_helped(kind))
			continue;
		text += fmt::format("{}{}\n{}", text.empty() ? "" : "\n", kind.heading, body(kind, whole));
	}
	if (whole && found == 0)
		text += fmt::format("{}no event that this machine names matches {}\n", text.empty() ? "" : "\n",
				    printable(filter.text()));
	if (shortened)
		text += "\nneuroperf list events PATTERN shows each one that matches: sched, 'sched:*_switch', '*'\n";
	return text;
}

} // namespace neuroperf::viewer
