// SPDX-License-Identifier: Apache-2.0
// Functions by symbol and by class, in this program, in libstdc++, and in hostile files.
#include "collector/code_index.hpp"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <random>

#include "recording/unique_fd.hpp"
#include "tests/support/elf_writer.hpp"

namespace code_index_test {

// Slots: 0 and 1 destructors, 2 name, 3 compute.
struct Layer {
	virtual ~Layer() = default;
	virtual const char *name() const { return "layer"; }
	virtual int compute(int) = 0;
};
struct Dense : Layer {
	int compute(int x) override;
};
struct DeepDense : Dense {
	const char *name() const override { return "deep"; }
	int compute(int x) override;
};
struct SameDense : Dense { // inherits compute
	const char *name() const override { return "same"; }
};
struct Named {
	virtual ~Named() = default;
	virtual int number() { return 7; }
	virtual int compute_nothing() { return 8; }
	virtual int more() { return 9; }
	long id = 0;
};
struct Second : Named, Layer { // Layer is a part of it at an offset
	int compute(int x) override;
};
struct Unrelated {
	virtual ~Unrelated() = default;
	virtual int a() { return 1; }
	virtual int compute(int x) { return x - 1; }
};

// Different enough that no linker folds them.
[[gnu::noinline]] int Dense::compute(int x)
{
	return x * 3 + 1;
}
[[gnu::noinline]] int DeepDense::compute(int x)
{
	return x * 5 + 2;
}
[[gnu::noinline]] int Second::compute(int x)
{
	return x * 7 + 3 + static_cast<int>(id);
}

long kept_number = 5;
extern const uint32_t constant_number = 0x12345678;
uint32_t written_number = 0x12345678;
extern "C" [[gnu::noinline, gnu::visibility("default")]] int code_index_test_function(int x)
{
	return x * 11 + 4;
}

} // namespace code_index_test

namespace neuroperf::collector {
namespace {

using namespace code_index_test;

constexpr std::string_view kLayer = "N15code_index_test5LayerE";

CodeIndex index_of(const std::string &path)
{
	const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC); // open until the program ends
	auto index = CodeIndex::read(file);
	if (!index.ok()) {
		ADD_FAILURE() << path << ": " << index.error().what;
		std::abort();
	}
	return std::move(*index);
}

const CodeIndex &own_index()
{
	static const CodeIndex index = index_of("/proc/self/exe");
	return index;
}

// Where a function of a loaded object is in its file, by the segments in memory.
uint64_t offset_of_function(const void *function)
{
	struct Search {
		uint64_t address, offset;
	} search = {reinterpret_cast<uint64_t>(function), 0};
	const auto look = [](dl_phdr_info *object, size_t, void *data) {
		auto *found = static_cast<Search *>(data);
		for (int i = 0; i < object->dlpi_phnum; i++) {
			const auto &segment = object->dlpi_phdr[i];
			const uint64_t start = object->dlpi_addr + segment.p_vaddr;
			if (segment.p_type == PT_LOAD && found->address - start < segment.p_filesz) {
				found->offset = segment.p_offset + (found->address - start);
				return 1;
			}
		}
		return 0;
	};
	::dl_iterate_phdr(look, &search);
	return search.offset;
}

// What this object's table has in a slot.
uint64_t offset_in_slot(const void *object, unsigned slot)
{
	asm volatile("" : "+r"(object) : : "memory"); // else compilers leave tables out and know the functions
	const auto *const *table = *static_cast<const void *const *const *>(object);
	return offset_of_function(table[slot]);
}

std::vector<std::string> names_at(const std::vector<CodePlace> &places, uint64_t offset)
{
	std::vector<std::string> names;
	for (const CodePlace &place : places)
		if (place.offset == offset)
			names.push_back(place.name);
	return names;
}

TEST(CodeIndex, VirtualFunctionsAreFoundByClass)
{
	Dense dense;
	DeepDense deep;
	SameDense same;
	const auto places = own_index().virtual_slot(kLayer, 3);
	EXPECT_EQ(own_index().class_problem(), "");
	EXPECT_EQ(names_at(places, offset_in_slot(&dense, 3)),
		  std::vector<std::string>{"N15code_index_test5DenseE"}); // SameDense has the same
	EXPECT_EQ(offset_in_slot(&dense, 3), offset_in_slot(&same, 3));
	EXPECT_EQ(names_at(places, offset_in_slot(&deep, 3)),
		  std::vector<std::string>{"N15code_index_test9DeepDenseE"});
	EXPECT_EQ(places.size(), 3u) << "Dense, DeepDense, Second; nothing for Layer's pure one, nor of Unrelated";
	EXPECT_TRUE(std::is_sorted(places.begin(), places.end(),
				   [](const CodePlace &a, const CodePlace &b) { return a.offset < b.offset; }));
}

TEST(CodeIndex, ASecondBasesFunctionIsThatOfItsPart)
{
	Second second;
	const auto places = own_index().virtual_slot(kLayer, 3);
	EXPECT_EQ(names_at(places, offset_in_slot(static_cast<Layer *>(&second), 3)),
		  std::vector<std::string>{"N15code_index_test6SecondE"});
	const auto first = own_index().virtual_slot("N15code_index_test5NamedE", 3);
	EXPECT_EQ(names_at(first, offset_in_slot(static_cast<Named *>(&second), 3)).size(), 1u);
	EXPECT_TRUE(names_at(places, offset_in_slot(static_cast<Named *>(&second), 3)).empty());
}

TEST(CodeIndex, TheBaseCountsItself)
{
	Unrelated unrelated;
	Dense dense;
	const auto places = own_index().virtual_slot("N15code_index_test9UnrelatedE", 3);
	ASSERT_EQ(places.size(), 1u);
	EXPECT_EQ(places[0].offset, offset_in_slot(&unrelated, 3));
	EXPECT_EQ(names_at(own_index().virtual_slot(kLayer, 2), offset_in_slot(&dense, 2)).size(), 1u);
}

TEST(CodeIndex, SlotsBeyondATableAreEmpty)
{
	for (const unsigned slot : {4u, 5u, 6u, 100u, 4096u, UINT32_MAX})
		EXPECT_TRUE(own_index().virtual_slot("N15code_index_test9UnrelatedE", slot).empty()) << slot;
}

TEST(CodeIndex, ClassesAreKnownByName)
{
	EXPECT_TRUE(own_index().has_class(kLayer));
	EXPECT_TRUE(own_index().has_class("N15code_index_test6SecondE"));
	EXPECT_FALSE(own_index().has_class("N15code_index_test7MissingE"));
	EXPECT_FALSE(own_index().has_class(""));
	EXPECT_TRUE(own_index().virtual_slot("N15code_index_test7MissingE", 0).empty());
}

TEST(CodeIndex, FunctionsAreFoundBySymbol)
{
	const uint64_t offset = offset_of_function(reinterpret_cast<const void *>(&code_index_test_function));
	for (const char *pattern :
	     {"code_index_test_function", "code_index_test_*", "*_test_function", "code*test*fun*"}) {
		const auto places = own_index().any(pattern);
		EXPECT_EQ(names_at(places, offset), std::vector<std::string>{"code_index_test_function"}) << pattern;
	}
	EXPECT_GT(own_index().any("code_index_test_function").at(0).size, 0u);
	for (const char *pattern : {"code_index_test", "ode_index_test_function", "code_index_test_functio", ""})
		EXPECT_TRUE(own_index().any(pattern).empty()) << pattern;
}

TEST(CodeIndex, DataHasAddresses)
{
	const auto place = own_index().data("_ZN15code_index_test11kept_numberE");
	ASSERT_TRUE(place.has_value());
	EXPECT_EQ(place->size, sizeof kept_number);
	Dl_info info = {};
	ASSERT_NE(::dladdr(reinterpret_cast<const void *>(&code_index_test_function), &info), 0);
	const auto start = reinterpret_cast<uint64_t>(info.dli_fbase);
	EXPECT_TRUE(place->offset == reinterpret_cast<uint64_t>(&kept_number) - start ||
		    place->offset == reinterpret_cast<uint64_t>(&kept_number));
	EXPECT_FALSE(own_index().data("code_index_test_function").has_value());
	EXPECT_FALSE(own_index().data("").has_value());
}

TEST(CodeIndex, DataIsFoundByDemangledName)
{
	for (const char *pattern : {"code_index_test::kept_number", "code_index_test::kept_*", "*_test::kept_number"}) {
		const auto place = own_index().data(pattern);
		ASSERT_TRUE(place.has_value()) << pattern;
		EXPECT_EQ(place->name, "_ZN15code_index_test11kept_numberE");
	}
	EXPECT_FALSE(own_index().data("kept_number").has_value()) << "no symbol is called so";
	EXPECT_FALSE(own_index().data("code_index_test::Dense::compute(*").has_value()) << "no data";
}

TEST(CodeIndex, OnlyNumbersThatNobodyWritesAreConstant)
{
	const auto constant = own_index().data("code_index_test::constant_number");
	const auto written = own_index().data("code_index_test::written_number");
	ASSERT_TRUE(constant.has_value() && written.has_value());
	EXPECT_EQ(own_index().constant_at(constant->offset), constant_number);
	EXPECT_EQ(own_index().constant_at(written->offset), std::nullopt) << "the program may have written it since";
	EXPECT_NE(written_number, 0u);
	EXPECT_EQ(own_index().constant_at(UINT64_MAX), std::nullopt);
	EXPECT_EQ(own_index().constant_at(UINT64_MAX - 2), std::nullopt);
}

TEST(CodeIndex, PatternsSayWhatTheyStandFor)
{
	std::map<std::string, std::vector<std::string>> captured;
	for (const CodePlace &place : own_index().any("code_index_test::*::compute(*)"))
		captured[place.name] = place.captured;
	EXPECT_EQ(captured["_ZN15code_index_test5Dense7computeEi"], (std::vector<std::string>{"Dense", "int"}));
	EXPECT_EQ(captured["_ZN15code_index_test9DeepDense7computeEi"], (std::vector<std::string>{"DeepDense", "int"}));
	EXPECT_EQ(own_index().any("code_index_*_function").at(0).captured, std::vector<std::string>{"test"});
	EXPECT_TRUE(own_index().any("code_index_test_function").at(0).captured.empty());
}

TEST(CodeIndex, CodeHasAddressesToo)
{
	const auto *const function = reinterpret_cast<const void *>(&code_index_test_function);
	Dl_info info = {};
	ASSERT_NE(::dladdr(function, &info), 0);
	const auto address = own_index().address_of(offset_of_function(function));
	ASSERT_TRUE(address.has_value());
	const auto start = reinterpret_cast<uint64_t>(info.dli_fbase), here = reinterpret_cast<uint64_t>(function);
	EXPECT_TRUE(*address == here - start || *address == here);
	EXPECT_FALSE(own_index().address_of(UINT64_MAX).has_value());
}

TEST(CodeIndex, CodeIsWhatRuns)
{
	const uint64_t offset = own_index().any("code_index_test_function").at(0).offset;
	const std::string code = own_index().code(offset, 8);
	ASSERT_EQ(code.size(), 8u);
	EXPECT_EQ(std::memcmp(code.data(), reinterpret_cast<const void *>(&code_index_test_function), 8), 0);
	EXPECT_TRUE(own_index().code(UINT64_MAX, 8).empty());
	EXPECT_TRUE(own_index().code(0, 0).empty());
	EXPECT_EQ(own_index().build_id().size() % 2, 0u);
}

std::string standard_library()
{
	Dl_info info = {};
	return ::dladdr(dlsym(RTLD_DEFAULT, "_ZSt9terminatev"), &info) != 0 ? info.dli_fname : "";
}

TEST(CodeIndex, ALibraryWithoutOurSymbols)
{
	if (standard_library().find("libstdc++") == std::string::npos)
		GTEST_SKIP() << "this program has no shared libstdc++";
	const CodeIndex index = index_of(standard_library());
	const std::bad_alloc out_of_memory;
	const auto places = index.virtual_slot("St9exception", 2); // what()
	EXPECT_EQ(names_at(places, offset_in_slot(&out_of_memory, 2)), std::vector<std::string>{"St9bad_alloc"});
	EXPECT_GT(places.size(), 10u);
	const auto exported = index.exported("_ZNKSt9bad_alloc4whatEv");
	ASSERT_EQ(exported.size(), 1u);
	EXPECT_EQ(exported[0].offset, offset_in_slot(&out_of_memory, 2));
	EXPECT_EQ(names_at(index.exported("_ZNKSt*4whatEv"), exported[0].offset).size(), 1u);
	EXPECT_TRUE(index.exported("malloc").empty()) << "imported";
}

// -- made files --

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
