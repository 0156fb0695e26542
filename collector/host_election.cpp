// SPDX-License-Identifier: Apache-2.0
#include "collector/host_election.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

// FNV-1a
uint64_t number_of(std::string_view text)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (const char c : text)
		hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
	return hash;
}

std::optional<uint64_t> parsed(std::string_view text)
{
	uint64_t number = 0;
	const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
	return error == std::errc{} && stop == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

} // namespace

Result<HostElection> HostElection::join(const HostElectionFacts &facts, const std::vector<std::string> &folders)
{
	const uint64_t number =
		number_of(fmt::format("{}\n{}\n{}", facts.job, facts.boot_id, fmt::join(facts.events, "\n")));
	auto lock = HostLock::open(folders, fmt::format("host-events.{:016x}", number));
	if (!lock.ok())
		return lock.error();
	return HostElection(std::move(*lock), fmt::format("{} {}", facts.rank, facts.pid));
}

bool HostElection::stand()
{
	if (lock_.is_held())
		return true;
	const uint64_t now_ns = monotonic_now_ns();
	if (joined_ns_ == 0)
		joined_ns_ = now_ns;
	if (!lock_.try_take(text_)) {
		look_who_has_it();
		return false;
	}
	from_ns_ = now_ns;
	has_news_ = true;
	return true;
}

void HostElection::leave(uint64_t time_ns)
{
	left_ns_ = time_ns;
	lock_.give_back();
}

void HostElection::look_who_has_it()
{
	std::string text = lock_.holders_text();
	if (text.empty() || text == other_)
		return;
	other_ = std::move(text);
	others_++;
	has_news_ = true;
}

void HostElection::write(RecorderLog *log)
{
	has_news_ = false;
	log->write_stat("host_events_election", number_of(lock_.identity()));
	log->write_stat("host_events_joined_ns", joined_ns_);
	log->write_stat("host_events_from_ns", from_ns_);
	log->write_stat("host_events_others", others_);
	const std::size_t space = std::min(other_.find(' '), other_.size());
	const std::string_view rank = std::string_view(other_).substr(0, space);
	if (const auto number = parsed(rank))
		log->write_stat("host_events_rank", *number);
	if (const auto pid = space < other_.size() ? parsed(std::string_view(other_).substr(space + 1)) : std::nullopt)
		log->write_stat("host_events_pid", *pid);
	if (left_ns_ != 0)
		log->write_stat("host_events_left_ns", left_ns_);
}

} // namespace neuroperf::collector
