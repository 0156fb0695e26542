// SPDX-License-Identifier: Apache-2.0
// Descriptions of runtimes, and the values in them: what is taken must be fit for the BPF program's table.
#include "collector/runtime_description.hpp"
#include "collector/value_expression.hpp"
#include "tests/fuzz/fuzz_target.hpp"

using namespace neuroperf::collector;

namespace {

void check(const ValueExpression &read)
{
	const bool sized = read.steps == 0 || read.last_size == 1 || read.last_size == 2 || read.last_size == 4 ||
			   read.last_size == 8;
	if (read.steps > NP_READ_STEPS || read.from > NP_READ_FILE || !sized)
		__builtin_trap();
	// Whatever the symbols of a hostile file say.
	const auto resolved = resolve(read, [](const FileReference &) { return INT64_MAX; });
	if (resolved.ok() ? !read.references.empty() && resolved->steps != read.steps : read.references.empty())
		__builtin_trap();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const std::string_view text = neuroperf::fuzz::text_of(data, size);
	for (const auto &read : {parse_value(text), parse_string(text)})
		if (read.ok())
			check(*read);
		else if (read.error().what.empty())
			__builtin_trap();
	const auto description = parse_runtime_description(text, "fuzz.json");
	if (!description.ok()) {
		if (description.error().what.empty())
			__builtin_trap();
		return 0;
	}
	for (const RuntimePlace &place : description->places)
		for (const ValueExpression *read : place.reads.all())
			check(*read);
	return 0;
}
