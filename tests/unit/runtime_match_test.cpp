// SPDX-License-Identifier: Apache-2.0
// Descriptions held against a small runtime (tests/programs/small_runtime.cpp), as a library with all its symbols,
// stripped, and in a static program.
#include "collector/runtime_match.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <set>

#include "collector/function_body.hpp"
#include "collector/name_pattern.hpp"

namespace neuroperf::collector {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr const char *kWhole = NEUROPERF_SMALL_RUNTIME;
constexpr const char *kStripped = NEUROPERF_SMALL_RUNTIME_STRIPPED;
constexpr const char *kStatic = NEUROPERF_SMALL_RUNTIME_STATIC;

const CodeIndex &index_of(const std::string &path)
{
	static std::map<std::string, CodeIndex> indices; // and their files, open until the program ends
	const auto known = indices.find(path);
	if (known != indices.end())
		return known->second;
	auto read = CodeIndex::read(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	if (!read.ok()) {
		ADD_FAILURE() << path << ": " << read.error().what;
		std::abort();
	}
	return indices.emplace(path, std::move(*read)).first->second;
}

RuntimeDescription described(const std::string &places, const std::string &more = "")
{
	const std::string text = fmt::format(R"json({{"schema": "neuroperf.runtime/1", "name": "small",
		"title": "Small", "tested": "here", "match": {{"files": ["*small_runtime*"]}}, {} "places": [{}]}})json",
					     more, places);
	auto parsed = parse_runtime_description(text, "small.json");
	EXPECT_TRUE(parsed.ok()) << parsed.error().what;
	return parsed.ok() ? std::move(*parsed) : RuntimeDescription{};
}

// The description must stay as long as the match: the match names it.
class Matched {
public:
	Matched(const char *path, const std::string &places, const std::string &more = "")
		: description_(described(places, more)), index_(index_of(path)),
		  match_(match_runtime(description_, index_, false))
	{
	}
	const RuntimeMatch &operator*() const { return match_; }
	const RuntimeMatch *operator->() const { return &match_; }
	const CodeIndex &index() const { return index_; }
	std::vector<std::string> names(std::size_t place) const
	{
		std::vector<std::string> found;
		for (const FoundFunction &function : match_.functions)
			if (function.place == place)
				found.push_back(function.name);
		return found;
	}
	// What is at the probe.
	std::string code(const FoundFunction &function, std::size_t size) const
	{
		return index_.code(function.probe_offset, size);
	}

private:
	RuntimeDescription description_;
	const CodeIndex &index_;
	RuntimeMatch match_;
};

CodePlace the_function(const CodeIndex &index, const char *pattern)
{
	const auto places = index.any(pattern);
	EXPECT_THAT(places, SizeIs(1)) << pattern;
	return places.empty() ? CodePlace{} : places.front();
}

bool is_inside(uint64_t offset, const CodePlace &function)
{
	return offset >= function.offset && offset < function.offset + function.size;
}

constexpr const char *kEveryWay = R"json(
	{"name": "run", "means": "inference", "find": {"exported": "small_run"}},
	{"name": "hidden", "means": "phase", "find": {"symbol": "(anonymous namespace)::hidden_step(*"}},
	{"name": "layer", "means": "layer", "find": {"class": "N5small5LayerE", "slot": 2}, "identity": "arg1"},
	{"name": "api run", "means": "operator", "find": {"table": "SmallGetApiBase", "slots": [0, 2]}})json";

TEST(RuntimeMatch, WhatNeedNotBeThereIsNotMissing)
{
	const std::string absent = R"({"name": "absent", "means": "layer", "find": {"exported": "nobody_has_this"})";
	const Matched needed(kWhole, absent + "}"), optional(kWhole, absent + R"(, "optional": true})");
	EXPECT_THAT(needed->missing, ElementsAre(0));
	EXPECT_EQ(needed->not_there, 0u);
	EXPECT_THAT(optional->missing, IsEmpty());
	EXPECT_EQ(optional->not_there, 1u);
}

TEST(RuntimeMatch, EveryWayToFindAPlace)
{
	const Matched match(kWhole, kEveryWay);
	EXPECT_THAT(match->missing, IsEmpty());
	EXPECT_THAT(match->refused, IsEmpty());
	EXPECT_THAT(match.names(0), ElementsAre("small_run"));
	EXPECT_THAT(match.names(1), ElementsAre("_ZN12_GLOBAL__N_111hidden_stepEi"));
	EXPECT_THAT(match.names(2), UnorderedElementsAre("N5small5DenseE", "N5small7SpikingE"));
	EXPECT_THAT(match.names(3), ElementsAre("SmallGetApiBase[0][2]"));
	ASSERT_THAT(match->functions, SizeIs(5));
	const auto offset_in = [&](std::size_t function, const char *symbol) {
		EXPECT_TRUE(is_inside(match->functions[function].probe_offset, the_function(match.index(), symbol)))
			<< symbol;
	};
	offset_in(0, "small_run");
	offset_in(1, "*hidden_step*");
	offset_in(match.names(2).front() == "N5small5DenseE" ? 2 : 3, "small::Dense::forward(int)");
	offset_in(match.names(2).front() == "N5small5DenseE" ? 3 : 2, "small::Spiking::forward(int)");
	offset_in(4, "(anonymous namespace)::api_run(int)");
}

TEST(RuntimeMatch, AStrippedLibraryKeepsWhatIsExportedAndItsClasses)
{
	const Matched match(kStripped, kEveryWay);
	EXPECT_THAT(match->missing, ElementsAre(1)) << "the local function";
	EXPECT_THAT(match.names(0), ElementsAre("small_run"));
	EXPECT_THAT(match.names(2), UnorderedElementsAre("N5small5DenseE", "N5small7SpikingE"));
	EXPECT_THAT(match.names(3), ElementsAre("SmallGetApiBase[0][2]"));
}

TEST(RuntimeMatch, AStaticProgramExportsNothing)
{
	const Matched match(kStatic, std::string(kEveryWay) + R"json(,
		{"name": "run", "means": "inference", "find": {"symbol": "small_run"}})json");
	EXPECT_THAT(match->missing, ElementsAre(0, 3));
	EXPECT_THAT(match.names(1), ElementsAre("_ZN12_GLOBAL__N_111hidden_stepEi"));
	EXPECT_THAT(match.names(2), UnorderedElementsAre("N5small5DenseE", "N5small7SpikingE"));
	EXPECT_THAT(match.names(4), ElementsAre("small_run"));
	RuntimeDescription runtime = described(kEveryWay);
	runtime.requires_symbol = "small_run";
	runtime.requires_class = "N5small5LayerE";
	EXPECT_TRUE(is_runtime(runtime, match.index()));
	runtime.requires_symbol = "small_walk";
	EXPECT_FALSE(is_runtime(runtime, match.index()));
	runtime.requires_symbol = "";
	runtime.requires_class = "N5small6PlayerE";
	EXPECT_FALSE(is_runtime(runtime, match.index()));
}

TEST(RuntimeMatch, FunctionsOfOnePlaceAreReadAlike)
{
	const Matched match(kWhole, kEveryWay);
	EXPECT_THAT(match->places, SizeIs(4));
	for (const FoundFunction &function : match->functions) {
		EXPECT_EQ(match->places[function.found_place].place, function.place);
		EXPECT_EQ(match->places[function.found_place].reads.probe_address, 0u);
	}
	EXPECT_EQ(match->places[2].reads.identity.from, NP_READ_ARGUMENT_1);
}

// What is read of a place whose identity, name, kind and shape are these.
np_place reads_of(const std::string &identity, const std::string &name, const std::string &kind,
		  const std::string &shape)
{
	const Matched match(
		kWhole,
		R"json({"name": "run", "means": "layer", "find": {"exported": "small_run"}, "identity": ")json" +
			identity + R"json(", "layer": ")json" + name + R"json(", "kind": ")json" + kind +
			R"json(", "kinds": ["none"], "shape": {"sizes": ")json" + shape +
			R"json(", "count": "2"}})json");
	return match->places.at(0).reads;
}

TEST(RuntimeMatch, WhatLiesBehindTheIdentityIsNotFollowedToAgain)
{
	const np_place behind =
		reads_of("*(*(arg1+8)+16)", "std_string(*(*(arg1+8)+16)+24)", "u32(*(*(arg1+8)+16)+40)", "*(arg1+8)");
	EXPECT_EQ(behind.identity.from, NP_READ_ARGUMENT_1);
	EXPECT_EQ(behind.identity.steps, 2);
	EXPECT_EQ(behind.name.from, NP_READ_IDENTITY);
	EXPECT_EQ(behind.name.steps, 0);
	EXPECT_EQ(behind.name.add, 24);
	EXPECT_EQ(behind.name.as, NP_AS_STD_STRING);
	EXPECT_EQ(behind.kind.from, NP_READ_IDENTITY);
	EXPECT_EQ(behind.kind.steps, 1);
	EXPECT_EQ(behind.kind.offsets[0], 40);
	EXPECT_EQ(behind.kind.last_size, 4);
	EXPECT_EQ(behind.shape.from, NP_READ_ARGUMENT_1) << "this one is on the way";
	EXPECT_EQ(behind.shape_count.from, NP_READ_CONSTANT);
	const np_place moved = reads_of("arg1+8", "c_string(arg1+4)", "u32(*(arg1+8)+4)", "*(arg2+8)");
	EXPECT_EQ(moved.name.from, NP_READ_IDENTITY);
	EXPECT_EQ(moved.name.add, -4);
	EXPECT_EQ(moved.kind.from, NP_READ_IDENTITY);
	EXPECT_EQ(moved.kind.steps, 2);
	EXPECT_EQ(moved.kind.offsets[0], 0);
	EXPECT_EQ(moved.kind.offsets[1], 4);
	EXPECT_EQ(moved.shape.from, NP_READ_ARGUMENT_2);
	const np_place part = reads_of("u32(arg1+8)", "c_string(*(arg1+8))", "u64(arg1+8)", "*(arg1+16)");
	EXPECT_EQ(part.name.from, NP_READ_ARGUMENT_1) << "a part of a pointer leads nowhere";
	EXPECT_EQ(part.kind.from, NP_READ_ARGUMENT_1);
}

std::string the_return()
{
#if defined(__x86_64__)
	return "\xc3";
#else
	return std::string("\xc0\x03\x5f\xd6", 4);
#endif
}

TEST(RuntimeMatch, AtTheExitEveryReturnIsProbed)
{
	const Matched match(kWhole, R"json(
		{"name": "ends", "means": "spikes", "find": {"exported": "small_two_ends"}, "at": "exit", "count": "result"},
		{"name": "run", "means": "synops", "find": {"exported": "small_run"}, "at": "exit", "count": "result"})json");
	EXPECT_THAT(match->refused, IsEmpty());
	const CodePlace function = the_function(match.index(), "small_two_ends");
	const std::string body = match.index().code(function.offset, function.size);
	const auto exits = exits_of(match.index().machine(), function.offset,
				    {reinterpret_cast<const uint8_t *>(body.data()), body.size()},
				    [&](uint64_t offset) { return match.index().continued_part(offset); });
	ASSERT_TRUE(exits.ok());
	EXPECT_THAT(match.names(0), SizeIs(exits->size())) << "two where compilers keep them apart, as g++ does";
	EXPECT_THAT(match.names(1), testing::Not(IsEmpty()));
	std::set<uint64_t> offsets;
	for (const FoundFunction &found : match->functions) {
		EXPECT_EQ(match.code(found, the_return().size()), the_return());
		EXPECT_TRUE(is_inside(found.probe_offset, the_function(match.index(), found.name.c_str())));
		EXPECT_EQ(found.pushed_bytes, 0u);
		EXPECT_EQ(found.cost, ProbeCost::stepped);
		EXPECT_TRUE(offsets.insert(found.probe_offset).second);
	}
	EXPECT_THAT(match->places, SizeIs(2)) << "nothing of the file is in them";
}

TEST(RuntimeMatch, AFunctionThatIsLeftByAJumpIsRefusedAtItsExit)
{
	const char *const place = R"json({{"name": "ends", "means": "spikes", "find": {{"exported": "small_tail"}},
		"at": "{}", "count": "1"}})json";
	const Matched at_exit(kWhole, fmt::format(fmt::runtime(place), "exit"));
	EXPECT_THAT(at_exit->functions, IsEmpty());
	EXPECT_THAT(at_exit->missing, IsEmpty());
	EXPECT_THAT(at_exit->refused, ElementsAre(HasSubstr("small_tail: it is also left by a jump")));
	const Matched at_entry(kWhole, fmt::format(fmt::runtime(place), "entry"));
	EXPECT_THAT(at_entry->functions, SizeIs(1));
	EXPECT_THAT(at_entry->refused, IsEmpty());
}

TEST(RuntimeMatch, AFunctionGoesOnInThePartThatIsPutAway)
{
	for (const char *path : {kWhole, kStripped}) {
		const Matched match(path, R"json({"name": "ends", "means": "spikes",
			"find": {"exported": "small_cold_part"}, "at": "exit", "count": "result"})json");
		EXPECT_THAT(match->refused, IsEmpty());
		EXPECT_THAT(match->functions, SizeIs(2)) << "one in each part";
		for (const FoundFunction &found : match->functions)
			EXPECT_EQ(match.code(found, the_return().size()), the_return());
	}
}

// Each function has the data of its own name, and the number that the file has for it.
TEST(RuntimeMatch, DataOfAFunctionsName)
{
	const std::string place = R"json({"name": "spikes of {1}", "means": "spikes",
		"find": {"symbol": "_run_*_thresholder_codeobject()"}, "at": "exit",
		"count": "u32(*(data(\"simulated::_array_{1}__spikespace\")) + 4*file_u32(\"simulated::_num__array_{1}__spikespace\") - 4)"})json";
	for (const char *path : {kWhole, kStripped, kStatic}) {
		SCOPED_TRACE(path);
		const Matched match(path, place);
		EXPECT_THAT(match->missing, IsEmpty());
		EXPECT_THAT(match->refused, ElementsAre("_Z34_run_broken_thresholder_codeobjectv: no "
							"simulated::_num__array_{1}__spikespace in the file"));
		ASSERT_THAT(match->functions, SizeIs(2));
		ASSERT_THAT(match->places, SizeIs(2));
		std::set<std::string> names;
		for (const FoundFunction &function : match->functions) {
			ASSERT_THAT(function.captured, SizeIs(1));
			const std::string &name = function.captured.front();
			names.insert(name);
			const np_place &reads = match->places[function.found_place].reads;
			const auto array = match.index().data(fmt::format("simulated::_array_{}__spikespace", name));
			ASSERT_TRUE(array.has_value());
			EXPECT_EQ(reads.value.from, NP_READ_FILE);
			ASSERT_EQ(reads.value.steps, 2);
			EXPECT_EQ(reads.value.offsets[0], static_cast<int64_t>(array->offset));
			EXPECT_EQ(reads.value.offsets[1], 4 * (name == "cells" ? 131 : 71) - 4);
			EXPECT_EQ(reads.value.last_size, 4);
			EXPECT_EQ(reads.probe_address, match.index().address_of(function.probe_offset));
		}
		EXPECT_THAT(names, ElementsAre("axons", "cells"));
	}
}

constexpr const char *kOfEach = R"json({"name": "group {2}, population {3}", "means": "spikes", "optional": true,
	"find": {"exported": "small_fired"}, "at": "exit", "identity": "element", "count": "u32(*(element))",
	"each": {"array": "_ZL*populations_*", "bytes": 8, "filled_by": "small_fill_{2}"}})json";

// Each element is read by itself, at each return of the function.
TEST(RuntimeMatch, ElementsOfArraysAreCountedOneByOne)
{
	for (const char *path : {kWhole, kStatic}) {
		SCOPED_TRACE(path);
		std::string place = kOfEach;
		if (path == kStatic) // exports nothing
			place.replace(place.find("exported"), 8, "symbol");
		const Matched match(path, place);
		EXPECT_THAT(match->missing, IsEmpty());
		EXPECT_EQ(match->not_there, 0u);
		std::set<std::string> names;
		std::map<uint64_t, std::set<std::string>> at_exits;
		for (const FoundFunction &function : match->functions) {
			const std::string name = filled_in("group {2}, population {3}", function.captured);
			names.insert(name);
			EXPECT_EQ(function.cost,
				  at_exits[function.probe_offset].empty() ? ProbeCost::stepped : ProbeCost::emulated)
				<< "they share a trap";
			EXPECT_TRUE(at_exits[function.probe_offset].insert(name).second);
			const np_place &reads = match->places[function.found_place].reads;
			const auto array = match.index().data("_ZL13populations_" + function.captured[1]);
			ASSERT_TRUE(array.has_value());
			const uint64_t element = array->offset + 8 * std::stoul(function.captured[2]);
			EXPECT_EQ(reads.identity.from, NP_READ_FILE);
			EXPECT_EQ(reads.identity.steps, 0);
			EXPECT_EQ(reads.identity.add, static_cast<int64_t>(element));
			EXPECT_EQ(reads.value.from, NP_READ_IDENTITY);
			ASSERT_EQ(reads.value.steps, 2) << "the pointer, what it points to";
			EXPECT_EQ(reads.value.offsets[0], 0);
			EXPECT_EQ(reads.value.last_size, 4);
			EXPECT_EQ(reads.probe_address, match.index().address_of(function.probe_offset));
		}
		EXPECT_THAT(names,
			    ElementsAre("group 0, population 0", "group 0, population 1", "group 0, population 2"));
		for (const auto &[offset, populations] : at_exits)
			EXPECT_EQ(populations, names) << offset;
	}
}

TEST(RuntimeMatch, ArraysOfOtherElementsAreNotCounted)
{
	const Matched match(kWhole, kOfEach);
	EXPECT_THAT(match->refused, IsEmpty());
	EXPECT_THAT(match->uncounted,
		    UnorderedElementsAre("_ZL13populations_1: its elements have 16 bytes, not 8: they hold something "
					 "else than described",
					 "_ZL13populations_2: with its 2000 elements they are more than 1024",
					 "_ZL13populations_3: small_fill_3 is not one short function",
					 "_ZL13populations_4: small_fill_4 is not one short function"));
	const std::string check = R"(, "filled_by": "small_fill_{2}")";
	std::string unchecked = kOfEach;
	unchecked.erase(unchecked.find(check), check.size());
	EXPECT_THAT(Matched(kWhole, unchecked)->uncounted,
		    UnorderedElementsAre("_ZL13populations_2: with its 2000 elements they are more than 1024",
					 "_ZL13populations_3: its 12 bytes are no elements of 8"))
		<< "where nobody says what fills them in, sizes alone count";
	const Matched stripped(kStripped, kOfEach);
	EXPECT_EQ(stripped->not_there, 1u);
	EXPECT_THAT(stripped->uncounted, IsEmpty());
}

TEST(RuntimeMatch, CallsOfCallersAreFoundOnce)
{
	const Matched match(kWhole, kEveryWay, R"json("callers": ["small_caller", "small_walk"],)json");
	ASSERT_THAT(match->behind_calls, SizeIs(3));
	for (const uint64_t offset : match->behind_calls) {
		EXPECT_TRUE(is_inside(offset, the_function(match.index(), "small_caller")));
#if defined(__x86_64__)
		const std::string before = match.index().code(offset - 5, 5);
		const auto byte = [&](std::size_t i) { return static_cast<uint8_t>(before[i]); };
		const bool indirect =
			(byte(2) == 0xff && (byte(3) & 0x38) == 0x10) || (byte(3) == 0xff && (byte(4) & 0x38) == 0x10);
		EXPECT_TRUE(byte(0) == 0xe8 || indirect) << "no call before +" << offset;
#else
		uint32_t word = 0;
		std::memcpy(&word, match.index().code(offset - 4, 4).data(), 4);
		EXPECT_TRUE((word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000);
#endif
	}
	EXPECT_THAT(Matched(kWhole, kEveryWay)->behind_calls, IsEmpty());
	EXPECT_THAT(Matched(kStripped, kEveryWay, R"json("callers": ["*::hidden_step(int)"],)json")->behind_calls,
		    IsEmpty());
}

TEST(RuntimeMatch, OnlyFilesOfTheNameAreLookedInto)
{
	RuntimeDescription runtime = described(kEveryWay);
	runtime.files = {"libsmall_runtime.so*", "small_runtime"};
	EXPECT_TRUE(may_be(runtime, "/usr/lib/libsmall_runtime.so.1"));
	EXPECT_TRUE(may_be(runtime, "small_runtime"));
	EXPECT_TRUE(may_be(runtime, "/tmp/small_runtime (deleted)"));
	EXPECT_FALSE(may_be(runtime, "/opt/small_runtime/libother.so"));
	EXPECT_FALSE(may_be(runtime, ""));
	RuntimeDescription newer = runtime;
	newer.excepted_files = {"libsmall_runtime.so.1", "*.old"};
	EXPECT_FALSE(may_be(newer, "/usr/lib/libsmall_runtime.so.1"));
	EXPECT_TRUE(may_be(newer, "/usr/lib/libsmall_runtime.so.2"));
}

} // namespace
} // namespace neuroperf::collector
