// SPDX-License-Identifier: Apache-2.0
#include "collector/attached_names.hpp"

#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

LocalDefinition layer(uint32_t handle, const std::string &name)
{
	LocalDefinition local;
	local.handle = handle;
	local.definition.what = NP_DEFINES_LAYER;
	local.definition.name = name;
	return local;
}

constexpr uint32_t kHandle = NP_HANDLE_LOCAL | 7;

TEST(AttachedNames, TheSameContentHasOneNumber)
{
	AttachedNames names(100);
	names.add(1, 1, layer(kHandle, "lif"));
	names.add(2, 5, layer(kHandle, "lif"));
	EXPECT_EQ(names.id_of(1, 1, kHandle), 100u);
	EXPECT_EQ(names.id_of(2, 5, kHandle), 100u);
	EXPECT_EQ(names.take().size(), 1u);
	EXPECT_TRUE(names.take().empty());
}

TEST(AttachedNames, TheObjectThatEmitsDecides)
{
	AttachedNames names(1);
	names.add(1, 1, layer(kHandle, "of the first"));
	names.add(1, 2, layer(kHandle, "of the second"));
	EXPECT_EQ(names.id_of(1, 1, kHandle), 1u);
	EXPECT_EQ(names.id_of(1, 2, kHandle), 2u);
	EXPECT_EQ(names.id_of(1, 3, kHandle), 1u) << "else the first that has it in this process";
	EXPECT_EQ(names.id_of(2, 1, kHandle), 0u) << "another process";
}

TEST(AttachedNames, WhatIsForgottenIsKnownFromElsewhereOnly)
{
	AttachedNames names(1);
	names.add(1, 1, layer(kHandle, "lif"));
	names.forget(1);
	names.forget(1);
	EXPECT_EQ(names.id_of(1, 1, kHandle), 0u);
	EXPECT_EQ(names.id_anywhere(kHandle), 1u);
	EXPECT_EQ(names.id_anywhere(kHandle + 1), 0u);
	names.add(1, 1, layer(kHandle, "another program's"));
	EXPECT_EQ(names.id_of(1, 1, kHandle), 2u);
	EXPECT_EQ(names.id_anywhere(kHandle), 1u) << "who was first";
}

} // namespace
} // namespace neuroperf::collector
