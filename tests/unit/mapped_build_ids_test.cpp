// SPDX-License-Identifier: Apache-2.0
// Records of our own mappings, as the kernel would write them.
#include "collector/mapped_build_ids.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "collector/file_mappings.hpp"
#include "recording/bytes.hpp"
#include "recording/elf_build_id.hpp"
#include "recording/perf_layout.hpp"
#include "recording/unique_fd.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using recording::ByteWriter;
using recording::load;

constexpr uint16_t kLeakedMark = PERF_RECORD_MISC_USER | PERF_RECORD_MISC_MMAP_BUILD_ID;

// The first executable mapping of a file of this process.
FileMapping code_of(const std::string &path)
{
	const auto mappings = read_file_mappings(::getpid());
	for (const FileMapping &mapping : *mappings)
		if (mapping.executable && mapping.path.starts_with(path))
			return mapping;
	return {};
}

std::string record_of(const FileMapping &mapping, uint32_t protection = PROT_READ | PROT_EXEC,
		      uint16_t misc = kLeakedMark)
{
	ByteWriter body;
	body.put(static_cast<uint32_t>(::getpid())).put(static_cast<uint32_t>(::gettid()));
	body.put(mapping.start).put(mapping.end - mapping.start).put(mapping.offset);
	body.put(static_cast<uint32_t>(mapping.file.device >> 32)).put(static_cast<uint32_t>(mapping.file.device));
	body.put(mapping.file.inode).put(uint64_t{0}).put(protection).put(uint32_t{MAP_PRIVATE});
	body.put_text(mapping.path).pad_to_multiple(8);
	const perf_event_header header{PERF_RECORD_MMAP2, misc, static_cast<uint16_t>(body.size() + 8)};
	return ByteWriter().put(header).put_bytes(body.bytes()).take();
}

std::string id_in(const std::string &record)
{
	if (!(load<perf_event_header>(record.data()).misc & PERF_RECORD_MISC_MMAP_BUILD_ID))
		return "none";
	return record.substr(44, static_cast<unsigned char>(record[40]));
}

std::string own_id()
{
	const UniqueFd self(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	return recording::elf_build_id(self.get());
}

std::string own_path()
{
	char path[4096];
	const ssize_t size = ::readlink("/proc/self/exe", path, sizeof path);
	return {path, static_cast<std::size_t>(size)};
}

TEST(MappedBuildIds, TakeThePlaceOfDeviceAndInode)
{
	ASSERT_EQ(own_id().size(), 20u);
	const FileMapping code = code_of(own_path());
	std::string records = record_of(code) + record_of(code, PROT_READ | PROT_EXEC, PERF_RECORD_MISC_USER);
	const std::size_t size = records.size() / 2;
	const std::string before = records;
	MappedBuildIds ids;
	int read = 0;
	ids.add_to(records.data(), records.size(), [&] { read++; });
	ASSERT_EQ(records.size(), before.size());
	EXPECT_EQ(read, 1) << "each file is read once";
	for (const std::size_t at : {std::size_t{0}, size}) {
		const std::string record = records.substr(at, size);
		EXPECT_EQ(id_in(record), own_id());
		EXPECT_EQ(record.substr(8, 32), before.substr(8, 32)) << "addresses";
		EXPECT_EQ(record.substr(64), before.substr(64, size - 64)) << "protection and path";
	}
	EXPECT_EQ(ids.files(), 1u);
}

TEST(MappedBuildIds, WhatIsNoCodeOfAFileHasNoneAndLosesTheMark)
{
	const FileMapping code = code_of(own_path());
	FileMapping vdso = code;
	vdso.path = "[vdso]";
	FileMapping anonymous = code;
	anonymous.file = {};
	anonymous.path = "//anon";
	FileMapping another = code; // at an address where nothing is, and under a path that is another file's
	another.start += 0x123000000000;
	another.end += 0x123000000000;
	another.path = "/proc/version";
	for (const std::string &original :
	     {record_of(code, PROT_READ), record_of(vdso), record_of(anonymous), record_of(another)}) {
		std::string record = original;
		MappedBuildIds().add_to(record.data(), record.size());
		EXPECT_EQ(id_in(record), "none");
		EXPECT_EQ(record.substr(8), original.substr(8)) << "device and inode stay";
	}
}

TEST(MappedBuildIds, OfAFileThatIsDeletedOrReplaced)
{
	const test::TemporaryFolder folder;
	const std::string path = folder.file("library");
	{
		std::ofstream(path, std::ios::binary) << std::ifstream(own_path(), std::ios::binary).rdbuf();
	}
	const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	void *const map = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file.get(), 0);
	ASSERT_NE(map, MAP_FAILED);
	const FileMapping code = code_of(path);
	::unlink(path.c_str());
	std::ofstream(path) << "something else";
	std::string record = record_of(code);
	MappedBuildIds().add_to(record.data(), record.size());
	// Through the mapping, for who may; else nothing: never that of the file that has its place.
	const bool privileged = ::access("/proc/self/map_files", R_OK | X_OK) == 0 && ::geteuid() == 0;
	EXPECT_EQ(id_in(record), privileged ? own_id() : "none");
	::munmap(map, 4096);
}

TEST(MappedBuildIds, RecordsThatAreNoneAreLeftAlone)
{
	const FileMapping code = code_of(own_path());
	const std::string whole = record_of(code);
	for (std::size_t size = 0; size < whole.size(); size++) {
		std::string cut = whole.substr(0, size); // the header says more than there is
		const std::string before = cut;
		MappedBuildIds().add_to(cut.data(), cut.size());
		EXPECT_EQ(cut, before);
		if (size < 8)
			continue;
		const auto small = static_cast<uint16_t>(size); // a record that is too small for its fields
		std::memcpy(cut.data() + 6, &small, sizeof small);
		MappedBuildIds().add_to(cut.data(), cut.size());
	}
	std::string other = whole;
	other[0] = PERF_RECORD_SAMPLE;
	const std::string before = other;
	MappedBuildIds().add_to(other.data(), other.size());
	EXPECT_EQ(other, before);
}

} // namespace
} // namespace neuroperf::collector
