// SPDX-License-Identifier: Apache-2.0
#include "analyzer/demangle.hpp"
#include "tests/fuzz/fuzz_target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	neuroperf::analyzer::demangle(std::string(neuroperf::fuzz::text_of(data, size)));
	return 0;
}
