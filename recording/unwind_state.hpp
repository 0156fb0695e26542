// SPDX-License-Identifier: Apache-2.0
// What is known of a thread at one of its call frames: registers by their DWARF numbers, and the part of its stack that
// the sample brought along.
//
//	number     0-15                                     16   29   30   31   32
//	x86-64     rax rdx rcx rbx rsi rdi rbp rsp r8-r15   pc
//	aarch64    x0-x15                              x16  fp   lr   sp   pc
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace neuroperf::recording {

enum class UnwindMachine { x86_64, aarch64 };

struct UnwindRegisters {
	static constexpr unsigned kCount = 33;

	std::array<uint64_t, kCount> value = {};
	uint64_t known = 0; // bit by number

	bool knows(unsigned number) const { return number < kCount && (known >> number & 1) != 0; }
	void set(unsigned number, uint64_t content)
	{
		value[number] = content;
		known |= uint64_t{1} << number;
	}
	void forget(unsigned number) { known &= ~(uint64_t{1} << number); }
};

// Which numbers have a part of their own.
struct SpecialRegisters {
	unsigned pc, sp, fp;
};
constexpr SpecialRegisters special_registers(UnwindMachine machine)
{
	return machine == UnwindMachine::x86_64 ? SpecialRegisters{16, 7, 6} : SpecialRegisters{32, 31, 29};
}

// The captured bytes of the stack, by address. Nothing else of the process can be read.
class CapturedStack {
public:
	CapturedStack(uint64_t begin, std::string_view bytes) : begin_(begin), bytes_(bytes) {}

	// `size` bytes (at most 8), zero extended; false if they are not all captured.
	bool read(uint64_t address, std::size_t size, uint64_t *value) const
	{
		const uint64_t offset = address - begin_; // far outside if address is below
		if (offset >= bytes_.size() || bytes_.size() - offset < size)
			return false;
		*value = 0;
		std::memcpy(value, bytes_.data() + offset, size);
		return true;
	}

private:
	uint64_t begin_;
	std::string_view bytes_;
};

} // namespace neuroperf::recording
