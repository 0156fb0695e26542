// SPDX-License-Identifier: Apache-2.0
#include "analyzer/place_numbers.hpp"

namespace neuroperf::analyzer {
namespace {

// What a made-up file can ask for must stay bounded.
constexpr std::size_t kMaxPlaces = 4'000'000;
constexpr std::size_t kMaxSeen = 4'000'000; // forgotten when there are more; they can be found again

} // namespace

PlaceNumber PlaceNumbers::number(ProcessId process, const Frame &frame)
{
	const Seen key{frame.address, threads_.generation(process, frame.side),
		       static_cast<uint32_t>(frame.side) << 1 | (frame.is_return ? 1u : 0u)};
	if (const auto found = seen_.find(key); found != seen_.end())
		return found->second;
	if (seen_.size() >= kMaxSeen)
		seen_.clear();
	const PlaceNumber number = find(process, frame);
	seen_.emplace(key, number);
	return number;
}

PlaceNumber PlaceNumbers::find(ProcessId process, const Frame &frame)
{
	const uint64_t address = frame.address - (frame.is_return && frame.address > 0 ? 1 : 0);
	CodePlace place{frame.side, false, ModuleId{}, address};
	if (const Place found = threads_.place(process, address, frame.side); found.known)
		place = {frame.side, true, found.module, found.offset};
	if (places_.size() >= kMaxPlaces)
		place = {frame.side, false, ModuleId{}, 0};
	const auto [at, is_new] = number_of_place_.try_emplace(place, static_cast<PlaceNumber>(places_.size()));
	if (is_new)
		places_.push_back(place);
	return at->second;
}

} // namespace neuroperf::analyzer
