// SPDX-License-Identifier: Apache-2.0
#include "recording/reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "recording/event_names.hpp"
#include "recording/read_at.hpp"
#include "recording/stream_header.hpp"

namespace neuroperf::recording {
namespace {

constexpr uint64_t kStreamHeaderSize = 16;
constexpr std::size_t kMaxEvents = 4096;
constexpr std::size_t kMaxIds = 1 << 20;
constexpr std::size_t kMaxFormatProblems = 10;    // told one by one
constexpr std::size_t kMaxFeatureSize = 64 << 20; // of what we read whole; perf's largest are a few MiB

Error not_a_recording(const std::string &path, std::string_view why)
{
	return {ErrorCode::format, fmt::format("{}: {}", path, why), 0, "record first: neuroperf record ./app"};
}

// A pipe cannot be read twice: its content goes into a file without a name.
Result<UniqueFd> copy_of_pipe(int pipe, const std::string &path)
{
	const char *const folder = ::getenv("TMPDIR");
	UniqueFd copy(::open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	std::vector<char> buffer(1 << 20);
	::fcntl(pipe, F_SETFL, ::fcntl(pipe, F_GETFL) & ~O_NONBLOCK);
	while (copy.valid()) {
		const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
		if (got == 0)
			return copy;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			break;
		for (ssize_t written = 0, now = 0; written < got; written += now) {
			now = ::write(copy.get(), buffer.data() + written, static_cast<std::size_t>(got - written));
			if (now <= 0)
				return Error{ErrorCode::io,
					     fmt::format("cannot copy {} into a temporary file: {}", path,
							 std::strerror(errno)),
					     errno, "set TMPDIR to a folder with more room"};
		}
	}
	return Error{ErrorCode::io, fmt::format("cannot read {}: {}", path, std::strerror(errno)), errno,
		     "set TMPDIR to a folder that can be written to"};
}

} // namespace

Result<PerfDataReader> PerfDataReader::open(const std::string &path)
{
	PerfDataReader reader;
	if (Status done = reader.open_file(path); !done.ok())
		return done.error();
	if (Status done = reader.read_header(); !done.ok())
		return done.error();
	if (Status done = reader.is_stream_ ? reader.read_stream_events() : reader.read_events(); !done.ok())
		return done.error();
	reader.find_where_ids_stand();
	reader.read_features();
	return reader;
}

Status PerfDataReader::open_file(const std::string &path)
{
	path_ = path;
	fd_ = UniqueFd(path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
				   : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
	if (!fd_.valid()) {
		const int code = errno;
		return Error{code == ENOENT ? ErrorCode::not_found : ErrorCode::io,
			     fmt::format("cannot open {}: {}", path, std::strerror(code)), code,
			     code == ENOENT ? "record first: neuroperf record ./app" : ""};
	}
	struct stat info = {};
	::fstat(fd_.get(), &info);
	if (S_ISDIR(info.st_mode))
		return not_a_recording(path, "a directory (perf record --threads); only files can be read");
	if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) {
		auto copy = copy_of_pipe(fd_.get(), path);
		if (!copy.ok())
			return copy.error();
		fd_ = std::move(*copy);
		::fstat(fd_.get(), &info);
	}
	if (!S_ISREG(info.st_mode))
		return not_a_recording(path, "not a regular file");
	file_size_ = static_cast<uint64_t>(info.st_size);
	return Done{};
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
	const std::string_view start(bytes.data(), std::min<std::size_t>(bytes.size(), 8));
	if (start != std::string_view("PERFILE2").substr(0, start.size()))
		return not_a_recording(path_, "not a recording (perf.data) file");
	is_stream_ = bytes.size() >= 16 && size == kStreamHeaderSize;
	if (is_stream_) {
		header_.data = {kStreamHeaderSize, file_size_ - kStreamHeaderSize};
		return Done{};
	}
	if (bytes.size() < sizeof header_)
		return not_a_recording(path_, "the file is cut inside its header");
	header_ = load<FileHeader>(bytes.data());
	if (header_.size < sizeof header_ || header_.attr_size < 64 + sizeof(FileSection) || header_.attr_size > 4096)
		return not_a_recording(path_, "the file header is damaged");
	if (header_.data.offset > file_size_ || header_.data.size > UINT64_MAX - header_.data.offset)
		return not_a_recording(path_, "the file is cut before its data");
	const uint64_t there = file_size_ - header_.data.offset;
	if (header_.data.size == 0 && there > 0) {
		problems_.push_back("the recorder was killed before it wrote the size of the data and the names of "
				    "events; what is there is read to its end");
		header_.data.size = there;
		std::fill(std::begin(header_.features), std::end(header_.features), 0);
	} else if (header_.data.size > there) {
		problems_.push_back(
			fmt::format("the file is cut: {} of {} bytes of data are there", there, header_.data.size));
		header_.data.size = there;
	}
	const FileSection table = {header_.data.offset + header_.data.size, feature_count() * sizeof(FileSection)};
	if (!take_feature_table(read_section(table, kMaxFeatureSize)))
		find_older_table();
	return Done{};
}

Status PerfDataReader::read_stream_events()
{
	StreamHeader header =
		read_stream_header(fd_.get(), header_.data.offset, header_.data.offset + header_.data.size);
	for (const StreamHeader::Event &event : header.events)
		add_event(event.attr, event.ids, event.name);
	stream_features_ = std::move(header.features);
	if (events_.empty())
		return not_a_recording(path_, "the stream names no events before its first sample");
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
	for (std::size_t at = 0; at + header_.attr_size <= attrs.size(); at += header_.attr_size) {
		const std::size_t attr_bytes = header_.attr_size - sizeof(FileSection);
		perf_event_attr attr = {};
		std::memcpy(&attr, attrs.data() + at, std::min(attr_bytes, sizeof attr));
		const auto section = load<FileSection>(attrs.data() + at + attr_bytes);
		const std::string bytes = read_section(section, kMaxIds * sizeof(uint64_t));
		std::vector<uint64_t> ids(bytes.size() / sizeof(uint64_t));
		if (!ids.empty())
			std::memcpy(ids.data(), bytes.data(), ids.size() * sizeof(uint64_t));
		add_event(attr, ids, "");
	}
	return Done{};
}

void PerfDataReader::add_event(const perf_event_attr &attr, std::span<const uint64_t> ids, std::string name)
{
	RecordedEvent event;
	event.attr = attr;
	event.layout = SampleLayout(attr);
	event.name = name.empty() ? event_name(attr) : std::move(name);
	for (const uint64_t id : ids)
		if (ids_read_++ < kMaxIds)
			event_by_id_[id] = static_cast<int>(events_.size());
	events_.push_back(std::move(event));
}

// Events of different layouts can be told apart only where all of them have the id in the same place.
void PerfDataReader::find_where_ids_stand()
{
	id_in_sample_ = events_.front().layout.id_in_sample();
	id_from_end_ = events_.front().layout.id_from_end();
	for (const RecordedEvent &event : events_) {
		if (event.layout.id_in_sample() != id_in_sample_)
			id_in_sample_ = 0;
		if (event.layout.id_from_end() != id_from_end_)
			id_from_end_ = 0;
	}
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

std::string PerfDataReader::feature(unsigned number, std::size_t limit) const
{
	if (const auto found = stream_features_.find(number); found != stream_features_.end())
		return found->second.substr(0, limit);
	const auto section = sections_.find(number);
	return section == sections_.end() ? std::string() : read_section(section->second, limit);
}

void PerfDataReader::read_features()
{
	if (const std::string section = read_section(header_.event_types, kMaxFeatureSize);
	    section.starts_with("nperfsec"))
		private_section_ = section;
	read_event_names();
	read_formats();
	for (RecordedEvent &event : events_)
		if (event.attr.type == PERF_TYPE_TRACEPOINT)
			if (const auto format = formats_.find(static_cast<uint32_t>(event.attr.config));
			    format != formats_.end())
				event.name = format->second.system + ":" + format->second.name;
}

void PerfDataReader::read_formats()
{
	const std::string bytes = feature(kFeatureTracingData, kMaxFeatureSize);
	if (bytes.empty())
		return;
	const auto systems = parse_tracing_data(bytes);
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
}

// u32 events, u32 size of an attr; for each: attr, u32 ids, u32 length and name, the ids.
void PerfDataReader::read_event_names()
{
	const std::string bytes = feature(kFeatureEventDescription, kMaxFeatureSize);
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
	if (id_in_sample_ != 0 && record.size() >= id_in_sample_ + 8)
		return event_of(load<uint64_t>(record.data() + id_in_sample_));
	return -1;
}

const SampleLayout &PerfDataReader::layout_of_other(std::string_view record) const
{
	if (events_.size() > 1 && id_from_end_ != 0 && record.size() >= kRecordHeaderSize + id_from_end_)
		if (const int event = event_of(load<uint64_t>(record.data() + record.size() - id_from_end_)); event > 0)
			return events_[static_cast<std::size_t>(event)].layout;
	return events_.front().layout; // also of what perf made up itself, which has id 0
}

std::string PerfDataReader::text_feature(unsigned number) const
{
	const std::string bytes = feature(number, 1 << 16);
	Cursor in(bytes);
	const std::string_view text = in.read_bytes(in.read<uint32_t>());
	return std::string(text.substr(0, text.find('\0')));
}

std::vector<std::string> PerfDataReader::command_line() const
{
	std::vector<std::string> words;
	const std::string bytes = feature(kFeatureCommandLine, 16 << 20);
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

std::optional<SampleTimes> PerfDataReader::sample_times() const
{
	const std::string bytes = feature(kFeatureSampleTime, sizeof(SampleTimes));
	Cursor in(bytes);
	const uint64_t first_ns = in.read<uint64_t>(), last_ns = in.read<uint64_t>();
	if (!in.ok() || first_ns == 0 || last_ns <= first_ns)
		return std::nullopt;
	return SampleTimes{first_ns, last_ns};
}

// Entries: perf_event_header, u32 pid, 20 bytes of id, u8 its length (if misc says so), 3 bytes, the path.
std::vector<RecordedBuildId> PerfDataReader::build_ids() const
{
	constexpr uint16_t kMiscHasSize = 1 << 15; // PERF_RECORD_MISC_BUILD_ID_SIZE
	constexpr std::size_t kIdSpace = 20;
	std::vector<RecordedBuildId> result;
	const std::string bytes = feature(kFeatureBuildId, kMaxFeatureSize);
	Cursor in(bytes);
	while (in.left() >= kRecordHeaderSize) {
		const auto header = in.read<perf_event_header>();
		if (header.size < kRecordHeaderSize)
			break;
		Cursor entry(in.read_bytes(header.size - kRecordHeaderSize));
		RecordedBuildId one;
		one.misc = header.misc;
		one.pid = entry.read<uint32_t>();
		const std::string_view id = entry.read_bytes(kIdSpace);
		const std::size_t size = entry.read<uint8_t>();
		entry.skip(3);
		const std::string_view path = entry.read_bytes(entry.left());
		if (!in.ok() || !entry.ok())
			break;
		one.build_id = id.substr(0, header.misc & kMiscHasSize ? size : kIdSpace);
		one.path = path.substr(0, path.find('\0'));
		result.push_back(std::move(one));
	}
	return result;
}

RecordStream PerfDataReader::records() const
{
	return RecordStream(fd_.get(), header_.data.offset, header_.data.offset + header_.data.size);
}

} // namespace neuroperf::recording
