// SPDX-License-Identifier: Apache-2.0
#include "analyzer/merged_quality.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace neuroperf::analyzer {
namespace {

// "3.0 % of 12 ms" -> "# % of # ms"
std::string without_numbers(const std::string &text)
{
	const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
	std::string out;
	for (std::size_t i = 0; i < text.size(); i++) {
		const bool point = text[i] == '.' && i > 0 && is_digit(text[i - 1]) && i + 1 < text.size() &&
				   is_digit(text[i + 1]);
		if (!is_digit(text[i]) && !point)
			out += text[i];
		else if (out.empty() || out.back() != '#')
			out += '#';
	}
	return out;
}

double amount(const Cell &cell)
{
	if (const auto *integer = std::get_if<uint64_t>(&cell))
		return static_cast<double>(*integer);
	const auto *real = std::get_if<double>(&cell);
	return real ? *real : -1;
}

} // namespace

std::string ranks_text(const std::vector<uint64_t> &ranks)
{
	std::string text;
	for (std::size_t i = 0; i < ranks.size(); i++) {
		std::size_t last = i;
		while (last + 1 < ranks.size() && ranks[last + 1] == ranks[last] + 1)
			last++;
		text += (text.empty() ? "" : ", ") + std::to_string(ranks[i]);
		if (last > i)
			text += (last > i + 1 ? "-" : ", ") + std::to_string(ranks[last]);
		i = last;
	}
	return text;
}

void MergedQuality::add(uint64_t rank, const std::vector<QualityItem> &items)
{
	for (const QualityItem &item : items) {
		const auto [found, is_new] =
			index_.try_emplace({item.severity, item.code, without_numbers(item.text)}, groups_.size());
		if (is_new)
			groups_.push_back({item, rank, true, {}});
		Group &group = groups_[found->second];
		group.same_text = group.same_text && item.text == group.most.text;
		if (group.ranks.empty() || group.ranks.back() != rank)
			group.ranks.push_back(rank);
		if (amount(item.value) > amount(group.most.value)) {
			group.most = item;
			group.rank_of_most = rank;
		}
	}
}

std::vector<QualityItem> MergedQuality::items(std::size_t all) const
{
	std::vector<QualityItem> items;
	for (const Group &group : groups_) {
		QualityItem item = group.most;
		const std::string ranks = ranks_text(group.ranks);
		if (group.ranks.size() == 1)
			item.text = fmt::format("rank {}: {}", ranks, item.text);
		else if (!group.same_text)
			item.text =
				fmt::format("rank {}: {} ({}{})", group.rank_of_most, item.text,
					    amount(item.value) >= 0 ? "the most of ranks " : "alike on ranks ", ranks);
		else if (group.ranks.size() < all)
			item.text = fmt::format("ranks {}: {}", ranks, item.text);
		else if (without_numbers(item.text) != item.text) // they are no sums
			item.text = "each rank: " + item.text;
		items.push_back(std::move(item));
	}
	std::stable_sort(items.begin(), items.end(),
			 [](const QualityItem &a, const QualityItem &b) { return a.severity > b.severity; });
	return items;
}

} // namespace neuroperf::analyzer
