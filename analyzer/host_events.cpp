// SPDX-License-Identifier: Apache-2.0
#include "analyzer/host_events.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

namespace neuroperf::analyzer {
namespace {

// A recorder that takes over from one that has ended needs two rounds at most.
constexpr uint64_t kTakeOverNs = 100'000'000, kLeastGapNs = 1'000'000;

double seconds(uint64_t ns)
{
	return static_cast<double>(ns) / 1e9;
}

std::string recording_of(const HostEventsShare &share)
{
	const std::string pid = share.pid ? fmt::format(" (pid {})", *share.pid) : "";
	if (share.rank)
		return fmt::format("the recording of rank {}{}", *share.rank, pid);
	return "another rank's recording" + pid;
}

// What is in no recording.
class Gaps {
public:
	explicit Gaps(uint64_t begin_ns) : begin_ns_(begin_ns), known_ns_(begin_ns) {}

	// In the order of their begins.
	void known(uint64_t from_ns, uint64_t to_ns)
	{
		if (from_ns > known_ns_ && from_ns - known_ns_ >= kLeastGapNs) {
			all_ns_ += from_ns - known_ns_;
			when_.push_back(fmt::format("{:.3f} to {:.3f} s", seconds(known_ns_ - begin_ns_),
						    seconds(from_ns - begin_ns_)));
		}
		known_ns_ = std::max(known_ns_, to_ns);
	}
	uint64_t all_ns() const { return all_ns_; }
	std::string text() const
	{
		return when_.empty() ? "" : fmt::format("; nobody has those of {}", fmt::join(when_, ", "));
	}

private:
	uint64_t begin_ns_, known_ns_, all_ns_ = 0;
	std::vector<std::string> when_;
};

} // namespace

std::optional<HostEventsShare> host_events_share(const std::map<std::string, uint64_t> &stats, uint64_t first_ns,
						 uint64_t last_ns)
{
	const auto stat = [&](const char *name) -> std::optional<uint64_t> {
		const auto found = stats.find(name);
		return found != stats.end() ? std::optional(found->second) : std::nullopt;
	};
	HostEventsShare share;
	share.election = stat("host_events_election").value_or(0);
	share.joined_ns = stat("host_events_joined_ns").value_or(0);
	if (share.election == 0 || share.joined_ns == 0)
		return std::nullopt;
	share.joined_ns = std::max(share.joined_ns, first_ns); // it may go on from an earlier file
	share.from_ns = stat("host_events_from_ns").value_or(0);
	if (share.has_any())
		share.from_ns = std::max(share.from_ns, first_ns);
	const auto left_ns = stat("host_events_left_ns");
	share.was_cut = !left_ns;
	share.left_ns = std::max(left_ns.value_or(last_ns), share.joined_ns);
	share.others = stat("host_events_others").value_or(0);
	share.rank = stat("host_events_rank");
	share.pid = stat("host_events_pid");
	return share;
}

QualityItem host_events_item(const HostEventsShare &share, uint64_t first_ns)
{
	const auto item = [](std::string text) {
		return QualityItem{Severity::info, kHostEvents, "host-wide events of this host are in " + text, "", {}};
	};
	if (!share.has_any())
		return item(recording_of(share));
	if (share.others == 0 || share.from_ns <= first_ns)
		return item("this recording, for all ranks on it");
	return item(fmt::format("this recording from {:.3f} s on, for all ranks on it; before, in {}{}",
				seconds(share.from_ns - std::min(first_ns, share.from_ns)), recording_of(share),
				share.others > 1 ? " and others" : ""));
}

void MergedHostEvents::add(uint64_t rank, const std::string &host, const HostEventsShare &share)
{
	Election &election = elections_[share.election];
	election.host = host;
	election.ranks.emplace_back(rank, share);
}

std::vector<QualityItem> MergedHostEvents::items() const
{
	std::vector<QualityItem> items;
	for (const auto &[number, election] : elections_)
		items.push_back(item(election));
	return items;
}

// Of those that had them, one after the other.
std::vector<MergedHostEvents::OfRank> MergedHostEvents::Election::holders() const
{
	std::vector<OfRank> found;
	std::copy_if(ranks.begin(), ranks.end(), std::back_inserter(found),
		     [](const OfRank &one) { return one.second.has_any(); });
	std::sort(found.begin(), found.end(),
		  [](const OfRank &a, const OfRank &b) { return a.second.from_ns < b.second.from_ns; });
	return found;
}

QualityItem MergedHostEvents::item(const Election &election)
{
	uint64_t begin_ns = UINT64_MAX, end_ns = 0;
	for (const auto &[rank, share] : election.ranks) {
		begin_ns = std::min(begin_ns, share.joined_ns);
		end_ns = std::max(end_ns, share.left_ns);
	}
	std::vector<std::string> who;
	bool was_cut = false;
	Gaps gaps(begin_ns);
	for (const auto &[rank, share] : election.holders()) {
		gaps.known(share.from_ns, share.left_ns);
		was_cut |= share.was_cut;
		who.push_back(who.empty() ? fmt::format("the recording of rank {}", rank)
					  : fmt::format("from {:.3f} s on in that of rank {}",
							seconds(share.from_ns - begin_ns), rank));
	}
	gaps.known(end_ns, end_ns);
	const std::string what = "host-wide events" + (election.host.empty() ? "" : " of " + election.host);
	if (who.empty())
		return {Severity::data_loss, kHostEvents, what + " are in none of these recordings",
			"name the recordings of all ranks: run.*.data", gaps.all_ns()};
	const bool is_loss = gaps.all_ns() >= kTakeOverNs || (was_cut && gaps.all_ns() > 0);
	return {is_loss ? Severity::data_loss : Severity::info, kHostEvents,
		fmt::format("{} are in {}{}", what, fmt::join(who, ", "), gaps.text()), "", gaps.all_ns()};
}

} // namespace neuroperf::analyzer
