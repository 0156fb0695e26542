// SPDX-License-Identifier: Apache-2.0
// Symbol tables of real files: this program's own, the C library's, the kernel's text form.
#include <cstdio>
#include <random>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "analyzer/elf_debug_file.hpp"
#include "analyzer/symbol_table_builder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace neuroperf::analyzer {
namespace {

using test::read_file;
using test::TemporaryFolder;
using test::write_file;
using Binding = SymbolTableBuilder::Binding;

extern "C" __attribute__((noinline, used)) int symbol_test_landmark(int x)
{
	asm volatile("" : "+r"(x));
	return x * 3;
}

// Where a function of this program lies in its file's address space.
uint64_t address_in_file(const void *function)
{
	Dl_info info = {};
	EXPECT_NE(dladdr(function, &info), 0);
	return reinterpret_cast<uintptr_t>(function) - reinterpret_cast<uintptr_t>(info.dli_fbase);
}

SymbolTable build(std::initializer_list<SymbolTableBuilder::Candidate> candidates)
{
	SymbolTableBuilder builder;
	for (const auto &candidate : candidates)
		builder.add(candidate);
	return builder.finish();
}

std::string name_at(const SymbolTable &table, uint64_t address)
{
	const Symbol *symbol = table.find(address);
	return symbol == nullptr ? "" : std::string(symbol->name);
}

TEST(SymbolTable, finds_a_function_of_this_program)
{
	Result<SymbolTable> table = SymbolTable::from_elf_file("/proc/self/exe");
	ASSERT_TRUE(table.ok()) << table.error().what;
	const uint64_t address = address_in_file(reinterpret_cast<const void *>(&symbol_test_landmark));
	EXPECT_EQ(name_at(*table, address), "symbol_test_landmark");
	EXPECT_EQ(name_at(*table, address + 1), "symbol_test_landmark");
	EXPECT_NE(name_at(*table, address - 1), "symbol_test_landmark");
	const Symbol *symbol = table->find(address);
	EXPECT_NE(name_at(*table, address + symbol->size), "symbol_test_landmark");
}

TEST(SymbolTable, plt_entries_carry_the_name_of_their_function)
{
	Result<SymbolTable> table = SymbolTable::from_elf_file("/proc/self/exe");
	ASSERT_TRUE(table.ok());
	bool found = false;
	for (const Symbol &symbol : table->symbols())
		found = found || symbol.name == "mkdtemp@plt";
	EXPECT_TRUE(found);
}

TEST(SymbolTable, offsets_become_addresses_by_executable_segments)
{
	Result<ElfFile> elf = ElfFile::open("/proc/self/exe");
	ASSERT_TRUE(elf.ok());
	ASSERT_FALSE(elf->executable_segments().empty());
	const ElfFile::Segment segment = elf->executable_segments().front();
	Result<SymbolTable> table = SymbolTable::from_elf_file("/proc/self/exe");
	ASSERT_TRUE(table.ok());
	uint64_t address = 0;
	ASSERT_TRUE(table->address_of_offset(segment.offset + 5, &address));
	EXPECT_EQ(address, segment.address + 5);
	EXPECT_FALSE(table->address_of_offset(segment.offset + segment.size, &address));
	EXPECT_FALSE(table->address_of_offset(0, &address)) << "headers are not code";
}

TEST(SymbolTable, of_several_symbols_at_one_address_the_better_name_wins)
{
	const auto winner = [](SymbolTableBuilder::Candidate a, SymbolTableBuilder::Candidate b) {
		const std::string name = name_at(build({a, b}), 100), swapped = name_at(build({b, a}), 100);
		EXPECT_EQ(name, swapped);
		return name;
	};
	const uint64_t limit = 200;
	EXPECT_EQ(winner({100, 8, limit, "strong", Binding::local}, {100, 8, limit, "weak_one", Binding::weak}),
		  "strong");
	EXPECT_EQ(winner({100, 8, limit, "all", Binding::global}, {100, 8, limit, "only_here", Binding::local}), "all");
	EXPECT_EQ(winner({100, 8, limit, "few", Binding::global}, {100, 8, limit, "__more", Binding::global}), "few");
	EXPECT_EQ(winner({100, 8, limit, "longer", Binding::global}, {100, 8, limit, "long", Binding::global}),
		  "longer");
	// The one without a size ends where the other begins: at the same address.
	EXPECT_EQ(name_at(build({{100, 0, limit, "label", Binding::global}, {100, 8, limit, "f", Binding::weak}}), 100),
		  "f");
}

TEST(SymbolTable, symbols_without_size_reach_to_the_next_or_to_the_section_end)
{
	const SymbolTable table = build({{100, 0, 200, "a", Binding::global}, {120, 0, 200, "b", Binding::global}});
	EXPECT_EQ(name_at(table, 119), "a");
	EXPECT_EQ(name_at(table, 199), "b");
	EXPECT_EQ(name_at(table, 200), "");
	EXPECT_EQ(name_at(table, 99), "");
}

TEST(SymbolTable, enclosing_functions_are_found_behind_inner_ones)
{
	const SymbolTable table = build({{100, 100, 300, "outer", Binding::global},
					 {110, 50, 300, "middle", Binding::global},
					 {120, 5, 300, "inner", Binding::global},
					 {130, 5, 300, "second", Binding::global}});
	EXPECT_EQ(name_at(table, 122), "inner");
	EXPECT_EQ(name_at(table, 127), "middle");
	EXPECT_EQ(name_at(table, 136), "middle");
	EXPECT_EQ(name_at(table, 170), "outer");
	EXPECT_EQ(name_at(table, 200), "");
}

TEST(SymbolTable, sizes_that_overflow_the_address_space_do_no_harm)
{
	const SymbolTable table = build({{UINT64_MAX - 10, UINT64_MAX, UINT64_MAX, "a", Binding::global},
					 {5, UINT64_MAX, UINT64_MAX, "b", Binding::global}});
	EXPECT_EQ(name_at(table, UINT64_MAX - 1), "a");
	EXPECT_EQ(name_at(table, 4), "");
}

TEST(SymbolTable, only_regular_files_are_read)
{
	const TemporaryFolder folder;
	const std::string fifo = folder.file("fifo");
	ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
	for (const std::string &path : {fifo, std::string("/dev/zero"), folder.file("absent")}) {
		Result<SymbolTable> table = SymbolTable::from_elf_file(path);
		ASSERT_FALSE(table.ok()) << path;
		EXPECT_EQ(table.error().code, ErrorCode::io);
		EXPECT_NE(table.error().what.find(path), std::string::npos);
	}
	write_file(folder.file("text"), "no ELF file\n");
	Result<SymbolTable> table = SymbolTable::from_elf_file(folder.file("text"));
	ASSERT_FALSE(table.ok());
	EXPECT_EQ(table.error().code, ErrorCode::format);
}

// Reads all that reading can touch; what it finds does not matter, that it comes back does.
void exercise(const std::string &image)
{
	Result<SymbolTable> table = SymbolTable::from_elf_image(image.data(), image.size());
	if (!table.ok())
		return;
	uint64_t address = 0;
	for (uint64_t offset = 0; offset < image.size(); offset += 512)
		if (table->address_of_offset(offset, &address))
			table->find(address);
	ASSERT_TRUE(std::is_sorted(table->symbols().begin(), table->symbols().end(),
				   [](const Symbol &a, const Symbol &b) { return a.address < b.address; }));
}

TEST(SymbolTable, damaged_files_are_survived)
{
	const std::string good = read_file("/bin/true");
	ASSERT_GT(good.size(), 4096U);
	Result<SymbolTable> whole = SymbolTable::from_elf_image(good.data(), good.size());
	ASSERT_TRUE(whole.ok());
	ASSERT_FALSE(whole->symbols().empty());
	std::mt19937 random(1); // NOLINT: the same every time
	const std::size_t sections = good.size() - 64 * std::size_t{28};
	for (int round = 0; round < 600; round++) {
		std::string bad = good;
		for (int flips = 1 + round % 8; flips > 0; flips--) {
			// ELF and program headers, the dynamic tables behind them, section headers, anywhere.
			const std::size_t ranges[4][2] = {
				{16, 800}, {800, 5000}, {sections, good.size()}, {0, good.size()}};
			const auto &range = ranges[random() % 4];
			bad[range[0] + random() % (range[1] - range[0])] = static_cast<char>(random());
		}
		exercise(bad);
		exercise(bad.substr(0, random() % bad.size()));
	}
}

TEST(SymbolTable, a_file_cut_on_disk_is_survived)
{
	const TemporaryFolder folder;
	const std::string good = read_file("/bin/true"), path = folder.file("cut");
	for (std::size_t size = 0; size < good.size(); size += 997) {
		write_file(path, good.substr(0, size));
		Result<SymbolTable> table = SymbolTable::from_elf_file(path);
		EXPECT_TRUE(!table.ok() || table->symbols().empty()) << "section headers stand at the end";
	}
}

// Kernel symbols.

TEST(Kallsyms, text_symbols_without_their_module)
{
	const TemporaryFolder folder;
	const std::string path = folder.file("kallsyms");
	write_file(path, "ffffffff81000000 T _text\n"
			 "ffffffff81000000 T startup_64\n"
			 "ffffffff81000100 t local_one\n"
			 "ffffffff81000200 W weak_one\n"
			 "ffffffff81000280 D data_one\n"
			 "not a line\n"
			 "ffffffffc0001000 t spike_irq\t[npu]\n"
			 "ffffffffc0001080 t spike_last\t[npu]\n"
			 "ffffffffc0009000 t other_first\t[other]\n");
	Result<SymbolTable> table = SymbolTable::from_kallsyms(path);
	ASSERT_TRUE(table.ok()) << table.error().what;
	EXPECT_EQ(table->kernel_text_address(), 0xffffffff81000000U);
	EXPECT_EQ(name_at(*table, 0xffffffff810000ff), "startup_64");
	EXPECT_EQ(name_at(*table, 0xffffffff81000100), "local_one");
	EXPECT_EQ(name_at(*table, 0xffffffff8100027f), "weak_one");
	EXPECT_EQ(name_at(*table, 0xffffffff81000280), "");
	EXPECT_EQ(name_at(*table, 0xffffffffc0001010), "spike_irq");
	EXPECT_EQ(name_at(*table, 0xffffffffc0002fff), "spike_last");
	EXPECT_EQ(name_at(*table, 0xffffffffc0003000), "");
	EXPECT_EQ(name_at(*table, 0xffffffffc0009001), "other_first");
}

TEST(Kallsyms, hidden_addresses_are_a_matter_of_privilege)
{
	const TemporaryFolder folder;
	write_file(folder.file("zero"), "0000000000000000 T _text\n0000000000000000 t f\n");
	Result<SymbolTable> table = SymbolTable::from_kallsyms(folder.file("zero"));
	ASSERT_FALSE(table.ok());
	EXPECT_EQ(table.error().code, ErrorCode::privilege);
	EXPECT_NE(table.error().hint.find("kptr_restrict"), std::string::npos);
	write_file(folder.file("empty"), "");
	table = SymbolTable::from_kallsyms(folder.file("empty"));
	ASSERT_FALSE(table.ok());
	EXPECT_EQ(table.error().code, ErrorCode::format);
}

} // namespace
} // namespace neuroperf::analyzer
