// SPDX-License-Identifier: Apache-2.0
#include "collector/attached_names.hpp"

#include <fmt/format.h>

#include <utility>

namespace neuroperf::collector {
namespace {

constexpr uint32_t kLastId = 65536; // the analyzer takes larger ones for damage
constexpr std::size_t kMostHandles = 1'000'000;

std::string content_of(const Definition &definition)
{
	return fmt::format("{} {} {} {} {} {} ", definition.what, definition.neurons, definition.synapses,
			   definition.macs, definition.parameters, definition.name.size()) +
	       definition.name + definition.kind;
}

} // namespace

void AttachedNames::add(uint32_t pid, uint16_t object, const LocalDefinition &local)
{
	const uint32_t id = handles_ < kMostHandles ? number_of(local.definition) : 0;
	if (id == 0) {
		without_number_++;
		return;
	}
	// The latest word of an object counts: its process may have started another program. Of several objects, the
	// first one's.
	Ids &ids = ids_[pid];
	const std::size_t before = ids.size();
	ids.insert_or_assign(key(object, local.handle), id);
	ids.try_emplace(key(0, local.handle), id);
	handles_ += ids.size() - before;
	if (anywhere_.size() < kMostHandles)
		anywhere_.try_emplace(local.handle, id);
}

uint32_t AttachedNames::number_of(const Definition &definition)
{
	const auto [found, is_new] = by_content_.try_emplace(content_of(definition), next_id_);
	if (!is_new)
		return found->second;
	if (next_id_ > kLastId) {
		by_content_.erase(found);
		return 0;
	}
	fresh_.push_back(definition);
	fresh_.back().id = next_id_++;
	return fresh_.back().id;
}

uint32_t AttachedNames::id_of(uint32_t pid, uint16_t object, uint32_t handle) const
{
	const auto process = ids_.find(pid);
	if (process == ids_.end())
		return 0;
	const Ids &ids = process->second;
	auto found = ids.find(key(object, handle));
	if (found == ids.end())
		found = ids.find(key(0, handle));
	return found == ids.end() ? 0 : found->second;
}

uint32_t AttachedNames::id_anywhere(uint32_t handle) const
{
	const auto found = anywhere_.find(handle);
	return found == anywhere_.end() ? 0 : found->second;
}

void AttachedNames::forget(uint32_t pid)
{
	const auto process = ids_.find(pid);
	if (process == ids_.end())
		return;
	handles_ -= process->second.size();
	ids_.erase(process);
}

std::vector<Definition> AttachedNames::take()
{
	return std::exchange(fresh_, {});
}

} // namespace neuroperf::collector
