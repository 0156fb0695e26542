// SPDX-License-Identifier: Apache-2.0
// The first byte is the wish and the machine, the rest is code.
#include <elf.h>

#include "collector/probe_placer.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	neuroperf::collector::ProbeWish wish;
	wish.for_return = data[0] & 1;
	wish.wide_nops_are_calls = data[0] & 2;
	wish.wide_nops_are_emulated = data[0] & 4;
	wish.live_arguments = data[0] & 8 ? 0xff : 0;
	const uint16_t machine = data[0] & 16 ? EM_AARCH64 : EM_X86_64;
	const auto point = neuroperf::collector::place_probe(machine, {data + 1, size - 1}, wish);
	if (point.ok() && point->offset >= size - 1)
		__builtin_trap();
	return 0;
}
