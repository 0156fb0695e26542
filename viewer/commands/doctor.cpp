// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "collector/capabilities.hpp"
#include "recording/version.hpp"
#include "viewer/commands/commands.hpp"
#include "viewer/commands/plan_text.hpp"
#include "viewer/messages.hpp"

namespace neuroperf::viewer {
namespace {

std::string json_text(const std::vector<collector::PlanItem> &items, const collector::HostSnapshot &host)
{
	nlohmann::ordered_json json;
	json["schema"] = "neuroperf.doctor/1";
	json["version"] = kVersion;
	json["kernel"] = host.kernel_release;
	json["cpu"] = host.cpu_model;
	json["capabilities"] = nlohmann::ordered_json::array();
	for (const collector::PlanItem &item : items)
		json["capabilities"].push_back({{"what", item.what},
						{"state", to_string(item.state)},
						{"detail", item.detail},
						{"remedy", item.remedy}});
	return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

} // namespace

int run_doctor(const DoctorCommand &command)
{
	const collector::HostSnapshot host = collector::take_host_snapshot();
	const std::vector<collector::PlanItem> items = collector::capabilities(host, collector::probe_host(host));
	if (command.json) {
		write_output(json_text(items, host));
		return kExitOk;
	}
	for (const collector::PlanItem &item : items)
		for (const std::string &line : plan_text(item))
			write_output(line + "\n");
	return kExitOk;
}

} // namespace neuroperf::viewer
