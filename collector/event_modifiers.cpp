// SPDX-License-Identifier: Apache-2.0
#include "collector/event_modifiers.hpp"

#include <fmt/format.h>

namespace neuroperf::collector {
namespace {

constexpr std::string_view kLetters = "ukhGHIpPDeSW";
constexpr unsigned kMaxPrecise = 3; // two bits of perf_event_attr

Status check(std::string_view modifiers)
{
	for (std::size_t i = 0; i < modifiers.size(); i++) {
		const char letter = modifiers[i];
		const std::string hint =
			fmt::format("the modifiers are {}; man neuroperf-record explains them", kLetters);
		if (kLetters.find(letter) == kLetters.npos)
			return Error{ErrorCode::usage, fmt::format("\"{}\" is not a modifier", letter), 0, hint};
		if (letter != 'p' && modifiers.find(letter, i + 1) != modifiers.npos)
			return Error{ErrorCode::usage, fmt::format("the modifier {} stands twice", letter), 0, hint};
	}
	return Done{};
}

// Adds modifiers to what an event excludes already, as get_event_modifier() of perf does.
class Modifiers {
public:
	explicit Modifiers(RequestedEvent *event) : event_(*event), attr_(event->attr) {}

	Status take(std::string_view modifiers, bool leads)
	{
		if (Status checked = check(modifiers); !checked.ok())
			return checked;
		privilege_named_ = attr_.exclude_user || attr_.exclude_kernel || attr_.exclude_hv;
		unsigned precise = attr_.precise_ip;
		for (const char letter : modifiers) {
			precise += letter == 'p';
			take(letter, leads);
		}
		if (precise > kMaxPrecise)
			return Error{ErrorCode::usage, fmt::format("more than {} p", kMaxPrecise), 0, ""};
		attr_.precise_ip = event_.most_precise ? kMaxPrecise : precise;
		return Done{};
	}

private:
	void take(char letter, bool leads)
	{
		switch (letter) {
		case 'u':
			exclude_other_privileges();
			if (!host_named_)
				attr_.exclude_guest = 1;
			attr_.exclude_user = 0;
			break;
		case 'k':
			exclude_other_privileges();
			attr_.exclude_kernel = 0;
			break;
		case 'h':
			exclude_other_privileges();
			attr_.exclude_hv = 0;
			break;
		case 'G':
			exclude_host_and_guest();
			attr_.exclude_guest = 0;
			break;
		case 'H':
			exclude_host_and_guest();
			attr_.exclude_host = 0;
			break;
		case 'I':
			attr_.exclude_idle = 1;
			break;
		case 'p':
			if (!host_named_)
				attr_.exclude_guest = 1;
			break;
		case 'P':
			event_.most_precise = true;
			break;
		case 'D':
			attr_.pinned = attr_.pinned || leads;
			break;
		case 'e':
			attr_.exclusive = attr_.exclusive || leads;
			break;
		case 'S':
			event_.sample_group = true;
			break;
		case 'W':
			event_.weak_group = true;
			break;
		}
	}

	void exclude_other_privileges()
	{
		if (!privilege_named_)
			attr_.exclude_user = attr_.exclude_kernel = attr_.exclude_hv = 1;
		privilege_named_ = true;
	}

	void exclude_host_and_guest()
	{
		if (!host_named_)
			attr_.exclude_host = attr_.exclude_guest = 1;
		host_named_ = true;
	}

	RequestedEvent &event_;
	perf_event_attr &attr_;
	bool privilege_named_ = false;
	bool host_named_ = false;
};

} // namespace

bool is_modifiers(std::string_view text)
{
	return !text.empty() && text.find_first_not_of(kLetters) == text.npos;
}

Status apply_modifiers(std::string_view own, std::string_view of_group, bool leads, RequestedEvent *event)
{
	Modifiers modifiers(event);
	if (!own.empty()) {
		event->attr.exclude_guest = 0; // set unless modifiers say something: perf's default
		if (Status taken = modifiers.take(own, true); !taken.ok())
			return taken;
	}
	return of_group.empty() ? Status(Done{}) : modifiers.take(of_group, leads);
}

} // namespace neuroperf::collector
