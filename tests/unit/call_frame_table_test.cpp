// SPDX-License-Identifier: Apache-2.0
#include <dwarf.h>

#include <gtest/gtest.h>

#include "analyzer/dwarf_expression.hpp"
#include "recording/call_frame_table.hpp"
#include "tests/support/unwind_image.hpp"

namespace neuroperf::recording {
namespace {

using Found = CallFrameTable::Found;
using Kind = RegisterRule::Kind;
using test::bytes_of;
using test::EhFrame;

// CFA = rsp + 8, return address at CFA - 8: on entry of every x86-64 function.
const std::string kOnEntry = bytes_of({DW_CFA_def_cfa, 7, 8, DW_CFA_offset | 16, 1});

CallFrameTable table_of(const std::string &bytes, CallFrameTable::Kind kind = CallFrameTable::Kind::eh_frame)
{
	return {bytes, 0x100000, kind, UnwindMachine::x86_64};
}

Found row_at(const EhFrame &frames, uint64_t address, CallFrameRow *row)
{
	return table_of(frames.bytes()).row_at(address, row);
}

TEST(CallFrameTable, tells_rows_by_address)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x1000, 0x40,
					 bytes_of({DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16, DW_CFA_offset | 6,
						   2, DW_CFA_advance_loc | 3, DW_CFA_def_cfa_register, 6}));
	CallFrameRow row;
	EXPECT_EQ(row_at(frames, 0xfff, &row), Found::no_entry);
	ASSERT_EQ(row_at(frames, 0x1000, &row), Found::row);
	EXPECT_EQ(row.cfa, (CfaRule{CfaRule::Kind::register_plus, 7, 8, {}}));
	EXPECT_EQ(row.registers[16], (RegisterRule{Kind::saved, -8, {}}));
	EXPECT_EQ(row.registers[6].kind, Kind::unspecified);
	EXPECT_EQ(row.return_register, 16U);
	EXPECT_FALSE(row.signal_frame);
	ASSERT_EQ(row_at(frames, 0x1003, &row), Found::row);
	EXPECT_EQ(row.cfa, (CfaRule{CfaRule::Kind::register_plus, 7, 16, {}}));
	EXPECT_EQ(row.registers[6], (RegisterRule{Kind::saved, -16, {}}));
	ASSERT_EQ(row_at(frames, 0x103f, &row), Found::row);
	EXPECT_EQ(row.cfa, (CfaRule{CfaRule::Kind::register_plus, 6, 16, {}}));
	EXPECT_EQ(row_at(frames, 0x1040, &row), Found::no_entry);
}

TEST(CallFrameTable, finds_functions_in_any_order)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x3000, 0x10, {}).function(0x1000, 0x10, {});
	frames.common(bytes_of({DW_CFA_def_cfa, 6, 16}), 16, "zRS").function(0x2000, 0x10, {});
	CallFrameRow row;
	EXPECT_EQ(table_of(frames.bytes()).entry_count(), 3U);
	for (const uint64_t address : {0x1005, 0x2005, 0x3005}) {
		ASSERT_EQ(row_at(frames, address, &row), Found::row) << address;
		EXPECT_EQ(row.signal_frame, address == 0x2005);
		EXPECT_EQ(row.cfa.number, address == 0x2005 ? 6U : 7U);
	}
}

TEST(CallFrameTable, goes_back_to_remembered_and_first_rules)
{
	EhFrame frames;
	frames.common(kOnEntry).function(
		0x1000, 0x40,
		bytes_of({DW_CFA_def_cfa_offset, 32, DW_CFA_offset | 3, 2, DW_CFA_advance_loc | 4,
			  DW_CFA_remember_state, DW_CFA_def_cfa_offset, 8, DW_CFA_restore | 3, DW_CFA_advance_loc | 4,
			  DW_CFA_restore_state}));
	CallFrameRow row;
	for (const auto &[address, offset] : {std::pair{0x1000, 32}, {0x1004, 8}, {0x1008, 32}}) {
		ASSERT_EQ(row_at(frames, static_cast<uint64_t>(address), &row), Found::row);
		EXPECT_EQ(row.cfa.offset, offset) << address;
		EXPECT_EQ(row.registers[3].kind, address == 0x1004 ? Kind::unspecified : Kind::saved);
	}
}

TEST(CallFrameTable, knows_every_kind_of_rule)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x1000, 0x40,
					 bytes_of({DW_CFA_undefined,
						   16,
						   DW_CFA_same_value,
						   3,
						   DW_CFA_register,
						   6,
						   12,
						   DW_CFA_offset_extended_sf,
						   13,
						   0x7f,
						   DW_CFA_val_offset,
						   14,
						   2,
						   DW_CFA_expression,
						   15,
						   2,
						   DW_OP_lit1,
						   DW_OP_plus,
						   DW_CFA_val_expression,
						   12,
						   1,
						   DW_OP_lit2,
						   DW_CFA_offset_extended,
						   200,
						   1,
						   5,
						   DW_CFA_GNU_args_size,
						   4,
						   DW_CFA_def_cfa_expression,
						   1,
						   DW_OP_lit3}));
	CallFrameRow row;
	ASSERT_EQ(row_at(frames, 0x1000, &row), Found::row);
	EXPECT_EQ(row.registers[16].kind, Kind::undefined);
	EXPECT_EQ(row.registers[3].kind, Kind::same);
	EXPECT_EQ(row.registers[6], (RegisterRule{Kind::in_register, 12, {}}));
	EXPECT_EQ(row.registers[13], (RegisterRule{Kind::saved, 8, {}})); // -1 * -8
	EXPECT_EQ(row.registers[14], (RegisterRule{Kind::cfa_plus, -16, {}}));
	const std::string plus_one = bytes_of({DW_OP_lit1, DW_OP_plus}), two = bytes_of({DW_OP_lit2});
	EXPECT_EQ(row.registers[15], (RegisterRule{Kind::saved_at_expr, 0, plus_one}));
	EXPECT_EQ(row.registers[12], (RegisterRule{Kind::value_of_expr, 0, two}));
	const std::string three = bytes_of({DW_OP_lit3});
	EXPECT_EQ(row.cfa, (CfaRule{CfaRule::Kind::expression, 0, 0, three}));
}

// With pointers relative to their own places, as compilers write them.
TEST(CallFrameTable, reads_relative_addresses)
{
	recording::ByteWriter bytes;
	bytes.put<uint32_t>(16).put<uint32_t>(0).put<uint8_t>(1).put_text("zR");
	bytes.put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16).put<uint8_t>(1);
	bytes.put<uint8_t>(DW_EH_PE_pcrel | DW_EH_PE_sdata4)
		.put<uint8_t>(DW_CFA_def_cfa)
		.put<uint8_t>(7)
		.put<uint8_t>(8);
	bytes.put<uint32_t>(0); // a terminator between entries
	bytes.put<uint32_t>(16).put<uint32_t>(28).put<int32_t>(-0x2000).put<uint32_t>(0x10).put<uint32_t>(0);
	CallFrameRow row;
	const CallFrameTable table = table_of(bytes.bytes());
	ASSERT_EQ(table.entry_count(), 1U);
	const uint64_t begin = 0x100000 + 32 - 0x2000;
	EXPECT_EQ(table.row_at(begin - 1, &row), Found::no_entry);
	EXPECT_EQ(table.row_at(begin, &row), Found::row);
	EXPECT_EQ(table.row_at(begin + 0xf, &row), Found::row);
	EXPECT_EQ(table.row_at(begin + 0x10, &row), Found::no_entry);
}

TEST(CallFrameTable, reads_debug_frame)
{
	recording::ByteWriter bytes;
	bytes.put<uint32_t>(UINT32_MAX).put<uint64_t>(20).put(UINT64_MAX).put<uint8_t>(4).put_text(""); // wide, DWARF 4
	bytes.put<uint8_t>(8).put<uint8_t>(0).put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16).put_bytes(kOnEntry);
	bytes.pad_to_multiple(4);
	const auto at = static_cast<uint32_t>(bytes.size());
	bytes.put<uint32_t>(16).put<uint32_t>(UINT32_MAX).put<uint8_t>(3).put_text("");
	bytes.put<uint8_t>(1).put<uint8_t>(0x78).put<uint8_t>(16).put_bytes(kOnEntry).put_text("").put_text("");
	const auto function = static_cast<uint32_t>(bytes.size());
	bytes.put<uint32_t>(20).put(at).put<uint64_t>(0x1000).put<uint64_t>(0x20);
	bytes.put<uint32_t>(UINT32_MAX).put<uint64_t>(24).put<uint64_t>(0).put<uint64_t>(0x2000).put<uint64_t>(0x20);
	EXPECT_EQ(function, at + 20);
	const CallFrameTable table = table_of(bytes.bytes(), CallFrameTable::Kind::debug_frame);
	CallFrameRow row;
	for (const uint64_t address : {0x101f, 0x201f}) {
		ASSERT_EQ(table.row_at(address, &row), Found::row) << address;
		EXPECT_EQ(row.cfa.offset, 8);
	}
}

TEST(CallFrameTable, refuses_instructions_that_lie)
{
	const std::string lies[] = {
		std::string(5, DW_CFA_nop) + bytes_of({DW_CFA_advance_loc4, 1}),    // cut: the entry needs no padding
		bytes_of({DW_CFA_expression, 6, 0x7f}),                             // longer than the entry
		bytes_of({DW_CFA_restore_state}),                                   // nothing remembered
		bytes_of({DW_CFA_def_cfa, 40, 8}),                                  // no such register
		bytes_of({0x3a}),                                                   // no such instruction
		bytes_of({DW_CFA_def_cfa_expression, 0, DW_CFA_def_cfa_offset, 8}), // offset of no register
		std::string(1000, DW_CFA_remember_state),
		std::string(1, DW_CFA_def_cfa_offset) + std::string(40, '\xff'), // a number without an end
	};
	for (const std::string &lie : lies) {
		EhFrame frames;
		frames.common(kOnEntry).function(0x1000, 0x40, lie);
		CallFrameRow row;
		EXPECT_EQ(row_at(frames, 0x1000, &row), Found::damaged) << static_cast<int>(lie[0]);
	}
	EhFrame moves; // a common entry has one row
	moves.common(kOnEntry + bytes_of({DW_CFA_advance_loc | 1})).function(0x1000, 0x40, {});
	CallFrameRow row;
	EXPECT_EQ(row_at(moves, 0x1000, &row), Found::damaged);
}

TEST(CallFrameTable, survives_every_cut_and_every_changed_byte)
{
	EhFrame frames;
	frames.common(kOnEntry).function(0x1000, 0x40, bytes_of({DW_CFA_advance_loc | 1, DW_CFA_def_cfa_offset, 16}));
	frames.common(kOnEntry, 16, "zRS").function(0x2000, 0x40, bytes_of({DW_CFA_val_expression, 3, 1, DW_OP_lit0}));
	CallFrameRow row;
	for (std::size_t size = 0; size < frames.bytes().size(); size++) {
		const CallFrameTable cut = table_of(frames.bytes().substr(0, size));
		EXPECT_LE(cut.entry_count(), 1U) << size; // the last one ends with the section
	}
	for (std::size_t at = 0; at < frames.bytes().size(); at++)
		for (const int change : {0x01, 0x80, 0xff}) {
			std::string bytes = frames.bytes();
			bytes[at] = static_cast<char>(bytes[at] ^ change);
			const CallFrameTable table = table_of(bytes);
			for (const uint64_t address : {0x1000, 0x1020, 0x2020})
				table.row_at(address, &row);
		}
}

struct Expression : testing::Test {
	UnwindRegisters registers;
	std::string memory = std::string("\x11\x22\x33\x44\x55\x66\x77\x08", 8);
	uint64_t result = 0;

	bool run(const std::string &code, const uint64_t *initial = nullptr)
	{
		const CapturedStack stack(0x7000, memory);
		return analyzer::evaluate_expression(code, {registers, stack, 0x10000}, initial, &result);
	}
};

TEST_F(Expression, calculates)
{
	const std::pair<std::string, int64_t> cases[] = {
		{bytes_of({DW_OP_lit5, DW_OP_lit3, DW_OP_minus}), 2},
		{bytes_of({DW_OP_const1s, 0xff, DW_OP_lit2, DW_OP_mul}), -2},
		{bytes_of({DW_OP_const1s, 0xf8, DW_OP_lit2, DW_OP_div}), -4},
		{bytes_of({DW_OP_const1u, 0xff, DW_OP_lit16, DW_OP_mod}), 15},
		{bytes_of({DW_OP_const2s, 0x00, 0x80, DW_OP_lit4, DW_OP_shra}), -0x800},
		{bytes_of({DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shl}), 0},
		{bytes_of({DW_OP_const1s, 0xff, DW_OP_lit1, DW_OP_lt}), 1},
		{bytes_of({DW_OP_lit7, DW_OP_lit7, DW_OP_ge}), 1},
		{bytes_of({DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, DW_OP_drop, DW_OP_swap, DW_OP_drop}), 1},
		{bytes_of({DW_OP_lit9, DW_OP_lit1, DW_OP_over, DW_OP_plus}), 10},
		{bytes_of({DW_OP_lit9, DW_OP_lit1, DW_OP_pick, 1}), 9},
		{bytes_of({DW_OP_lit4, DW_OP_neg, DW_OP_abs, DW_OP_not}), -5},
		{bytes_of({DW_OP_consts, 0x7f, DW_OP_plus_uconst, 3}), 2},
		{bytes_of({DW_OP_lit1, DW_OP_bra, 1, 0, DW_OP_lit8, DW_OP_lit6}), 6},
		{bytes_of({DW_OP_lit2, DW_OP_skip, 1, 0, DW_OP_drop, DW_OP_stack_value, DW_OP_drop}), 2},
		{bytes_of({DW_OP_addr, 1, 0, 0, 0, 0, 0, 0, 0}), 0x10001},
	};
	for (const auto &[code, expected] : cases) {
		EXPECT_TRUE(run(code)) << static_cast<int>(code[0]);
		EXPECT_EQ(static_cast<int64_t>(result), expected) << testing::PrintToString(code);
	}
}

TEST_F(Expression, reads_registers_and_captured_memory)
{
	registers.set(7, 0x7000);
	EXPECT_TRUE(run(bytes_of({DW_OP_breg7, 0, DW_OP_deref})));
	EXPECT_EQ(result, 0x0877665544332211U);
	EXPECT_TRUE(run(bytes_of({DW_OP_bregx, 7, 1, DW_OP_deref_size, 2})));
	EXPECT_EQ(result, 0x3322U);
	const uint64_t initial = 0x7004;
	EXPECT_TRUE(run(bytes_of({DW_OP_deref_size, 4}), &initial));
	EXPECT_EQ(result, 0x08776655U);
	for (const auto &code : {bytes_of({DW_OP_breg7, 1, DW_OP_deref}), bytes_of({DW_OP_breg7, 0x7f, DW_OP_deref}),
				 bytes_of({DW_OP_breg3, 0}), bytes_of({DW_OP_bregx, 99, 0}),
				 bytes_of({DW_OP_breg7, 0, DW_OP_deref_size, 9})})
		EXPECT_FALSE(run(code)) << testing::PrintToString(code);
}

TEST_F(Expression, refuses_what_cannot_be_told)
{
	for (const auto &code : {bytes_of({}), bytes_of({DW_OP_plus}), bytes_of({DW_OP_lit1, DW_OP_lit0, DW_OP_div}),
				 bytes_of({DW_OP_lit1, DW_OP_lit0, DW_OP_mod}), bytes_of({DW_OP_const8u, 1}),
				 bytes_of({DW_OP_skip, 0xfd, 0xff}), // for ever
				 bytes_of({DW_OP_lit1, DW_OP_skip, 0x00, 0x80}), bytes_of({DW_OP_lit0, DW_OP_reg0}),
				 bytes_of({DW_OP_lit0, DW_OP_call_frame_cfa}), std::string(65, DW_OP_lit0)})
		EXPECT_FALSE(run(code)) << testing::PrintToString(code);
}

} // namespace
} // namespace neuroperf::recording
