// SPDX-License-Identifier: Apache-2.0
// Classes, tables and code in files that are made here: as stripped C++ has them, cut, damaged and hostile.
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <random>

#include "collector/code_index.hpp"
#include "recording/unique_fd.hpp"
#include "tests/support/elf_writer.hpp"

namespace neuroperf::collector {
namespace {

CodeIndex *index_of_bytes(const std::string &bytes)
{
	static UniqueFd file(::memfd_create("object", MFD_CLOEXEC));
	static std::unique_ptr<CodeIndex> index;
	EXPECT_EQ(::ftruncate(file.get(), 0), 0);
	EXPECT_EQ(::pwrite(file.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
	auto read = CodeIndex::read(file.get());
	index.reset();
	if (read.ok())
		index = std::make_unique<CodeIndex>(std::move(*read));
	return index.get();
}

// A stripped object without position, of bytes: code at 0x1000, constants and tables at [0x5000, 0x6000), file offset
// 0x2000.
class ClassImage {
public:
	static constexpr uint64_t kAddress = 0x5000, kOffset = 0x2000, kSize = 0x1000;
	static constexpr uint64_t kUnknownTable = kAddress + 0xf00; // of a __class_type_info without a name
	static constexpr uint64_t kNote = 0xf40;

	uint64_t add_text(const std::string &text)
	{
		const uint64_t address = kAddress + bytes_.size();
		bytes_ += text + '\0';
		bytes_.resize((bytes_.size() + 7) / 8 * 8);
		return address;
	}
	uint64_t add_words(const std::vector<uint64_t> &words)
	{
		const uint64_t address = kAddress + bytes_.size();
		for (const uint64_t word : words)
			bytes_.append(reinterpret_cast<const char *>(&word), sizeof word);
		return address;
	}
	uint64_t next() const { return kAddress + bytes_.size(); }
	uint64_t add_class(const std::string &name, const std::vector<uint64_t> &rest)
	{
		const uint64_t text = add_text(name);
		std::vector<uint64_t> words = {kUnknownTable, text};
		words.insert(words.end(), rest.begin(), rest.end());
		return add_words(words);
	}
	std::string bytes() const
	{
		test::ElfWriter writer;
		writer.add_symbol_table("visible");
		writer.add_segment({PT_LOAD, PF_R | PF_W, kOffset, kAddress, kAddress, kSize, kSize, 0x1000});
		const std::string note("\4\0\0\0\2\0\0\0\3\0\0\0GNU\0\x01\xab\0\0", 20);
		writer.add_segment({PT_NOTE, PF_R, kOffset + kNote, kAddress + kNote, 0, note.size(), note.size(), 4});
		std::string file = writer.bytes();
		const Elf64_Half type = ET_EXEC;
		std::memcpy(file.data() + offsetof(Elf64_Ehdr, e_type), &type, sizeof type);
		file.resize(kOffset + kSize);
		file.replace(kOffset + kNote, note.size(), note);
		const uint64_t function = 0x1080;
		std::memcpy(file.data() + kOffset + (kUnknownTable - kAddress), &function, sizeof function);
		return file.replace(kOffset, bytes_.size(), bytes_);
	}

private:
	std::string bytes_ = std::string(8, '\0');
};

// The same as a shared object: every pointer stands in a relocation, the data has zeros.
std::string relocated(std::string file, uint32_t relocation_type)
{
	constexpr uint64_t kOffset = ClassImage::kOffset, kTable = 0x800, kDynamic = 0xe00;
	const uint64_t difference = ClassImage::kAddress - kOffset;
	std::string table;
	for (uint64_t at = kOffset; at < kOffset + ClassImage::kSize; at += 8) {
		uint64_t word = 0;
		std::memcpy(&word, file.data() + at, sizeof word);
		if (word < 0x1000 || word >= 0x6000 || (word >= 0x1100 && word < ClassImage::kAddress))
			continue;
		const Elf64_Rela entry = {at + difference, relocation_type, static_cast<Elf64_Sxword>(word)};
		table.append(reinterpret_cast<const char *>(&entry), sizeof entry);
		std::memset(file.data() + at, 0, sizeof word);
	}
	file.replace(kOffset + kTable, table.size(), table);
	const Elf64_Dyn dynamic[] = {{DT_RELA, {ClassImage::kAddress + kTable}}, {DT_RELASZ, {table.size()}}, {}};
	std::memcpy(file.data() + kOffset + kDynamic, dynamic, sizeof dynamic);
	// In the place of the note's header, which is the third.
	const Elf64_Phdr header = {PT_DYNAMIC, PF_R, kOffset + kDynamic, 0, 0, sizeof dynamic, sizeof dynamic, 8};
	std::memcpy(file.data() + sizeof(Elf64_Ehdr) + 2 * sizeof header, &header, sizeof header);
	const Elf64_Half type = ET_DYN;
	std::memcpy(file.data() + offsetof(Elf64_Ehdr, e_type), &type, sizeof type);
	return file;
}

// Base, Child of it, Both of {Other, Child}; tables with one function each.
std::string family()
{
	ClassImage image;
	const uint64_t base = image.add_class("N2np4BaseE", {0});
	const uint64_t child = image.add_class("*N2np5ChildE", {base, 0});
	const uint64_t other = image.add_class("5Other", {0});
	const uint64_t both = image.add_class("4Both", {uint64_t{2} << 32, other, 2, child, (16 << 8) | 2, 0});
	image.add_words({0, base, 0, 0});
	image.add_words({0, child, 0x1010, 0});
	image.add_words({0, other, 0x1020, 0});
	image.add_words({0, both, 0x1030, 0x1034, uint64_t(-16), both, 0x1040, 0x1044});
	return image.bytes();
}

std::vector<std::pair<uint64_t, std::string>> slot_of(const std::string &bytes, std::string_view base,
						      unsigned slot = 0)
{
	std::vector<std::pair<uint64_t, std::string>> found;
	CodeIndex *index = index_of_bytes(bytes);
	if (index == nullptr)
		return found;
	for (const CodePlace &place : index->virtual_slot(base, slot))
		found.emplace_back(place.offset, place.name);
	return found;
}
using Found = std::vector<std::pair<uint64_t, std::string>>;

TEST(CodeIndexOfMadeFiles, PointersInTheDataItself)
{
	EXPECT_EQ(slot_of(family(), "N2np4BaseE"), (Found{{0x1010, "N2np5ChildE"}, {0x1040, "4Both"}}));
	EXPECT_EQ(slot_of(family(), "N2np5ChildE"), (Found{{0x1010, "N2np5ChildE"}, {0x1040, "4Both"}}));
	EXPECT_EQ(slot_of(family(), "5Other"), (Found{{0x1020, "5Other"}, {0x1030, "4Both"}}));
	EXPECT_EQ(slot_of(family(), "4Both", 1), (Found{{0x1034, "4Both"}}));
	EXPECT_EQ(index_of_bytes(family())->build_id(), "01ab");
}

TEST(CodeIndexOfMadeFiles, PointersInRelocations)
{
	const Found expected = {{0x1010, "N2np5ChildE"}, {0x1040, "4Both"}};
	EXPECT_EQ(slot_of(relocated(family(), R_X86_64_RELATIVE), "N2np4BaseE"), expected);
	EXPECT_TRUE(slot_of(relocated(family(), R_X86_64_IRELATIVE), "N2np4BaseE").empty());
	std::string arm = relocated(family(), R_AARCH64_RELATIVE);
	EXPECT_TRUE(slot_of(arm, "N2np4BaseE").empty());
	const Elf64_Half machine = EM_AARCH64;
	std::memcpy(arm.data() + offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
	EXPECT_EQ(slot_of(arm, "N2np4BaseE"), expected);
}

TEST(CodeIndexOfMadeFiles, ClassesThatDeriveFromEachOther)
{
	ClassImage image;
	const uint64_t text = image.next() + 16; // of "1A"
	const uint64_t a = text + 8, b = a + 24;
	image.add_words({0, 0});
	EXPECT_EQ(image.add_text("1A"), text);
	image.add_words({ClassImage::kUnknownTable, text, b});
	image.add_words({ClassImage::kUnknownTable, text, uint64_t{1} << 32, a, (8 << 8) | 2});
	image.add_words({0, a, 0x1010, 0, b, 0x1020});
	EXPECT_EQ(slot_of(image.bytes(), "1A"), (Found{{0x1010, "1A"}, {0x1020, "1A"}}));
}

TEST(CodeIndexOfMadeFiles, FunctionsMustBeInCode)
{
	ClassImage image;
	const uint64_t a = image.add_class("1A", {0});
	for (const uint64_t function :
	     {uint64_t{0xfff}, uint64_t{0x1100}, ClassImage::kAddress, UINT64_MAX, uint64_t{0}})
		image.add_words({0, a, function, 0});
	EXPECT_TRUE(slot_of(image.bytes(), "1A").empty());
	image.add_words({0, a, 0x10ff});
	EXPECT_EQ(slot_of(image.bytes(), "1A"), (Found{{0x10ff, "1A"}}));
}

TEST(CodeIndexOfMadeFiles, OnlyObjectsOfOurMachines)
{
	EXPECT_EQ(index_of_bytes(""), nullptr);
	EXPECT_EQ(index_of_bytes("#!/bin/sh\n"), nullptr);
	std::string bytes = family();
	ASSERT_NE(index_of_bytes(bytes), nullptr);
	EXPECT_EQ(index_of_bytes(bytes)->machine(), EM_X86_64);
	const auto with = [&](std::size_t offset, char value) {
		std::string changed = bytes;
		changed[offset] = value;
		return index_of_bytes(changed);
	};
	EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_machine), EM_386), nullptr);
	ASSERT_NE(with(offsetof(Elf64_Ehdr, e_machine), static_cast<char>(EM_AARCH64)), nullptr);
	EXPECT_EQ(with(EI_CLASS, ELFCLASS32), nullptr);
	EXPECT_EQ(with(EI_DATA, ELFDATA2MSB), nullptr);
	EXPECT_EQ(with(offsetof(Elf64_Ehdr, e_type), ET_REL), nullptr);
	EXPECT_FALSE(CodeIndex::read(-1).ok());
	const UniqueFd folder(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	EXPECT_FALSE(CodeIndex::read(folder.get()).ok());
}

TEST(CodeIndexOfMadeFiles, CodeEndsWithItsSegment)
{
	CodeIndex *index = index_of_bytes(family());
	EXPECT_EQ(index->code(0x10f8, 64).size(), 8u);
	EXPECT_EQ(index->code(0x1100, 64).size(), 0u);
	EXPECT_EQ(index->code(0x2000, 64).size(), 0u) << "no code";
	EXPECT_EQ(index->any("vis*").at(0).size, 0x20u);
	EXPECT_TRUE(index->exported("*").empty());
}

// Its only symbol, "visible" at 0x1010, is exported; code lies there and, of two more functions, at 0x1040 and 0x1080.
std::string with_code(std::string file, const std::string &visible, const std::string &second,
		      uint16_t machine = EM_X86_64)
{
	Elf64_Ehdr header;
	std::memcpy(&header, file.data(), sizeof header);
	header.e_machine = machine;
	std::memcpy(file.data(), &header, sizeof header);
	for (unsigned i = 0; i < header.e_shnum; i++) {
		char *const at = file.data() + header.e_shoff + i * sizeof(Elf64_Shdr) + offsetof(Elf64_Shdr, sh_type);
		Elf64_Word type = 0;
		std::memcpy(&type, at, sizeof type);
		type = type == SHT_SYMTAB ? SHT_DYNSYM : type;
		std::memcpy(at, &type, sizeof type);
	}
	return file.replace(0x1010, visible.size(), visible).replace(0x1040, second.size(), second);
}

// lea rax, [address]; ret
std::string returns_on_x86(uint64_t from, uint64_t address)
{
	const auto distance = static_cast<uint32_t>(address - (from + 7));
	return std::string("\x48\x8d\x05", 3) + std::string(reinterpret_cast<const char *>(&distance), 4) + "\xc3";
}

// adrp x0, address; add x0, x0, #address; ret
std::string returns_on_arm64(uint64_t from, uint64_t address)
{
	const auto pages = static_cast<uint32_t>((address >> 12) - (from >> 12));
	const uint32_t words[] = {0x90000000u | (pages & 3) << 29 | (pages >> 2) << 5,
				  0x91000000u | static_cast<uint32_t>(address & 0xfff) << 10, 0xd65f03c0u};
	return {reinterpret_cast<const char *>(words), sizeof words};
}

// A table of {0x1040, 0x1050}; what 0x1040 returns is one of {0x1060, 0x1070, no code, 0x1080}.
struct Tables {
	ClassImage image;
	uint64_t first = image.add_words({0x1040, 0x1050});
	uint64_t gap = image.add_words({0});
	uint64_t second = image.add_words({0x1060, 0x1070, 0x5000, 0x1080});
};

std::string place_in(const std::string &bytes, const std::vector<unsigned> &slots, const char *exported = "visible")
{
	const CodeIndex *index = index_of_bytes(bytes);
	const auto place = index ? index->in_table(exported, slots) : std::nullopt;
	return place ? fmt::format("{} {:#x}", place->name, place->offset) : "";
}

TEST(CodeIndexOfMadeFiles, TablesThatFunctionsReturn)
{
	const Tables made;
	const std::string x86 =
		with_code(made.image.bytes(), returns_on_x86(0x1010, made.first), returns_on_x86(0x1040, made.second));
	const std::string arm = with_code(made.image.bytes(), returns_on_arm64(0x1010, made.first),
					  returns_on_arm64(0x1040, made.second), EM_AARCH64);
	for (const std::string *bytes : {&x86, &arm}) {
		EXPECT_EQ(place_in(*bytes, {0}), "visible[0] 0x1040");
		EXPECT_EQ(place_in(*bytes, {1}), "visible[1] 0x1050");
		EXPECT_EQ(place_in(*bytes, {0, 0}), "visible[0][0] 0x1060");
		EXPECT_EQ(place_in(*bytes, {0, 3}), "visible[0][3] 0x1080");
		EXPECT_EQ(place_in(*bytes, {0, 2}), "") << "no code";
		EXPECT_EQ(place_in(*bytes, {2}), "") << "behind the table";
		EXPECT_EQ(place_in(*bytes, {1, 0}), "") << "returns no table";
		EXPECT_EQ(place_in(*bytes, {0, 4096}), "");
		EXPECT_EQ(place_in(*bytes, {UINT32_MAX}), "");
		EXPECT_EQ(place_in(*bytes, {0}, "missing"), "");
	}
	const std::string in_relocations =
		with_code(relocated(made.image.bytes(), R_X86_64_RELATIVE), returns_on_x86(0x1010, made.first),
			  returns_on_x86(0x1040, made.second));
	EXPECT_EQ(place_in(in_relocations, {0, 3}), "visible[0][3] 0x1080");
}

// The function has 0x20 bytes; what is behind them is another one's.
TEST(CodeIndexOfMadeFiles, AFunctionThatReturnsNoTableHasNotThatOfItsNeighbour)
{
	const Tables made;
	const std::string nothing("\x31\xc0\xc3", 3); // xor eax, eax; ret
	const std::string padding(0x2d, '\x90');      // nop
	EXPECT_EQ(place_in(with_code(made.image.bytes(), nothing + padding, returns_on_x86(0x1040, made.first)), {1}),
		  "");
	EXPECT_EQ(place_in(with_code(made.image.bytes(), nothing + returns_on_x86(0x1013, made.first), ""), {1}),
		  "visible[1] 0x1050")
		<< "behind a return, but its own";
}

TEST(CodeIndexOfMadeFiles, ATableThatIsTooShortIsNotTheOne)
{
	ClassImage image;
	const uint64_t short_one = image.add_words({0x1040, 0}), long_one = image.add_words({0x1060, 0x1070});
	const std::string both = returns_on_x86(0x1010, short_one).substr(0, 7) + returns_on_x86(0x1017, long_one);
	EXPECT_EQ(place_in(with_code(image.bytes(), both, ""), {0}), "visible[0] 0x1040");
	EXPECT_EQ(place_in(with_code(image.bytes(), both, ""), {1}), "visible[1] 0x1070");
}

TEST(CodeIndexOfMadeFiles, AddressesOfCodeAndConstants)
{
	ClassImage image;
	image.add_words({0x1122334455667788});
	const CodeIndex *index = index_of_bytes(image.bytes());
	ASSERT_NE(index, nullptr);
	EXPECT_EQ(index->address_of(0x1010), 0x1010u);
	EXPECT_EQ(index->address_of(0x10ff), 0x10ffu);
	EXPECT_EQ(index->address_of(0x1100), std::nullopt);
	EXPECT_EQ(index->address_of(ClassImage::kOffset), std::nullopt) << "no code";
	EXPECT_EQ(index->constant_at(ClassImage::kAddress + 8), std::nullopt) << "may be written";
	EXPECT_EQ(index->constant_at(0x10fc), 0u) << "code is constant too";
	EXPECT_EQ(index->constant_at(0x1100), std::nullopt);
}

// Asks everything; nothing may crash.
void ask(const std::string &bytes)
{
	CodeIndex *index = index_of_bytes(bytes);
	if (index == nullptr)
		return;
	for (const CodePlace &place : index->any("*"))
		EXPECT_LE(index->code(place.offset, place.size).size(), bytes.size());
	for (const CodePlace &place : index->virtual_slot("N2np4BaseE", 0))
		EXPECT_LT(place.offset, bytes.size());
	index->data("missing");
	index->in_table("visible", {0, 3});
	index->constant_at(0x5008);
}

TEST(CodeIndexOfMadeFiles, AFileCutAnywhereIsSurvived)
{
	const std::string whole = family();
	for (std::size_t size = 0; size < whole.size(); size += size < 1024 || size > 0x2000 ? 7 : 61)
		ask(whole.substr(0, size));
}

TEST(CodeIndexOfMadeFiles, DamagedBytesAreSurvived)
{
	const Tables made;
	const std::string wholes[] = {
		family(), relocated(family(), R_X86_64_RELATIVE),
		with_code(made.image.bytes(), returns_on_x86(0x1010, made.first), returns_on_x86(0x1040, made.second))};
	std::mt19937 random(7);
	for (unsigned round = 0; round < 3000; round++) {
		std::string bytes = wholes[round % std::size(wholes)];
		const unsigned damages = 1 + random() % 8;
		for (unsigned i = 0; i < damages; i++) {
			// Headers, sections, classes: where something stands.
			const std::size_t at = random() % 2 == 0 ? random() % 0x600 : 0x2000 + random() % 0x1000;
			bytes[at] = static_cast<char>(random() % 4 == 0 ? 0xff : random());
		}
		ask(bytes);
	}
}

TEST(CodeIndexOfMadeFiles, AFileThatShrinksWhileOpen)
{
	const std::string whole = family();
	const UniqueFd file(::memfd_create("object", MFD_CLOEXEC));
	ASSERT_EQ(::write(file.get(), whole.data(), whole.size()), static_cast<ssize_t>(whole.size()));
	auto index = CodeIndex::read(file.get());
	ASSERT_TRUE(index.ok());
	ASSERT_EQ(::ftruncate(file.get(), 100), 0);
	EXPECT_FALSE(index->has_class("N2np4BaseE"));
	EXPECT_TRUE(index->code(0x1000, 16).empty());
}

} // namespace
} // namespace neuroperf::collector
