// SPDX-License-Identifier: Apache-2.0
#include "analyzer/jitdump.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static fuzz::MemoryFile file;
	const auto dump = analyzer::read_jitdump(file.with(fuzz::text_of(data, size)));
	if (!dump.ok())
		return 0;
	analyzer::GeneratedCode code;
	analyzer::add_jitdump(*dump, &code);
	for (const analyzer::JitLoad &load : dump->loads)
		if (const auto *function = code.find(load.address); function != nullptr && function->name.size() > size)
			__builtin_trap();
	return 0;
}
