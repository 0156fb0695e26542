// SPDX-License-Identifier: Apache-2.0
// Opens a perf.data file: header, events, features, and the stream of records in file order. Streams (perf record -o -)
// are read as well, from a file or from a pipe, which is copied into a temporary file first.
//
// The file is hostile input: every offset and size is checked against the file, what is damaged is left out and told in
// problems(), and memory use does not depend on what the file claims. A file cut anywhere is read up to the cut; when
// its feature table is gone, an older copy inside the data (see writer.hpp) takes its place.
#pragma once

#include <linux/perf_event.h>

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "recording/record_stream.hpp"
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

// One entry of the build-id section: the ids of the files that samples fell into.
struct RecordedBuildId {
	uint32_t pid = 0; // UINT32_MAX: the kernel, or any process
	uint16_t misc = 0;
	std::string build_id; // raw bytes
	std::string path;
};

// When samples were taken: monotonic times.
struct SampleTimes {
	uint64_t first_ns = 0, last_ns = 0;
};

class PerfDataReader {
public:
	static Result<PerfDataReader> open(const std::string &path); // "-": standard input

	const std::string &path() const { return path_; }
	uint64_t file_size() const { return file_size_; }
	const std::vector<RecordedEvent> &events() const { return events_; }
	// Index of the event with this id; the first event when the file tells no ids apart; -1 if unknown.
	int event_of(uint64_t id) const;
	// Index of the event that a sample record belongs to, or -1.
	int event_of_sample(std::string_view record) const;
	// How the trailer of another record is laid out.
	const SampleLayout &layout_of_other(std::string_view record) const;
	const std::map<uint32_t, EventFormat> &formats() const { return formats_; } // by id
	std::string text_feature(unsigned feature) const; // hostname, version ...; empty if absent
	std::vector<std::string> command_line() const;
	std::vector<RecordedBuildId> build_ids() const;
	// Nothing where the recording was not finished.
	std::optional<SampleTimes> sample_times() const;
	std::string_view private_section() const { return private_section_; }
	// What is wrong with the file, one sentence each.
	const std::vector<std::string> &problems() const { return problems_; }

	RecordStream records() const;

private:
	PerfDataReader() = default;
	Status open_file(const std::string &path);
	Status read_header();
	Status read_stream_events();
	Status read_events();
	void add_event(const perf_event_attr &attr, std::span<const uint64_t> ids, std::string name);
	void find_where_ids_stand();
	std::size_t feature_count() const;
	bool take_feature_table(std::string_view table);
	void find_older_table();
	void read_features();
	std::string feature(unsigned number, std::size_t limit) const; // content; empty if absent
	std::string read_section(const FileSection &section, std::size_t limit) const;
	void read_event_names();
	void read_formats();

	UniqueFd fd_;
	std::string path_;
	uint64_t file_size_ = 0;
	FileHeader header_;
	std::vector<RecordedEvent> events_;
	std::unordered_map<uint64_t, int> event_by_id_;
	std::size_t ids_read_ = 0;
	std::size_t id_in_sample_ = 0, id_from_end_ = 0; // where all events have it; 0: they do not
	bool is_stream_ = false;
	std::map<unsigned, FileSection> sections_;
	std::map<unsigned, std::string> stream_features_;
	std::map<uint32_t, EventFormat> formats_;
	std::string private_section_;
	std::vector<std::string> problems_;
};

} // namespace neuroperf::recording
