// SPDX-License-Identifier: Apache-2.0
// Functions by symbol and by class, in this program and in libstdc++.
#include "collector/code_index.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>
#include <set>

#include "recording/unique_fd.hpp"

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

// Where it was loaded, from any function.
TEST(CodeIndex, AllSlotsThatHoldAFunctionAreKnown)
{
	Dense dense;
	SameDense same;
	std::set<uint64_t> slots;
	for (const Layer *layer : std::initializer_list<const Layer *>{&dense, &same})
		slots.insert(*reinterpret_cast<const uint64_t *>(layer) + 3 * 8);
	for (const CodePlace &place : own_index().virtual_slot(kLayer, 3)) {
		if (place.offset != offset_in_slot(&dense, 3))
			continue;
		const auto function = *reinterpret_cast<const uint64_t *>(*slots.begin());
		std::set<uint64_t> found;
		for (const uint64_t slot : place.slots)
			found.insert(function + (slot - place.address));
		EXPECT_EQ(found, slots);
		EXPECT_EQ(own_index().address_of(place.offset), place.address);
	}
	EXPECT_EQ(slots.size(), 2u);
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
	EXPECT_GE(place->size, sizeof kept_number) << "with what sanitizers put around it";
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

TEST(CodeIndex, AllObjectsOfAPattern)
{
	const auto places = own_index().objects("code_index_test::*_number");
	std::vector<std::string> stars;
	for (const CodePlace &place : places) {
		ASSERT_EQ(place.captured.size(), 1u);
		stars.push_back(place.captured[0]);
		EXPECT_EQ(place.offset, own_index().data(place.name)->offset);
	}
	std::sort(stars.begin(), stars.end());
	EXPECT_EQ(stars, (std::vector<std::string>{"constant", "kept", "written"}));
	EXPECT_TRUE(own_index().objects("code_index_test_function").empty()) << "no data";
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

} // namespace
} // namespace neuroperf::collector
