// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "recording/reader.hpp"

namespace neuroperf::recording {

uint32_t RecordStream::free_block()
{
	if (free_.empty()) {
		blocks_.emplace_back();
		blocks_.back().data = std::make_unique_for_overwrite<char[]>(kBlockSize);
		return static_cast<uint32_t>(blocks_.size() - 1);
	}
	const uint32_t index = free_.back();
	free_.pop_back();
	return index;
}

// Moves on to a fresh block that starts with the unread rest of the current one. False at the end of the data.
bool RecordStream::refill()
{
	const uint32_t next = free_block();
	Block &block = blocks_[next];
	block.begin = 0;
	block.end = 0;
	block.pins = 1; // the stream itself, while it reads from the block
	pinned_blocks_++;
	if (current_ != UINT32_MAX) {
		const Block &old = blocks_[current_];
		block.end = old.end - old.begin;
		std::memcpy(block.data.get(), old.data.get() + old.begin, block.end);
		release(current_);
	}
	current_ = next;
	const std::size_t had = block.end;
	while (block.end < kBlockSize && at_ < end_) {
		const std::size_t wanted = std::min<uint64_t>(kBlockSize - block.end, end_ - at_);
		const ssize_t got = ::pread(fd_, block.data.get() + block.end, wanted, static_cast<off_t>(at_));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { // shrunk under us, or an I/O error
			if (got < 0)
				problem_ = fmt::format("reading failed at byte {}: {}", at_, std::strerror(errno));
			end_ = at_;
			break;
		}
		block.end += static_cast<std::size_t>(got);
		at_ += static_cast<uint64_t>(got);
	}
	return block.end > had;
}

void RecordStream::release(uint32_t index)
{
	if (--blocks_[index].pins > 0)
		return;
	pinned_blocks_--;
	free_.push_back(index);
}

RecordStream::Next RecordStream::next(RecordView *record)
{
	for (;;) {
		if (current_ == UINT32_MAX && !refill())
			return problem_.empty() ? Next::end : Next::damaged;
		Block &block = blocks_[current_];
		const std::size_t left = block.end - block.begin;
		perf_event_header header{};
		if (left >= kRecordHeaderSize) {
			header = load<perf_event_header>(block.data.get() + block.begin);
			if (header.size < kRecordHeaderSize) {
				problem_ = fmt::format("damaged at byte {}: a record of type {} claims {} bytes",
						       at_ - left, header.type, header.size);
				return Next::damaged;
			}
			if (left >= header.size) {
				record->bytes = {block.data.get() + block.begin, header.size};
				record->type = header.type;
				record->misc = header.misc;
				record->block = current_;
				block.begin += header.size;
				block.pins++;
				return Next::record;
			}
		}
		if (refill())
			continue;
		if (left == 0)
			return problem_.empty() ? Next::end : Next::damaged;
		if (problem_.empty())
			problem_ = fmt::format("cut inside a record at byte {}", at_ - left);
		return Next::damaged;
	}
}

} // namespace neuroperf::recording
