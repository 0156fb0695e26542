// SPDX-License-Identifier: Apache-2.0
#include "recording/reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace neuroperf::recording {
namespace {

constexpr std::size_t kMaxEvents = 4096;
constexpr std::size_t kMaxIds = 1 << 20;
constexpr std::size_t kMaxFormatProblems = 10;    // told one by one
constexpr std::size_t kMaxFeatureSize = 64 << 20; // of what we read whole; perf's largest are a few MiB

Error not_a_recording(const std::string &path, std::string_view why)
{
	return {ErrorCode::format, fmt::format("{}: {}", path, why), 0, "record first: neuroperf record ./app"};
}

// Reads exactly `size` bytes, else what there is.
std::string read_at(int fd, uint64_t offset, std::size_t size)
{
	std::string bytes(size, '\0');
	std::size_t have = 0;
	while (have < size) {
		const ssize_t got = ::pread(fd, bytes.data() + have, size - have, static_cast<off_t>(offset + have));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		have += static_cast<std::size_t>(got);
	}
	bytes.resize(have);
	return bytes;
}

} // namespace

Result<PerfDataReader> PerfDataReader::open(const std::string &path)
{
	PerfDataReader reader;
	reader.path_ = path;
	reader.fd_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	if (!reader.fd_.valid()) {
		const int code = errno;
		return Error{code == ENOENT ? ErrorCode::not_found : ErrorCode::io,
			     fmt::format("cannot open {}: {}", path, std::strerror(code)), code,
			     code == ENOENT ? "record first: neuroperf record ./app" : ""};
	}
	struct stat info;
	if (::fstat(reader.fd_.get(), &info) != 0 || !S_ISREG(info.st_mode))
		return not_a_recording(path, "not a regular file");
	reader.file_size_ = static_cast<uint64_t>(info.st_size);
	if (Status done = reader.read_header(); !done.ok())
		return done.error();
	if (Status done = reader.read_events(); !done.ok())
		return done.error();
	const uint64_t data_end = reader.header_.data.offset + reader.header_.data.size;
	if (data_end > reader.file_size_) {
		reader.problems_.push_back(fmt::format("the file is cut: {} of {} bytes of data are there",
						       reader.file_size_ - reader.header_.data.offset,
						       reader.header_.data.size));
		reader.header_.data.size = reader.file_size_ - reader.header_.data.offset;
	}
	if (!reader.take_feature_table(
		    reader.read_section({data_end, reader.feature_count() * sizeof(FileSection)}, kMaxFeatureSize)))
		reader.find_older_table();
	reader.read_features();
	return reader;
}

Status PerfDataReader::read_header()
{
	const std::string bytes = read_at(fd_.get(), 0, sizeof header_);
	if (bytes.empty())
		return not_a_recording(path_, "the file is empty");
	Cursor in(bytes);
	const uint64_t magic = in.read<uint64_t>();
	const uint64_t size = in.read<uint64_t>();
	if (magic == kPerfMagicSwapped)
		return not_a_recording(path_, "recorded on a big-endian machine; such files cannot be read");
	if (bytes.size() >= 8 && magic != kPerfMagic)
		return not_a_recording(path_, "not a recording (perf.data) file");
	if (bytes.size() >= 16 && size == 16)
		return not_a_recording(path_, "a perf.data stream (pipe mode); only files can be read");
	if (bytes.size() < sizeof header_)
		return not_a_recording(path_, "the file is cut inside its header");
	header_ = load<FileHeader>(bytes.data());
	if (header_.size < sizeof header_ || header_.attr_size < 64 + sizeof(FileSection) || header_.attr_size > 4096)
		return not_a_recording(path_, "the file header is damaged");
	if (header_.data.offset > file_size_ || header_.data.size > UINT64_MAX - header_.data.offset)
		return not_a_recording(path_, "the file is cut before its data");
	return Done{};
}

std::string PerfDataReader::read_section(const FileSection &section, std::size_t limit) const
{
	if (section.offset > file_size_ || section.size > file_size_ - section.offset || section.size > limit)
		return {};
	return read_at(fd_.get(), section.offset, section.size);
}

Status PerfDataReader::read_events()
{
	const std::string attrs = read_section(header_.attrs, kMaxEvents * header_.attr_size);
	if (attrs.size() < header_.attr_size)
		return not_a_recording(path_, "the file has no events");
	std::size_t ids_read = 0;
	all_have_identifier_ = true;
	for (std::size_t at = 0; at + header_.attr_size <= attrs.size(); at += header_.attr_size) {
		RecordedEvent event;
		const std::size_t attr_bytes = header_.attr_size - sizeof(FileSection);
		std::memcpy(&event.attr, attrs.data() + at, std::min(attr_bytes, sizeof event.attr));
		event.layout = SampleLayout(event.attr.sample_type, event.attr.read_format, event.attr.sample_id_all);
		all_have_identifier_ = all_have_identifier_ && (event.attr.sample_type & PERF_SAMPLE_IDENTIFIER);
		const auto section = load<FileSection>(attrs.data() + at + attr_bytes);
		const std::string ids = read_section(section, kMaxIds * sizeof(uint64_t));
		for (std::size_t i = 0; i + 8 <= ids.size() && ids_read < kMaxIds; i += 8, ids_read++)
			event_by_id_[load<uint64_t>(ids.data() + i)] = static_cast<int>(events_.size());
		event.name = fmt::format("event type {} config {:#x}", event.attr.type, event.attr.config);
		events_.push_back(std::move(event));
	}
	return Done{};
}

std::size_t PerfDataReader::feature_count() const
{
	std::size_t count = 0;
	for (const uint64_t word : header_.features)
		count += static_cast<std::size_t>(__builtin_popcountll(word));
	return count;
}

// Takes the sections that the table lists; false if the table is not whole or lists nonsense.
bool PerfDataReader::take_feature_table(std::string_view table)
{
	if (table.size() != feature_count() * sizeof(FileSection))
		return false;
	std::map<unsigned, FileSection> sections;
	std::size_t at = 0;
	for (unsigned feature = 0; feature < kFeatureLimit; feature++) {
		if (!(header_.features[feature / 64] >> feature % 64 & 1))
			continue;
		const auto section = load<FileSection>(table.data() + at);
		at += sizeof section;
		if (feature == kFeatureReserved)
			continue;
		if (section.offset > file_size_ || section.size > file_size_ - section.offset)
			return false;
		sections[feature] = section;
	}
	sections_ = std::move(sections);
	return true;
}

// Looks through the data for covered copies of the table (records of type 65 whose length is the table's).
void PerfDataReader::find_older_table()
{
	RecordStream stream = records();
	RecordView record;
	bool found = false;
	while (stream.next(&record) == RecordStream::Next::record) {
		if (record.type == kRecordEventType && take_feature_table(record.bytes))
			found = true;
		stream.release(record.block);
	}
	problems_.push_back(found ? "the feature table is gone; an older copy was used"
				  : "the feature table is gone; events cannot be named or decoded");
}

void PerfDataReader::read_features()
{
	if (const std::string section = read_section(header_.event_types, kMaxFeatureSize);
	    section.starts_with("nperfsec"))
		private_section_ = section;
	read_event_names();
	const auto tracing = sections_.find(kFeatureTracingData);
	if (tracing == sections_.end())
		return;
	const auto systems = parse_tracing_data(read_section(tracing->second, kMaxFeatureSize));
	if (!systems.ok()) {
		problems_.push_back(systems.error().what);
		return;
	}
	std::size_t damaged = 0;
	for (const TracingSystem &system : *systems) {
		for (const std::string &text : system.formats) {
			auto format = parse_format_text(system.name, text);
			if (format.ok())
				formats_.emplace(format->id, std::move(*format));
			else if (damaged++ < kMaxFormatProblems)
				problems_.push_back(format.error().what);
		}
	}
	if (damaged > kMaxFormatProblems)
		problems_.push_back(fmt::format("{} more format texts are damaged", damaged - kMaxFormatProblems));
	for (RecordedEvent &event : events_)
		if (event.attr.type == PERF_TYPE_TRACEPOINT)
			if (const auto format = formats_.find(static_cast<uint32_t>(event.attr.config));
			    format != formats_.end())
				event.name = format->second.system + ":" + format->second.name;
}

void PerfDataReader::read_event_names()
{
	const auto section = sections_.find(kFeatureEventDescription);
	if (section == sections_.end())
		return;
	const std::string bytes = read_section(section->second, kMaxFeatureSize);
	Cursor in(bytes);
	const uint32_t count = in.read<uint32_t>(), attr_size = in.read<uint32_t>();
	for (uint32_t i = 0; i < count && i < events_.size() && in.ok(); i++) {
		in.skip(attr_size);
		const uint32_t ids = in.read<uint32_t>();
		const std::string_view name = in.read_bytes(in.read<uint32_t>());
		in.skip(std::size_t{ids} * 8);
		if (in.ok())
			events_[i].name = std::string(name.substr(0, name.find('\0')));
	}
}

int PerfDataReader::event_of(uint64_t id) const
{
	const auto found = event_by_id_.find(id);
	if (found != event_by_id_.end())
		return found->second;
	return events_.size() == 1 ? 0 : -1;
}

int PerfDataReader::event_of_sample(std::string_view record) const
{
	if (events_.size() == 1)
		return 0;
	if (all_have_identifier_ && record.size() >= kRecordHeaderSize + 8)
		return event_of(load<uint64_t>(record.data() + kRecordHeaderSize));
	return -1;
}

std::string PerfDataReader::text_feature(unsigned feature) const
{
	const auto section = sections_.find(feature);
	if (section == sections_.end())
		return {};
	const std::string bytes = read_section(section->second, 1 << 16);
	Cursor in(bytes);
	const std::string_view text = in.read_bytes(in.read<uint32_t>());
	return std::string(text.substr(0, text.find('\0')));
}

std::vector<std::string> PerfDataReader::command_line() const
{
	std::vector<std::string> words;
	const auto section = sections_.find(kFeatureCommandLine);
	if (section == sections_.end())
		return words;
	const std::string bytes = read_section(section->second, 16 << 20);
	Cursor in(bytes);
	const uint32_t count = in.read<uint32_t>();
	for (uint32_t i = 0; i < count; i++) {
		const std::string_view word = in.read_bytes(in.read<uint32_t>());
		if (!in.ok())
			break;
		words.emplace_back(word.substr(0, word.find('\0')));
	}
	return words;
}

RecordStream PerfDataReader::records() const
{
	return RecordStream(fd_.get(), header_.data.offset, header_.data.offset + header_.data.size);
}

} // namespace neuroperf::recording
