// SPDX-License-Identifier: Apache-2.0
// Perf maps: each function must be found where it begins, under some name.
#include "analyzer/perf_map.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const analyzer::PerfMap map = analyzer::parse_perf_map(std::string(fuzz::text_of(data, size)));
	std::size_t found = 0, bytes = 0;
	for (uint64_t address : {uint64_t{0}, uint64_t{0x1000}, UINT64_MAX - 1, UINT64_MAX})
		if (const auto *function = map.code.find(address)) {
			found++;
			bytes += function->name.size();
		}
	if (bytes > found * size)
		__builtin_trap();
	uint32_t pid = 0;
	analyzer::is_perf_map(fuzz::text_of(data, size), &pid);
	return 0;
}
