// SPDX-License-Identifier: Apache-2.0
#include "collector/device_list.hpp"
#include "viewer/commands/list_subjects.hpp"
#include "viewer/messages.hpp"
#include "viewer/render/device_list.hpp"

namespace neuroperf::viewer {

int list_devices(const std::vector<std::string> &driver_files)
{
	const auto drivers = recording::chosen_drivers({}, driver_files);
	if (!drivers.ok()) {
		print_error(drivers.error());
		return kExitUsage;
	}
	write_output(render_device_list(collector::list_devices(*drivers, {})));
	return kExitOk;
}

} // namespace neuroperf::viewer
