// SPDX-License-Identifier: Apache-2.0
// Objects of runtimes: functions by symbol, classes by run-time type information.
#include "collector/code_index.hpp"
#include "recording/unique_fd.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz::MemoryFile file;
	const UniqueFd opened(::open(file.with(fuzz::text_of(data, size)).c_str(), O_RDONLY | O_CLOEXEC));
	const auto index = collector::CodeIndex::read(opened.get());
	if (!index.ok())
		return 0;
	for (const collector::CodePlace &place : index->any("*a*")) {
		if (place.offset >= size || index->code(place.offset, 16).size() > 16)
			__builtin_trap();
		const auto part = index->continued_part(place.offset);
		if (part && (part->offset > place.offset || part->offset + part->code.size() > size))
			__builtin_trap();
	}
	index->exported("*");
	index->data("environ");
	for (const char *base : {"St9exception", "N2np4BaseE", "1A"})
		for (const unsigned slot : {0u, 2u})
			for (const collector::CodePlace &place : index->virtual_slot(base, slot))
				if (place.offset >= size)
					__builtin_trap();
	return 0;
}
