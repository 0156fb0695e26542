// SPDX-License-Identifier: Apache-2.0
#include "collector/event_grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "collector/kernel_files.hpp"
#include "collector/requested_event.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMaxEventBytes = 4096;
constexpr std::size_t kMaxTerms = 100;

Error usage_error(std::string what, std::string hint = "")
{
	return {ErrorCode::usage, std::move(what), 0, std::move(hint)};
}

bool is_control(char character)
{
	return static_cast<unsigned char>(character) < 0x20 && character != '\t' && character != '\n';
}

// "name" or "name=value" or "name='value'"
Result<EventTerm> written_term(std::string_view text)
{
	const std::size_t equal = text.find('=');
	EventTerm term{std::string(without_blanks(text.substr(0, equal))), std::nullopt};
	if (term.name.empty())
		return usage_error("a term is missing between its slashes");
	if (equal == text.npos)
		return term;
	std::string_view value = without_blanks(text.substr(equal + 1));
	if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'')
		value = value.substr(1, value.size() - 2);
	if (value.empty())
		return usage_error(fmt::format("{}= has no value", term.name));
	term.value = value;
	return term;
}

Result<WrittenEvent> written_event(std::string_view text)
{
	WrittenEvent event;
	event.text = text;
	const std::size_t slash = text.find('/');
	event.name = without_blanks(text.substr(0, slash));
	if (slash == text.npos)
		return event;
	const std::size_t end = text.find('/', slash + 1); // there is one: EventSplitter::next_word() has passed it
	Result<std::vector<EventTerm>> terms = split_terms(text.substr(slash + 1, end - slash - 1));
	if (!terms.ok())
		return usage_error(fmt::format("event \"{}\": {}", text, terms.error().what));
	event.terms = std::move(*terms);
	std::string_view modifiers = text.substr(end + 1);
	if (modifiers.starts_with(':'))
		modifiers.remove_prefix(1);
	event.modifiers = modifiers;
	return event;
}

// Walks over one text of -e; at_ is the next character.
class EventSplitter {
public:
	explicit EventSplitter(std::string_view text) : text_(text) {}

	Result<std::vector<WrittenGroup>> all()
	{
		std::vector<WrittenGroup> groups;
		do {
			Result<WrittenGroup> group = next_group();
			if (!group.ok())
				return group.error();
			groups.push_back(std::move(*group));
		} while (take(','));
		if (at_ != text_.size())
			return error(fmt::format("\"{}\" is not expected", text_[at_]),
				     "events are separated by commas; groups are written {a,b}");
		return groups;
	}

private:
	Result<WrittenGroup> next_group()
	{
		WrittenGroup group;
		Result<std::string_view> word = next_word();
		if (!word.ok())
			return word.error();
		if (!take('{')) {
			if (Status added = add(*word, &group); !added.ok())
				return added.error();
			return group;
		}
		group.braces = true;
		group.name = without_blanks(*word);
		if (Status members = take_members(&group); !members.ok())
			return members.error();
		return group;
	}

	// Behind the opening brace.
	Status take_members(WrittenGroup *group)
	{
		do {
			Result<std::string_view> word = next_word();
			if (!word.ok())
				return word.error();
			if (take('{'))
				return error("a group stands inside a group");
			if (Status added = add(*word, group); !added.ok())
				return added.error();
		} while (take(','));
		if (!take('}'))
			return error("a group has no closing brace");
		word_start_ = at_;
		if (take(':')) {
			const Result<std::string_view> word = next_word();
			if (!word.ok())
				return word.error();
			group->modifiers = without_blanks(*word);
			if (group->modifiers.empty())
				return error("modifiers of the group are missing");
		}
		skip_blanks();
		return Done{};
	}

	// Up to what ends an event. Between two slashes, commas and braces belong to it.
	Result<std::string_view> next_word()
	{
		word_start_ = at_;
		bool had_slashes = false;
		while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '{' && text_[at_] != '}') {
			if (text_[at_] == '/') {
				const std::size_t end = text_.find('/', at_ + 1);
				if (had_slashes)
					return error("a third slash is not expected");
				if (end == text_.npos)
					return error("the closing slash is missing", "write pmu/terms/");
				had_slashes = true;
				at_ = end;
			}
			at_++;
		}
		return text_.substr(word_start_, at_ - word_start_);
	}

	Status add(std::string_view word, WrittenGroup *group)
	{
		word = without_blanks(word);
		if (word.empty())
			return error("an event is missing");
		if (word.size() > kMaxEventBytes)
			return error(fmt::format("an event has more than {} characters", kMaxEventBytes));
		if (++events_ > kMaxRequestedEvents)
			return error(fmt::format("there are more than {} events", kMaxRequestedEvents));
		Result<WrittenEvent> event = written_event(word);
		if (!event.ok())
			return event.error();
		group->events.push_back(std::move(*event));
		return Done{};
	}

	bool take(char wanted)
	{
		if (at_ == text_.size() || text_[at_] != wanted)
			return false;
		at_++;
		return true;
	}

	void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\n", at_), text_.size()); }

	Error error(std::string_view why, std::string hint = "") const
	{
		constexpr std::size_t kShownBytes = 200;
		return usage_error(fmt::format("cannot read the events \"{}{}\": at character {}: {}",
					       text_.substr(0, kShownBytes), text_.size() > kShownBytes ? "..." : "",
					       word_start_ + 1, why),
				   std::move(hint));
	}

	std::string_view text_;
	std::size_t at_ = 0;
	std::size_t word_start_ = 0;
	std::size_t events_ = 0;
};

} // namespace

Result<std::vector<WrittenGroup>> split_events(std::string_view text)
{
	if (std::any_of(text.begin(), text.end(), is_control))
		return usage_error("the text of an event has a control character in it");
	return EventSplitter(text).all();
}

Result<std::vector<EventTerm>> split_terms(std::string_view text)
{
	std::vector<EventTerm> terms;
	if (without_blanks(text).empty())
		return terms;
	for (std::size_t start = 0; start <= text.size();) {
		bool quoted = false;
		std::size_t end = start;
		for (; end < text.size() && (quoted || text[end] != ','); end++)
			quoted ^= text[end] == '\'';
		if (quoted)
			return usage_error("a closing quote is missing");
		Result<EventTerm> term = written_term(text.substr(start, end - start));
		if (!term.ok())
			return term.error();
		terms.push_back(std::move(*term));
		if (terms.size() > kMaxTerms)
			return usage_error(fmt::format("there are more than {} terms between its slashes", kMaxTerms));
		start = end + 1;
	}
	return terms;
}

std::optional<uint64_t> parse_number(std::string_view text)
{
	const bool hexadecimal = text.starts_with("0x");
	if (hexadecimal)
		text.remove_prefix(2);
	uint64_t number = 0;
	const char *end = text.data() + text.size();
	const auto [stop, error] = std::from_chars(text.data(), end, number, hexadecimal ? 16 : 10);
	if (error != std::errc{} || stop != end)
		return std::nullopt;
	return number;
}

} // namespace neuroperf::collector
