// SPDX-License-Identifier: Apache-2.0
// Opens a perf.data file: header, events, features, and the stream of records in file order.
//
// The file is hostile input: every offset and size is checked against the file, what is damaged is left out and told in
// problems(), and memory use does not depend on what the file claims. A file cut anywhere is read up to the cut; when
// its feature table is gone, an older copy inside the data (see writer.hpp) takes its place.
#pragma once

#include <linux/perf_event.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "recording/result.hpp"
#include "recording/sample_layout.hpp"
#include "recording/tracing_data.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::recording {

struct RecordedEvent {
	perf_event_attr attr = {};
	std::string name; // "cpu-clock", "neuroperf:spikes"
	SampleLayout layout;
};

// One record of the data section. `bytes` stays valid while its block is pinned.
struct RecordView {
	std::string_view bytes; // header included
	uint32_t type = 0;
	uint16_t misc = 0;
	uint32_t block = 0; // handle for RecordStream::release
};

// Reads the data section front to back in blocks. A record stays in memory until it is released, so that records can be
// put into time order without copying them.
class RecordStream {
public:
	RecordStream(int fd, uint64_t begin, uint64_t end) : fd_(fd), at_(begin), end_(end) {}

	enum class Next { record, end, damaged };
	// damaged: the rest cannot be parsed (a record smaller than its header, or cut); problem() says so.
	Next next(RecordView *record);
	// The record is no longer needed. Every record returned must be released once.
	void release(uint32_t block);

	const std::string &problem() const { return problem_; }
	uint64_t position() const { return at_; } // bytes of the file read so far
	std::size_t pinned_bytes() const { return pinned_blocks_ * kBlockSize; }

	static constexpr std::size_t kBlockSize = 1 << 20;

private:
	struct Block {
		std::unique_ptr<char[]> data;
		std::size_t begin = 0, end = 0; // unread bytes
		uint32_t pins = 0;
	};
	bool refill();
	uint32_t free_block();

	int fd_;
	uint64_t at_, end_;
	std::vector<Block> blocks_;
	std::vector<uint32_t> free_;
	uint32_t current_ = UINT32_MAX;
	std::size_t pinned_blocks_ = 0;
	std::string problem_;
};

class PerfDataReader {
public:
	static Result<PerfDataReader> open(const std::string &path);

	const std::string &path() const { return path_; }
	uint64_t file_size() const { return file_size_; }
	const std::vector<RecordedEvent> &events() const { return events_; }
	// Index of the event with this id; the first event when the file tells no ids apart; -1 if unknown.
	int event_of(uint64_t id) const;
	// Index of the event that a sample record belongs to, or -1.
	int event_of_sample(std::string_view record) const;
	const std::map<uint32_t, EventFormat> &formats() const { return formats_; } // by id
	std::string text_feature(unsigned feature) const; // hostname, version ...; empty if absent
	std::vector<std::string> command_line() const;
	std::string_view private_section() const { return private_section_; }
	// What is wrong with the file, one sentence each.
	const std::vector<std::string> &problems() const { return problems_; }

	RecordStream records() const;

private:
	PerfDataReader() = default;
	Status read_header();
	Status read_events();
	std::size_t feature_count() const;
	bool take_feature_table(std::string_view table);
	void find_older_table();
	void read_features();
	std::string read_section(const FileSection &section, std::size_t limit) const;
	void read_event_names();

	UniqueFd fd_;
	std::string path_;
	uint64_t file_size_ = 0;
	FileHeader header_;
	std::vector<RecordedEvent> events_;
	std::unordered_map<uint64_t, int> event_by_id_;
	bool all_have_identifier_ = false;
	std::map<unsigned, FileSection> sections_;
	std::map<uint32_t, EventFormat> formats_;
	std::string private_section_;
	std::vector<std::string> problems_;
};

} // namespace neuroperf::recording
