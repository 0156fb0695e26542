// SPDX-License-Identifier: Apache-2.0
#include "collector/kernel_modules.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "analyzer/task_records.hpp"
#include "tests/support/elf_with_notes.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

struct Told {
	uint64_t start, length;
	std::string path, build_id;
	bool operator==(const Told &) const = default;
};

class KernelModulesTest : public testing::Test {
protected:
	void file(const std::string &path, const std::string &content)
	{
		const std::filesystem::path whole(root.path() + path);
		std::filesystem::create_directories(whole.parent_path());
		test::write_file(whole, content);
	}
	std::vector<Told> told()
	{
		result = kernel_modules(recording::kTrailerFields, {1, 1, 5, 0, 9}, "6.1.0-fake", root.path());
		std::vector<Told> all;
		std::string_view records = result.records;
		while (!records.empty()) {
			const auto header = recording::load<perf_event_header>(records.data());
			analyzer::MapRecord map;
			EXPECT_TRUE(analyzer::parse_map({records.substr(0, header.size), 5, header.type, header.misc},
							&map));
			EXPECT_TRUE(map.kernel);
			EXPECT_EQ(map.mapping.pid, UINT32_MAX);
			all.push_back({map.mapping.start, map.mapping.length, std::string(map.mapping.path),
				       std::string(map.mapping.build_id)});
			records.remove_prefix(header.size);
		}
		return all;
	}
	test::TemporaryFolder root;
	KernelModules result;
};

TEST_F(KernelModulesTest, ByFileAndBuildId)
{
	file("/proc/modules", "snd_hda 184320 2 snd_pcm,snd, Live 0xffffffffc0a00000 (OE)\n"
			      "gone_file 4096 0 - Live 0xffffffffc0b00000\n"
			      "loose 8192 0 - Live 0xffffffffc0c00000\n");
	file("/lib/modules/6.1.0-fake/modules.dep", "kernel/sound/snd-hda.ko.xz: kernel/sound/snd.ko.xz\nbroken line\n"
						    "/opt/loose.ko:\n");
	file("/sys/module/snd_hda/notes/.note.gnu.build-id", test::build_id_note("0123456789abcdefghij"));
	EXPECT_EQ(told(),
		  (std::vector<Told>{{0xffffffffc0a00000, 184320, "/lib/modules/6.1.0-fake/kernel/sound/snd-hda.ko.xz",
				      "0123456789abcdefghij"},
				     {0xffffffffc0b00000, 4096, "[gone_file]", ""},
				     {0xffffffffc0c00000, 8192, "/opt/loose.ko", ""}}));
	EXPECT_EQ(result.modules, 3u);
	EXPECT_FALSE(result.hidden);
}

TEST_F(KernelModulesTest, KernelItself)
{
	EXPECT_EQ(kernel_build_id(root.path()), "");
	file("/sys/kernel/notes", test::build_id_note("0123456789abcdefghij"));
	EXPECT_EQ(kernel_build_id(root.path()), "0123456789abcdefghij");
}

TEST_F(KernelModulesTest, HiddenAddressesAreNotRecorded)
{
	file("/proc/modules", "ext4 184320 2 - Live 0x0000000000000000\n");
	EXPECT_TRUE(told().empty());
	EXPECT_TRUE(result.hidden);
}

TEST_F(KernelModulesTest, AKernelWithoutModulesAndNonsense)
{
	EXPECT_TRUE(told().empty());
	EXPECT_FALSE(result.hidden);
	file("/proc/modules",
	     "\nabc\nx -5 0 - Live 0xffff800000000000\nx y z\n../evil/ 4096 0 - Live 0xffffffffc0000000\n");
	for (const Told &module : told())
		EXPECT_EQ(module.build_id, "");
}

} // namespace
} // namespace neuroperf::collector
