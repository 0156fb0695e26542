// SPDX-License-Identifier: Apache-2.0
// The letters after an event: "cycles:u", "cpu/.../k", "{a,b}:S". They mean what they mean to perf 6.1:
//
//   u k h  only user, kernel, hypervisor     p pp ppp  precise_ip           S  the leader samples for its group
//   G H    only guest, host                  P         as precise as can be W  open the events alone if need be
//   I      not while idle                    D e       pinned; exclusive (of a group: its leader)
//
// One difference: perf 6.1 forgets a member's P, S and W when its group has modifiers too; later ones do not, nor we.
#pragma once

#include <string_view>

#include "collector/requested_event.hpp"
#include "recording/result.hpp"

namespace neuroperf::collector {

// True if these could be modifiers: known letters only, at least one.
bool is_modifiers(std::string_view text);

// `own` of the event, `of_group` of the braces around it; both may be empty. The error lacks the event's name.
Status apply_modifiers(std::string_view own, std::string_view of_group, bool leads, RequestedEvent *event);

} // namespace neuroperf::collector
