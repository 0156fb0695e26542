// SPDX-License-Identifier: Apache-2.0
// Writes a perf.data file that stays readable whatever happens to the writer (the "cover" layout).
//
//   header | ids | attrs | contents of features | data: round, table, round, table, ... round | table
//
// perf looks for the feature table right behind the data. Each commit appends a round and a new copy of the table, then
// moves the table into place by one 8-byte write of the data size. The old copy is then inside the data; its first
// entry (feature bit 0, which no reader handles) reads as the header of a record of type 65, which every reader skips,
// and covers the copy. So every published byte stays as it is, and a kill at any moment loses only what was not
// committed.
//
// Contents known late (names of layers) go into the data inside such a record too, and the next table points there.
// docs/recording-format.md has the bytes.
//
// With compression_level, records of the kernel are packed into compressed ones (record_compressor.hpp); each commit
// ends one, so a kill loses no more than without.
//
// The file appears under its name only when it can be read, and an older file of that name is kept as NAME.old.
// Not thread safe.
#pragma once

#include <linux/perf_event.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/perf_layout.hpp"
#include "recording/record_compressor.hpp"
#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::recording {

struct EventDescription {
	perf_event_attr attr = {}; // attr.size is set by the writer
	std::string name;
	std::vector<uint64_t> ids; // unique in the file; never empty
};

struct WriterOptions {
	std::string path;
	std::vector<EventDescription> events;
	// Contents by feature number; kFeatureEventDescription is made by the writer. Features whose contents come late
	// need a placeholder here, since the table cannot grow.
	std::map<unsigned, std::string> features;
	std::string private_section;        // neuroperf's own, for what has no place in events; see private_section.hpp
	int owner_uid = -1, owner_gid = -1; // who shall own the file; -1: the caller
	int compression_level = 0;          // of zstd, 1 to 22; 0: none
};

// The contents of a feature that is a text; words of a list look the same.
std::string text_contents(std::string_view text);

class PerfDataWriter {
public:
	static Result<PerfDataWriter> create(WriterOptions options);

	// Adds whole records. They reach the file in large writes and count from the next commit on.
	Status append(std::string_view records);
	// Replaces a feature's contents from the next commit on. At most kMaxLateContents bytes.
	Status update_feature(unsigned feature, std::string_view contents);
	// Publishes everything appended so far. After an error (disk full) the file holds what was committed before,
	// and a later, smaller commit may still succeed: what was appended in between is gone.
	Status commit();

	// How many times smaller compression made the records; 1 without.
	double compression_ratio() const;
	uint64_t file_size() const { return committed_end_ + table_size(); }
	// With what is appended but not committed yet.
	uint64_t pending_size() const { return end_ + buffer_.size(); }
	static constexpr std::size_t kMaxLateContents = 65000;

private:
	PerfDataWriter() = default;
	std::string table() const;
	std::size_t table_size() const { return 16 * (sections_.size() + 1); }
	Status compress(std::string_view records);
	Status end_compressed_record();
	Status append_to_file(std::string_view bytes);
	Status flush();
	Status write_out(std::string_view bytes);
	void discard_uncommitted();

	UniqueFd fd_;
	std::string path_;
	std::map<unsigned, FileSection> sections_; // feature -> contents, without the covering bit 0
	std::map<unsigned, FileSection> committed_sections_;
	uint64_t data_offset_ = 0;
	uint64_t committed_end_ = 0; // file offset of the end of the published data
	uint64_t end_ = 0;           // where the next byte goes: behind table and flushed records
	std::string buffer_;
	std::optional<RecordCompressor> compressor_; // until an error
	std::string packed_;                         // for compress(), to keep its memory
	uint32_t written_ratio_ = 1;                 // as the header says it
	bool has_uncommitted_ = false;
};

} // namespace neuroperf::recording
