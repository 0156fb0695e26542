// SPDX-License-Identifier: Apache-2.0
// Where functions return, call and take addresses: code as compilers write it, by hand, and code that is none.
#include "collector/function_body.hpp"

#include <elf.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <random>
#include <string>
#include <string_view>

#include "tests/support/machine_code.hpp"

namespace neuroperf::collector {
namespace {

using test::Bytes;
using test::bytes_of;
using test::words_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Offsets = std::vector<uint64_t>;

// endbr64; test rdi, rdi; je +0x11; call *rax; call +0; ret; mov eax, 1; ret
const Bytes kX86 = bytes_of("f3 0f 1e fa | 48 85 ff | 74 08 | ff d0 | e8 f0 ff ff ff | c3 | b8 01 00 00 00 | c3");
// stp x29, x30, [sp, #-16]!; cbz x0, +0x10; bl +0; blr x1; ldp x29, x30, [sp], #16; ret; tbnz w0, #1, +0x10; ret
const Bytes kArm =
	words_of({0xa9bf7bfd, 0xb4000060, 0x97fffffe, 0xd63f0020, 0xa8c17bfd, 0xd65f03c0, 0x370fffc0, 0xd65f03c0});

Bytes followed_by(Bytes code, const Bytes &more)
{
	code.insert(code.end(), more.begin(), more.end());
	return code;
}

constexpr uint64_t kOffset = 0x1000; // of a function in its file

// Exits from the function's begin, of one that has no other parts.
Result<Offsets> exits_of(uint16_t machine, const Bytes &code)
{
	auto exits = collector::exits_of(machine, kOffset, code, [](uint64_t) { return std::nullopt; });
	if (!exits.ok())
		return exits;
	for (uint64_t &exit : *exits)
		exit -= kOffset;
	return exits;
}

std::string why_no_exits(uint16_t machine, const Bytes &code)
{
	const auto exits = exits_of(machine, code);
	return exits.ok() ? "" : exits.error().what;
}

TEST(FunctionBody, EveryReturnIsAnExit)
{
	const auto x86_exits = exits_of(EM_X86_64, kX86);
	ASSERT_TRUE(x86_exits.ok()) << x86_exits.error().what;
	EXPECT_THAT(*x86_exits, ElementsAre(0x10, 0x16));
	const auto arm_exits = exits_of(EM_AARCH64, kArm);
	ASSERT_TRUE(arm_exits.ok()) << arm_exits.error().what;
	EXPECT_THAT(*arm_exits, ElementsAre(0x14, 0x1c));
}

TEST(FunctionBody, ReturnsOfOtherForms)
{
	EXPECT_EQ(*exits_of(EM_X86_64, bytes_of("90 | f3 c3 | c2 08 00 | f2 c3")), (Offsets{1, 3, 6}));
	EXPECT_EQ(*exits_of(EM_AARCH64, words_of({0xd503201f, 0xd65f0020})), (Offsets{4})) << "ret x1";
}

TEST(FunctionBody, AReturnInsideAnotherInstructionIsNone)
{
	EXPECT_EQ(*exits_of(EM_X86_64, bytes_of("b8 c3 c3 c3 c3 | c3")), (Offsets{5}));
}

TEST(FunctionBody, TailJumpsHideTheEnd)
{
	for (const char *jump : {"e9 00 01 00 00", "eb a5", "75 a3", "ff e0", "3e ff e0", "ff 25 00 00 00 00"})
		EXPECT_THAT(why_no_exits(EM_X86_64, followed_by(kX86, bytes_of(jump))),
			    HasSubstr("left by a jump, at +23"))
			<< jump;
	// b -0x58; br x2; tbz w0, #3, -0x40; b.eq -0x24
	for (const uint32_t jump : {0x17ffffeau, 0xd61f0040u, 0x361ffe00u, 0x54fffee0u})
		EXPECT_THAT(why_no_exits(EM_AARCH64, followed_by(kArm, words_of({jump}))),
			    HasSubstr("left by a jump, at +32"))
			<< std::hex << jump;
}

TEST(FunctionBody, AJumpToTheEndOrTheBeginningIsNoExitOrOne)
{
	EXPECT_TRUE(exits_of(EM_X86_64, bytes_of("eb 00 | c3")).ok()) << "the next instruction";
	EXPECT_TRUE(exits_of(EM_X86_64, bytes_of("c3 | eb fd")).ok()) << "its own first byte";
	EXPECT_FALSE(exits_of(EM_X86_64, bytes_of("c3 | eb fc")).ok()) << "the byte before";
	EXPECT_FALSE(exits_of(EM_X86_64, bytes_of("c3 | eb 00")).ok()) << "the byte behind";
	EXPECT_TRUE(exits_of(EM_AARCH64, words_of({0xd65f03c0, 0x17ffffff})).ok()) << "b +0";
	EXPECT_FALSE(exits_of(EM_AARCH64, words_of({0xd65f03c0, 0x14000001})).ok()) << "b +8, the end";
}

TEST(FunctionBody, AFunctionThatNeverReturns)
{
	EXPECT_THAT(why_no_exits(EM_X86_64, bytes_of("50 | e8 00 00 00 00 | 0f 0b")), HasSubstr("it does not return"));
	EXPECT_THAT(why_no_exits(EM_X86_64, {}), HasSubstr("it does not return"));
	EXPECT_THAT(why_no_exits(EM_AARCH64, words_of({0x97fffffe})), HasSubstr("it does not return"));
	EXPECT_THAT(why_no_exits(EM_AARCH64, {}), HasSubstr("it does not return"));
}

TEST(FunctionBody, WhatCannotBeDecodedIsNotGuessed)
{
	EXPECT_THAT(why_no_exits(EM_X86_64, bytes_of("c3 | 06 | c3")), HasSubstr("cannot be decoded")); // push es
	EXPECT_THAT(why_no_exits(EM_X86_64, bytes_of("c3 | e8 00 00")), HasSubstr("cannot be decoded")) << "cut";
	EXPECT_THAT(why_no_exits(EM_AARCH64, words_of({0xd65f03c0, 0x00000000})), HasSubstr("cannot be decoded"));
	EXPECT_THAT(why_no_exits(EM_AARCH64, bytes_of("c0 03 5f d6 | c0 03")), HasSubstr("cannot be decoded")) << "cut";
	EXPECT_FALSE(behind_calls_of(EM_X86_64, bytes_of("e8 00 00 00 00 | 06")).ok());
	EXPECT_FALSE(behind_calls_of(EM_AARCH64, words_of({0x97fffffe, 0x00000000})).ok());
}

TEST(FunctionBody, OtherMachinesAreUnsupported)
{
	for (const uint16_t machine : {EM_386, EM_RISCV, EM_NONE}) {
		EXPECT_EQ(exits_of(machine, kX86).error().code, ErrorCode::unsupported);
		EXPECT_EQ(behind_calls_of(machine, kX86).error().code, ErrorCode::unsupported);
		EXPECT_THAT(addresses_taken(machine, bytes_of("48 8d 05 00 01 00 00"), 0x1000), IsEmpty());
	}
}

// je -0x16; ret, at kOffset; `parts` by offset. Which places were asked for is added to `asked`.
Result<Offsets> exits_with_parts(const std::map<uint64_t, Bytes> &parts, std::vector<uint64_t> *asked = nullptr)
{
	const auto part_at = [&](uint64_t offset) -> std::optional<CodePart> {
		if (asked)
			asked->push_back(offset);
		auto after = parts.upper_bound(offset);
		if (after == parts.begin())
			return std::nullopt;
		--after;
		return CodePart{after->first, std::string(after->second.begin(), after->second.end())};
	};
	return collector::exits_of(EM_X86_64, kOffset, bytes_of("74 e8 | c3"), part_at);
}

TEST(FunctionBody, PartsThatAreElsewhereAreReadToo)
{
	constexpr uint64_t kPart = kOffset - 0x20;
	// nops; at +0xa, where the function jumps to: ret; jmp to the function's last byte; jmp to its own begin
	const Bytes returns = bytes_of("90 90 90 90 90 90 90 90 90 90 | c3 | eb 15 | eb f1");
	std::vector<uint64_t> asked;
	const auto exits = exits_with_parts({{kPart, returns}}, &asked);
	ASSERT_TRUE(exits.ok()) << exits.error().what;
	EXPECT_THAT(*exits, ElementsAre(kPart + 0xa, kOffset + 2));
	EXPECT_THAT(asked, ElementsAre(kPart + 0xa)) << "what is inside is not asked for";

	// A part jumps to another: jmp +0x2e, behind the function.
	const auto chain = exits_with_parts({{kPart + 0xa, bytes_of("eb 2e")}, {kOffset + 0x1a, bytes_of("90 | c3")}});
	ASSERT_TRUE(chain.ok()) << chain.error().what;
	EXPECT_THAT(*chain, ElementsAre(kOffset + 2, kOffset + 0x1b));
}

TEST(FunctionBody, PartsThatHideTheEnd)
{
	constexpr uint64_t kTarget = kOffset - 0x16;
	const auto why = [](const std::map<uint64_t, Bytes> &parts) {
		const auto exits = exits_with_parts(parts);
		return exits.ok() ? "" : exits.error().what;
	};
	EXPECT_THAT(why({}), HasSubstr("left by a jump, at +0,"));
	EXPECT_THAT(why({{kTarget - 8, bytes_of("c3")}}), HasSubstr("left by a jump, at +0,")) << "ends before it";
	EXPECT_THAT(why({{kTarget, bytes_of("90 | ff e0")}}), HasSubstr("left by a jump, at -21,"));
	EXPECT_THAT(why({{kTarget, bytes_of("06")}}), HasSubstr("cannot be decoded"));
	EXPECT_THAT(why({{kTarget, {}}}), HasSubstr("left by a jump, at +0,"));
}

TEST(FunctionBody, PartsWithoutEnd)
{
	std::size_t asked = 0;
	const auto part_at = [&](uint64_t offset) { // jmp +0x10
		asked++;
		return std::optional(CodePart{offset, std::string("\xeb\x10", 2)});
	};
	EXPECT_FALSE(collector::exits_of(EM_X86_64, kOffset, bytes_of("74 e8 | c3"), part_at).ok());
	EXPECT_LT(asked, 100u);
}

TEST(FunctionBody, CallsGoOnBehindThem)
{
	const auto x86_calls = behind_calls_of(EM_X86_64, kX86);
	ASSERT_TRUE(x86_calls.ok());
	EXPECT_THAT(*x86_calls, ElementsAre(0xb, 0x10)) << "an indirect and a direct one";
	const auto arm_calls = behind_calls_of(EM_AARCH64, kArm);
	ASSERT_TRUE(arm_calls.ok());
	EXPECT_THAT(*arm_calls, ElementsAre(0xc, 0x10));
	EXPECT_THAT(*behind_calls_of(EM_X86_64, bytes_of("50 | e8 00 00 00 00")), IsEmpty()) << "never comes back";
	EXPECT_THAT(*behind_calls_of(EM_X86_64, {}), IsEmpty());
	EXPECT_THAT(*behind_calls_of(EM_X86_64, bytes_of("ff 15 00 10 00 00 | ff 50 18 | eb 00 | c3")),
		    ElementsAre(6, 9));
}

TEST(FunctionBody, AddressesTakenRelativeToTheCode)
{
	// lea rax, [rip + 0x100]; lea rdi, [rip - 0x10]; lea rcx, [rax + 8]; mov rdx, [rip + 0x20]; ret
	const Bytes leas =
		bytes_of("48 8d 05 00 01 00 00 | 48 8d 3d f0 ff ff ff | 48 8d 48 08 | 48 8b 15 20 00 00 00 | c3");
	EXPECT_THAT(addresses_taken(EM_X86_64, leas, 0x401000), ElementsAre(0x401107, 0x400ffe));
	// adrp x0, +0x5000; adr x3, +0x40; add x0, x0, #0x120; add x5, x6, #8; ret
	const Bytes pages = words_of({0xb0000020, 0x10000203, 0x91048000, 0x910020c5, 0xd65f03c0});
	EXPECT_THAT(addresses_taken(EM_AARCH64, pages, 0x401ffc), ElementsAre(0x402040, 0x406120));
	EXPECT_THAT(addresses_taken(EM_X86_64, {}, 0x1000), IsEmpty());
	EXPECT_THAT(addresses_taken(EM_X86_64, bytes_of("48 8d 05 00 01 00 00 | 06 | 48 8d 05 00 01 00 00"), 0x1000),
		    ElementsAre(0x1107))
		<< "as far as it can be decoded";
}

// What a function that lies at 0x401000 fills in of an array at 0x404000: its bytes, or why not.
std::string filled_in(uint16_t machine, const Bytes &code, uint64_t array = 0x404000)
{
	const auto bytes = bytes_filled_in(machine, code, 0x401000, array);
	return bytes.ok() ? std::to_string(*bytes) : bytes.error().what;
}

TEST(FunctionBody, WhatFillsInAnElementSaysItsSize)
{
	// mov edi, edi; lea rax, [rip + 0x2ff7]; mov [rax + rdi*8], rsi; ret
	const Bytes one = bytes_of("89 ff | 48 8d 05 f7 2f 00 00 | 48 89 34 f8 | c3");
	EXPECT_EQ(filled_in(EM_X86_64, one), "8");
	// As g++ has it: ...; shl rdi, 4; add rax, rdi; mov [rax], rsi; mov [rax + 8], rdx; ret
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("89 ff | 48 8d 05 f7 2f 00 00 | 48 c1 e7 04 | 48 01 f8 | 48 89 30 | "
						"48 89 50 08 | c3")),
		  "16");
	// As clang++: mov eax, edi; lea rax, [rax + rax*2]; lea rdi, [rip + 0x2ff3]; mov [rdi + rax*8], rsi;
	// mov [rdi + rax*8 + 8], rdx; mov [rdi + rax*8 + 16], rcx; ret
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("89 f8 | 48 8d 04 40 | 48 8d 3d f3 2f 00 00 | 48 89 34 c7 | "
						"48 89 54 c7 08 | 48 89 4c c7 10 | c3")),
		  "24");
	// What it puts below the stack pointer is not of the element: mov [rsp - 8], rsi; lea rax, [rip + 0x2ff4]; ...
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 89 74 24 f8 | 48 8d 05 f4 2f 00 00 | 48 89 34 f8 | c3")), "8");
	// Without optimisation: push rbp; mov rbp, rsp; mov [rbp - 4], edi; mov [rbp - 0x10], rsi; lea rdx, [rip +
	// 0x2fed + 8]; mov [rax + rdx], rcx; pop rbp; ret
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("55 | 48 89 e5 | 89 7d fc | 48 89 75 f0 | 48 8d 15 f6 2f 00 00 | "
						"48 89 0c 10 | 5d | c3")),
		  "16");
	// adrp x3, +0x3000; add x3, x3, #0; str x1, [x3, w0, uxtw #3]; ret
	EXPECT_EQ(filled_in(EM_AARCH64, words_of({0xf0000003, 0x91000063, 0xf8205861, 0xd65f03c0})), "8");
	// ...; add x0, x3, w0, uxtw #4; stp x1, x2, [x0]; ret
	EXPECT_EQ(filled_in(EM_AARCH64, words_of({0xf0000003, 0x91000063, 0x8b205060, 0xa9000801, 0xd65f03c0})), "16");
	// With the address of something in front of it, as g++ has it: ...; add x3, x3, #24; str x1, [x3, w0, uxtw #3];
	// ret
	EXPECT_EQ(
		filled_in(EM_AARCH64, words_of({0xf0000003, 0x91000063, 0x91006063, 0xf8205861, 0xd65f03c0}), 0x404018),
		"8");
}

TEST(FunctionBody, WhatDoesMoreDoesNotFillInAnElement)
{
	const char *const other = "it does not just fill in an element";
	const Bytes one = bytes_of("89 ff | 48 8d 05 f7 2f 00 00 | 48 89 34 f8 | c3");
	EXPECT_EQ(filled_in(EM_X86_64, one, 0x404010), other) << "of another array";
	EXPECT_EQ(filled_in(EM_X86_64, one, 0x3f4000), other) << "far behind it";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 8d 05 f9 2f 00 00 | c3")), other) << "nothing is written";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 89 34 f8 | c3")), other) << "who knows where";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 8d 05 f9 2f 00 00 | 48 89 70 f8 | c3")), other) << "in front of it";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 8d 05 f9 2f 00 00 | 48 89 30 | eb 00 | c3")), other) << "a jump";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 8d 05 f9 2f 00 00 | 48 89 30 | ff d0 | c3")), other) << "a call";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("48 8d 05 f9 2f 00 00 | 48 89 35 f9 2f 00 00 | c3")), other)
		<< "something else too";
	EXPECT_EQ(filled_in(EM_X86_64, bytes_of("06")), "its code cannot be decoded");
	EXPECT_THAT(filled_in(EM_RISCV, one), HasSubstr("cannot read code"));
}

TEST(FunctionBody, AnyBytesAreSurvived)
{
	std::mt19937 random(11);
	for (unsigned round = 0; round < 5000; round++) {
		Bytes code(random() % 64);
		for (uint8_t &byte : code)
			byte = static_cast<uint8_t>(random());
		for (const uint16_t machine : {EM_X86_64, EM_AARCH64}) {
			for (const auto &found : {exits_of(machine, code), behind_calls_of(machine, code)})
				for (const uint64_t offset : found.ok() ? *found : Offsets{})
					ASSERT_LT(offset, code.size());
			addresses_taken(machine, code, UINT64_MAX - 16);
			const auto bytes = bytes_filled_in(machine, code, UINT64_MAX - 16, 0);
			ASSERT_TRUE(!bytes.ok() || *bytes > 0);
		}
	}
}

} // namespace
} // namespace neuroperf::collector
