// SPDX-License-Identifier: Apache-2.0
#include "collector/map_notices.hpp"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>

#include <cstring>

namespace neuroperf::collector {
namespace {

// MMAP2: header, pid, tid, address, length, offset, device, inode, protection, flags, path (perf_event.h).
std::string mapping(int pid, int tid, uint32_t protection, std::string path)
{
	path.resize((path.size() / 8 + 1) * 8);
	std::string record(72, '\0');
	const perf_event_header header{PERF_RECORD_MMAP2, 0, static_cast<uint16_t>(72 + path.size())};
	std::memcpy(record.data(), &header, sizeof header);
	std::memcpy(record.data() + 8, &pid, 4);
	std::memcpy(record.data() + 12, &tid, 4);
	std::memcpy(record.data() + 64, &protection, 4);
	return record + path;
}

TEST(MapNotices, TellWhoMapsWhichCode)
{
	const auto notices =
		map_notices(mapping(7, 8, PROT_READ | PROT_EXEC, "/lib/libonnxruntime.so.1") +
			    mapping(7, 8, PROT_READ, "/lib/data") + mapping(9, 9, PROT_EXEC, "/usr/bin/12345678"));
	ASSERT_EQ(notices.size(), 2u);
	EXPECT_EQ(notices[0].pid, 7);
	EXPECT_EQ(notices[0].tid, 8);
	EXPECT_EQ(notices[0].path, "/lib/libonnxruntime.so.1");
	EXPECT_EQ(notices[1].path, "/usr/bin/12345678");
}

TEST(MapNotices, TellWhenWhereThatStandsBehindThem)
{
	std::string record = mapping(7, 8, PROT_EXEC, "/lib/x");
	const uint64_t time_ns = 1'234'567'890'123;
	record.append(reinterpret_cast<const char *>(&time_ns), sizeof time_ns);
	record[6] = static_cast<char>(record.size());
	const auto notices = map_notices(record + record, true);
	ASSERT_EQ(notices.size(), 2u);
	EXPECT_EQ(notices[1].time_ns, time_ns);
	EXPECT_EQ(notices[1].path, "/lib/x");
	EXPECT_EQ(map_notices(record)[0].time_ns, 0u);
}

TEST(MapNotices, CutRecordsAreLeftOut)
{
	const std::string record = mapping(7, 8, PROT_EXEC, "/lib/x");
	for (std::size_t size = 0; size < record.size(); size++)
		EXPECT_TRUE(map_notices(record.substr(0, size)).empty()) << size;
	std::string small = record; // says that it is smaller than its fields
	small[6] = 40;
	small[7] = 0;
	EXPECT_TRUE(map_notices(small.substr(0, 40)).empty());
	small[6] = 0; // must not be read for ever
	EXPECT_TRUE(map_notices(small).empty());
}

} // namespace
} // namespace neuroperf::collector
