// SPDX-License-Identifier: Apache-2.0
// Packs records into PERF_RECORD_COMPRESSED records, as `perf record -z` does: one zstd stream over all of them,
// flushed at the end of each, so that what has been written can always be unpacked up to its last record.
//
// Only the kernel's records (types below 64) are packed. Those of user space stand between the compressed ones as they
// are, in their order: FINISHED_ROUND, and the records that cover tables and late contents, which have a place in the
// file by which the header finds them.
//
//     | header, type 81 | zstd blocks of up to kChunk bytes | empty blocks up to a multiple of 8 |
//
// perf 6.1 unpacks each of them by one call into a buffer of the length that the header's feature 27 names, behind what
// the previous one left of a record. A chunk that is larger than that is an error there, and so is a record without
// contents.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "recording/result.hpp"

struct ZSTD_CCtx_s;

namespace neuroperf::recording {

class RecordCompressor {
public:
	// Bytes before compression that go into one record; even those that cannot be compressed then fit in.
	static constexpr std::size_t kChunk = 60 * 1024;
	// What readers need as a buffer for a record's contents.
	static constexpr uint32_t kUnpackedLength = 64 * 1024;
	static_assert(kUnpackedLength >= kChunk);

	static Result<RecordCompressor> create(int level); // 1 to 22

	// Takes whole records, and appends to `packed` what is full.
	Status add(std::string_view records, std::string *packed);
	// Appends everything that was added.
	Status flush(std::string *packed);

	// {version, type, level, ratio, kUnpackedLength}: contents of kFeatureCompressed.
	std::string feature() const;
	uint32_t ratio() const; // rounded, at least 1
	uint64_t unpacked_bytes() const { return unpacked_bytes_; }
	uint64_t packed_bytes() const { return packed_bytes_; }

private:
	RecordCompressor() = default;
	Status pack(std::string_view chunk, std::string *packed);

	struct End {
		void operator()(ZSTD_CCtx_s *context) const;
	};
	std::unique_ptr<ZSTD_CCtx_s, End> context_;
	int level_ = 0;
	std::string waiting_; // less than a chunk
	uint64_t unpacked_bytes_ = 0, packed_bytes_ = 0;
};

} // namespace neuroperf::recording
