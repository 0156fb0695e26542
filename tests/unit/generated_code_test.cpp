// SPDX-License-Identifier: Apache-2.0
// Names of generated code: perf maps, jitdump files, and what happens where they overlap.
#include <filesystem>

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/jitdump.hpp"
#include "analyzer/perf_map.hpp"
#include "analyzer/symbolizer.hpp"
#include "tests/support/jitdump_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::JitDumpWriter;
using test::TemporaryFolder;
using testing::HasSubstr;

std::string at(const GeneratedCode &code, uint64_t address)
{
	const GeneratedCode::Function *function = code.find(address);
	return function == nullptr ? "" : std::string(function->name);
}

TEST(RangeMap, later_ranges_cover_earlier_ones)
{
	RangeMap<int> map;
	map.paint(100, 200, 1);
	map.paint(120, 130, 2);
	map.paint(190, 220, 3);
	map.paint(50, 105, 4);
	const auto value = [&](uint64_t address) { return map.find(address) == nullptr ? 0 : *map.find(address); };
	const std::pair<uint64_t, int> expected[] = {{49, 0},  {50, 4},  {104, 4}, {105, 1}, {119, 1}, {120, 2},
						     {129, 2}, {130, 1}, {189, 1}, {190, 3}, {219, 3}, {220, 0}};
	for (const auto &[address, wanted] : expected)
		EXPECT_EQ(value(address), wanted) << address;
	map.clear(0, 195);
	EXPECT_EQ(value(194), 0);
	EXPECT_EQ(value(195), 3);
	map.paint(7, 7, 9);
	map.paint(9, 8, 9);
	EXPECT_EQ(value(7), 0);
	EXPECT_EQ(map.pieces().size(), 1U);
}

TEST(PerfMap, one_function_a_line)
{
	const PerfMap map = parse_perf_map("1000 100 LazyCompile:*spike /app/net.js:12\n"
					   "0x2000 0x20 with prefix\r\n"
					   "not a line\n3000\n3000 10\n3000 10 \n"
					   "4000 0 without size\n"
					   "ffffffffffffff00 ffffffffffffffff at the end");
	EXPECT_EQ(at(map.code, 0x10ff), "LazyCompile:*spike /app/net.js:12");
	EXPECT_EQ(at(map.code, 0x1100), "");
	EXPECT_EQ(at(map.code, 0x2010), "with prefix");
	EXPECT_EQ(at(map.code, 0x3000), "");
	EXPECT_EQ(at(map.code, 0x4000), "without size");
	EXPECT_EQ(at(map.code, 0x4001), "");
	EXPECT_EQ(at(map.code, UINT64_MAX - 1), "at the end");
	EXPECT_EQ(map.code.size(), 4U);
}

TEST(PerfMap, later_lines_win)
{
	const PerfMap map = parse_perf_map("1000 100 first\n1080 100 second\n0f80 90 third\n");
	EXPECT_EQ(at(map.code, 0x100f), "third");
	EXPECT_EQ(at(map.code, 0x1010), "first");
	EXPECT_EQ(at(map.code, 0x1080), "second");
	EXPECT_EQ(map.code.find(0x1010)->address, 0x1000U) << "its start stays where it was";
}

TEST(PerfMap, names_are_bounded)
{
	EXPECT_EQ(parse_perf_map("1000 100 " + std::string(65536, 'x')).code.size(), 1U);
	EXPECT_EQ(parse_perf_map("1000 100 " + std::string(65537, 'x')).code.size(), 0U);
}

TEST(PerfMap, its_path)
{
	uint32_t pid = 0;
	EXPECT_TRUE(is_perf_map("/tmp/perf-123.map", &pid));
	EXPECT_EQ(pid, 123U);
	for (const char *path : {"/tmp/perf-.map", "/tmp/perf-1x.map", "/tmp/perf-99999999999.map", "/tmp/perf-1.mapx",
				 "/var/tmp/perf-1.map", "perf-1.map"})
		EXPECT_FALSE(is_perf_map(path, &pid)) << path;
}

class GeneratedCodeFiles : public testing::Test {
protected:
	GeneratedCodeFiles()
	{
		std::filesystem::create_directories(folder_.file("tmp"));
		options_.kallsyms = "";
		options_.root = folder_.path();
	}
	std::string name(Symbolizer *symbolizer, const std::string &path, uint64_t address)
	{
		std::string text(symbolizer->name(symbolizer->add({path, "", 0, false}), address).text);
		const auto found = symbolizer->problems().find(path);
		problem_ = found == symbolizer->problems().end() ? "" : found->second;
		return text;
	}
	std::string name(const std::string &path, uint64_t address)
	{
		Symbolizer symbolizer(options_);
		return name(&symbolizer, path, address);
	}
	TemporaryFolder folder_;
	Symbolizer::Options options_;
	std::string problem_;
};

TEST_F(GeneratedCodeFiles, perf_map_by_address)
{
	test::write_file(folder_.file("tmp/perf-7.map"), "7f0000001000 100 py::step\n7f0000002000 10 _ZN3net4stepEv\n");
	EXPECT_EQ(name("/tmp/perf-7.map", 0x7f0000001010), "py::step");
	EXPECT_EQ(name("/tmp/perf-7.map", 0x7f0000002000), "net::step");
	EXPECT_EQ(problem_, "");
}

TEST_F(GeneratedCodeFiles, a_missing_perf_map_is_said)
{
	EXPECT_EQ(name("/tmp/perf-4000000000.map", 0x1000), "");
	EXPECT_THAT(problem_, HasSubstr("the program wrote no /tmp/perf-4000000000.map"));
}

TEST_F(GeneratedCodeFiles, a_strangers_perf_map_is_not_believed)
{
	const std::string path = folder_.file("tmp/perf-7.map");
	test::write_file(path, "1000 100 lie\n");
	if (::chown(path.c_str(), 12345, 12345) != 0)
		GTEST_SKIP() << "changing a file's owner needs root";
	EXPECT_EQ(name("/tmp/perf-7.map", 0x1000), "");
	EXPECT_THAT(problem_, HasSubstr("belongs to user 12345"));
	test::write_file(folder_.file("tmp/jit-7.dump"), JitDumpWriter().load(1, 0x1000, 0x10, "lie").bytes());
	ASSERT_EQ(::chown(folder_.file("tmp/jit-7.dump").c_str(), 12345, 12345), 0);
	EXPECT_EQ(name("/tmp/jit-7.dump", 0x1000), "");
	EXPECT_THAT(problem_, HasSubstr("belongs to user 12345"));
}

TEST_F(GeneratedCodeFiles, a_link_in_place_of_a_perf_map_is_not_followed)
{
	test::write_file(folder_.file("secret"), "1000 100 secret\n");
	std::filesystem::create_symlink(folder_.file("secret"), folder_.file("tmp/perf-7.map"));
	EXPECT_EQ(name("/tmp/perf-7.map", 0x1000), "");
	EXPECT_THAT(problem_, HasSubstr("symbolic link"));
}

TEST_F(GeneratedCodeFiles, a_perf_map_has_the_number_that_the_process_sees)
{
	// A process that is number 1 for itself writes perf-1.map; outside it has another number.
	const pid_t parent = ::fork();
	int numbers[2];
	ASSERT_EQ(::pipe(numbers), 0);
	if (parent == 0)
		::_exit(0);
	::waitpid(parent, nullptr, 0);
	const pid_t outer = ::fork();
	if (outer == 0) {
		pid_t inner = -1;
		if (::unshare(CLONE_NEWPID) == 0)
			inner = ::fork();
		if (inner == 0) {
			::pause();
			::_exit(0);
		}
		if (::write(numbers[1], &inner, sizeof inner) != sizeof inner)
			::_exit(1);
		::pause();
		::_exit(0);
	}
	pid_t inner = -1;
	ASSERT_EQ(::read(numbers[0], &inner, sizeof inner), static_cast<ssize_t>(sizeof inner));
	const std::string map = "/tmp/perf-1.map";
	const bool is_free = !std::filesystem::exists(map);
	if (inner > 0 && is_free) {
		test::write_file(map, "1000 100 in_container\n");
		options_.root = "";
		EXPECT_EQ(name("/tmp/perf-" + std::to_string(inner) + ".map", 0x1000), "in_container");
		std::filesystem::remove(map);
	}
	for (const pid_t pid : {inner, outer})
		if (pid > 0)
			::kill(pid, SIGKILL);
	::waitpid(outer, nullptr, 0);
	if (inner <= 0 || !is_free)
		GTEST_SKIP() << "pid namespaces need root";
}

TEST(JitDump, loads_and_moves_in_the_order_of_time)
{
	const TemporaryFolder folder;
	JitDumpWriter writer;
	writer.load(30, 0x3000, 0x10, "late")
		.load(10, 0x1000, 0x100, "early")
		.other(15)
		.move(20, 0x1000, 0x5000, 0x100);
	writer.load(25, 0x1000, 0x10, "reused");
	test::write_file(folder.file("jit-1.dump"), writer.bytes());
	const Result<JitDump> dump = read_jitdump(folder.file("jit-1.dump"));
	ASSERT_TRUE(dump.ok()) << dump.error().what;
	ASSERT_EQ(dump->loads.size(), 4U);
	EXPECT_EQ(dump->loads[0].name, "early");
	EXPECT_EQ(dump->loads[0].timestamp, 10U);
	EXPECT_EQ(dump->loads[0].pid, JitDumpWriter::kPid);
	EXPECT_EQ(dump->loads[3].name, "late");
	GeneratedCode code;
	add_jitdump(*dump, &code);
	EXPECT_EQ(at(code, 0x5080), "early");
	EXPECT_EQ(code.find(0x5080)->address, 0x5000U);
	EXPECT_EQ(at(code, 0x1008), "reused");
	EXPECT_EQ(at(code, 0x1010), "");
	EXPECT_EQ(at(code, 0x3000), "late");
}

TEST(JitDump, cut_and_foreign_files)
{
	const TemporaryFolder folder;
	const std::string path = folder.file("jit-1.dump");
	const std::string good = JitDumpWriter().load(1, 0x1000, 16, "a").load(2, 0x2000, 16, "b").bytes();
	std::size_t most = 0;
	for (std::size_t size = 0; size < good.size(); size++) {
		test::write_file(path, good.substr(0, size));
		const Result<JitDump> dump = read_jitdump(path);
		EXPECT_EQ(dump.ok(), size >= 40) << size;
		most = std::max(most, dump.ok() ? dump->loads.size() : 0);
	}
	EXPECT_EQ(most, 2U) << "the code behind the last name may be missing";
	std::string bad = good;
	std::swap(bad[0], bad[3]);
	std::swap(bad[1], bad[2]);
	test::write_file(path, bad);
	EXPECT_EQ(read_jitdump(path).error().code, ErrorCode::unsupported);
	EXPECT_EQ(read_jitdump(folder.file("absent")).error().code, ErrorCode::io);
	test::write_file(path, JitDumpWriter().load(1, 0x1000, 16, std::string(70000, 'x')).load(2, 1, 1, "b").bytes());
	const Result<JitDump> dump = read_jitdump(path);
	ASSERT_TRUE(dump.ok());
	EXPECT_FALSE(dump->complete);
	EXPECT_EQ(dump->loads.size(), 1U);
}

TEST_F(GeneratedCodeFiles, jitdump_by_its_own_path)
{
	test::write_file(folder_.file("tmp/jit-7.dump"), JitDumpWriter().load(1, 0x1000, 0x10, "kernel_0").bytes());
	EXPECT_EQ(name("/tmp/jit-7.dump", 0x1008), "kernel_0");
	EXPECT_EQ(problem_, "");
	EXPECT_TRUE(is_jitdump("/srv/a/.debug/jit/llvm-x/jit-123.dump"));
	for (const char *path : {"/tmp/jit-.dump", "/tmp/jit-1a.dump", "/tmp/xjit-1.dump", "/tmp/jit-1.dump2"})
		EXPECT_FALSE(is_jitdump(path)) << path;
}

TEST_F(GeneratedCodeFiles, jitdump_where_there_is_no_perf_map)
{
	test::write_file(folder_.file("tmp/jit-7.dump"), JitDumpWriter().load(1, 0x1000, 0x10, "kernel_0").bytes());
	Symbolizer symbolizer(options_);
	symbolizer.add_jitdump(7, "/tmp/jit-7.dump");
	EXPECT_EQ(name(&symbolizer, "/tmp/perf-7.map", 0x1008), "kernel_0");
	EXPECT_TRUE(symbolizer.problems().empty());
	test::write_file(folder_.file("tmp/perf-7.map"), "1000 10 from_map\n");
	Symbolizer both(options_);
	both.add_jitdump(7, "/tmp/jit-7.dump");
	EXPECT_EQ(name(&both, "/tmp/perf-7.map", 0x1008), "from_map");
	Symbolizer missing(options_);
	missing.add_jitdump(8, "/tmp/jit-8.dump");
	EXPECT_EQ(name(&missing, "/tmp/perf-8.map", 0x1008), "");
	EXPECT_EQ(missing.problems().size(), 2U);
}

} // namespace
} // namespace neuroperf::analyzer
