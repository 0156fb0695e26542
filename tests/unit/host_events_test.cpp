// SPDX-License-Identifier: Apache-2.0
// Who has the events of a host, and states of its devices that several recordings have parts of.
#include "analyzer/host_events.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/host_devices.hpp"

namespace neuroperf::analyzer {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr uint64_t kMs = 1'000'000;

HostEventsShare share(uint64_t joined_ms, uint64_t from_ms, uint64_t left_ms, uint64_t election = 1)
{
	HostEventsShare share;
	share.election = election;
	share.joined_ns = joined_ms * kMs;
	share.from_ns = from_ms * kMs;
	share.left_ns = left_ms * kMs;
	return share;
}

TEST(HostEvents, WhatARecordingSays)
{
	std::map<std::string, uint64_t> stats;
	EXPECT_FALSE(host_events_share(stats, 0, 100));
	stats = {{"host_events_election", 5}, {"host_events_joined_ns", 0}};
	EXPECT_FALSE(host_events_share(stats, 10, 100)) << "it has not begun yet";
	stats["host_events_joined_ns"] = 20;
	auto told = host_events_share(stats, 10, 100);
	ASSERT_TRUE(told);
	EXPECT_FALSE(told->has_any());
	EXPECT_EQ(told->left_ns, 100u);
	EXPECT_TRUE(told->was_cut);
	EXPECT_THAT(host_events_item(*told, 10).text, EndsWith("are in another rank's recording"));
	stats["host_events_pid"] = 4711;
	stats["host_events_rank"] = 0;
	EXPECT_THAT(host_events_item(*host_events_share(stats, 10, 100), 10).text,
		    EndsWith("are in the recording of rank 0 (pid 4711)"));
	stats["host_events_from_ns"] = 20;
	EXPECT_THAT(host_events_item(*host_events_share(stats, 10, 100), 10).text,
		    EndsWith("are in this recording, for all ranks on it"));
	stats["host_events_others"] = 1;
	stats["host_events_from_ns"] = 3'210'000'010;
	EXPECT_THAT(host_events_item(*host_events_share(stats, 10, 4'000'000'000), 10).text,
		    EndsWith("are in this recording from 3.210 s on, for all ranks on it; before, in the recording of "
			     "rank 0 "
			     "(pid 4711)"));
	stats["host_events_left_ns"] = 3'500'000'000;
	told = host_events_share(stats, 3'300'000'000, 4'000'000'000);
	EXPECT_EQ(told->from_ns, 3'300'000'000u) << "in an earlier file already";
	EXPECT_THAT(host_events_item(*told, 3'300'000'000).text,
		    EndsWith("are in this recording, for all ranks on it"));
	EXPECT_EQ(told->left_ns, 3'500'000'000u);
	EXPECT_FALSE(told->was_cut);
}

TEST(HostEvents, OneAfterTheOther)
{
	MergedHostEvents merged;
	merged.add(0, "node7", share(1000, 3020, 5000));
	merged.add(1, "node7", share(1000, 1000, 3000));
	merged.add(2, "node7", share(1500, 0, 4000));
	ASSERT_EQ(merged.items().size(), 1u);
	const QualityItem item = merged.items().front();
	EXPECT_EQ(item.code, "host_events");
	EXPECT_EQ(item.severity, Severity::info) << "no more than taking over takes";
	EXPECT_EQ(item.text,
		  "host-wide events of node7 are in the recording of rank 1, from 2.020 s on in that of rank 0; "
		  "nobody has those of 2.000 to 2.020 s");
	EXPECT_EQ(item.value, Cell(20 * kMs));
}

TEST(HostEvents, WhatAKilledOneHadNotPublishedIsALoss)
{
	MergedHostEvents merged;
	HostEventsShare killed = share(1000, 1000, 2000);
	killed.was_cut = true;
	merged.add(0, "a", killed);
	merged.add(1, "a", share(1000, 2040, 3000));
	EXPECT_EQ(merged.items().at(0).severity, Severity::data_loss);
	EXPECT_THAT(merged.items().at(0).text, EndsWith("nobody has those of 1.000 to 1.040 s"));
}

TEST(HostEvents, WhatNobodyHasIsALoss)
{
	MergedHostEvents merged;
	merged.add(0, "a", share(1000, 1000, 2000, 1));
	merged.add(1, "a", share(1000, 0, 2500, 1));
	merged.add(2, "b", share(1000, 0, 3000, 2));
	merged.add(3, "b", share(1100, 0, 2000, 2));
	merged.add(4, "c", share(1000, 1000, 3000, 3));
	merged.add(5, "c", share(1000, 0, 3000, 3));
	const auto items = merged.items();
	ASSERT_EQ(items.size(), 3u);
	EXPECT_EQ(items[0].severity, Severity::data_loss);
	EXPECT_THAT(items[0].text, EndsWith("rank 0; nobody has those of 1.000 to 1.500 s"));
	EXPECT_EQ(items[1].severity, Severity::data_loss);
	EXPECT_EQ(items[1].text, "host-wide events of b are in none of these recordings");
	EXPECT_EQ(items[1].value, Cell(2000 * kMs));
	EXPECT_THAT(items[1].remedy, HasSubstr("name the recordings of all ranks"));
	EXPECT_EQ(items[2].severity, Severity::info);
	EXPECT_EQ(items[2].text, "host-wide events of c are in the recording of rank 4");
}

struct HostDevicesTest : testing::Test {
	using Of = DeviceStates::Of;

	// A recording in which a device was on for so long, and its clock at so many Hz since then.
	static RecordingReport recording(uint64_t first_ns, uint64_t last_ns, uint64_t on_ns, uint64_t hz,
					 uint64_t election, bool of_host = true)
	{
		RecordingReport made;
		made.first_ns = first_ns;
		made.last_ns = last_ns;
		if (election != 0)
			made.host_events = share(1, 1, 2, election);
		made.device_states[Of{"NPU", "npu0", "", "power", "", of_host}]["on"] = {1, on_ns};
		DeviceStates::Values values;
		values.told = 1;
		values.least = values.most = values.last = hz;
		values.known_ns = on_ns;
		values.sum = static_cast<double>(hz * on_ns);
		values.last_ns = first_ns;
		made.device_values[Of{"NPU", "npu0", "", "clock", "Hz", of_host}] = values;
		return made;
	}
	// "rank column column ..." a row, of the columns that are asked for.
	static std::string rows(const Table &table, const std::vector<const char *> &keys)
	{
		std::string text;
		for (const std::vector<Cell> &row : table.rows) {
			for (const char *key : keys) {
				const Cell &cell = row.at(static_cast<std::size_t>(table.column(key)));
				if (const auto *number = std::get_if<uint64_t>(&cell))
					text += std::to_string(*number) + " ";
				else
					text += std::get<std::string>(cell) + " ";
			}
			text += "\n";
		}
		return text;
	}
	std::string states()
	{
		Table of_states, of_values;
		devices.append_to(&of_states, &of_values);
		return rows(of_states, {"rank", "state", "times", "total_ns"});
	}
	std::string values()
	{
		Table of_states, of_values;
		devices.append_to(&of_states, &of_values);
		return rows(of_values, {"rank", "changes", "min", "mean", "max", "last"});
	}
	HostDevices devices;
};

TEST_F(HostDevicesTest, WhatOneAfterTheOtherHasRecordedIsAddedUp)
{
	devices.add(0, 3, recording(2000, 3000, 100, 10, 7)); // took over from the next one
	devices.add(0, 4, recording(1000, 1900, 300, 50, 7));
	EXPECT_EQ(states(), "3 on 2 400 \n");
	EXPECT_EQ(values(), "3 2 10 40 50 10 \n");
	Table of_states, of_values;
	devices.append_to(&of_states, &of_values);
	EXPECT_EQ(of_states.rows[0][static_cast<std::size_t>(of_states.column("share"))], Cell(400. / 2000))
		<< "of the time from the first to the last";
}

TEST_F(HostDevicesTest, OfWhatEachHasTheFirstOneCounts)
{
	devices.add(0, 0, recording(1000, 3000, 100, 10, 0));
	devices.add(0, 1, recording(1000, 3000, 100, 10, 0));
	devices.add(0, 2, recording(1000, 3000, 100, 10, 7));
	EXPECT_EQ(states(), "0 on 1 100 \n") << "by its own word it had all";
	EXPECT_EQ(values(), "0 1 10 10 10 10 \n");
}

TEST_F(HostDevicesTest, EventsThatWereNotElectedForAreInEach)
{
	devices.add(0, 0, recording(1000, 3000, 100, 10, 7, false));
	devices.add(0, 1, recording(1000, 3000, 100, 10, 7, false));
	EXPECT_EQ(states(), "0 on 1 100 \n");
}

TEST_F(HostDevicesTest, OtherElectionsAndHosts)
{
	devices.add(0, 0, recording(1000, 3000, 100, 10, 7));
	devices.add(0, 1, recording(1000, 3000, 200, 10, 8)); // in a container, which does not see the first one's
	devices.add(2, 2, recording(1000, 3000, 400, 10, 9)); // of another host
	EXPECT_EQ(states(), "0 on 1 100 \n2 on 1 400 \n");
}

} // namespace
} // namespace neuroperf::analyzer
