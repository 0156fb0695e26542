// SPDX-License-Identifier: Apache-2.0
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

} // namespace
} // namespace neuroperf::analyzer
