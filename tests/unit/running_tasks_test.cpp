// SPDX-License-Identifier: Apache-2.0
// A child with threads and odd mappings, as the records of RunningTasks tell it, and as perf does.
#include "collector/running_tasks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <grp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "analyzer/task_records.hpp"
#include "tests/support/elf_with_notes.hpp"
#include "tests/support/recording_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;
using testing::IsEmpty;

const std::string kId = "0123456789abcdefghij";

// A process of ours that does something and then stays until the test is over.
class Child {
public:
	explicit Child(const std::function<void()> &prepare) : Child([&](int) { prepare(); }) {}
	// `prepare` may write a byte to its argument itself, and not return.
	explicit Child(const std::function<void(int)> &prepare)
	{
		int ready[2];
		if (::pipe(ready) != 0)
			throw std::runtime_error("no pipe");
		pid_ = ::fork();
		if (pid_ == 0) {
			::prctl(PR_SET_PDEATHSIG, SIGKILL);
			prepare(ready[1]);
			if (::write(ready[1], "", 1) == 1)
				for (;;)
					::pause();
			::_exit(1);
		}
		::close(ready[1]);
		char byte;
		if (::read(ready[0], &byte, 1) != 1)
			throw std::runtime_error("the child could not prepare");
		::close(ready[0]);
	}
	~Child()
	{
		::kill(pid_, SIGKILL);
		::waitpid(pid_, nullptr, 0);
	}
	Child(const Child &) = delete;
	pid_t pid() const { return pid_; }

private:
	pid_t pid_;
};

void start_threads(int count, const char *name)
{
	for (int i = 0; i < count; i++) {
		std::atomic<bool> named = false;
		std::thread([&named, name] {
			::prctl(PR_SET_NAME, name);
			named = true;
			for (;;)
				::pause();
		}).detach();
		while (!named)
			std::this_thread::yield();
	}
}

void *map_file(const std::string &path, int protection = PROT_READ | PROT_EXEC)
{
	const UniqueFd file(::open(path.c_str(), O_RDONLY));
	void *const at = ::mmap(nullptr, 4096, protection, MAP_PRIVATE, file.get(), 0);
	if (at == MAP_FAILED)
		::_exit(9);
	return at;
}

struct Told {
	struct Map {
		uint64_t start, length, offset;
		std::string path, build_id;
		bool executable;
		bool operator<(const Map &other) const { return start < other.start; }
	};
	std::map<uint32_t, std::string> names; // by tid
	std::map<uint32_t, uint32_t> parents;  // tid -> parent's pid
	std::set<Map> maps;
	std::set<uint64_t> times;

	const Map *find(std::string_view path) const
	{
		for (const Map &map : maps)
			if (map.path == path)
				return &map;
		return nullptr;
	}
};

constexpr uint64_t kSampleType = recording::kTrailerFields;
const RunningTasksOptions kOptions{kSampleType, {0, 0, 5000, 0, 7}, false, "/proc"};

Told told_by(std::string_view records)
{
	Told told;
	perf_event_attr attr = {};
	attr.sample_type = kSampleType;
	attr.sample_id_all = 1;
	const recording::SampleLayout layout(attr);
	while (!records.empty()) {
		const auto header = recording::load<perf_event_header>(records.data());
		const analyzer::OrderedRecord record{records.substr(0, header.size), 0, header.type, header.misc};
		records.remove_prefix(header.size);
		recording::RecordIdentity who;
		EXPECT_TRUE(layout.parse_trailer(record.bytes, &who));
		told.times.insert(who.time_ns);
		analyzer::CommRecord comm;
		analyzer::MapRecord map;
		recording::Cursor fork(record.bytes.substr(8));
		switch (header.type) {
		case PERF_RECORD_COMM:
			EXPECT_TRUE(analyzer::parse_comm(record, &comm));
			EXPECT_TRUE(told.names.emplace(comm.tid, comm.name).second) << "said twice";
			break;
		case PERF_RECORD_FORK: {
			fork.skip(4);
			const auto parent = fork.read<uint32_t>(), tid = fork.read<uint32_t>();
			told.parents[tid] = parent;
			break;
		}
		case PERF_RECORD_MMAP2: {
			EXPECT_TRUE(analyzer::parse_map(record, &map));
			const analyzer::NewMapping &at = map.mapping;
			told.maps.insert({at.start, at.length, at.file_offset, std::string(at.path),
					  std::string(at.build_id), map.executable});
			break;
		}
		default:
			ADD_FAILURE() << "record of type " << header.type;
		}
	}
	return told;
}

TEST(MapLine, IsTakenApart)
{
	ProcessMapping map;
	ASSERT_TRUE(parse_map_line("7f8a1000-7f8a3000 r-xs 0001f000 fe:0a 1234567                    /a b (deleted)",
				   &map));
	EXPECT_EQ(map.start, 0x7f8a1000u);
	EXPECT_EQ(map.end, 0x7f8a3000u);
	EXPECT_EQ(map.protection, uint32_t{PROT_READ | PROT_EXEC});
	EXPECT_TRUE(map.shared);
	EXPECT_EQ(map.file_offset, 0x1f000u);
	EXPECT_EQ(map.device_major, 0xfeu);
	EXPECT_EQ(map.device_minor, 10u);
	EXPECT_EQ(map.inode, 1234567u);
	EXPECT_EQ(map.path, "/a b (deleted)");
	ASSERT_TRUE(parse_map_line("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0      [vsyscall]", &map));
	EXPECT_EQ(map.path, "[vsyscall]");
	for (const char *anonymous : {"1000-2000 rw-p 00000000 00:00 0 ", "1000-2000 rw-p 00000000 00:00 0"}) {
		ASSERT_TRUE(parse_map_line(anonymous, &map));
		EXPECT_EQ(map.path, "");
	}
	for (const char *broken :
	     {"", "1000", "1000-2000", "1000-2000 r-xp", "1000-2000 r-xp 0 fe:01", "2000-1000 r-xp 0 0:0 0",
	      "x-2000 r-xp 0 0:0 0", "1000-2000 r-xp 0 0:0 12x", "11112222333344445-2000 r-xp 0 0:0 0"})
		EXPECT_FALSE(parse_map_line(broken, &map)) << broken;
}

TEST(RunningTasks, TellThreadsNamesAndMappings)
{
	const TemporaryFolder folder;
	const std::string odd = folder.file("odd name\nof a\\file");
	const std::string deleted = folder.file("deleted");
	test::write_file(odd, test::elf_with_notes(test::build_id_note(kId)));
	test::write_file(deleted, test::elf_with_notes(test::build_id_note("deleted-id-20-bytes!")));
	const Child child([&] {
		start_threads(3, "a ) b\nc");
		map_file(odd);
		map_file(deleted);
		map_file(folder.file("odd name\nof a\\file"), PROT_READ);
		::unlink(deleted.c_str());
		::mmap(nullptr, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	});
	const auto pid = static_cast<uint32_t>(child.pid());
	RunningTasks tasks(kOptions);
	std::string records;
	ASSERT_TRUE(tasks.add_process(child.pid(), &records).ok());
	const Told told = told_by(records);
	EXPECT_EQ(told.names.size(), 4u);
	EXPECT_EQ(told.times, std::set<uint64_t>{5000});
	int odd_names = 0;
	for (const auto &[tid, name] : told.names) {
		EXPECT_EQ(told.parents.at(tid), tid == pid ? static_cast<uint32_t>(::getpid()) : pid);
		odd_names += name == "a ) b\nc";
	}
	EXPECT_EQ(odd_names, 3);
	for (const Told::Map &map : told.maps)
		EXPECT_TRUE(map.executable) << map.path;
	ASSERT_TRUE(told.find(odd));
	EXPECT_EQ(told.find(odd)->build_id, kId);
	EXPECT_EQ(told.find(odd)->length, 4096u);
	ASSERT_TRUE(told.find(deleted + " (deleted)"));
	EXPECT_EQ(told.find(deleted + " (deleted)")->build_id, ::geteuid() == 0 ? "deleted-id-20-bytes!" : "");
	ASSERT_TRUE(told.find("//anon"));
	EXPECT_EQ(told.find("//anon")->length, 8192u);
	ASSERT_TRUE(told.find("[vdso]"));
	EXPECT_EQ(told.find("[vdso]")->build_id, "");
	EXPECT_EQ(tasks.counts().processes, 1u);
	EXPECT_EQ(tasks.counts().threads, 4u);
	EXPECT_EQ(tasks.counts().mappings, told.maps.size());
	EXPECT_EQ(tasks.complaint(), "");

	RunningTasksOptions with_data = kOptions;
	with_data.data = true;
	records.clear();
	ASSERT_TRUE(RunningTasks(with_data).add_process(child.pid(), &records).ok());
	const Told more = told_by(records);
	EXPECT_GT(more.maps.size(), told.maps.size());
	EXPECT_TRUE(more.find("[stack]"));
}

TEST(RunningTasks, AThreadComesWithItsProcess)
{
	const Child child([] { start_threads(2, "worker"); });
	pid_t tid = 0;
	for (const auto &entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", child.pid())))
		tid = std::max(tid, std::stoi(entry.path().filename()));
	RunningTasks tasks(kOptions);
	std::string records;
	ASSERT_TRUE(tasks.add_thread(tid, &records).ok());
	const Told told = told_by(records);
	EXPECT_EQ(told.names.size(), 2u) << "the thread and the first one";
	EXPECT_EQ(told.names.at(static_cast<uint32_t>(tid)), "worker");
	EXPECT_TRUE(told.find("[vdso]"));
	EXPECT_TRUE(tasks.add_process(child.pid(), &records).ok());
	EXPECT_EQ(told_by(records).names.size(), 3u) << "and nothing twice";
	EXPECT_EQ(tasks.counts().mappings, told.maps.size());
	EXPECT_EQ(tasks.add_process(tid, &records).ok(), tid == child.pid());
}

TEST(RunningTasks, TheFirstThreadMayHaveEnded)
{
	const Child child([](int ready) {
		std::thread([ready] {
			::prctl(PR_SET_NAME, "survivor");
			const std::string stat = fmt::format("/proc/self/task/{}/stat", ::getpid());
			while (test::read_file(stat).find(") Z") == std::string::npos)
				::usleep(1000);
			if (::write(ready, "", 1) == 1)
				for (;;)
					::pause();
		}).detach();
		::syscall(SYS_exit, 0);
	});
	RunningTasks tasks(kOptions);
	std::string records;
	ASSERT_TRUE(tasks.add_process(child.pid(), &records).ok());
	const Told told = told_by(records);
	EXPECT_EQ(told.names.size(), 2u);
	EXPECT_TRUE(told.find("[vdso]")) << "the others have the mappings";
}

TEST(RunningTasks, WhatIsNotThereIsAnError)
{
	RunningTasks tasks(kOptions);
	std::string records;
	for (const pid_t pid : {0x7ffffff0, -1, 0}) {
		const Status process = tasks.add_process(pid, &records), thread = tasks.add_thread(pid, &records);
		ASSERT_FALSE(process.ok());
		EXPECT_EQ(process.error().code, ErrorCode::not_found);
		EXPECT_EQ(process.error().what, fmt::format("there is no process {}", pid));
		ASSERT_FALSE(thread.ok());
		EXPECT_EQ(thread.error().what, fmt::format("there is no thread {}", pid));
	}
	EXPECT_EQ(records, "");
}

TEST(RunningTasks, AllOfThem)
{
	const Child child([] { start_threads(1, "one of all"); });
	RunningTasks tasks(kOptions);
	std::string records;
	ASSERT_TRUE(tasks.add_all(&records).ok());
	const Told told = told_by(records);
	EXPECT_EQ(told.names.count(static_cast<uint32_t>(::getpid())), 1u);
	int found = 0;
	for (const auto &[tid, name] : told.names)
		found += name == "one of all";
	EXPECT_GE(found, 1);
	EXPECT_EQ(tasks.counts().threads, told.names.size());
}

// Runs `check` in a process of its own that may change who and where it is.
void in_a_process(const std::function<bool()> &check)
{
	const pid_t pid = ::fork();
	if (pid == 0)
		::_exit(check() ? 0 : 1);
	int status = 0;
	ASSERT_EQ(::waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

TEST(RunningTasks, AnotherUsersMappingsAreDeniedAndSaid)
{
	if (::geteuid() != 0)
		GTEST_SKIP() << "needs root: to have a process that somebody else may not see into";
	const Child child([] {});
	in_a_process([&child] {
		if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0)
			return false;
		RunningTasks tasks(kOptions);
		std::string records;
		const bool done = tasks.add_process(child.pid(), &records).ok();
		std::fprintf(stderr, "%s\n", tasks.complaint().c_str());
		return done && tasks.counts().denied == 1 && told_by(records).names.size() == 1 &&
		       tasks.complaint().find(fmt::format("{} (running_tasks_", child.pid())) != std::string::npos;
	});
}

TEST(RunningTasks, FilesOfOtherMountNamespacesAreReached)
{
	const TemporaryFolder folder;
	const auto prepare = [&folder](int ready) {
		if (::unshare(CLONE_NEWNS) != 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
		    ::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, nullptr) != 0) {
			if (::write(ready, "", 1) != 1)
				::_exit(2);
			::_exit(3);
		}
		test::write_file(folder.file("hidden.so"), test::elf_with_notes(test::build_id_note(kId)));
		map_file(folder.file("hidden.so"));
	};
	const Child child(prepare);
	RunningTasks tasks(kOptions);
	std::string records;
	if (!tasks.add_process(child.pid(), &records).ok() || ::geteuid() != 0)
		GTEST_SKIP() << "needs root: a mount namespace of one's own";
	ASSERT_FALSE(std::filesystem::exists(folder.file("hidden.so")));
	const Told told = told_by(records);
	ASSERT_TRUE(told.find(folder.file("hidden.so")));
	EXPECT_EQ(told.find(folder.file("hidden.so"))->build_id, kId);
}

// A /proc made by hand: what the kernel would not write.
class FakeProc : public testing::Test {
protected:
	void add(int pid, const std::string &maps)
	{
		const std::string process = folder.file(std::to_string(pid));
		std::filesystem::create_directories(process + "/task/" + std::to_string(pid));
		test::write_file(process + "/stat", fmt::format("{} (a) b) S 1 1 1", pid));
		test::write_file(process + "/status", fmt::format("Name:\ta\nTgid:\t{}\n", pid));
		test::write_file(process + "/task/" + std::to_string(pid) + "/comm", "fake\n");
		test::write_file(process + "/maps", maps);
	}
	Told told()
	{
		RunningTasksOptions options = kOptions;
		options.proc = folder.path();
		RunningTasks tasks(options);
		std::string records;
		EXPECT_TRUE(tasks.add_all(&records).ok());
		counts = tasks.counts();
		return told_by(records);
	}
	TemporaryFolder folder;
	RunningTasksCounts counts;
};

TEST_F(FakeProc, BrokenLinesAreSkipped)
{
	add(10, "nonsense\n1000-2000 r-xp 0 0:0 0 /a\n\n1000-2000\n" + std::string(200'000, 'x') +
			"\n3000-4000 r-xp 0 0:0 0 /b\n5000-6000 r-xp 0 0:0 0 /cut");
	add(11, "0-ffffffffffffffff r-xp ffffffffffffffff ffffffff:ffffffff 18446744073709551615 /" +
			std::string(5000, 'p') + "\n");
	const Told all = told();
	EXPECT_TRUE(all.find("/a"));
	EXPECT_TRUE(all.find("/b"));
	EXPECT_FALSE(all.find("/cut"));
	ASSERT_TRUE(all.find("//toolong"));
	EXPECT_EQ(all.find("//toolong")->length, UINT64_MAX);
	EXPECT_EQ(counts.processes, 2u);
	EXPECT_EQ(counts.vanished, 0u);
}

TEST_F(FakeProc, HalfVanishedProcessesAreCounted)
{
	for (const int pid : {10, 11, 12, 13, 14})
		add(pid, "1000-2000 r-xp 0 0:0 0 /a\n");
	std::filesystem::remove(folder.file("10/stat"));
	std::filesystem::remove_all(folder.file("11/task"));
	std::filesystem::remove(folder.file("12/task/12/comm"));
	std::filesystem::remove(folder.file("13/maps"));
	std::filesystem::create_directories(folder.file("not a process"));
	const Told all = told();
	EXPECT_EQ(counts.vanished, 4u);
	EXPECT_EQ(all.names.size(), 2u) << "13 and 14 have a name, 14 alone has mappings";
	EXPECT_EQ(counts.mappings, 1u);
}

TEST_F(FakeProc, NobodyKnowsHowManyMappings)
{
	std::string maps;
	for (int i = 1; i <= 100'000; i++)
		maps += fmt::format("{:x}-{:x} r-xp 0 8:1 {} /nowhere/{}\n", i * 4096, (i + 1) * 4096, i % 50, i % 50);
	add(10, maps);
	told();
	EXPECT_EQ(counts.mappings, 100'000u);
	EXPECT_EQ(counts.unreadable_files, 49u) << "each file is tried once; inode 0 is none";
}

// Lines of `perf script --show-task-events --show-mmap-events` about a process, from the record's name on.
std::multiset<std::string> lines_of_perf(const std::string &file, pid_t pid)
{
	const std::string command =
		fmt::format("timeout 20 perf script -i {} --show-task-events --show-mmap-events 2>&1", file);
	std::multiset<std::string> lines;
	FILE *const pipe = ::popen(command.c_str(), "r");
	char line[8192];
	while (std::fgets(line, sizeof line, pipe)) {
		const std::string_view text(line);
		const auto at = text.find("PERF_RECORD_");
		if (at != text.npos && text.find("FORK") == text.npos &&
		    text.find(fmt::format("{}/", pid)) != text.npos)
			lines.emplace(text.substr(at));
	}
	::pclose(pipe);
	return lines;
}

TEST(RunningTasks, PerfSaysTheSame)
{
	if (std::system("perf --version >/dev/null 2>&1") != 0)
		GTEST_SKIP() << "needs perf";
	const TemporaryFolder folder;
	const std::string file = folder.file("a file (deleted)");
	test::write_file(file, "no program: recorded with device and inode");
	const Child child([&] {
		start_threads(3, "worker");
		map_file(file);
		::mmap(nullptr, 8192, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	});
	const std::string theirs = folder.file("perf.data"), ours = folder.file("ours.data");
	const std::string command = fmt::format(
		"timeout 20 perf record --buildid-mmap -o {} -e cpu-clock -p {} -- sleep 0.05 >/dev/null 2>&1", theirs,
		child.pid());
	if (std::system(command.c_str()) != 0)
		GTEST_SKIP() << "needs permission to record: perf record -p fails";
	{
		test::RecordingBuilder recording(ours);
		const uint64_t type = test::RecordingBuilder::sampling_type(false);
		RunningTasks tasks({type, {0, 0, 5000, 0, test::RecordingBuilder::kSamplingId}, false, "/proc"});
		std::string records;
		ASSERT_TRUE(tasks.add_process(child.pid(), &records).ok());
		recording.raw(records).finish();
	}
	const std::multiset<std::string> expected = lines_of_perf(theirs, child.pid());
	EXPECT_GT(expected.size(), 8u);
	EXPECT_EQ(lines_of_perf(ours, child.pid()), expected);
}

TEST(RunningTasks, AreReadFast)
{
	const TemporaryFolder folder;
	const Child child([&] {
		start_threads(200, "worker");
		for (int i = 0; i < 500; i++) {
			const std::string file = folder.file(fmt::format("{}", i / 5));
			test::write_file(file, test::elf_with_notes(test::build_id_note(kId)));
			map_file(file, i % 2 ? PROT_READ | PROT_EXEC : PROT_EXEC);
		}
	});
	double best_ms = 1e9;
	for (int i = 0; i < 5; i++) {
		RunningTasks tasks(kOptions);
		std::string records;
		const auto start = std::chrono::steady_clock::now();
		ASSERT_TRUE(tasks.add_process(child.pid(), &records).ok());
		best_ms = std::min(
			best_ms,
			std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
		EXPECT_GE(tasks.counts().threads, 201u);
		EXPECT_GE(tasks.counts().build_ids, 500u);
	}
	std::printf("200 threads, 500 mappings of 100 files: %.1f ms\n", best_ms);
	EXPECT_LT(best_ms, 200) << "some ten times what it takes";
}

} // namespace
} // namespace neuroperf::collector
