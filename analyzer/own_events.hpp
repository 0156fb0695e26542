// SPDX-License-Identifier: Apache-2.0
// neuroperf's own events, decoded by the format text that the file carries.
//
// Which event index of the file is which of our events, and where its fields are, is looked up once; a field that an
// older or newer file lacks reads as 0 or empty.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "recording/event_formats.hpp"
#include "recording/reader.hpp"

namespace neuroperf::analyzer {

class OwnEvents {
public:
	explicit OwnEvents(const recording::PerfDataReader &reader);

	// Our event behind an event index of the file, or nullopt.
	std::optional<recording::OwnEvent> kind(int event) const
	{
		return events_[static_cast<std::size_t>(event)].kind;
	}
	// The n-th field of the event, counted as in recording/event_formats.cpp.
	uint64_t number(int event, unsigned field, std::string_view payload) const;
	std::string_view text(int event, unsigned field, std::string_view payload) const;

private:
	struct Event {
		std::optional<recording::OwnEvent> kind;
		std::vector<recording::EventField> fields; // in our order; size 0 where the file has none
	};
	std::vector<Event> events_;
};

} // namespace neuroperf::analyzer
