// SPDX-License-Identifier: Apache-2.0
#include "collector/name_pattern.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace neuroperf::collector {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

bool matches(std::string_view text, std::string_view pattern)
{
	return NamePattern(pattern).matches(text);
}

TEST(NamePattern, StarsStandForAnything)
{
	EXPECT_TRUE(matches("libonnxruntime.so.1", "libonnxruntime.so*"));
	EXPECT_TRUE(matches("libonnxruntime.so", "libonnxruntime.so*"));
	EXPECT_TRUE(matches("abcabc", "*abc"));
	EXPECT_TRUE(matches("_ZN2cv3dnn14dnn4Net4Impl", "_ZN2cv3dnn*Net*Impl"));
	EXPECT_FALSE(matches("xlibnrniv.so", "libnrniv.so*"));
	EXPECT_FALSE(matches("abcabd", "*abc"));
	EXPECT_FALSE(matches("", "a"));
	EXPECT_TRUE(matches("", "*"));
	EXPECT_FALSE(matches("ab", "ab*b")) << "nothing is matched twice";
	EXPECT_TRUE(matches("a*c", "a*c"));
}

TEST(NamePattern, SaysWhatTheStarsStoodFor)
{
	EXPECT_THAT(NamePattern("_run_*_codeobject*").captured("_run_cuba_spikes_codeobject()"),
		    ElementsAre("cuba_spikes", "()"));
	EXPECT_THAT(NamePattern("a*").captured("a"), ElementsAre(""));
	EXPECT_THAT(NamePattern("a*").captured("b"), IsEmpty());
	EXPECT_THAT(NamePattern("a").captured("a"), IsEmpty());
}

TEST(NamePattern, PatternsOfDemangledNamesAreHeldAgainstThem)
{
	std::string shown;
	EXPECT_TRUE(NamePattern("brian::_array_*__spikespace")
			    .matches_symbol("_ZN5brian23_array_cuba__spikespaceE", &shown));
	EXPECT_EQ(shown, "brian::_array_cuba__spikespace");
	EXPECT_FALSE(
		NamePattern("brian::_array_*__spikespace").matches_symbol("_ZN5brian28_num__array_cuba__spikespaceE"));
	EXPECT_TRUE(NamePattern("_run_*_codeobject()").matches_symbol("_Z20_run_spk_codeobjectv", &shown) ||
		    NamePattern("_run_*_codeobject()").matches_symbol("_Z19_run_spk_codeobjectv", &shown));
	EXPECT_EQ(shown, "_run_spk_codeobject()");
	EXPECT_TRUE(NamePattern("_Z*_run_spk_*").matches_symbol("_Z19_run_spk_codeobjectv", &shown));
	EXPECT_EQ(shown, "_Z19_run_spk_codeobjectv");
}

TEST(NamePattern, WordsThatMangledNamesDoNotHave)
{
	const std::pair<const char *, const char *> cases[] = {
		{"_ZN12_GLOBAL__N_17api_runEi", "(anonymous namespace)::api_run(int)"},
		{"_ZN2at3addEmm", "at::add(unsigned long, unsigned long)"},
		{"_ZN2at3addEmm", "at::*(unsigned long, *"},
		{"_ZN2at3addEPVKc", "at::add(char const volatile*)"},
		{"_ZN1a1fESaIcE", "a::f(std::allocator<char>)"},
		{"_ZN1a1fERKSs", "*::f(std::*string*)"},
		{"_ZN1a1fERKSs", "a::f(std::str*"},
		{"_ZN1a1fEm", "a::f(unsig*)"},
		{"_ZN1a1bplERKS0_", "a::b::operator+(*)"},
		{"_ZN1a1fILj4000000000EEEvv", "void a::f<4000000000u>()"},
		{"_ZTVN1a1bE", "vtable for a::b"},
		{"_ZN1aC1Ev", "a::a()"},
	};
	for (const auto &[symbol, pattern] : cases) {
		std::string shown;
		EXPECT_TRUE(NamePattern(pattern).matches_symbol(symbol, &shown))
			<< pattern << ", which is " << demangled(symbol);
	}
	EXPECT_FALSE(NamePattern("at::add(unsigned int)").matches_symbol("_ZN2at3addEmm"));
}

TEST(NamePattern, WhatIsNoMangledNameStaysAsItIs)
{
	EXPECT_EQ(demangled("main"), "main");
	EXPECT_EQ(demangled("_ZQQ"), "_ZQQ");
	EXPECT_EQ(demangled("*N4ncnn5LayerE"), "ncnn::Layer");
	EXPECT_EQ(demangled(""), "");
	const std::string huge = "_Z" + std::string(1 << 20, 'N');
	EXPECT_EQ(demangled(huge), huge);
}

TEST(NamePattern, WhatTheStarsStoodForIsFilledIn)
{
	EXPECT_EQ(filled_in("spikes of {1}", {"cells"}), "spikes of cells");
	EXPECT_EQ(filled_in("{2}/{1}/{2}", {"a", "b"}), "b/a/b");
	EXPECT_EQ(filled_in("{1}{3}", {"{1}"}), "{1}{3}") << "once";
	EXPECT_EQ(filled_in("{1}", {}), "{1}");
}

} // namespace
} // namespace neuroperf::collector
