// SPDX-License-Identifier: Apache-2.0
#include "recording/record_stream.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <cstring>

#include "recording/records.hpp"

namespace neuroperf::recording {

RecordStream::RecordStream(int fd, uint64_t begin, uint64_t end) : fd_(fd), at_(begin), end_(end) {}
RecordStream::RecordStream(RecordStream &&) noexcept = default;
RecordStream::~RecordStream() = default;

void RecordStream::EndDecompression::operator()(ZSTD_DCtx_s *context) const
{
	ZSTD_freeDCtx(context);
}

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

// The unread rest goes to the front of a fresh block; the old one lives on while records in it are pinned.
void RecordStream::move_to_fresh_block(Bytes *bytes)
{
	const uint32_t next = free_block();
	blocks_[next].pins = 1; // the stream itself, while it reads from the block
	pinned_blocks_++;
	const std::size_t left = bytes->left();
	if (bytes->block != UINT32_MAX) {
		std::memcpy(blocks_[next].data.get(), blocks_[bytes->block].data.get() + bytes->begin, left);
		release(bytes->block);
	}
	*bytes = {next, 0, left};
}

// False at the end of the data.
bool RecordStream::refill()
{
	move_to_fresh_block(&file_);
	const std::size_t had = file_.end;
	char *const data = blocks_[file_.block].data.get();
	while (file_.end < kBlockSize && at_ < end_) {
		const std::size_t wanted = std::min<uint64_t>(kBlockSize - file_.end, end_ - at_);
		const ssize_t got = ::pread(fd_, data + file_.end, wanted, static_cast<off_t>(at_));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { // shrunk under us, or an I/O error
			if (got < 0)
				problem_ = fmt::format("reading failed at byte {}: {}", at_, std::strerror(errno));
			end_ = at_;
			break;
		}
		file_.end += static_cast<std::size_t>(got);
		at_ += static_cast<uint64_t>(got);
	}
	return file_.end > had;
}

void RecordStream::release(uint32_t index)
{
	if (--blocks_[index].pins > 0)
		return;
	pinned_blocks_--;
	free_.push_back(index);
}

RecordStream::Taken RecordStream::take(Bytes *from, RecordView *record)
{
	if (from->left() < kRecordHeaderSize)
		return Taken::more;
	const char *const at = blocks_[from->block].data.get() + from->begin;
	const auto header = load<perf_event_header>(at);
	if (header.size < kRecordHeaderSize) {
		problem_ = fmt::format("damaged at byte {}: a record of type {} claims {} bytes", at_ - file_.left(),
				       header.type, header.size);
		return Taken::damaged;
	}
	if (from->left() < header.size)
		return Taken::more;
	record->bytes = {at, header.size};
	record->type = header.type;
	record->misc = header.misc;
	record->block = from->block;
	from->begin += header.size;
	blocks_[from->block].pins++;
	return Taken::record;
}

RecordStream::Next RecordStream::next_in_file(RecordView *record)
{
	for (;;) {
		const Taken taken = file_.block == UINT32_MAX ? Taken::more : take(&file_, record);
		if (taken == Taken::record)
			return Next::record;
		if (taken == Taken::damaged)
			return Next::damaged;
		const std::size_t left = file_.left();
		if (refill())
			continue;
		if (left > 0 && problem_.empty())
			problem_ = fmt::format("cut inside a record at byte {}", at_ - left);
		return problem_.empty() ? Next::end : Next::damaged;
	}
}

// Some records are followed by bytes that are not records. False: there are fewer than the record says.
bool RecordStream::skip_payload(const RecordView &record)
{
	uint64_t size = 0;
	Cursor in(record.bytes.substr(kRecordHeaderSize));
	last_payload_ = at_ - file_.left();
	if (record.type == kRecordAuxTrace)
		hardware_trace_bytes_ += size = in.read<uint64_t>();
	else if (record.type == kRecordTracingData)
		size = (uint64_t{in.read<uint32_t>()} + 7) / 8 * 8;
	const std::size_t here = std::min<uint64_t>(size, file_.left());
	file_.begin += here;
	size -= here;
	if (size > end_ - at_) {
		problem_ = fmt::format("cut inside the {} bytes behind a record of type {}", size, record.type);
		return false;
	}
	at_ += size;
	return true;
}

bool RecordStream::begin_unpacking(const RecordView &record)
{
	std::string_view content = record.bytes.substr(kRecordHeaderSize);
	if (record.type == kRecordCompressed2) { // says how long its content is; the rest is padding
		Cursor in(content);
		const uint64_t size = in.read<uint64_t>();
		content = in.read_bytes(size);
	}
	if (!decompression_)
		decompression_.reset(ZSTD_createDCtx());
	if (!decompression_ || content.empty()) {
		release(record.block);
		return decompression_ != nullptr;
	}
	packed_ = record;
	packed_left_ = content;
	return true;
}

// Fills the current block of unpacked bytes. more: the record has nothing more to give.
RecordStream::Taken RecordStream::unpack()
{
	if (unpacked_.block == UINT32_MAX || kBlockSize - unpacked_.end < kMaxRecordSize)
		move_to_fresh_block(&unpacked_);
	ZSTD_outBuffer to = {blocks_[unpacked_.block].data.get(), kBlockSize, unpacked_.end};
	ZSTD_inBuffer from = {packed_left_.data(), packed_left_.size(), 0};
	const std::size_t status = ZSTD_decompressStream(decompression_.get(), &to, &from);
	const bool failed = ZSTD_isError(status);
	const bool progress = from.pos > 0 || to.pos > unpacked_.end;
	packed_left_.remove_prefix(from.pos);
	unpacked_.end = to.pos;
	if (!failed && (!packed_left_.empty() || to.pos == kBlockSize) && progress)
		return Taken::record;
	release(packed_.block);
	packed_left_ = {};
	if (failed)
		problem_ = fmt::format("damaged before byte {}: a compressed record cannot be unpacked ({})",
				       at_ - file_.left(), ZSTD_getErrorName(status));
	return failed ? Taken::damaged : Taken::more;
}

RecordStream::Next RecordStream::next(RecordView *record)
{
	for (;;) {
		if (unpacked_.block != UINT32_MAX) {
			const Taken taken = take(&unpacked_, record);
			if (taken == Taken::record)
				return Next::record;
			if (taken == Taken::damaged)
				return Next::damaged;
		}
		if (packed_left_.data() != nullptr) {
			if (unpack() == Taken::damaged)
				return Next::damaged;
			continue;
		}
		const Next found = next_in_file(record);
		if (found != Next::record)
			return found;
		if (record->type == kRecordCompressed || record->type == kRecordCompressed2) {
			if (!begin_unpacking(*record))
				return Next::damaged;
		} else if (record->type == kRecordAuxTrace || record->type == kRecordTracingData) {
			const bool whole = skip_payload(*record);
			if (!whole) {
				release(record->block);
				return Next::damaged;
			}
			return Next::record;
		} else {
			return Next::record;
		}
	}
}

} // namespace neuroperf::recording
