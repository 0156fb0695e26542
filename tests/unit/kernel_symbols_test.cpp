// SPDX-License-Identifier: Apache-2.0
// The kernel that was recorded, not the one that runs.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/symbolizer.hpp"
#include "tests/support/elf_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::TemporaryFolder;
using testing::HasSubstr;

const std::string kId = "\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78\x9a\xbc\xde\xf0\x12\x34\x56\x78";
const std::string kPlace = "/.build-id/12/3456789abcdef0123456789abcdef012345678";
constexpr uint64_t kText = 0xffffffff81000000, kMoved = 0xffffffff9a000000;

class KernelSymbols : public testing::Test {
protected:
	KernelSymbols()
	{
		write("kallsyms", "ffffffff81000000 T _text\nffffffff81000100 t handle_spike\n"
				  "ffffffff81000200 T _etext\nffffffffc0001000 t npu_irq\t[npu]\n");
		options_.kallsyms = folder_.file("kallsyms");
		options_.build_id_cache = folder_.file("cache");
		options_.root = folder_.file("root");
	}
	void write(const std::string &path, const std::string &content) const
	{
		std::filesystem::create_directories(std::filesystem::path(folder_.file(path)).parent_path());
		test::write_file(folder_.file(path), content);
	}
	std::string name(uint64_t address, const std::string &build_id = kId,
			 const char *module = "[kernel.kallsyms]_text")
	{
		Symbolizer symbolizer(options_);
		symbolizer.add({"[kernel.kallsyms]_text", build_id, 0, true});
		std::string text(symbolizer.name(symbolizer.add({module, "", 0, true}), address).text);
		problem_ = symbolizer.problems().empty() ? "" : symbolizer.problems().begin()->second;
		return text;
	}
	TemporaryFolder folder_;
	Symbolizer::Options options_;
	std::string problem_;
};

TEST_F(KernelSymbols, of_the_same_boot_with_its_modules)
{
	options_.kernel_text_address = kText;
	EXPECT_EQ(name(kText + 0x110), "handle_spike");
	EXPECT_EQ(name(0xffffffffc0001010, kId, "[npu]"), "npu_irq");
	EXPECT_EQ(name(0xffffffffc0001010, kId, "/lib/modules/6.1.0/npu.ko"), "npu_irq");
	EXPECT_EQ(problem_, "");
}

TEST_F(KernelSymbols, of_another_boot_are_not_believed)
{
	options_.kernel_text_address = kMoved;
	EXPECT_EQ(name(kText + 0x110), "");
	EXPECT_THAT(problem_, HasSubstr("recorded under another kernel boot"));
}

TEST_F(KernelSymbols, of_another_machine_need_something_to_know_it_by)
{
	EXPECT_EQ(name(kText + 0x110, ""), "");
	EXPECT_THAT(problem_, HasSubstr("nothing tells which kernel was recorded"));
}

TEST_F(KernelSymbols, of_another_kernel_at_the_same_address_are_not_believed)
{
	options_.kallsyms = "/proc/kallsyms"; // its build id is in /sys/kernel/notes
	options_.root = "";
	options_.kernel_text_address = 0;
	EXPECT_EQ(name(kText + 0x110), "");
	EXPECT_THAT(problem_, testing::AnyOf(HasSubstr("recorded under another kernel"), HasSubstr("hides"),
					     HasSubstr("cannot read")));
}

TEST_F(KernelSymbols, from_perfs_cache_move_with_the_kernel)
{
	write("cache" + kPlace + "/kallsyms", "ffffffff82000000 T _text\nffffffff82000100 t cached_spike\n"
					      "ffffffff82000200 T _etext\nffffffffc0001000 t npu_irq\t[npu]\n");
	options_.kernel_text_address = kMoved;
	EXPECT_EQ(name(kMoved + 0x110), "cached_spike");
	EXPECT_THAT(problem_, HasSubstr("modules have no names"));
	for (const uint64_t address : {0xffffffffc0001010, 0xffffffffc0001010 + (kMoved - 0xffffffff82000000)})
		EXPECT_EQ(name(address), "") << "modules do not move with it";
	options_.kernel_text_address = 0xffffffff82000000;
	EXPECT_EQ(name(0xffffffffc0001010), "npu_irq") << "the copy is of that very boot";
	EXPECT_EQ(problem_, "");
}

TEST_F(KernelSymbols, from_vmlinux_move_with_the_kernel)
{
	test::ElfWriter vmlinux;
	vmlinux.add_build_id(kId);
	vmlinux.add_symbol_table("_text", 0x1000);
	for (const std::string &place : {"cache" + kPlace + "/elf", "root/usr/lib/debug" + kPlace + ".debug"}) {
		write(place, vmlinux.bytes());
		options_.kernel_text_address = kMoved;
		EXPECT_EQ(name(kMoved + 0x10), "_text") << place;
		EXPECT_EQ(name(kMoved + 0x10, "another build id"), "") << place;
		std::filesystem::remove(folder_.file(place));
		EXPECT_EQ(name(kMoved + 0x10), "") << place;
	}
}

} // namespace
} // namespace neuroperf::analyzer
