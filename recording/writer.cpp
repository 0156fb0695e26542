// SPDX-License-Identifier: Apache-2.0
#include "recording/writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "recording/bytes.hpp"
#include "recording/records.hpp"

namespace neuroperf::recording {
namespace {

constexpr std::size_t kBufferSize = 512 * 1024;
constexpr std::size_t kLargeWrite = 64 * 1024;

Error io_error(std::string_view doing, const std::string &path)
{
	const int code = errno;
	const std::string hint =
		code == ENOSPC || code == EDQUOT ? "free some space, or record to another disk with -o" : "";
	return {ErrorCode::io, fmt::format("cannot {} {}: {}", doing, path, std::strerror(code)), code, hint};
}

Status write_at(int fd, std::string_view bytes, uint64_t offset, const std::string &path)
{
	while (!bytes.empty()) {
		const ssize_t written = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
		if (written < 0 && errno == EINTR)
			continue;
		if (written == 0)
			errno = ENOSPC;
		if (written <= 0)
			return io_error("write", path);
		bytes.remove_prefix(static_cast<std::size_t>(written));
		offset += static_cast<uint64_t>(written);
	}
	return Done{};
}

std::string event_descriptions(const std::vector<EventDescription> &events)
{
	ByteWriter section;
	section.put(static_cast<uint32_t>(events.size())).put(kAttrSize);
	for (const EventDescription &event : events) {
		section.put_bytes({reinterpret_cast<const char *>(&event.attr), kAttrSize});
		section.put(static_cast<uint32_t>(event.ids.size())).put_bytes(text_contents(event.name));
		for (const uint64_t id : event.ids)
			section.put(id);
	}
	return section.take();
}

// ids and attrs, which stand right behind the file header.
std::string ids_and_attrs(const std::vector<EventDescription> &events, FileSection *attrs)
{
	ByteWriter bytes;
	for (const EventDescription &event : events)
		for (const uint64_t id : event.ids)
			bytes.put(id);
	uint64_t ids_offset = sizeof(FileHeader);
	attrs->offset = ids_offset + bytes.size();
	attrs->size = events.size() * (kAttrSize + sizeof(FileSection));
	for (const EventDescription &event : events) {
		const FileSection ids{ids_offset, event.ids.size() * sizeof(uint64_t)};
		bytes.put_bytes({reinterpret_cast<const char *>(&event.attr), kAttrSize}).put(ids);
		ids_offset += ids.size;
	}
	return bytes.take();
}

// An existing file of the name becomes NAME.old; anything but a regular file is refused.
Status keep_old(const std::string &path)
{
	struct stat info;
	if (::lstat(path.c_str(), &info) != 0)
		return Done{};
	if (!S_ISREG(info.st_mode))
		return Error{ErrorCode::usage, fmt::format("{} is not a regular file", path), 0,
			     "name a file with -o; what is there is left alone"};
	if (::rename(path.c_str(), (path + ".old").c_str()) != 0)
		return io_error("rename the old", path);
	return Done{};
}

} // namespace

// Its length, then the text with NULs behind it.
std::string text_contents(std::string_view text)
{
	ByteWriter padded;
	padded.put_text(text).pad_to_multiple(64);
	return ByteWriter().put(static_cast<uint32_t>(padded.size())).put_bytes(padded.bytes()).take();
}

Result<PerfDataWriter> PerfDataWriter::create(WriterOptions options)
{
	PerfDataWriter writer;
	writer.path_ = options.path;
	if (options.compression_level != 0) {
		auto compressor = RecordCompressor::create(options.compression_level);
		if (!compressor.ok())
			return compressor.error();
		options.features[kFeatureCompressed] = compressor->feature();
		writer.compressor_.emplace(std::move(*compressor));
	}
	const std::string unfinished = fmt::format("{}.{}.part", options.path, ::getpid());
	writer.fd_ = UniqueFd(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
	if (!writer.fd_.valid())
		return io_error("create", options.path);
	// From here on the unfinished file goes away on failure.
	struct Remover {
		const std::string &path;
		bool armed = true;
		~Remover()
		{
			if (armed)
				::unlink(path.c_str());
		}
	} remover{unfinished};
	if (options.owner_uid >= 0 && ::fchown(writer.fd_.get(), static_cast<uid_t>(options.owner_uid),
					       static_cast<gid_t>(options.owner_gid)) != 0)
		return io_error("give to the invoking user", options.path);

	for (EventDescription &event : options.events)
		event.attr.size = kAttrSize;
	options.features[kFeatureEventDescription] = event_descriptions(options.events);
	FileHeader header;
	header.size = sizeof header;
	header.attr_size = kAttrSize + sizeof(FileSection);
	ByteWriter image;
	const std::string attrs = ids_and_attrs(options.events, &header.attrs);
	image.put(header).put_bytes(attrs);
	header.event_types = {image.size(), options.private_section.size()};
	image.put_bytes(options.private_section);
	header.features[0] = 1; // bit 0 covers the table
	for (const auto &[feature, contents] : options.features) {
		header.features[feature / 64] |= uint64_t{1} << feature % 64;
		writer.sections_[feature] = {image.size(), contents.size()};
		image.put_bytes(contents);
	}
	image.pad_to_multiple(8);
	writer.data_offset_ = image.size();
	image.put_bytes(finished_round_record());
	writer.committed_end_ = image.size();
	header.data = {writer.data_offset_, writer.committed_end_ - writer.data_offset_};
	image.put_bytes(writer.table());
	writer.committed_sections_ = writer.sections_;
	writer.end_ = image.size();
	std::string bytes = image.take();
	std::memcpy(bytes.data(), &header, sizeof header);
	if (Status done = write_at(writer.fd_.get(), bytes, 0, options.path); !done.ok())
		return done.error();
	if (Status done = keep_old(options.path); !done.ok())
		return done.error();
	if (::rename(unfinished.c_str(), options.path.c_str()) != 0)
		return io_error("create", options.path);
	remover.armed = false;
	return writer;
}

std::string PerfDataWriter::table() const
{
	ByteWriter bytes;
	bytes.put(static_cast<uint32_t>(kRecordEventType)).put<uint16_t>(0).put(static_cast<uint16_t>(table_size()));
	bytes.put<uint64_t>(0);
	for (const auto &[feature, section] : sections_)
		bytes.put(section);
	return bytes.take();
}

Status PerfDataWriter::write_out(std::string_view bytes)
{
	if (Status done = write_at(fd_.get(), bytes, end_, path_); !done.ok()) {
		discard_uncommitted();
		return done;
	}
	end_ += bytes.size();
	return Done{};
}

Status PerfDataWriter::flush()
{
	Status done = write_out(buffer_);
	buffer_.clear();
	return done;
}

void PerfDataWriter::discard_uncommitted()
{
	buffer_.clear();
	sections_ = committed_sections_;
	end_ = committed_end_ + table_size();
	has_uncommitted_ = false;
	compressor_.reset(); // a part of its stream is gone: records go on as they are, which all readers take
}

Status PerfDataWriter::compress(std::string_view records)
{
	packed_.clear();
	if (Status done = compressor_->add(records, &packed_); !done.ok()) {
		discard_uncommitted();
		return done;
	}
	return append_to_file(packed_);
}

Status PerfDataWriter::end_compressed_record()
{
	if (!compressor_)
		return Done{};
	packed_.clear();
	if (Status done = compressor_->flush(&packed_); !done.ok()) {
		discard_uncommitted();
		return done;
	}
	return append_to_file(packed_);
}

double PerfDataWriter::compression_ratio() const
{
	if (!compressor_ || compressor_->packed_bytes() == 0)
		return 1;
	return static_cast<double>(compressor_->unpacked_bytes()) / static_cast<double>(compressor_->packed_bytes());
}

Status PerfDataWriter::append(std::string_view records)
{
	has_uncommitted_ = has_uncommitted_ || !records.empty();
	return compressor_ ? compress(records) : append_to_file(records);
}

Status PerfDataWriter::append_to_file(std::string_view records)
{
	if (records.size() < kLargeWrite) {
		buffer_.append(records);
		return buffer_.size() >= kBufferSize ? flush() : Status(Done{});
	}
	if (Status done = flush(); !done.ok()) // large pieces go to the file without a detour
		return done;
	return write_out(records);
}

Status PerfDataWriter::update_feature(unsigned feature, std::string_view contents)
{
	const auto section = sections_.find(feature);
	if (section == sections_.end() || contents.size() > kMaxLateContents)
		return Error{ErrorCode::internal, fmt::format("contents of feature {} cannot be replaced", feature), 0,
			     ""};
	const std::string record = covering_record(contents);
	if (Status done = end_compressed_record(); !done.ok())
		return done;
	const uint64_t at = end_ + buffer_.size() + kRecordHeaderSize;
	if (Status done = append(record); !done.ok())
		return done;
	section->second = {at, contents.size()};
	return Done{};
}

Status PerfDataWriter::commit()
{
	if (!has_uncommitted_)
		return Done{};
	if (Status done = end_compressed_record(); !done.ok())
		return done;
	if (compressor_ && compressor_->ratio() != written_ratio_) {
		written_ratio_ = compressor_->ratio();
		if (Status done = update_feature(kFeatureCompressed, compressor_->feature()); !done.ok())
			return done;
	}
	const uint64_t data_end = end_ + buffer_.size();
	buffer_ += table();
	if (Status done = flush(); !done.ok())
		return done;
	const uint64_t data_size = data_end - data_offset_;
	const std::string_view word(reinterpret_cast<const char *>(&data_size), sizeof data_size);
	if (Status done = write_at(fd_.get(), word, kDataSizeOffset, path_); !done.ok()) {
		discard_uncommitted();
		return done;
	}
	committed_end_ = data_end;
	committed_sections_ = sections_;
	has_uncommitted_ = false;
	return Done{};
}

} // namespace neuroperf::recording
