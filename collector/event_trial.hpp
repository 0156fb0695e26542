// SPDX-License-Identifier: Apache-2.0
// Whether the kernel gives us an event here, found out by opening it for a moment, on ourselves, without counting.
#pragma once

#include <string>

#include "collector/requested_event.hpp"

namespace neuroperf::collector {

struct Availability {
	bool works = true;
	std::string reason; // why not; where it works: what is missing all the same
};

Availability try_event(const RequestedEvent &event);

} // namespace neuroperf::collector
