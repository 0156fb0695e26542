// SPDX-License-Identifier: Apache-2.0
// Definitions read out of a process's memory: this one's, written by the header and by hand.
#include "collector/local_definitions.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <neuroperf/neuroperf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "collector/attached_names.hpp"

namespace neuroperf::collector {
namespace {

template <typename T> uint64_t address_of(const T *object)
{
	return reinterpret_cast<uint64_t>(object);
}

// A table by hand: one chunk, as many definitions as it has room for.
class Table : public testing::Test {
protected:
	Table()
	{
		probe_.version = NP_PROBE_VERSION;
		probe_.magic = NP_PROBE_MAGIC;
		probe_.chunks[0] = address_of(entries_.data());
	}
	void define(uint32_t at, uint32_t handle, const char *name)
	{
		np_definition &entry = entries_[at];
		entry.hash = handle;
		entry.what = NP_DEFINES_LAYER;
		std::strncpy(entry.name, name, sizeof entry.name - 1);
		entry.state = NP_DEFINITION_READY;
		probe_.definition_count = std::max(probe_.definition_count, at + 1);
	}
	std::vector<LocalDefinition> read()
	{
		std::vector<LocalDefinition> definitions;
		is_table_ = reader_.read_new(&definitions);
		return definitions;
	}

	np_probe probe_{};
	std::vector<np_definition> entries_{NP_PROBE_FIRST_CHUNK};
	LocalDefinitions reader_{::getpid(), address_of(&probe_)};
	bool is_table_ = false;
};

TEST(LocalDefinitions, WhatTheHeaderDefinesIsRead)
{
	const np_layer_facts facts = {1, 2, 3, 4};
	const np_layer_t layer = np_layer_define("conv1", "conv", &facts);
	LocalDefinitions reader(::getpid(), address_of(&np__probe));
	std::vector<LocalDefinition> found;
	ASSERT_TRUE(reader.read_new(&found));
	ASSERT_FALSE(found.empty());
	const auto conv = std::find_if(found.begin(), found.end(),
				       [&](const LocalDefinition &one) { return one.handle == layer; });
	ASSERT_NE(conv, found.end());
	EXPECT_EQ(conv->definition.name, "conv1");
	EXPECT_EQ(conv->definition.kind, "conv");
	EXPECT_EQ(conv->definition.what, static_cast<uint32_t>(NP_DEFINES_LAYER));
	EXPECT_EQ(conv->definition.synapses, 2u);
	EXPECT_EQ(conv->definition.parameters, 4u);
	EXPECT_EQ(reader.malformed(), 0u);
	// Over several chunks, and only what is new.
	std::vector<np_layer_t> handles;
	for (int i = 0; i < 1000; i++)
		handles.push_back(np_layer_define(("layer " + std::to_string(i)).c_str(), "lif", nullptr));
	found.clear();
	ASSERT_TRUE(reader.read_new(&found));
	ASSERT_EQ(found.size(), 1000u);
	for (std::size_t i = 0; i < 1000; i++) {
		EXPECT_EQ(found[i].handle, handles[i]);
		EXPECT_EQ(found[i].definition.name, "layer " + std::to_string(i));
	}
	EXPECT_EQ(np_layer_define("conv1", "conv", &facts), layer);
	found.clear();
	ASSERT_TRUE(reader.read_new(&found));
	EXPECT_TRUE(found.empty());
}

TEST_F(Table, NothingYet)
{
	EXPECT_TRUE(read().empty());
	EXPECT_TRUE(is_table_);
	define(0, NP_HANDLE_LOCAL | 1, "a");
	EXPECT_EQ(read().size(), 1u);
	EXPECT_TRUE(read().empty());
}

TEST_F(Table, AnUnfinishedDefinitionIsReadWhenItIsThere)
{
	define(0, NP_HANDLE_LOCAL | 1, "a");
	define(2, NP_HANDLE_LOCAL | 3, "c");
	EXPECT_EQ(read().size(), 2u);
	EXPECT_TRUE(read().empty());
	define(1, NP_HANDLE_LOCAL | 2, "b");
	const auto found = read();
	ASSERT_EQ(found.size(), 1u);
	EXPECT_EQ(found[0].definition.name, "b");
	EXPECT_EQ(reader_.malformed(), 0u);
}

TEST_F(Table, AbandonedOnesAreLeftOut)
{
	define(0, NP_HANDLE_LOCAL | 1, "a");
	entries_[0].state = NP_DEFINITION_ABANDONED;
	EXPECT_TRUE(read().empty());
	EXPECT_EQ(reader_.malformed(), 0u);
}

TEST_F(Table, SenselessDefinitionsAreCounted)
{
	define(0, 1, "a number of shared memory");
	define(1, NP_HANDLE_LOCAL | 1, "no such kind of thing");
	entries_[1].what = 99;
	define(2, NP_HANDLE_LOCAL | 1, "no such state");
	entries_[2].state = 77;
	define(3, NP_HANDLE_LOCAL | 1, "good");
	EXPECT_EQ(read().size(), 1u);
	EXPECT_EQ(reader_.malformed(), 3u);
}

TEST_F(Table, TextsThatDoNotEndAreCut)
{
	define(0, NP_HANDLE_LOCAL | 1, "");
	std::memset(entries_[0].name, 'x', sizeof entries_[0].name);
	std::memset(entries_[0].kind, 'y', sizeof entries_[0].kind);
	const auto found = read();
	ASSERT_EQ(found.size(), 1u);
	EXPECT_EQ(found[0].definition.name, std::string(144, 'x'));
	EXPECT_EQ(found[0].definition.kind, std::string(48, 'y'));
}

TEST_F(Table, OtherMemoryIsNoTable)
{
	probe_.magic++;
	read();
	EXPECT_FALSE(is_table_);
	probe_.magic--;
	probe_.version++;
	read();
	EXPECT_FALSE(is_table_);
	std::vector<LocalDefinition> none;
	EXPECT_FALSE(LocalDefinitions(::getpid(), 0).read_new(&none));
	EXPECT_FALSE(LocalDefinitions(::getpid(), UINT64_MAX - 8).read_new(&none));
	EXPECT_FALSE(LocalDefinitions(-1, address_of(&probe_)).read_new(&none));
}

TEST_F(Table, CountsAndAddressesOfAnything)
{
	probe_.definition_count = UINT32_MAX;
	for (uint64_t &chunk : probe_.chunks)
		chunk = address_of(entries_.data()); // all chunks the same, and too short
	for (uint32_t i = 0; i < NP_PROBE_FIRST_CHUNK; i++)
		define(i, NP_HANDLE_LOCAL | i, "again");
	probe_.definition_count = UINT32_MAX;
	EXPECT_LE(read().size(), NP_PROBE_DEFINITIONS);
	EXPECT_TRUE(is_table_);
	LocalDefinitions unmapped(::getpid(), address_of(&probe_));
	for (uint64_t &chunk : probe_.chunks)
		chunk = 16;
	std::vector<LocalDefinition> none;
	EXPECT_TRUE(unmapped.read_new(&none));
	EXPECT_TRUE(none.empty());
	EXPECT_EQ(unmapped.malformed(), NP_PROBE_DEFINITIONS);
}

TEST_F(Table, RandomBytes)
{
	std::mt19937_64 random(1);
	for (int round = 0; round < 200; round++) {
		for (np_definition &entry : entries_) {
			uint64_t words[sizeof entry / 8];
			std::generate(std::begin(words), std::end(words), random);
			std::memcpy(&entry, words, sizeof entry);
			entry.state = random() % 4;
			entry.what = random() % 6;
		}
		probe_.definition_count = static_cast<uint32_t>(random() % 200);
		std::vector<LocalDefinition> found;
		LocalDefinitions reader(::getpid(), address_of(&probe_));
		EXPECT_TRUE(reader.read_new(&found));
		for (const LocalDefinition &one : found)
			EXPECT_LE(one.definition.name.size(), sizeof(np_definition::name));
	}
}

LocalDefinition local(uint32_t handle, const std::string &name, uint64_t macs = 0)
{
	LocalDefinition definition;
	definition.handle = NP_HANDLE_LOCAL | handle;
	definition.definition.what = NP_DEFINES_LAYER;
	definition.definition.name = name;
	definition.definition.macs = macs;
	return definition;
}

TEST(AttachedNames, TheSameContentHasOneNumber)
{
	AttachedNames names(5);
	names.add(100, 1, local(1, "a"));
	names.add(200, 2, local(1, "a"));
	names.add(200, 2, local(2, "a", 7));
	EXPECT_EQ(names.id_of(100, 1, NP_HANDLE_LOCAL | 1), 5u);
	EXPECT_EQ(names.id_of(200, 2, NP_HANDLE_LOCAL | 1), 5u);
	EXPECT_EQ(names.id_of(200, 2, NP_HANDLE_LOCAL | 2), 6u);
	EXPECT_EQ(names.take().size(), 2u);
	EXPECT_TRUE(names.take().empty());
}

TEST(AttachedNames, OneHandleForTwoThingsIsToldApartByObjectAndProcess)
{
	AttachedNames names(1);
	names.add(100, 1, local(1, "a"));
	names.add(100, 2, local(1, "b"));
	names.add(200, 3, local(1, "c"));
	EXPECT_EQ(names.id_of(100, 1, NP_HANDLE_LOCAL | 1), 1u);
	EXPECT_EQ(names.id_of(100, 2, NP_HANDLE_LOCAL | 1), 2u);
	EXPECT_EQ(names.id_of(200, 3, NP_HANDLE_LOCAL | 1), 3u);
	EXPECT_EQ(names.id_of(100, 9, NP_HANDLE_LOCAL | 1), 1u) << "handed to an object that has not defined it";
	EXPECT_EQ(names.id_of(300, 1, NP_HANDLE_LOCAL | 1), 0u);
	EXPECT_EQ(names.id_of(100, 1, 1), 0u);
}

TEST(AttachedNames, NumbersEndWhereReadersEnd)
{
	AttachedNames names(65535);
	for (uint32_t i = 0; i < 4; i++)
		names.add(100, 1, local(i, "layer " + std::to_string(i)));
	EXPECT_EQ(names.take().size(), 2u);
	EXPECT_EQ(names.without_number(), 2u);
	EXPECT_EQ(names.id_of(100, 1, NP_HANDLE_LOCAL | 1), 65536u);
	EXPECT_EQ(names.id_of(100, 1, NP_HANDLE_LOCAL | 2), 0u);
}

} // namespace
} // namespace neuroperf::collector
