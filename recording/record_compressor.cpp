// SPDX-License-Identifier: Apache-2.0
#include "recording/record_compressor.hpp"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "recording/bytes.hpp"
#include "recording/perf_layout.hpp"
#include "recording/records.hpp"

namespace neuroperf::recording {
namespace {

// Behind a flushed block the next one's header is due. Three zeros are the header of an empty raw block that is not the
// last: a filling that every decompressor steps over (RFC 8878, 3.1.1.2).
constexpr std::size_t kEmptyBlock = 3;
constexpr std::size_t kLargestFilling = 7 * kEmptyBlock; // 3 n goes through all remainders of 8
constexpr std::size_t kLargestFrameHeader = 18;
static_assert(kRecordHeaderSize + ZSTD_COMPRESSBOUND(RecordCompressor::kChunk) + kLargestFrameHeader +
		      kLargestFilling <=
	      kMaxRecordSize);

} // namespace

void RecordCompressor::End::operator()(ZSTD_CCtx_s *context) const
{
	ZSTD_freeCCtx(context);
}

Result<RecordCompressor> RecordCompressor::create(int level)
{
	if (level < 1 || level > ZSTD_maxCLevel())
		return Error{ErrorCode::usage, fmt::format("there is no compression level {}", level), 0,
			     fmt::format("use one from 1 (fast) to {} (small)", ZSTD_maxCLevel())};
	RecordCompressor compressor;
	compressor.level_ = level;
	compressor.context_.reset(ZSTD_createCCtx());
	if (!compressor.context_ ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(compressor.context_.get(), ZSTD_c_compressionLevel, level)))
		return Error{ErrorCode::internal, "cannot compress: not enough memory", 0, "record without -z"};
	return compressor;
}

Status RecordCompressor::pack(std::string_view chunk, std::string *packed)
{
	const std::size_t begin = packed->size();
	packed->resize(begin + kMaxRecordSize);
	ZSTD_inBuffer in = {chunk.data(), chunk.size(), 0};
	ZSTD_outBuffer out = {packed->data() + begin, kMaxRecordSize - kLargestFilling, kRecordHeaderSize};
	const std::size_t left = ZSTD_compressStream2(context_.get(), &out, &in, ZSTD_e_flush);
	if (left != 0) {
		packed->resize(begin);
		return Error{ErrorCode::internal,
			     fmt::format("cannot compress: {}",
					 ZSTD_isError(left) ? ZSTD_getErrorName(left) : "more than zstd promised"),
			     0, "record without -z"};
	}
	std::size_t size = out.pos;
	while (size % 8 != 0)
		size += kEmptyBlock;
	std::fill_n(packed->data() + begin + out.pos, size - out.pos, '\0');
	const perf_event_header header = {kRecordCompressed, 0, static_cast<uint16_t>(size)};
	std::memcpy(packed->data() + begin, &header, sizeof header);
	packed->resize(begin + size);
	unpacked_bytes_ += chunk.size();
	packed_bytes_ += size;
	return Done{};
}

Status RecordCompressor::add(std::string_view records, std::string *packed)
{
	const auto take = [&](std::string_view bytes) -> Status {
		waiting_ += bytes;
		std::size_t done = 0;
		for (; waiting_.size() - done >= kChunk; done += kChunk)
			if (Status full = pack(std::string_view(waiting_).substr(done, kChunk), packed); !full.ok())
				return full;
		waiting_.erase(0, done);
		return Done{};
	};
	std::size_t begin = 0, at = 0; // of the kernel's records that were seen and not taken yet
	while (records.size() - at >= kRecordHeaderSize) {
		const auto header = load<perf_event_header>(records.data() + at);
		const std::size_t size = std::clamp<std::size_t>(header.size, kRecordHeaderSize, records.size() - at);
		if (header.type >= kRecordAttr) {
			if (Status taken = take(records.substr(begin, at - begin)); !taken.ok())
				return taken;
			if (Status flushed = flush(packed); !flushed.ok())
				return flushed;
			packed->append(records.substr(at, size));
			begin = at + size;
		}
		at += size;
	}
	return take(records.substr(begin));
}

Status RecordCompressor::flush(std::string *packed)
{
	if (waiting_.empty())
		return Done{};
	Status done = pack(waiting_, packed);
	waiting_.clear();
	return done;
}

uint32_t RecordCompressor::ratio() const
{
	const uint64_t packed = std::max<uint64_t>(packed_bytes_, 1);
	return static_cast<uint32_t>(std::clamp<uint64_t>((unpacked_bytes_ + packed / 2) / packed, 1, UINT32_MAX));
}

std::string RecordCompressor::feature() const
{
	constexpr uint32_t kVersion = 1, kZstd = 1;
	return ByteWriter()
		.put(kVersion)
		.put(kZstd)
		.put(static_cast<uint32_t>(level_))
		.put(ratio())
		.put(kUnpackedLength)
		.take();
}

} // namespace neuroperf::recording
