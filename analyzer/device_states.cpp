// SPDX-License-Identifier: Apache-2.0
#include "analyzer/device_states.hpp"

#include <algorithm>

namespace neuroperf::analyzer {

using recording::JobMoment;

void DeviceStates::take(const JobEvent &event, uint64_t time_ns)
{
	if (event.moment != JobMoment::state && event.moment != JobMoment::value)
		return;
	const std::string driver =
		event.driver.empty() ? drivers_.sources()[event.source].driver->title : std::string(event.driver);
	const Of of{driver,
		    std::string(event.device),
		    std::string(event.engine),
		    event.rule->quantity,
		    event.rule->unit,
		    host_events_.contains(event.rule->event)};
	const auto before = current_.find(of);
	if (before == current_.end() && current_.size() >= kMost)
		return;
	if (before != current_.end())
		close(of, before->second, time_ns);
	current_[of] = {std::string(event.state), event.value, time_ns};
	if (event.moment == JobMoment::value) {
		values_[of].told += window_.has(time_ns) ? 1 : 0;
		return;
	}
	std::map<std::string, Stays> &states = states_[of];
	if (states.size() < kMost || states.contains(std::string(event.state)))
		states[std::string(event.state)].times += window_.has(time_ns) ? 1 : 0;
}

void DeviceStates::finish(uint64_t time_ns)
{
	for (const auto &[of, current] : current_)
		close(of, current, time_ns);
	current_.clear();
}

void DeviceStates::leave_host(uint64_t time_ns)
{
	std::erase_if(current_, [&](const auto &one) {
		if (one.first.of_host)
			close(one.first, one.second, time_ns);
		return one.first.of_host;
	});
}

uint64_t DeviceStates::inside(uint64_t from_ns, uint64_t to_ns) const
{
	from_ns = std::max(from_ns, window_.from_ns);
	to_ns = std::min(to_ns, window_.to_ns);
	return to_ns > from_ns ? to_ns - from_ns : 0;
}

void DeviceStates::close(const Of &of, const Current &current, uint64_t time_ns)
{
	const uint64_t held_ns = inside(current.since_ns, time_ns);
	if (const auto states = states_.find(of); states != states_.end()) {
		if (const auto stays = states->second.find(current.state); stays != states->second.end())
			stays->second.total_ns += held_ns;
		return;
	}
	if (held_ns == 0)
		return;
	Values &values = values_[of];
	values.least = std::min(values.least, current.value);
	values.most = std::max(values.most, current.value);
	values.last = current.value;
	values.last_ns = current.since_ns;
	values.known_ns += held_ns;
	values.sum += static_cast<double>(current.value) * static_cast<double>(held_ns);
}

} // namespace neuroperf::analyzer
