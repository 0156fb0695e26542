// SPDX-License-Identifier: Apache-2.0
// What is made of the lines that Python programs write: whole, cut, late and hostile ones.
#include "collector/python_names.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

namespace fs = std::filesystem;

class PythonNamesTest : public testing::Test {
protected:
	PythonNamesTest() : names_(std::move(*PythonNames::create(std::nullopt))) {}

	void write(const std::string &text)
	{
		std::ofstream file(names_.folder() / "names", std::ios::app | std::ios::binary);
		file << text;
	}
	std::string name_at(uint64_t address, uint64_t time_ns, uint32_t pid = 7)
	{
		const ToldName *const told = names_.name_of(pid, address, time_ns);
		return told ? told->name : "none";
	}
	static uint64_t later() { return monotonic_now_ns(); }

	PythonNames names_;
};

TEST_F(PythonNamesTest, AnAddressHasTheNameThatWasToldOfItInItsProcess)
{
	write("7\t100\t0x5000\tlayer1.0."
	      "conv1\tConv2d\n8\t100\t0x5000\tfc\tLinear\n7\t100\t0xffffffffffffffff\tlast\tX\n");
	EXPECT_EQ(name_at(0x5000, later()), "layer1.0.conv1");
	EXPECT_EQ(name_at(0x5000, later(), 8), "fc");
	EXPECT_EQ(name_at(~uint64_t{0}, later()), "last");
	EXPECT_EQ(name_at(0x5001, later()), "none");
	EXPECT_EQ(name_at(0x5000, later(), 9), "none");
	EXPECT_EQ(names_.counts().names, 3u);
}

TEST_F(PythonNamesTest, AnotherObjectAtTheAddressHasItsNameFromItsTimeOn)
{
	write("7\t100\t0x5000\told\tA\n7\t300\t0x5000\tnew\tA\n7\t200\t0x5000\tbetween\tA\n");
	EXPECT_EQ(name_at(0x5000, 99), "none");
	EXPECT_EQ(name_at(0x5000, 100), "old");
	EXPECT_EQ(name_at(0x5000, 199), "old");
	EXPECT_EQ(name_at(0x5000, 299), "between") << "a line that came late";
	EXPECT_EQ(name_at(0x5000, 300), "new");
	EXPECT_EQ(names_.name_of(7, 0x5000, 300)->number, 2u);
	EXPECT_EQ(names_.name_of(7, 0x5000, 250)->number, 3u);
}

TEST_F(PythonNamesTest, WhatIsWrittenBeforeAnEventIsKnownForIt)
{
	EXPECT_EQ(name_at(0x5000, later()), "none");
	write("7\t100\t0x5000\tfirst\tA\n");
	EXPECT_EQ(name_at(0x5000, later()), "first");
	write("7\t100\t0x6000\tsec");
	EXPECT_EQ(name_at(0x6000, later()), "none") << "half a line";
	write("ond\tA\n");
	EXPECT_EQ(name_at(0x6000, later()), "second");
}

TEST_F(PythonNamesTest, LinesThatMakeNoSenseAreCounted)
{
	const std::string lines[] = {"\n",
				     "7\t100\t0x5000\n",
				     "7\t100\t0x5000\t\tA\n",
				     "7\t100\t5000\tname\tA\n",
				     "7\t100\t0x\tname\tA\n",
				     "7\t100\t0x5000 \tname\tA\n",
				     "-7\t100\t0x5000\tname\tA\n",
				     "7\t1e3\t0x5000\tname\tA\n",
				     "7\t\t0x5000\tname\tA\n",
				     "99999999999\t100\t0x5000\tname\tA\n",
				     "7\t100\t0x15000000000000000\tname\tA\n",
				     "7\t100\t0x5000\t" + std::string(1025, 'n') + "\tA\n",
				     std::string("7\t100\t0x5000\tna\0me\tA\n", 22),
				     "7\t100\t0x5000\tna\033[2Jme\tA\n",
				     "7\t100\t0x5000\tn\xc3\xa4me\tA\n"};
	uint64_t bad = 0;
	for (const std::string &line : lines) {
		write(line);
		EXPECT_EQ(name_at(0x5000, later()), "none") << line;
		EXPECT_EQ(names_.counts().bad_lines, ++bad) << line;
	}
	write("7\t100\t0x5000\tgood\n");
	EXPECT_EQ(name_at(0x5000, later()), "good") << "the kind is not needed";
	EXPECT_EQ(names_.counts().names, 1u);
}

TEST_F(PythonNamesTest, ALineWithoutEndIsLeftOut)
{
	write(std::string(1 << 20, 'x'));
	EXPECT_EQ(name_at(0x5000, later()), "none");
	EXPECT_GT(names_.counts().bad_lines, 0u);
	write("\n7\t100\t0x5000\tgood\tA\n");
	EXPECT_EQ(name_at(0x5000, later()), "good");
}

TEST_F(PythonNamesTest, WhatNobodyAskedForIsCountedAtTheEnd)
{
	write("7\t100\t0x5000\tgood\tA\nrubbish\n");
	EXPECT_EQ(names_.counts().names, 0u);
	names_.read_lines();
	EXPECT_EQ(names_.counts().names, 1u);
	EXPECT_EQ(names_.counts().bad_lines, 1u);
}

TEST_F(PythonNamesTest, AFileThatIsCutOrGoneTellsNothingMore)
{
	write("7\t100\t0x5000\tgood\tA\n");
	EXPECT_EQ(name_at(0x5000, later()), "good");
	ASSERT_EQ(::truncate((names_.folder() / "names").c_str(), 0), 0);
	EXPECT_EQ(name_at(0x5000, later()), "good");
	fs::remove(names_.folder() / "names");
	EXPECT_EQ(name_at(0x6000, later()), "none");
}

TEST(PythonNames, TheFolderIsForThisProgramAndGoesAtTheEnd)
{
	fs::path folder;
	{
		PythonNames names = std::move(*PythonNames::create(std::nullopt));
		folder = names.folder();
		EXPECT_TRUE(fs::exists(folder / "sitecustomize.py"));
		struct stat status = {};
		ASSERT_EQ(::stat(folder.c_str(), &status), 0);
		EXPECT_EQ(status.st_mode & 07777, 0755u);
		ASSERT_EQ(::stat((folder / "names").c_str(), &status), 0);
		EXPECT_EQ(status.st_mode & 07777, 0600u) << "nobody else tells names";
		PythonNames moved(std::move(names));
		EXPECT_EQ(moved.folder(), folder);
		std::ofstream(folder / "made by python");
	}
	EXPECT_FALSE(fs::exists(folder));
}

TEST(PythonNames, TheProgramKeepsItsPath)
{
	const PythonNames names = std::move(*PythonNames::create(std::nullopt));
	const std::string folder = names.folder(), told = "NEUROPERF_PYTHON_NAMES=" + folder + "/names";
	::unsetenv("PYTHONPATH");
	EXPECT_THAT(names.environment(), testing::ElementsAre("PYTHONPATH=" + folder, told));
	::setenv("PYTHONPATH", "/one:/two", 1);
	EXPECT_THAT(names.environment(), testing::ElementsAre("PYTHONPATH=" + folder + ":/one:/two", told));
	::unsetenv("PYTHONPATH");
}

TEST(PythonNames, AFolderThatCannotBeMadeIsSaid)
{
	::setenv("TMPDIR", "/proc", 1);
	const auto names = PythonNames::create(std::nullopt);
	::unsetenv("TMPDIR");
	ASSERT_FALSE(names.ok());
	EXPECT_THAT(names.error().what,
		    testing::HasSubstr("--python-names: cannot make a folder /proc/neuroperf-names-"));
	EXPECT_THAT(names.error().hint, testing::HasSubstr("TMPDIR"));
}

} // namespace
} // namespace neuroperf::collector
