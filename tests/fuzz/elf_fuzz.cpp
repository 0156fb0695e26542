// SPDX-License-Identifier: Apache-2.0
// ELF images: symbols, PLT, segments.
#include "analyzer/symbol_table.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string copy(fuzz::text_of(data, size)); // reads beyond it are seen
	const auto table = analyzer::SymbolTable::from_elf_image(copy.data(), copy.size());
	if (!table.ok())
		return 0;
	uint64_t address = 0;
	for (const analyzer::Symbol &symbol : table->symbols())
		table->find(symbol.address + symbol.size / 2);
	for (const uint64_t offset : {uint64_t{0}, uint64_t{4096}, uint64_t{size}, UINT64_MAX})
		if (table->address_of_offset(offset, &address))
			table->find(address);
	return 0;
}
