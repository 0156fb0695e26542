// SPDX-License-Identifier: Apache-2.0
// Where probes go in the beginnings of functions, real ones and hostile ones.
#include "collector/probe_placer.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <cctype>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/machine_code.hpp"

namespace neuroperf::collector {
namespace {

using test::Bytes;
using test::bytes_of;
using test::words_of;

constexpr ProbeWish kAnyPlace;
constexpr ProbeWish kReturn{.for_return = true};
constexpr ProbeWish kCalls{.wide_nops_are_calls = true};
constexpr ProbeWish kOldKernel{.wide_nops_are_emulated = false};

constexpr ProbeWish with_arguments(uint8_t bits, ProbeWish wish = {})
{
	wish.live_arguments = bits;
	return wish;
}

struct Expected {
	uint64_t offset;
	ProbeCost cost;
	int32_t pushed_bytes = 0;
};

struct Case {
	const char *name;
	const char *code;
	ProbeWish wish;
	std::optional<Expected> expected; // empty: no place is safe
};

void check(uint16_t machine, const char *name, const Bytes &code, const ProbeWish &wish,
	   const std::optional<Expected> &expected)
{
	SCOPED_TRACE(name);
	const auto point = place_probe(machine, code, wish);
	ASSERT_EQ(point.ok(), expected.has_value())
		<< (point.ok() ? point->instruction + " at " + std::to_string(point->offset) : point.error().what);
	if (!expected) {
		EXPECT_FALSE(point.error().what.empty());
		return;
	}
	EXPECT_EQ(point->offset, expected->offset) << point->instruction;
	EXPECT_EQ(to_string(point->cost), to_string(expected->cost)) << point->instruction;
	EXPECT_EQ(point->pushed_bytes, expected->pushed_bytes) << point->instruction;
}

void check_all(const std::vector<Case> &cases)
{
	for (const Case &one : cases)
		check(EM_X86_64, one.name, bytes_of(one.code), one.wish, one.expected);
}

using enum ProbeCost;

TEST(ProbePlacer, PutsProbesOnTheFirstInstructionThatTheKernelEmulates)
{
	check_all({
		{"push rbp; mov rbp, rsp", "55 | 48 89 e5 | c3", kAnyPlace, {{0, emulated}}},
		{"endbr64 is stepped; push", "f3 0f 1e fa | 55 | 48 89 e5", kAnyPlace, {{4, emulated}}},
		{"a return probe too: nothing is pushed yet", "f3 0f 1e fa | 55 | 48 89 e5", kReturn, {{4, emulated}}},
		{"push r12", "f3 0f 1e fa | 41 54 | 55", kAnyPlace, {{4, emulated}}},
		{"push with a useless REX is stepped", "40 55 | 53 | c3", kAnyPlace, {{2, emulated, 8}}},
		{"push of memory or a number is stepped", "ff 77 08 | 6a 00 | 53", kAnyPlace, {{5, emulated, 16}}},
		{"push fs is stepped, and pushes", "0f a0 | 53", kAnyPlace, {{2, emulated, 8}}},
		{"sub rsp, 0x18; push", "48 83 ec 18 | 53", kAnyPlace, {{4, emulated, 24}}},
		{"lea rsp, [rsp-0x10]; push", "48 8d 64 24 f0 | 53", kAnyPlace, {{5, emulated, 16}}},
		{"sub, add: back where it was", "48 83 ec 08 | 48 83 c4 08 | 53", kAnyPlace, {{8, emulated, 0}}},
		{"above its place at entry: not believed",
		 "48 83 c4 08 | 53",
		 kAnyPlace,
		 {{4, emulated, kPushedUnknown}}},
		{"nothing emulated: the entry", "89 f8 | 01 f0 | c3", kAnyPlace, {{0, stepped}}},
		{"call", "48 83 ec 08 | e8 00 01 00 00 | 53", kAnyPlace, {{4, emulated, 8}}},
		{"jmp", "48 89 f0 | e9 00 01 00 00 | 53", kAnyPlace, {{3, emulated}}},
		{"bnd jmp: only what is sure to be emulated",
		 "48 89 f0 | f2 e9 00 01 00 00",
		 kAnyPlace,
		 {{0, stepped}}},
		{"jmp rax leaves, stepped", "48 89 f0 | ff e0 | 53", kAnyPlace, {{0, stepped}}},
	});
}

TEST(ProbePlacer, StaysBeforeWhatNotEveryCallPasses)
{
	check_all({
		{"beyond a call", "ff d0 | 55", kAnyPlace, {{0, stepped}}},
		{"beyond ret", "89 f8 | c3 | 55", kAnyPlace, {{0, stepped}}},
		{"jcc itself, long form", "85 ff | 0f 84 00 01 00 00 | 55", kAnyPlace, {{2, emulated}}},
		{"beyond a jcc that is no place", "85 f6 | 31 ff | 74 10 | 55", with_arguments(1), {{0, stepped}}},
		{"beyond syscall", "0f 05 | 55", kAnyPlace, {}},
		{"beyond loop", "89 c8 | e2 10 | 55", kAnyPlace, {{0, stepped}}},
	});
}

// NEST's handle(SpikeEvent&): 14.5 s probed at the entry, 0.48 s at the jle.
TEST(ProbePlacer, TakesAnEarlyConditionalJump)
{
	const char *nest = "48 83 ec 18 | 48 89 f8 | 83 be 58 00 00 00 00 | 7e 10 | 55";
	check_all({
		{"arguments live", nest, with_arguments(0x3f), {{14, emulated, 24}}},
		{"return probe: the stack pointer has moved", nest, with_arguments(3, kReturn), {{0, stepped}}},
	});
}

// Brian2's AVX functions: 17 ms of work measured as 246 ms with a probe at the entry.
TEST(ProbePlacer, SaysWhenAlignmentHidesHowMuchIsPushed)
{
	const char *brian = "4c 8d 54 24 08 | 48 83 e4 e0 | 41 ff 72 f8 | 55 | 48 89 e5";
	check_all({
		{"lea r10; and rsp; push [r10-8]; push rbp",
		 brian,
		 with_arguments(0x3f),
		 {{13, emulated, kPushedUnknown}}},
		{"return probe", brian, kReturn, {{0, stepped}}},
	});
}

TEST(ProbePlacer, KeepsWantedArgumentsAlive)
{
	check_all({
		{"mov edi, 1 writes rdi", "bf 01 00 00 00 | 55", with_arguments(1), {{0, stepped}}},
		{"... which nobody wants", "bf 01 00 00 00 | 55", with_arguments(2), {{5, emulated}}},
		{"mov dil, 1", "40 b7 01 | 55", with_arguments(1), {{0, stepped}}},
		{"mov dh, 1 writes rdx", "b6 01 | 55", with_arguments(4), {{0, stepped}}},
		{"xor r9d, r9d", "45 31 c9 | 55", with_arguments(0x20), {{0, stepped}}},
		{"xchg writes its second operand", "48 87 f7 | 55", with_arguments(2), {{0, stepped}}},
		{"cqo writes rdx", "48 99 | 55", with_arguments(4), {{0, stepped}}},
		{"rep stosq writes rcx and rdi", "f3 48 ab | 55", with_arguments(8), {{0, stepped}}},
		{"cmp and test write nothing", "48 39 f7 | 48 85 ff | 55", with_arguments(0x3f), {{6, emulated}}},
		{"a push before the overwriting", "55 | 31 ff | 53", with_arguments(1), {{0, emulated}}},
		{"movq rdi, xmm0", "66 48 0f 7e c7 | 55", with_arguments(1), {{0, stepped}}},
	});
}

TEST(ProbePlacer, CountsCallsNotTurnsOfALoop)
{
	check_all({
		{"the entry is a loop's target", "53 | ff c8 | 75 fb | c3", kAnyPlace, {}},
		{"a second place behind the target runs as often",
		 "89 f8 | 53 | 55 | 75 fc | c3",
		 kAnyPlace,
		 {{0, stepped}}},
		{"... from beyond a ret", "89 f8 | 53 | 74 10 | c3 | eb fa", kAnyPlace, {{0, stepped}}},
		{"... by loop", "89 f8 | 53 | 74 10 | e2 fb", kAnyPlace, {{0, stepped}}},
		{"... into the middle, past a lock", "f0 ff 07 | 53 | 74 fb | c3", kAnyPlace, {}},
		{"recursion is a call like any other", "53 | e8 fa ff ff ff | 5b | c3", kAnyPlace, {{0, emulated}}},
		{"a call into the middle is not", "89 f8 | 53 | e8 fa ff ff ff | c3", kAnyPlace, {{0, stepped}}},
	});
}

TEST(ProbePlacer, BehindACallMayBeJumpedTo)
{
	const std::vector<uint8_t> loop = {0x55, 0x48, 0x89,
					   0xe5, 0xeb, 0xfa}; // push rbp; mov rbp,rsp; jmp to the push
	ProbeWish wish;
	EXPECT_FALSE(place_probe(EM_X86_64, loop, wish).ok());
	wish.behind_call = true;
	const auto point = place_probe(EM_X86_64, loop, wish);
	ASSERT_TRUE(point.ok());
	EXPECT_EQ(point->offset, 0u);
}

// pop r8; pop r9; mov rdi,rax; call: as compilers take the seventh and eighth argument away.
TEST(ProbePlacer, BehindACallTheStackPointerMayRise)
{
	const std::vector<uint8_t> code = {0x41, 0x58, 0x41, 0x59, 0x48, 0x89, 0xc7, 0xe8, 0, 1, 0, 0};
	ProbeWish wish;
	const auto at_entry = place_probe(EM_X86_64, code, wish);
	ASSERT_TRUE(at_entry.ok());
	EXPECT_EQ(at_entry->pushed_bytes, kPushedUnknown)
		<< "nothing is above the return address that is a function's own";
	wish.behind_call = true;
	const auto point = place_probe(EM_X86_64, code, wish);
	ASSERT_TRUE(point.ok());
	EXPECT_EQ(point->offset, 7u);
	EXPECT_EQ(point->cost, emulated);
	EXPECT_EQ(point->pushed_bytes, -16);
}

TEST(ProbePlacer, RefusesWhatKernelsRefuse)
{
	check_all({
		{"lock", "f0 ff 07 | c3", kAnyPlace, {}},
		{"... then a push", "f0 ff 07 | 53", kAnyPlace, {{3, emulated}}},
		{"... then something stepped", "f0 ff 07 | 89 f8 | c3", kAnyPlace, {{3, stepped}}},
		{"rip-relative", "8b 05 00 01 00 00 | 89 f8 | c3", kAnyPlace, {{6, stepped}}},
		{"AVX: vmovdqu [rdi], xmm0 would be done as jg", "c5 fa 7f 07 | 53", kAnyPlace, {{4, emulated}}},
		{"... vzeroupper as ja", "c5 f8 77 | 89 f8 | c3", kAnyPlace, {{3, stepped}}},
		{"... AVX-512", "62 f1 fe 48 6f 06 | 53", kAnyPlace, {{6, emulated}}},
		{"fs:", "64 48 8b 04 25 28 00 00 00 | c3", kAnyPlace, {}},
		{"cs: nop of ten bytes", "66 2e 0f 1f 84 00 00 00 00 00 | c3", kAnyPlace, {}},
		{"int3", "cc | 55", kAnyPlace, {}},
		{"hlt", "f4 | 55", kAnyPlace, {}},
		{"ud2", "0f 0b | 55", kAnyPlace, {}},
		{"mov ss", "8e d0 | 55", kAnyPlace, {}},
		{"popf", "9d | 55", kAnyPlace, {}},
		{"pushf, which would show the trap flag", "9c | 55", kAnyPlace, {}},
		{"xbegin", "c7 f8 10 00 00 00 | 55", kAnyPlace, {}},
		{"rdmsr", "0f 32 | 55", kAnyPlace, {}},
	});
}

TEST(ProbePlacer, KnowsWhichNopsAreEmulated)
{
	check_all({
		{"nop", "89 f8 | 90 | c3", kOldKernel, {{2, emulated}}},
		{"data16 nop", "89 f8 | 66 90 | c3", kOldKernel, {{2, emulated}}},
		{"pause", "89 f8 | f3 90 | c3", kAnyPlace, {{0, stepped}}},
		{"xchg r8, rax", "89 f8 | 49 90 | c3", kAnyPlace, {{0, stepped}}},
		{"3 bytes", "89 f8 | 0f 1f 00 | c3", kAnyPlace, {{2, emulated}}},
		{"8 bytes", "89 f8 | 0f 1f 84 00 00 00 00 00 | c3", kAnyPlace, {{2, emulated}}},
		{"9 bytes", "89 f8 | 66 0f 1f 84 00 00 00 00 00 | c3", kAnyPlace, {{0, stepped}}},
		{"5 bytes, before 6.18", "0f 1f 44 00 00 | 53", kOldKernel, {{5, emulated}}},
		{"an odd form", "89 f8 | 0f 1f 44 00 08 | c3", kAnyPlace, {{0, stepped}}},
	});
}

TEST(ProbePlacer, LetsANopBecomeACallOnlyOverNoData)
{
	// mov [rsp-8], rdi; nop5; mov rax, [rsp-8]; ret
	const char *red_zone = "48 89 7c 24 f8 | 0f 1f 44 00 00 | 48 8b 44 24 f8 | c3";
	check_all({
		{"at the entry", "0f 1f 44 00 00 | 48 89 7c 24 f8 | c3", kCalls, {{0, call}}},
		{"after endbr64", "f3 0f 1e fa | 0f 1f 44 00 00 | 48 89 7c 24 f8", kCalls, {{4, call}}},
		{"call is cheaper than a push before", "55 | 0f 1f 44 00 00 | 5d | c3", kCalls, {{1, call, 8}}},
		{"... not where the return address has moved", "55 | 0f 1f 44 00 00", kReturn, {{0, emulated}}},
		{"another 5 bytes", "66 0f 1f 40 00 | c3", kCalls, {{0, call}}},
		{"red zone", red_zone, kCalls, {{0, stepped}}},
		{"red zone, kernel that only emulates", red_zone, kAnyPlace, {{5, emulated}}},
		{"red zone, entry refused: no place", "f0 48 01 7c 24 f8 | 0f 1f 44 00 00 | c3", kCalls, {}},
		{"red zone by an unaligned store", "0f 11 44 24 e8 | 0f 1f 44 00 00 | c3", kCalls, {{0, stepped}}},
		{"no red zone",
		 "48 83 ec 18 | 48 89 7c 24 08 | 0f 1f 44 00 00 | 48 83 c4 18 | c3",
		 kCalls,
		 {{9, call, 24}}},
		{"store elsewhere", "48 89 07 | 0f 1f 44 00 00 | c3", kCalls, {{3, call}}},
		{"by rbp, no room", "55 | 48 89 e5 | 48 89 7d f8 | 0f 1f 44 00 00 | 5d | c3", kCalls, {{0, emulated}}},
		{"by rbp, room",
		 "55 | 48 89 e5 | 48 83 ec 10 | 48 89 7d f8 | 0f 1f 44 00 00 | c9 | c3",
		 kCalls,
		 {{12, call, 24}}},
		{"an address that escapes", "48 8d 44 24 f0 | 48 89 38 | 0f 1f 44 00 00 | c3", kCalls, {{0, stepped}}},
		{"mov rax, rsp", "48 89 e0 | 48 89 78 f8 | 0f 1f 44 00 00 | c3", kCalls, {{0, stepped}}},
		{"index unknown", "48 89 3c c4 | 0f 1f 44 00 00 | c3", kCalls, {{0, stepped}}},
		{"used further down, beyond a branch",
		 "48 89 07 | 0f 1f 44 00 00 | ff e0 | 48 89 7c 24 f8 | c3",
		 kCalls,
		 {{0, stepped}}},
		{"code that cannot be followed",
		 "48 89 07 | 0f 1f 44 00 00 | c3 | 06 06 06 06 06 06 06 06 06 06 06 06 06 06 06 06",
		 kCalls,
		 {{0, stepped}}},
	});
}

TEST(ProbePlacer, TakesCodeThatIsCut)
{
	check_all({
		{"nothing", "", kAnyPlace, {}},
		{"half an instruction", "48 83", kAnyPlace, {}},
		{"not an instruction", "06 55", kAnyPlace, {}},
		{"one, and a half", "48 89 e5 | 48 83", kAnyPlace, {{0, stepped}}},
		{"garbage behind", "89 f8 | 06 | 55", kAnyPlace, {{0, stepped}}},
	});
	EXPECT_EQ(place_probe(EM_X86_64, {}, kAnyPlace).error().code, ErrorCode::format);
	EXPECT_EQ(place_probe(EM_X86_64, bytes_of("06"), kAnyPlace).error().code, ErrorCode::format);
	EXPECT_EQ(place_probe(EM_X86_64, bytes_of("cc"), kAnyPlace).error().code, ErrorCode::not_found);
	EXPECT_EQ(place_probe(EM_RISCV, bytes_of("55"), kAnyPlace).error().code, ErrorCode::unsupported);
}

TEST(ProbePlacer, SaysWhatItFound)
{
	const auto point = place_probe(EM_X86_64, bytes_of("f3 0f 1e fa 55"), kAnyPlace);
	ASSERT_TRUE(point.ok());
	EXPECT_EQ(point->instruction, "push rbp");
	EXPECT_NE(place_probe(EM_X86_64, bytes_of("cc"), kAnyPlace).error().what.find("'int3' at +0"),
		  std::string::npos);
}

struct Arm64Case {
	const char *name;
	std::vector<uint32_t> code;
	ProbeWish wish;
	std::optional<Expected> expected;
};

constexpr uint32_t kStp = 0xa9be7bfd;    // stp x29, x30, [sp, #-32]!
constexpr uint32_t kMovFp = 0x910003fd;  // mov x29, sp
constexpr uint32_t kAdrpX1 = 0x90000001; // adrp x1, ...
constexpr uint32_t kAdrpX9 = 0x90000009;
constexpr uint32_t kBtiC = 0xd503245f, kPaciasp = 0xd503233f, kYield = 0xd503203f, kNop = 0xd503201f;
constexpr uint32_t kSubSp = 0xd100c3ff; // sub sp, sp, #48
constexpr uint32_t kBl = 0x94000010, kRet = 0xd65f03c0;
constexpr uint32_t kCbz = 0xb4000080;   // cbz x0, +16
constexpr uint32_t kCmp = 0xeb01001f;   // cmp x0, x1
constexpr uint32_t kBle = 0x5400008d;   // b.le +16
constexpr uint32_t kMovW0 = 0x52800020; // mov w0, #1
constexpr uint32_t kLiteral = 0x58000040, kLdxr = 0xc85f7c20, kMrs = 0xd53bd049, kSvc = 0xd4000001;
constexpr uint32_t kLoadX0 = 0xf9400020; // ldr x0, [x1]

TEST(ProbePlacer, KnowsArm64)
{
	const std::vector<Arm64Case> cases = {
		{"stp; mov; adrp", {kStp, kMovFp, kAdrpX1}, kAnyPlace, {{8, emulated, 32}}},
		{"... for a return", {kStp, kMovFp, kAdrpX1}, kReturn, {{0, stepped}}},
		{"adrp is first", {kAdrpX9, kStp}, kReturn, {{0, emulated}}},
		{"other pushes", {kSubSp, 0x6dbf27e8, 0xf81f0ff3, 0xadbf27e8, kNop}, kAnyPlace, {{16, emulated, 112}}},
		{"bti c is stepped", {kBtiC, kStp, kMovFp, kBl}, kAnyPlace, {{12, emulated, 32}}},
		{"paciasp; nop", {kPaciasp, kNop, kStp}, kAnyPlace, {{4, emulated}}},
		{"... x30 is signed: no return probe behind", {kPaciasp, kNop, kStp}, kReturn, {{0, stepped}}},
		{"adrp x1 is done after it", {kStp, kAdrpX1, kBl}, with_arguments(2), {{4, emulated, 32}}},
		{"... and kills x1", {kMovFp, kLoadX0, kAdrpX9}, with_arguments(1), {{0, stepped}}},
		{"mov w0 writes x0", {kMovW0, kNop}, with_arguments(1), {{0, stepped}}},
		{"cmp writes nothing", {kCmp, kBle, kNop}, with_arguments(3), {{4, emulated}}},
		{"cbz", {kMovFp, kCbz, kNop}, with_arguments(1, kReturn), {{4, emulated}}},
		{"not beyond a call", {kMovFp, 0xd63f0020, kNop}, kAnyPlace, {{4, emulated}}}, // blr x1
		{"ret", {kLoadX0, kRet}, kAnyPlace, {{4, emulated}}},
		{"literal load: refused by newer kernels", {kLiteral, kMovFp, kRet}, kAnyPlace, {{8, emulated}}},
		{"nothing inside an exclusive pair", {kMovFp, kLdxr, kNop}, kAnyPlace, {{0, stepped}}},
		{"svc", {kSvc, kNop}, kAnyPlace, {}},
		{"mrs", {kMrs, kNop}, kAnyPlace, {}},
		{"yield", {kYield, 0xd65f0fff}, kAnyPlace, {}},                                   // retab
		{"loop to the entry", {kNop, 0xb5ffffe0}, kAnyPlace, {}},                         // cbnz x0, -4
		{"loop behind the entry", {kMovFp, kNop, 0x17ffffff}, kAnyPlace, {{0, stepped}}}, // b -4
		{"recursion", {kNop, 0x97ffffff}, kAnyPlace, {{0, emulated}}},                    // bl -4
		{"no red zone here", {0xf81f83e0, kNop, kRet}, kCalls, {{4, emulated}}},          // stur x0, [sp, #-8]
		{"garbage", {0x00000000, kNop}, kAnyPlace, {}},
	};
	for (const Arm64Case &one : cases)
		check(EM_AARCH64, one.name, words_of(one.code), one.wish, one.expected);
	Bytes cut = words_of({kMovFp, kNop});
	cut.resize(6);
	check(EM_AARCH64, "cut", cut, kAnyPlace, {{0, stepped}});
	cut.resize(3);
	check(EM_AARCH64, "cut sooner", cut, kAnyPlace, {});
}

__attribute__((noinline)) unsigned saved_across_calls(int first, unsigned second)
{
	const auto one = static_cast<unsigned>(std::abs(first)), other = static_cast<unsigned>(std::rand());
	return one + other + second + static_cast<unsigned>(std::rand());
}

// Whatever the compiler makes of it, there is a push or a call.
TEST(ProbePlacer, PlacesInFunctionsOfThisCompiler)
{
#if defined(__x86_64__) || defined(__aarch64__)
	constexpr uint16_t kMachine =
#if defined(__x86_64__)
		EM_X86_64;
#else
		EM_AARCH64;
#endif
	const auto *start = reinterpret_cast<const uint8_t *>(&saved_across_calls);
	const Bytes code(start, start + 32);
	EXPECT_GE(saved_across_calls(1, 2), 0u); // so that it is there
	const auto point = place_probe(kMachine, code, kAnyPlace);
	ASSERT_TRUE(point.ok()) << point.error().what;
	EXPECT_EQ(point->cost, emulated) << point->instruction;
	const auto at_return = place_probe(kMachine, code, with_arguments(3, kReturn));
	ASSERT_TRUE(at_return.ok()) << at_return.error().what;
	EXPECT_EQ(at_return->pushed_bytes, 0u);
#else
	GTEST_SKIP() << "needs x86-64 or aarch64";
#endif
}

void expect_sane(uint16_t machine, const Bytes &code, const ProbeWish &wish)
{
	const auto point = place_probe(machine, code, wish);
	if (!point.ok()) {
		EXPECT_FALSE(point.error().what.empty());
		return;
	}
	EXPECT_LT(point->offset, code.size());
	EXPECT_FALSE(point->instruction.empty());
	EXPECT_TRUE(point->cost != call || wish.wide_nops_are_calls);
	EXPECT_TRUE(!wish.for_return || point->pushed_bytes == 0) << point->instruction;
}

TEST(ProbePlacer, SurvivesAnyBytes)
{
	std::mt19937 random(20261128);
	const Bytes prologue =
		bytes_of("f3 0f 1e fa 55 48 89 e5 48 83 ec 10 48 89 7d f8 0f 1f 44 00 00 e8 00 00 00 00");
	for (int round = 0; round < 4000; round++) {
		Bytes code(random() % 64);
		for (uint8_t &byte : code)
			byte = static_cast<uint8_t>(random());
		Bytes damaged = prologue;
		damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
		const ProbeWish wish{.live_arguments = static_cast<uint8_t>(random()),
				     .for_return = random() % 2 == 0,
				     .wide_nops_are_calls = random() % 2 == 0,
				     .wide_nops_are_emulated = random() % 2 == 0};
		for (const uint16_t machine : {EM_X86_64, EM_AARCH64}) {
			expect_sane(machine, code, wish);
			expect_sane(machine, damaged, wish);
		}
	}
}

} // namespace
} // namespace neuroperf::collector
