// SPDX-License-Identifier: Apache-2.0
#include "analyzer/host_devices.hpp"

#include <algorithm>

#include "analyzer/job_tables.hpp"
#include "analyzer/merged_tables.hpp"

namespace neuroperf::analyzer {
namespace {

void add_up(const std::map<std::string, DeviceStates::Stays> &more, std::map<std::string, DeviceStates::Stays> *sum)
{
	for (const auto &[state, stays] : more) {
		(*sum)[state].times += stays.times;
		(*sum)[state].total_ns += stays.total_ns;
	}
}

void add_up(const DeviceStates::Values &more, DeviceStates::Values *sum)
{
	sum->told += more.told;
	if (more.known_ns == 0)
		return;
	sum->least = std::min(sum->least, more.least);
	sum->most = std::max(sum->most, more.most);
	if (more.last_ns >= sum->last_ns) {
		sum->last = more.last;
		sum->last_ns = more.last_ns;
	}
	sum->known_ns += more.known_ns;
	sum->sum += more.sum;
}

} // namespace

// Where to add what the recording says of a device; null where another one has said it.
HostDevices::OfRank *HostDevices::place_of(std::size_t host, uint64_t rank, const DeviceStates::Of &of,
					   const RecordingReport &recording)
{
	const uint64_t election = of.of_host && recording.host_events ? recording.host_events->election : 0;
	const auto [source, is_new] = sources_.try_emplace({host, of}, Source{rank, election});
	const bool goes_on = election != 0 && source->second.election == election;
	if (!is_new && source->second.rank != rank && !goes_on)
		return nullptr;
	const auto [found, is_first] = ranks_.try_emplace({host, source->second.rank});
	OfRank &place = found->second;
	place.first_ns = is_first ? recording.first_ns : std::min(place.first_ns, recording.first_ns);
	place.last_ns = std::max(place.last_ns, recording.last_ns);
	return &place;
}

void HostDevices::add(std::size_t host, uint64_t rank, const RecordingReport &recording)
{
	for (const auto &[of, states] : recording.device_states)
		if (OfRank *place = place_of(host, rank, of, recording))
			add_up(states, &place->states[of]);
	for (const auto &[of, values] : recording.device_values)
		if (OfRank *place = place_of(host, rank, of, recording))
			add_up(values, &place->values[of]);
}

void HostDevices::append_to(Table *states, Table *values) const
{
	for (const auto &[key, of_rank] : ranks_) {
		const uint64_t duration_ns = of_rank.last_ns - of_rank.first_ns;
		if (Table table = make_device_states(of_rank.states, duration_ns); !table.rows.empty())
			append_rows(table, key.second, states);
		if (Table table = make_device_values(of_rank.values); !table.rows.empty())
			append_rows(table, key.second, values);
	}
}

} // namespace neuroperf::analyzer
