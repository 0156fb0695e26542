// SPDX-License-Identifier: Apache-2.0
#include "analyzer/generated_code.hpp"

#include <algorithm>

namespace neuroperf::analyzer {

namespace {

uint64_t end_of(uint64_t address, uint64_t size)
{
	size = std::max<uint64_t>(size, 1);
	return size > UINT64_MAX - address ? UINT64_MAX : address + size;
}

} // namespace

bool GeneratedCode::add(uint64_t address, uint64_t size, std::string_view name)
{
	if (functions_.size() >= kMaximumFunctions)
		return false;
	ranges_.paint(address, end_of(address, size), static_cast<uint32_t>(functions_.size()));
	functions_.push_back({address, name});
	return true;
}

void GeneratedCode::move(uint64_t from, uint64_t size, uint64_t to)
{
	const Function *function = find(from);
	if (function == nullptr || function->address != from)
		return;
	const std::string_view name = function->name;
	ranges_.clear(from, end_of(from, size));
	add(to, size, name);
}

const GeneratedCode::Function *GeneratedCode::find(uint64_t address) const
{
	const uint32_t *index = ranges_.find(address);
	return index == nullptr ? nullptr : &functions_[*index];
}

} // namespace neuroperf::analyzer
