// SPDX-License-Identifier: Apache-2.0
#include "collector/file_mappings.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

const FileMapping *mapping_of(const std::vector<FileMapping> &mappings, uint64_t address)
{
	for (const FileMapping &mapping : mappings)
		if (address >= mapping.start && address < mapping.end)
			return &mapping;
	return nullptr;
}

TEST(FileMappings, CodeOfThisProcess)
{
	const auto mappings = read_file_mappings(::getpid());
	ASSERT_TRUE(mappings.ok());
	const FileMapping *here = mapping_of(*mappings, reinterpret_cast<uint64_t>(&read_file_mappings));
	ASSERT_TRUE(here);
	EXPECT_TRUE(here->executable && !here->writable && !here->shared);
	EXPECT_TRUE(open_mapped_file(::getpid(), *here).ok());
	for (const FileMapping &mapping : *mappings)
		EXPECT_NE(mapping.file.inode, 0u) << mapping.path;
}

TEST(FileMappings, DeletedFileIsStillTheFile)
{
	const test::TemporaryFolder folder;
	const std::string path = folder.path() + "/a\nb";
	test::write_file(path, std::string(4096, 'x'));
	const UniqueFd file(::open(path.c_str(), O_RDWR));
	void *map = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
	ASSERT_NE(map, MAP_FAILED);
	::unlink(path.c_str());
	const auto mappings = read_file_mappings(::getpid());
	ASSERT_TRUE(mappings.ok());
	const FileMapping *mapped = mapping_of(*mappings, reinterpret_cast<uint64_t>(map));
	ASSERT_TRUE(mapped);
	EXPECT_TRUE(mapped->writable && mapped->shared && !mapped->executable);
	EXPECT_EQ(mapped->path, path + " (deleted)");
	EXPECT_EQ(open_mapped_file(::getpid(), *mapped).ok(), ::geteuid() == 0);
	::munmap(map, 4096);
}

TEST(FileMappings, NoSuchProcess)
{
	const auto mappings = read_file_mappings(4194303);
	ASSERT_FALSE(mappings.ok());
	EXPECT_EQ(mappings.error().code, ErrorCode::not_found);
}

} // namespace
} // namespace neuroperf::collector
