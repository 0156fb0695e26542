// SPDX-License-Identifier: Apache-2.0
#include "recording/stream_header.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "recording/records.hpp"

namespace neuroperf::recording {
namespace {

constexpr std::size_t kMaxEvents = 4096;
constexpr std::size_t kMaxIds = 1 << 20;
constexpr std::size_t kMaxFeature = 64 << 20;
constexpr uint64_t kEventUpdateName = 2; // PERF_EVENT_UPDATE__NAME
constexpr uint32_t kAttrSizeVersion0 = 64;

class HeaderBuilder {
public:
	explicit HeaderBuilder(int fd) : fd_(fd) {}

	// `payload`: where in the file the bytes behind the record begin, if it has some.
	void add(const RecordView &record, uint64_t payload)
	{
		Cursor in(record.bytes.substr(kRecordHeaderSize));
		switch (record.type) {
		case kRecordAttr:
			return add_event(record.bytes.substr(kRecordHeaderSize));
		case kRecordEventUpdate: {
			const uint64_t what = in.read<uint64_t>(), id = in.read<uint64_t>();
			const std::string_view name = in.read_bytes(in.left());
			if (what == kEventUpdateName)
				name_event(id, name.substr(0, name.find('\0')));
			return;
		}
		case kRecordFeature: {
			const uint64_t feature = in.read<uint64_t>();
			if (in.ok() && feature < kFeatureLimit)
				header_.features[static_cast<unsigned>(feature)] = in.read_bytes(in.left());
			return;
		}
		case kRecordTracingData:
			return add_tracing_data(in.read<uint32_t>(), payload);
		case kRecordBuildId: // the record is an entry of the feature's section, but for its type
			header_.features[kFeatureBuildId] += record.bytes;
			return;
		default:
			return;
		}
	}

	StreamHeader take() { return std::move(header_); }

private:
	void add_event(std::string_view body)
	{
		StreamHeader::Event event;
		if (header_.events.size() >= kMaxEvents || !parse_attr(body, &event.attr))
			return;
		Cursor in(body.substr(event.attr.size ? event.attr.size : kAttrSizeVersion0));
		for (; in.left() >= 8 && ids_ < kMaxIds; ids_++)
			event.ids.push_back(in.read<uint64_t>());
		header_.events.push_back(std::move(event));
	}

	void name_event(uint64_t id, std::string_view name)
	{
		for (StreamHeader::Event &event : header_.events)
			if (std::find(event.ids.begin(), event.ids.end(), id) != event.ids.end())
				event.name = name;
	}

	void add_tracing_data(std::size_t size, uint64_t at)
	{
		std::string &data = header_.features[kFeatureTracingData];
		data.resize(std::min(size, kMaxFeature));
		std::size_t have = 0;
		while (have < data.size()) {
			const ssize_t got =
				::pread(fd_, data.data() + have, data.size() - have, static_cast<off_t>(at + have));
			if (got <= 0)
				break;
			have += static_cast<std::size_t>(got);
		}
		data.resize(have);
	}

	int fd_;
	StreamHeader header_;
	std::size_t ids_ = 0;
};

} // namespace

bool parse_attr(std::string_view bytes, perf_event_attr *attr)
{
	*attr = {};
	if (bytes.size() < kAttrSizeVersion0)
		return false;
	const auto size = load<uint32_t>(bytes.data() + offsetof(perf_event_attr, size));
	const std::size_t written = size == 0 ? kAttrSizeVersion0 : size;
	if (written < kAttrSizeVersion0 || written > bytes.size())
		return false;
	std::memcpy(attr, bytes.data(), std::min(written, sizeof *attr));
	return true;
}

StreamHeader read_stream_header(int fd, uint64_t begin, uint64_t end)
{
	RecordStream stream(fd, begin, end);
	HeaderBuilder builder(fd);
	RecordView record;
	while (stream.next(&record) == RecordStream::Next::record) {
		const bool is_sample = record.type == PERF_RECORD_SAMPLE;
		if (!is_sample)
			builder.add(record, stream.last_payload());
		stream.release(record.block);
		if (is_sample)
			break;
	}
	return builder.take();
}

} // namespace neuroperf::recording
