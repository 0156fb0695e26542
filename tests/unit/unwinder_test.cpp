// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <memory>

#include <dwarf.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "analyzer/unwinder.hpp"
#include "tests/support/live_stack.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/unwind_image.hpp"

#if defined(__SANITIZE_THREAD__)
#define NEUROPERF_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define NEUROPERF_TSAN 1
#endif
#endif
#ifndef NEUROPERF_TSAN
#define NEUROPERF_TSAN 0
#endif

namespace neuroperf::analyzer {
namespace {

using End = Unwinder::End;
using test::bytes_of;
using test::EhFrame;
using test::LiveStack;
using test::take_live_stack;
using testing::ElementsAre;
using Addresses = std::vector<uint64_t>;

LiveStack live; // of the test that runs

// --- A stack of this process (compiled without frame pointers), against backtrace() ---

[[gnu::noinline]] int recurse(int depth, int (*at_the_bottom)(int))
{
	volatile int some_frame[16];
	some_frame[depth % 16] = depth;
	if (depth == 0)
		return at_the_bottom(some_frame[0]);
	return recurse(depth - 1, at_the_bottom) + some_frame[depth % 16];
}

int take(int)
{
	take_live_stack(&live);
	return 1;
}

int take_inside_sort(int)
{
	std::vector<int> values = {3, 1, 2};
	std::qsort(values.data(), values.size(), sizeof(int), [](const void *left, const void *right) {
		take_live_stack(&live);
		return *static_cast<const int *>(left) - *static_cast<const int *>(right);
	});
	return values[0];
}

Addresses addresses_of(const std::vector<void *> &pointers)
{
	Addresses addresses;
	for (void *pointer : pointers)
		addresses.push_back(reinterpret_cast<uintptr_t>(pointer));
	return addresses;
}

// The innermost address is elsewhere in the same function, the others return to where backtrace() says.
void expect_callers(const Addresses &mine, const Addresses &theirs)
{
	ASSERT_EQ(mine.size(), theirs.size());
	for (std::size_t i = 1; i < mine.size(); i++)
		EXPECT_EQ(mine[i] + 1, theirs[i]) << i;
}

TEST(Unwinder, agrees_with_backtrace)
{
	Unwinder unwinder(test::kThisMachine);
	test::LiveLocator locate(&unwinder);
	Addresses addresses;
	for (int (*const at_the_bottom)(int) : {take, take_inside_sort}) {
		recurse(40, at_the_bottom);
		ASSERT_GT(live.backtrace.size(), 42U);
		EXPECT_EQ(unwinder.unwind(live.state(), locate, 127, &addresses), End::complete);
		expect_callers(addresses, addresses_of(live.backtrace));
	}
	EXPECT_EQ(unwinder.chains_ended_by(End::complete), 2U);
}

TEST(Unwinder, gives_what_a_cut_stack_still_holds)
{
	recurse(20, take);
	Unwinder unwinder(test::kThisMachine);
	test::LiveLocator locate(&unwinder);
	Addresses whole, cut;
	ASSERT_EQ(unwinder.unwind(live.state(), locate, 127, &whole), End::complete);
	const std::string stack = live.stack;
	std::size_t longest = 0;
	for (std::size_t size = 0; size < stack.size() && longest < whole.size(); size++) {
		live.stack = stack.substr(0, size);
		const End end = unwinder.unwind(live.state(), locate, 127, &cut);
		EXPECT_EQ(end, cut.size() == whole.size() ? End::complete : End::stack_too_short) << size;
		ASSERT_TRUE(cut.size() >= longest && cut.size() <= whole.size()) << size;
		EXPECT_TRUE(std::equal(cut.begin(), cut.end(), whole.begin())) << size;
		longest = cut.size();
	}
	EXPECT_EQ(longest, whole.size());
}

TEST(Unwinder, stops_at_the_limit)
{
	recurse(20, take);
	Unwinder unwinder(test::kThisMachine);
	test::LiveLocator locate(&unwinder);
	Addresses addresses;
	for (const std::size_t limit : {0, 1, 7}) {
		EXPECT_EQ(unwinder.unwind(live.state(), locate, limit, &addresses), End::limit);
		EXPECT_EQ(addresses.size(), limit);
	}
	EXPECT_EQ(unwinder.chains_ended_by(End::limit), 3U);
}

// --- Signals ---

uint64_t interrupted_at; // of the last signal
void on_signal(int, siginfo_t *, void *context)
{
	const std::string registers = test::live_registers(*static_cast<ucontext_t *>(context));
#if defined(__x86_64__)
	interrupted_at = recording::load<uint64_t>(registers.data() + 8 * 8);
#else
	interrupted_at = recording::load<uint64_t>(registers.data() + 8 * 32);
#endif
	take_live_stack(&live);
}

int interrupt(int)
{
	::raise(SIGUSR1);
	return 1;
}

struct SignalHandler {
	explicit SignalHandler(int flags)
	{
		struct sigaction action = {};
		action.sa_sigaction = on_signal;
		action.sa_flags = SA_SIGINFO | flags;
		::sigaction(SIGUSR1, &action, &before_);
	}
	~SignalHandler() { ::sigaction(SIGUSR1, &before_, nullptr); }
	SignalHandler(const SignalHandler &) = delete;
	SignalHandler &operator=(const SignalHandler &) = delete;
	struct sigaction before_ = {};
};

TEST(Unwinder, walks_through_a_signal_handler)
{
	if (NEUROPERF_TSAN)
		GTEST_SKIP() << "ThreadSanitizer calls handlers itself";
	const SignalHandler handler(0);
	recurse(5, interrupt);
	Unwinder unwinder(test::kThisMachine);
	test::LiveLocator locate(&unwinder);
	Addresses mine;
	ASSERT_EQ(unwinder.unwind(live.state(), locate, 127, &mine), End::complete);
	Addresses theirs = addresses_of(live.backtrace);
	const auto interrupted = std::find(mine.begin(), mine.end(), interrupted_at);
	ASSERT_NE(interrupted, mine.end());
	const auto at = static_cast<std::size_t>(interrupted - mine.begin());
	ASSERT_LT(at, theirs.size());
	EXPECT_EQ(mine[at - 1], theirs[at - 1]); // the trampoline
	EXPECT_EQ(mine[at], theirs[at]);
	theirs[at - 1]++;
	theirs[at]++;
	expect_callers(mine, theirs);
}

TEST(Unwinder, stops_behind_a_handler_with_a_stack_of_its_own)
{
	if (NEUROPERF_TSAN)
		GTEST_SKIP() << "ThreadSanitizer calls handlers itself";
	std::vector<char> memory(1 << 18);
	stack_t own = {}, before = {};
	own.ss_sp = memory.data();
	own.ss_size = memory.size();
	ASSERT_EQ(::sigaltstack(&own, &before), 0);
	{
		const SignalHandler handler(SA_ONSTACK);
		recurse(5, interrupt);
	}
	::sigaltstack(&before, nullptr);
	// Only the handler's stack was captured.
	const uint64_t sp_at = test::kThisMachine == UnwindMachine::x86_64 ? 7 : 31;
	const auto begin = recording::load<uint64_t>(live.registers.data() + 8 * sp_at);
	live.stack.resize(std::min<std::size_t>(live.stack.size(),
						reinterpret_cast<uintptr_t>(memory.data()) + memory.size() - begin));
	Unwinder unwinder(test::kThisMachine);
	test::LiveLocator locate(&unwinder);
	Addresses mine;
	EXPECT_EQ(unwinder.unwind(live.state(), locate, 127, &mine), End::stack_too_short);
	EXPECT_EQ(mine.back(), interrupted_at);
}

// --- Hand-made files, registers and stacks ---

constexpr uint64_t kStack = 0x7ff000;
constexpr uint64_t kCode = 0x400000; // where the file's offset 0 is mapped
constexpr uint64_t kCodeSize = 0x10000;

struct HandMade {
	explicit HandMade(UnwindMachine on, const std::string &image) : machine(on), unwinder(on)
	{
		file = image.empty() ? unwinder.add_file("") : unwinder.add_image(image);
		values[sp()] = kStack;
	}
	unsigned sp() const { return machine == UnwindMachine::x86_64 ? 7 : 31; }
	unsigned pc() const { return machine == UnwindMachine::x86_64 ? 8 : 32; } // as perf numbers them
	uint64_t mask() const { return machine == UnwindMachine::x86_64 ? 0xff01ff : (uint64_t{1} << 33) - 1; }

	End unwind(std::size_t limit = 127)
	{
		std::string registers;
		for (unsigned number = 0; number < 64; number++)
			if ((mask() >> number & 1) != 0)
				registers.append(reinterpret_cast<const char *>(&values[number]), 8);
		std::string bytes(reinterpret_cast<const char *>(stack.data()), stack.size() * 8);
		const auto locate = [this](uint64_t address) {
			if (address < kCode || address >= kCode + mapped)
				return Unwinder::Location{};
			return Unwinder::Location{true, file, address - kCode, kCode};
		};
		return unwinder.unwind({2, mask(), registers.data(), bytes}, locate, limit, &addresses);
	}

	UnwindMachine machine;
	Unwinder unwinder;
	Unwinder::FileId file = 0;
	uint64_t mapped = kCodeSize;
	std::array<uint64_t, 64> values = {}; // by perf's numbers
	std::vector<uint64_t> stack;
	Addresses addresses;
};

const std::string kOnEntry = bytes_of({DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1});

std::string x86_image(const EhFrame &frames)
{
	return test::elf_around(frames.bytes(), EM_X86_64, kCodeSize);
}

TEST(Unwinder, restores_registers_of_callers)
{
	// The inner function saves rbx; the CFA of the outer one, the thread's first, is counted from rbx.
	EhFrame frames;
	frames.common(kOnEntry).function(0x100, 0x10, bytes_of({DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 3, 2}));
	frames.function(0x200, 0x10, bytes_of({DW_CFA_def_cfa, 3, 16}));
	frames.function(0x300, 0x10, bytes_of({DW_CFA_undefined, 16}));
	HandMade made(UnwindMachine::x86_64, x86_image(frames));
	made.values[8] = kCode + 0x105;
	made.stack = {kStack + 16, kCode + 0x206, 0, kCode + 0x310};
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x105, kCode + 0x205, kCode + 0x30f));
	made.stack.resize(3);
	EXPECT_EQ(made.unwind(), End::stack_too_short);
	EXPECT_EQ(made.addresses.size(), 2U);
	made.stack.resize(0);
	EXPECT_EQ(made.unwind(), End::stack_too_short);
	EXPECT_EQ(made.addresses.size(), 1U);
	EXPECT_EQ(made.unwinder.chains_ended_by(End::stack_too_short), 2U);
}

TEST(Unwinder, knows_registers_that_an_epilogue_has_popped)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x100, 0x10, bytes_of({DW_CFA_offset | 6, 2})); // CFA - 16, below rsp
	frames.function(0x200, 0x10, bytes_of({DW_CFA_def_cfa, 6, 16, DW_CFA_offset | 6, 2}));
	frames.function(0x300, 0x10, bytes_of({DW_CFA_undefined, 16}));
	HandMade made(UnwindMachine::x86_64, x86_image(frames));
	made.values[8] = kCode + 0x105;
	made.values[6] = kStack + 16; // rbp
	made.stack = {kCode + 0x206, 0, 0, kCode + 0x306};
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_EQ(made.addresses.size(), 3U);
	// A caller has popped nothing: what it saved below is lost.
	frames.function(0x400, 0x10, bytes_of({DW_CFA_offset | 6, 3}));
	HandMade caller(UnwindMachine::x86_64, x86_image(frames));
	caller.values = made.values;
	caller.values[8] = kCode + 0x100;
	caller.values[6] = kStack + 32;
	caller.stack = {kCode + 0x406, kCode + 0x206, 0, 0, 0, kCode + 0x306};
	EXPECT_EQ(caller.unwind(), End::no_rules);
	EXPECT_EQ(caller.addresses.size(), 3U);
}

// As lld leaves them.
TEST(Unwinder, knows_procedure_linkage_tables_without_rules)
{
	HandMade made(UnwindMachine::x86_64, test::elf_around(std::string(64, '\0'), EM_X86_64, 0x200000, ".plt"));
	constexpr uint64_t kTable = kCode + 0x100000;
	made.mapped = 0x200000;
	made.stack = {0, 1};
	for (const auto &[offset, end] : {std::pair{0, End::no_rules},
					  {0x10, End::complete},
					  {0x1a, End::complete},
					  {0x1b, End::no_rules},
					  {0x3b, End::no_rules},
					  {0x40, End::no_rules}}) {
		made.values[8] = kTable + static_cast<uint64_t>(offset);
		EXPECT_EQ(made.unwind(), end) << offset;
	}
	made.stack = {1, 0};
	made.values[8] = kTable + 0x3b;
	EXPECT_EQ(made.unwind(), End::complete);
	HandMade arm(UnwindMachine::aarch64, test::elf_around(std::string(64, '\0'), EM_AARCH64, 0x200000, ".plt"));
	arm.mapped = 0x200000;
	arm.values[32] = kTable + 0x10;
	EXPECT_EQ(arm.unwind(), End::complete);
	arm.values[30] = kTable + 0x1000;
	arm.values[29] = 8;
	EXPECT_EQ(arm.unwind(), End::no_rules);
	EXPECT_EQ(arm.addresses.size(), 2U);
}

TEST(Unwinder, ends_where_a_return_address_leads_nowhere)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x100, 0x10, {});
	frames.common(bytes_of({DW_CFA_def_cfa, 7, 0, DW_CFA_offset | 16, 1})).function(0x200, 0x10, {});
	frames.common(bytes_of({DW_CFA_def_cfa, 7, 8})).function(0x300, 0x10, {}); // says nothing of it
	HandMade made(UnwindMachine::x86_64, x86_image(frames));
	made.values[8] = kCode + 0x100;
	const std::pair<uint64_t, End> cases[] = {
		{0, End::complete}, {0x1234, End::no_rules}, {UINT64_MAX, End::no_rules}};
	for (const auto &[address, end] : cases) {
		made.stack = {address, address, address};
		EXPECT_EQ(made.unwind(), end) << address;
		EXPECT_EQ(made.addresses.size(), 1U);
	}
	made.stack = {kCode + 0x206, kCode + 0x206, kCode + 0x206};
	EXPECT_EQ(made.unwind(), End::no_progress); // its own caller
	EXPECT_EQ(made.addresses.size(), 2U);
	made.values[8] = kCode + 0x300;
	EXPECT_EQ(made.unwind(), End::no_rules);
}

TEST(Unwinder, evaluates_what_procedure_linkage_tables_say)
{
	// CFA = rsp + 8, and 8 more behind the push at offset 11 of each 16-byte entry.
	EhFrame frames;
	frames.common(kOnEntry).function(
		0x100, 0x100,
		bytes_of({DW_CFA_def_cfa_expression, 11, DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and,
			  DW_OP_lit11, DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus}));
	frames.function(0x300, 0x100, bytes_of({DW_CFA_undefined, 16}));
	HandMade made(UnwindMachine::x86_64, x86_image(frames));
	made.stack = {kCode + 0x310, kCode + 0x320};
	made.values[8] = kCode + 0x120;
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x120, kCode + 0x30f));
	made.values[8] = kCode + 0x12b;
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x12b, kCode + 0x31f));
}

TEST(Unwinder, finds_a_trampoline_at_its_very_borders)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x100, 0x10, {});
	frames.function(0x400, 0x10, bytes_of({DW_CFA_undefined, 16}));
	// The interrupted pc, sp and rax (another stack's) are saved above the trampoline's frame.
	const std::string saved =
		bytes_of({DW_CFA_def_cfa, 7, 0, DW_CFA_expression, 16, 2, DW_OP_breg7, 0, //
			  DW_CFA_expression, 7, 2, DW_OP_breg7, 8, DW_CFA_expression, 0, 2, DW_OP_breg7, 16});
	frames.common(saved, 16, "zRS").function(0x200, 0x10, {});
	frames.common(bytes_of({DW_CFA_def_cfa, 0, 8, DW_CFA_offset | 16, 1})).function(0x300, 0x10, {}); // by rax
	HandMade made(UnwindMachine::x86_64, x86_image(frames));
	made.values[8] = kCode + 0x105;
	made.stack = {kCode + 0x200, kCode + 0x300, kStack - 0x100, kStack + 32, kCode + 0x404};
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x105, kCode + 0x200, kCode + 0x300, kCode + 0x403));
	made.values[8] = kCode + 0x210; // behind the system call
	made.values[7] += 8;
	made.stack.erase(made.stack.begin());
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x210, kCode + 0x300, kCode + 0x403));
}

TEST(Unwinder, follows_frame_pointers_through_code_without_rules)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x100, 0x10, {});
	frames.function(0x200, 0x10, bytes_of({DW_CFA_undefined, 16}));
	for (const std::string &image : {x86_image(frames), std::string()}) {
		HandMade made(UnwindMachine::x86_64, image);
		made.values[8] = kCode + 0x1000;
		made.values[6] = kStack + 16;
		made.stack = {0, 0, kStack + 40, kCode + 0x1101, 0, 8, kCode + 0x205};
		EXPECT_EQ(made.unwind(), image.empty() ? End::no_rules : End::complete);
		EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x1000, kCode + 0x1100, kCode + 0x204));
		for (const uint64_t wild : {kStack - 8, kStack + 12, kStack + 0x4008, UINT64_MAX - 7}) {
			made.values[6] = wild;
			EXPECT_EQ(made.unwind(), End::no_rules) << wild;
			EXPECT_EQ(made.addresses.size(), 1U);
		}
		made.values[6] = kStack;
		made.stack = {kStack, kCode + 0x1101, 0}; // points to itself
		EXPECT_EQ(made.unwind(), End::no_rules);
		EXPECT_EQ(made.addresses.size(), 2U);
		made.stack = {0, kCode + 0x1101, 0}; // as the first frame of a process
		EXPECT_EQ(made.unwind(), End::complete);
		EXPECT_EQ(made.addresses.size(), 2U);
	}
}

TEST(Unwinder, refuses_registers_that_it_cannot_use)
{
	Unwinder unwinder(UnwindMachine::x86_64);
	const auto nowhere = [](uint64_t) { return Unwinder::Location{}; };
	const std::string registers(64 * 8, '\0');
	Addresses addresses = {1, 2, 3};
	const UserState states[] = {{1, 0xff01ff, registers.data(), {}}, // a 32-bit program
				    {0, 0xff01ff, registers.data(), {}},
				    {2, 0xff01ff, nullptr, {}},
				    {2, 0xff00ff, registers.data(), {}},  // no instruction pointer
				    {2, 0xff017f, registers.data(), {}}}; // no stack pointer
	for (const UserState &state : states) {
		EXPECT_EQ(unwinder.unwind(state, nowhere, 127, &addresses), End::bad_registers);
		EXPECT_TRUE(addresses.empty());
	}
	EXPECT_EQ(unwinder.unwind({2, UINT64_MAX, registers.data(), {}}, nowhere, 127, &addresses), End::no_rules);
	EXPECT_EQ(unwinder.chains_ended_by(End::bad_registers), 5U);
}

TEST(Unwinder, unwinds_aarch64)
{
	// In the link register; then saved with the frame pointer, signed; then the first function.
	EhFrame frames;
	const std::string on_entry = bytes_of({DW_CFA_def_cfa, 31, 0});
	frames.common(on_entry, 30, "zR", 4).function(0x100, 0x10, {});
	frames.function(0x200, 0x40,
			bytes_of({DW_CFA_advance_loc | 1, DW_CFA_AARCH64_negate_ra_state, DW_CFA_advance_loc | 1,
				  DW_CFA_def_cfa_offset, 32, DW_CFA_offset | 29, 4, DW_CFA_offset | 30, 3,
				  DW_CFA_advance_loc | 1, DW_CFA_def_cfa_register, 29}));
	frames.function(0x300, 0x40, bytes_of({DW_CFA_undefined, 30}));
	HandMade made(UnwindMachine::aarch64, test::elf_around(frames.bytes(), EM_AARCH64, kCodeSize));
	made.values[32] = kCode + 0x104;
	made.values[30] = kCode + 0x220;
	made.values[29] = kStack;
	made.stack = {0, 0x5a12000000000000 | (kCode + 0x308), 0, 0};
	EXPECT_EQ(made.unwind(), End::complete);
	EXPECT_THAT(made.addresses, ElementsAre(kCode + 0x104, kCode + 0x21f, kCode + 0x307));
	made.values[32] = made.values[30] = kCode + 0x104; // it returns to itself, with the same stack
	EXPECT_EQ(made.unwind(), End::no_progress);
	EXPECT_EQ(made.addresses.size(), 1U);
	// The table is not for the other machine.
	HandMade other(UnwindMachine::x86_64, test::elf_around(frames.bytes(), EM_AARCH64, kCodeSize));
	other.values[8] = kCode + 0x104;
	EXPECT_EQ(other.unwind(), End::no_rules);
}

TEST(Unwinder, reads_debug_frame_and_files)
{
	// .debug_frame: the common entry is counted from the section's begin, ids differ.
	recording::ByteWriter bytes;
	bytes.put<uint32_t>(16).put<uint32_t>(UINT32_MAX).put<uint8_t>(3).put_text("");
	bytes.put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16).put_bytes(kOnEntry).put<uint16_t>(0);
	bytes.put<uint32_t>(24).put<uint32_t>(0).put<uint64_t>(0x100).put<uint64_t>(0x10).put<uint32_t>(0);
	const test::TemporaryFolder folder;
	test::write_file(folder.file("a.so"), test::elf_around(bytes.bytes(), EM_X86_64, kCodeSize, ".debug_frame"));
	HandMade made(UnwindMachine::x86_64, "");
	made.file = made.unwinder.add_file(folder.file("a.so"));
	made.values[8] = kCode + 0x100;
	made.stack = {0};
	EXPECT_EQ(made.unwind(), End::complete);
	made.file = made.unwinder.add_file(folder.file("none"));
	EXPECT_EQ(made.unwind(), End::no_rules);
	made.file = 99;
	EXPECT_EQ(made.unwind(), End::no_rules);
}

TEST(Unwinder, keeps_rules_for_many_addresses)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x0, 0x8000,
					 bytes_of({DW_CFA_advance_loc4, 0, 0x40, 0, 0, DW_CFA_def_cfa_offset, 16}));
	HandMade made(UnwindMachine::x86_64, x86_image(frames));
	for (int round = 0; round < 2; round++)
		for (uint64_t at = 0; at < 0x8000; at++) {
			made.values[8] = kCode + at;
			made.stack = {at < 0x4000 ? 0U : 1U, at < 0x4000 ? 1U : 0U};
			ASSERT_EQ(made.unwind(), End::complete) << at;
		}
}

TEST(Unwinder, survives_damaged_files)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x100, 0x10, bytes_of({DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 3, 2}));
	frames.function(0x300, 0x10, bytes_of({DW_CFA_undefined, 16}));
	const std::string image = x86_image(frames);
	for (std::size_t at = 0; at < image.size(); at++)
		for (const int change : {0x01, 0x80, 0xff}) {
			std::string damaged = image;
			damaged[at] = static_cast<char>(damaged[at] ^ change);
			HandMade made(UnwindMachine::x86_64, damaged);
			made.values[8] = kCode + 0x105;
			made.stack = {1, kCode + 0x305, 0, 0};
			made.unwind();
			ASSERT_GE(made.addresses.size(), 1U);
			ASSERT_LE(made.addresses.size(), 2U);
			HandMade cut(UnwindMachine::x86_64, image.substr(0, at));
			cut.values[8] = kCode + 0x105;
			ASSERT_EQ(cut.unwind(), End::no_rules);
		}
}

} // namespace
} // namespace neuroperf::analyzer
