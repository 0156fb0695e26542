// SPDX-License-Identifier: Apache-2.0
#include "collector/runtime_callers.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "collector/runtime_match.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kCodeBehindCall = 256;

} // namespace

void RuntimeCallers::use(UprobeKind kind, const bpf_program *program, bool wide_nops_are_calls)
{
	kind_ = kind;
	program_ = program;
	wide_nops_are_calls_ = wide_nops_are_calls;
}

void RuntimeCallers::add_named(const FileKey &key, int file, const std::string &path,
			       const std::vector<uint64_t> &offsets, uint16_t place)
{
	Spots spots;
	for (const uint64_t offset : offsets)
		find({key, offset}, file, path, Kind::sampled, place, &spots);
	attach(file, &spots);
}

void RuntimeCallers::add_met()
{
	std::map<uint32_t, std::vector<FileMapping>> mappings;
	std::map<FileKey, Spots> found;
	std::vector<Place> met;
	for (const RuntimeCaller &caller : spans_.take_callers()) {
		if (!mappings.contains(caller.pid)) {
			auto read = read_file_mappings(static_cast<int>(caller.pid));
			mappings[caller.pid] = read.ok() ? std::move(*read) : std::vector<FileMapping>{};
		}
		for (const FileMapping &mapping : mappings[caller.pid]) { // none: it has ended
			if (!mapping.executable || caller.address < mapping.start || caller.address >= mapping.end)
				continue;
			met.emplace_back(mapping.file, caller.address - mapping.start + mapping.offset);
			look_at(caller, mapping, &found[mapping.file]);
		}
	}
	for (auto &[key, spots] : found)
		attach(spots.file.get(), &spots);
	for (const Place &place : met) {
		const auto known = probed_.find(place); // not there: it ended before it could be looked at
		counts_.met += known != probed_.end() ? 1 : 0;
		counts_.probed += known != probed_.end() && known->second ? 1 : 0;
	}
}

void RuntimeCallers::look_at(const RuntimeCaller &caller, const FileMapping &mapping, Spots *to)
{
	const Place place{mapping.file, caller.address - mapping.start + mapping.offset};
	if (const auto known = probed_.find(place); known != probed_.end()) { // of another process, or named
		if (known->second)
			spans_.has_been_watched(caller);
		return;
	}
	auto file = open_mapped_file(static_cast<int>(caller.pid), mapping);
	if (!file.ok())
		return; // it has ended since
	const Kind kind = !caller.is_sampled ? Kind::kept : caller.is_successive ? Kind::spare : Kind::sampled;
	find(place, file->get(), mapping.path, kind, std::nullopt, to);
	to->file = std::move(*file);
}

void RuntimeCallers::find(const Place &place, int file, const std::string &path, Kind kind,
			  std::optional<uint16_t> of_place, Spots *to)
{
	if (!probed_.try_emplace(place, false).second)
		return;
	uint8_t code[kCodeBehindCall];
	const ssize_t size = ::pread(file, code, sizeof code, static_cast<off_t>(place.second));
	if (size <= 0)
		return;
	const auto point = place_behind_call({code, static_cast<std::size_t>(size)}, wide_nops_are_calls_);
	if (!point.ok() || point->pushed_bytes == kPushedUnknown) {
		counts_.problem = fmt::format("{} at {:#x}: {}", path, place.second,
					      point.ok() ? "the stack pointer moves" : point.error().what);
		return;
	}
	const uint32_t number = spans_.add_return(point->pushed_bytes, point->cost, of_place);
	kinds_.push_back(kind);
	to->of_kind[kind].push_back({place, {place.second + point->offset, number}});
}

void RuntimeCallers::attach(int file, Spots *spots)
{
	for (const auto &[kind, some] : spots->of_kind)
		attach_some(file, some, kind);
}

uint32_t RuntimeCallers::add_told(int32_t pushed_bytes, ProbeCost cost)
{
	kinds_.push_back(Kind::sampled);
	return spans_.add_return(pushed_bytes, cost);
}

void RuntimeCallers::drop_spare()
{
	probes_.drop();
	for (const Place &place : std::exchange(spare_, {}))
		probed_.erase(place);
}

void RuntimeCallers::attach_some(int file, const std::vector<std::pair<Place, UprobeSpot>> &some, Kind kind)
{
	std::vector<UprobeSpot> spots;
	for (const auto &[place, spot] : some)
		spots.push_back(spot);
	const std::size_t attached =
		probes_.add(kind_, program_, file, std::move(spots), kind != Kind::kept, {}, kind == Kind::spare);
	if (attached < some.size())
		counts_.problem = std::strerror(errno);
	for (std::size_t i = 0; i < attached; i++) // which ones the kernel refused it does not say
		probed_[some[i].first] = true;
	if (kind == Kind::spare)
		for (const auto &[place, spot] : some)
			spare_.push_back(place);
}

} // namespace neuroperf::collector
