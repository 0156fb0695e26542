// SPDX-License-Identifier: Apache-2.0
#include "collector/event_catalogue.hpp"
#include "viewer/commands/list_subjects.hpp"
#include "viewer/messages.hpp"
#include "viewer/render/event_list.hpp"

namespace neuroperf::viewer {

int list_events(const std::string &pattern)
{
	const collector::WordFilter filter(pattern);
	write_output(render_event_list(collector::list_events({}, filter), filter));
	return kExitOk;
}

} // namespace neuroperf::viewer
