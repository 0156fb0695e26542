// SPDX-License-Identifier: Apache-2.0
// Call frame information, registers and stacks. Input: a byte of choices, the stack's size (u16), 33 registers, the
// stack; the rest is an ELF image or (choice 2) the content of its section of call frame information.
#include <algorithm>
#include <vector>

#include "analyzer/unwinder.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/unwind_image.hpp"

using namespace neuroperf;
using analyzer::Unwinder;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	recording::Cursor in(fuzz::text_of(data, size));
	const auto choices = in.read<uint8_t>();
	const auto stack_size = in.read<uint16_t>();
	const std::string registers(in.read_bytes(33 * sizeof(uint64_t))); // copies: reads beyond them are seen
	const std::string stack(in.read_bytes(stack_size));
	std::string image(in.read_bytes(in.left()));
	if (!in.ok())
		return 0;
	const bool arm = (choices & 1) != 0;
	if ((choices & 2) != 0)
		image = test::elf_around(image, arm ? EM_AARCH64 : EM_X86_64, UINT32_MAX,
					 (choices & 4) != 0 ? ".debug_frame" : ".eh_frame");
	Unwinder unwinder(arm ? Unwinder::Machine::aarch64 : Unwinder::Machine::x86_64);
	const Unwinder::FileId file = unwinder.add_image(image);
	const auto locate = [file](uint64_t address) {
		return Unwinder::Location{address <= UINT32_MAX, file, address, 0};
	};
	const uint64_t mask = arm ? (uint64_t{1} << 33) - 1 : 0xff01ff;
	std::vector<uint64_t> addresses;
	for (const std::size_t limit : {127, 3}) {
		unwinder.unwind({2, mask, registers.data(), stack}, locate, limit, &addresses);
		if (addresses.size() > limit)
			__builtin_trap();
	}
	return 0;
}
