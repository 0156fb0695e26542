// SPDX-License-Identifier: Apache-2.0
// The data section of a perf.data file as records, front to back, read in blocks.
//
// A record stays in memory until it is released, so that records can be put into time order without copying them.
// Compressed records (perf record -z) are unpacked on the way: their contents are records like the others. Payloads
// that stand outside their record (hardware traces, tracing data of a stream) are stepped over and counted.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct ZSTD_DCtx_s;

namespace neuroperf::recording {

// One record. `bytes` stays valid while its block is pinned.
struct RecordView {
	std::string_view bytes; // header included
	uint32_t type = 0;
	uint16_t misc = 0;
	uint32_t block = 0; // handle for RecordStream::release
};

class RecordStream {
public:
	RecordStream(int fd, uint64_t begin, uint64_t end);
	RecordStream(RecordStream &&) noexcept;
	~RecordStream();

	enum class Next { record, end, damaged };
	// damaged: the rest cannot be parsed (a record smaller than its header, or cut); problem() says so.
	Next next(RecordView *record);
	// The record is no longer needed. Every record returned must be released once.
	void release(uint32_t block);

	const std::string &problem() const { return problem_; }
	uint64_t position() const { return at_; } // bytes of the file read so far
	std::size_t pinned_bytes() const { return pinned_blocks_ * kBlockSize; }
	uint64_t last_payload() const { return last_payload_; } // where in the file the latest one stood
	uint64_t hardware_trace_bytes() const { return hardware_trace_bytes_; } // AUXTRACE payloads stepped over

	static constexpr std::size_t kBlockSize = 1 << 20;

private:
	struct Block {
		std::unique_ptr<char[]> data;
		uint32_t pins = 0;
	};
	// Bytes from one source, in the block they are read into: the file's, or those out of compressed records.
	struct Bytes {
		uint32_t block = UINT32_MAX;
		std::size_t begin = 0, end = 0; // unread
		std::size_t left() const { return end - begin; }
	};
	enum class Taken { record, more, damaged };

	Taken take(Bytes *from, RecordView *record);
	Next next_in_file(RecordView *record);
	void move_to_fresh_block(Bytes *bytes);
	bool refill();
	bool skip_payload(const RecordView &record);
	bool begin_unpacking(const RecordView &record);
	Taken unpack();
	uint32_t free_block();

	int fd_;
	uint64_t at_, end_;
	std::vector<Block> blocks_;
	std::vector<uint32_t> free_;
	Bytes file_, unpacked_;
	std::size_t pinned_blocks_ = 0;
	uint64_t last_payload_ = 0;
	uint64_t hardware_trace_bytes_ = 0;
	std::string problem_;

	struct EndDecompression {
		void operator()(ZSTD_DCtx_s *context) const;
	};
	std::unique_ptr<ZSTD_DCtx_s, EndDecompression> decompression_;
	RecordView packed_;            // the compressed record being unpacked
	std::string_view packed_left_; // of it; data() is null when none is
};

} // namespace neuroperf::recording
