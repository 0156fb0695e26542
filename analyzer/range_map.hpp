// SPDX-License-Identifier: Apache-2.0
// Values by ranges of addresses; a range painted later covers what was there. At most two pieces more for each range
// painted, so that hostile input cannot make it quadratic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>

namespace neuroperf::analyzer {

template <typename Value> class RangeMap {
public:
	struct Piece {
		uint64_t end = 0;
		Value value;
	};

	void paint(uint64_t begin, uint64_t end, const Value &value)
	{
		if (begin >= end)
			return;
		clear(begin, end);
		pieces_.emplace(begin, Piece{end, value});
	}

	void clear(uint64_t begin, uint64_t end)
	{
		split(begin);
		split(end);
		pieces_.erase(pieces_.lower_bound(begin), pieces_.lower_bound(end));
	}

	// nullptr where nothing was painted.
	const Value *find(uint64_t address) const
	{
		const auto after = pieces_.upper_bound(address);
		if (after == pieces_.begin())
			return nullptr;
		const Piece &piece = std::prev(after)->second;
		return address < piece.end ? &piece.value : nullptr;
	}

	const std::map<uint64_t, Piece> &pieces() const { return pieces_; } // by where they begin

private:
	void split(uint64_t at)
	{
		const auto after = pieces_.lower_bound(at);
		if (after == pieces_.begin())
			return;
		Piece &piece = std::prev(after)->second;
		if (piece.end <= at)
			return;
		const Piece rest = piece;
		piece.end = at;
		pieces_.emplace_hint(after, at, rest);
	}

	std::map<uint64_t, Piece> pieces_;
};

} // namespace neuroperf::analyzer
