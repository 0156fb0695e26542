// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/demangle.hpp"
#include "analyzer/rust_demangle.hpp"

namespace neuroperf::analyzer {
namespace {

using testing::HasSubstr;

TEST(Demangle, mangled_names_only)
{
	EXPECT_EQ(demangle("_ZN3net5layer4stepEi"), "net::layer::step");
	EXPECT_EQ(demangle("_ZNSt6vectorIiSaIiEE9push_backEOi"), "std::vector<int, std::allocator<int> >::push_back");
	EXPECT_EQ(demangle("_ZN3foo3barEv.cold"), "foo::bar");
	EXPECT_EQ(demangle("_ZNK1ScvbEv"), "S::operator bool");
	EXPECT_EQ(demangle("_ZNK1SclEi"), "S::operator()");
	EXPECT_EQ(demangle("_ZlsIiER1SS1_RKT_"), "operator<< <int>");
	EXPECT_EQ(demangle("_ZN3net3maxIiEERKT_S3_S3_"), "net::max<int>");
	EXPECT_EQ(demangle("_ZZNK1S3runEiENKUlvE_clEv"), "S::run(int) const::{lambda()#1}::operator()");
	EXPECT_EQ(demangle("_Znwm@plt"), "operator new@plt");
	EXPECT_EQ(demangle("_ZTV1S"), "vtable for S");
	EXPECT_EQ(demangle("_ZThn8_N1S3runEi"), "non-virtual thunk to S::run(int)");
	EXPECT_EQ(demangle("f"), "f"); // not "float"
	EXPECT_EQ(demangle("_Zbroken"), "_Zbroken");
	EXPECT_EQ(demangle(""), "");
}

TEST(Demangle, names_that_would_explode_are_kept)
{
	// Each argument is a template of twice the one before: 35 million characters.
	std::string name = "_Z1f1AIiiE";
	const std::string digits = "0123456789ABCDEFGHIJ";
	for (const char digit : digits)
		name += std::string("S_IS") + digit + "_S" + digit + "_E";
	EXPECT_TRUE(demangle(name) == name);
	EXPECT_EQ(demangle("_Z" + std::string(100000, 'P') + "i"), "_Z" + std::string(100000, 'P') + "i");
}

TEST(Demangle, long_names_of_template_libraries_are_shown)
{
	const std::string name = "_ZN5Eigen8internal16dense_assignmentINS_6MatrixIfLin1ELi1ELi0ELin1ELi1"
				 "EEENS_7ProductINS_9TransposeIKNS2_IfLin1ELin1ELi0ELin1ELin1EEEEENS_5BlockIS3_"
				 "Lin1ELi1ELb0EEELi0EEENS0_9assign_opIffEEEEvRT_RKT0_RKT1_";
	EXPECT_THAT(demangle(name), HasSubstr("Eigen::Transpose<Eigen::Matrix<float, -1, -1, 0, -1, -1> const>"));
}

TEST(Demangle, rust_legacy_names_are_paths_without_hash)
{
	EXPECT_EQ(demangle("_ZN3std2io5Write9write_all17h99414720363a8fccE"), "std::io::Write::write_all");
	EXPECT_EQ(demangle("_ZN3std2io5Write9write_all17h99414720363a8fccE.llvm.5531122692271726665"),
		  "std::io::Write::write_all");
	EXPECT_EQ(demangle("_ZN1a25Neuron$LT$T$C$7_usize$GT$4only17h47a78bb23a345260E"), "a::Neuron<T,7_usize>::only");
	EXPECT_EQ(demangle("_ZN47_$LT$a..Neuron$LT$T$GT$$u20$as$u20$a..Spike$GT$4fire17h0123456789abcdefE"),
		  "<a::Neuron<T> as a::Spike>::fire");
	EXPECT_FALSE(demangle_rust("_ZN99_$LT$a..Neuron$LT$T$GT$$u20$as$u20$a..Spike$GT$4fire17h0123456789abcdefE"))
		<< "a length that reaches too far";
	EXPECT_EQ(demangle("_ZN1a13gr$uf6$$udf$e17hc4d0c499fb400a94E"), "a::größe");
	// C++ that only looks like it: too few different digits.
	EXPECT_EQ(demangle("_ZN3foo17h0000000000000000E"), "foo::h0000000000000000");
	EXPECT_FALSE(demangle_rust("_ZN3foo3barEv"));
}

TEST(Demangle, rust_v0_names)
{
	EXPECT_EQ(demangle("_RNvNtCslNYArtu3iFV_5alloc7raw_vec12handle_error"), "alloc::raw_vec::handle_error");
	EXPECT_EQ(demangle("_RNvMNtCslNYArtu3iFV_5alloc6stringNtB2_6String11try_reserve"),
		  "<alloc::string::String>::try_reserve");
	EXPECT_EQ(demangle("_RINvCs6xxl1lAjzDf_1a3genTFKClElFG_RL0_hRL0_Atj4_ERL0_hEEB2_"),
		  "a::gen::<(extern \"C\" fn(i32) -> i32, for<'a> fn(&'a u8, &'a [u16; 4]) -> &'a u8)>");
	EXPECT_EQ(
		demangle(
			"_RINvCs6xxl1lAjzDf_1a3genDG_INtNtNtCsgEmfK2I1SDS_4core3ops8function2FnTRL0_hEEp6OutputRL0_hEL_"
			"EB2_"),
		"a::gen::<dyn for<'a> core::ops::function::Fn<(&'a u8,), Output = &'a u8>>");
	EXPECT_EQ(demangle("_RINvCs6xxl1lAjzDf_1a5applyNCNvB2_4mains0_0EB2_"), "a::apply::<a::main::{closure#2}>");
	EXPECT_EQ(demangle("_RINvC1a1fKb1_Kcdf_Kln5_E"), "a::f::<true, 'ß', -5>");
	EXPECT_EQ(demangle("_RNvC1au10mnchen_3ya"), "a::münchen");
	EXPECT_EQ(demangle("_RNvC1a4main.llvm.123"), "a::main");
	EXPECT_EQ(demangle("_RNvC1a4mai"), "_RNvC1a4mai");
	EXPECT_EQ(demangle("_Resource"), "_Resource");
}

TEST(Demangle, rust_names_that_would_explode_are_kept)
{
	for (const std::string &name : {
		     std::string("_RNvXMGzzzzzzzz_C1aC1b1f"),                         // 10^14 lifetimes
		     std::string("_RINvC1a1fFGzzzzzzzzz_EuE"),                        // likewise, where they are shown
		     "_RINvC1a1f" + std::string(5000, 'R') + "uE",                    // nested deeply
		     std::string("_RINvC1a1fTB5_B5_EE"),                              // refers to itself
		     std::string("_RNvB0_1f"), std::string("_RNvBzzzzzzzzzzzzzz_1f"), // refers ahead
		     std::string("_RNvC99999999999999999999999a1f"),                  // a length beyond all
	     })
		EXPECT_EQ(demangle(name), name);
	// Each tuple has the one before twice: 2^40 parts.
	std::string doubling = "_RINvC1a1f";
	std::vector<std::size_t> starts = {doubling.size() - 2};
	doubling += "Tuu";
	doubling += "E";
	const std::string digits = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	for (int i = 0; i < 40; i++) {
		std::string reference = "B";
		const std::size_t value = starts.back() - 1;
		reference +=
			value >= 62 ? std::string{digits[value / 62], digits[value % 62]} : std::string{digits[value]};
		starts.push_back(doubling.size() - 2);
		doubling += "T" + reference + "_" + reference + "_E";
	}
	doubling += "E";
	EXPECT_EQ(demangle(doubling), doubling);
}

} // namespace
} // namespace neuroperf::analyzer
