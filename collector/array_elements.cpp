// SPDX-License-Identifier: Apache-2.0
#include "collector/array_elements.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "collector/function_body.hpp"
#include "collector/name_pattern.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostArrays = 256;
constexpr std::size_t kMostElements = 1024; // of all arrays of a place together: each is a probe of its own
constexpr std::size_t kMostCode = 512;      // of a function that fills in one element

Error not_as_described(std::string what)
{
	return {ErrorCode::not_found, std::move(what), 0, ""};
}

// Whether the function that fills in an element says the same size as the description.
Status check_size(const ArraySearch &search, const CodeIndex &file, const CodePlace &array,
		  const std::vector<std::string> &captured)
{
	const std::string pattern = filled_in(search.filled_by, captured);
	const std::vector<CodePlace> functions = file.any(pattern);
	if (functions.size() != 1 || functions[0].size == 0 || functions[0].size > kMostCode)
		return not_as_described(fmt::format("{} is not one short function", pattern));
	const std::string code = file.code(functions[0].offset, functions[0].size);
	const auto bytes =
		bytes_filled_in(file.machine(), std::span(reinterpret_cast<const uint8_t *>(code.data()), code.size()),
				file.address_of(functions[0].offset).value_or(0), array.offset);
	if (!bytes.ok())
		return not_as_described(fmt::format("{}: {}", pattern, bytes.error().what));
	if (*bytes != search.element_bytes)
		return not_as_described(
			fmt::format("its elements have {} bytes, not {}: they hold something else than described",
				    *bytes, search.element_bytes));
	return Done{};
}

Result<std::size_t> count_of(const ArraySearch &search, const CodePlace &array)
{
	if (array.size == 0 || array.size % search.element_bytes != 0)
		return not_as_described(
			fmt::format("its {} bytes are no elements of {}", array.size, search.element_bytes));
	return static_cast<std::size_t>(array.size / search.element_bytes);
}

} // namespace

ArrayElements elements_of(const ArraySearch &search, const CodeIndex &file, const std::vector<std::string> &captured)
{
	ArrayElements found;
	std::vector<CodePlace> arrays = file.objects(filled_in(search.pattern, captured));
	arrays.resize(std::min(arrays.size(), kMostArrays));
	for (const CodePlace &array : arrays) {
		std::vector<std::string> stars = captured;
		stars.insert(stars.end(), array.captured.begin(), array.captured.end());
		Status done = search.filled_by.empty() ? Status(Done{}) : check_size(search, file, array, stars);
		const auto count = count_of(search, array);
		if (done.ok() && !count.ok())
			done = count.error();
		if (done.ok() && *count > kMostElements - found.elements.size())
			done = not_as_described(
				fmt::format("with its {} elements they are more than {}", *count, kMostElements));
		if (!done.ok())
			found.refused.push_back(fmt::format("{}: {}", array.name, done.error().what));
		for (std::size_t i = 0; done.ok() && i < *count; i++) {
			found.elements.push_back({array.offset + i * search.element_bytes, stars});
			found.elements.back().captured.push_back(fmt::format("{}", i));
		}
	}
	return found;
}

} // namespace neuroperf::collector
