// SPDX-License-Identifier: Apache-2.0
#include "analyzer/jitdump.hpp"

#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace neuroperf::analyzer {

namespace {

constexpr uint32_t kMagic = 0x4a695444, kMagicSwapped = 0x4454694a;
constexpr uint32_t kLoad = 0, kMove = 1;
constexpr std::size_t kHeaderSize = 40, kRecordSize = 16, kLoadSize = 40, kMoveSize = 48;
constexpr std::size_t kMaximumNameBytes = std::size_t{256} << 20;
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the fields are read as they are");

// Reads at offsets; keeps a window of the file so that small records do not cost a call each.
class Window {
public:
	explicit Window(int fd) : fd_(fd) {}
	// What is there of the `size` bytes at the offset, fewer at the end of the file.
	std::string_view at(uint64_t offset, std::size_t size)
	{
		if (offset < start_ || offset - start_ + size > bytes_.size())
			fill(offset, size);
		if (offset < start_ || offset - start_ >= bytes_.size())
			return {};
		return std::string_view(bytes_).substr(offset - start_, size);
	}

private:
	void fill(uint64_t offset, std::size_t size)
	{
		start_ = offset;
		bytes_.resize(std::max(size, std::size_t{1} << 18));
		std::size_t used = 0;
		while (used < bytes_.size() && offset <= INT64_MAX - bytes_.size()) {
			const ssize_t got = ::pread(fd_, bytes_.data() + used, bytes_.size() - used,
						    static_cast<off_t>(offset + used));
			if (got < 0 && errno == EINTR)
				continue;
			if (got <= 0)
				break;
			used += static_cast<std::size_t>(got);
		}
		bytes_.resize(used);
	}

	int fd_;
	uint64_t start_ = 0;
	std::string bytes_;
};

template <typename T> T field(std::string_view bytes, std::size_t offset)
{
	T value = 0;
	std::memcpy(&value, bytes.data() + offset, sizeof value);
	return value;
}

class DumpReader {
public:
	explicit DumpReader(int fd) : window_(fd) {}

	Result<JitDump> read(const std::string &name)
	{
		const std::string_view header = window_.at(0, kHeaderSize);
		const auto magic = header.size() == kHeaderSize ? field<uint32_t>(header, 0) : 0;
		if (magic == kMagicSwapped)
			return Error{ErrorCode::unsupported, fmt::format("{} is of a big-endian machine", name), 0, ""};
		if (magic != kMagic || field<uint32_t>(header, 8) < kHeaderSize)
			return Error{ErrorCode::format, fmt::format("{} is not a jitdump file, or is damaged", name), 0,
				     ""};
		for (uint64_t at = field<uint32_t>(header, 8); !full_;) {
			const std::string_view record = window_.at(at, kRecordSize);
			if (record.size() < kRecordSize)
				break; // the end; a program that still runs may have written half a record
			const auto size = field<uint32_t>(record, 4);
			if (size < kRecordSize)
				break;
			const auto time = field<uint64_t>(record, 8);
			const auto kind = field<uint32_t>(record, 0);
			if (kind == kLoad)
				load(at + kRecordSize, size - kRecordSize, time);
			else if (kind == kMove)
				move(at + kRecordSize, size - kRecordSize, time);
			at += size;
		}
		std::stable_sort(dump_.loads.begin(), dump_.loads.end(),
				 [](const JitLoad &a, const JitLoad &b) { return a.timestamp < b.timestamp; });
		return std::move(dump_);
	}

private:
	void load(uint64_t at, std::size_t size, uint64_t time)
	{
		const std::string_view body =
			window_.at(at, std::min(size, kLoadSize + GeneratedCode::kMaximumNameLength));
		if (body.size() < kLoadSize)
			return;
		const std::size_t end = body.find('\0', kLoadSize);
		if (end == std::string_view::npos || end == kLoadSize) {
			dump_.complete = dump_.complete && end == kLoadSize;
			return;
		}
		const std::string_view name = body.substr(kLoadSize, end - kLoadSize);
		name_bytes_ += name.size();
		add({time, field<uint32_t>(body, 0), field<uint64_t>(body, 16), field<uint64_t>(body, 24),
		     std::string(name), 0});
	}

	void move(uint64_t at, std::size_t size, uint64_t time)
	{
		const std::string_view body = window_.at(at, std::min(size, kMoveSize));
		if (body.size() == kMoveSize && field<uint64_t>(body, 16) != 0)
			add({time, field<uint32_t>(body, 0), field<uint64_t>(body, 24), field<uint64_t>(body, 32), "",
			     field<uint64_t>(body, 16)});
	}

	void add(JitLoad load)
	{
		full_ = dump_.loads.size() >= kMaximumLoads || name_bytes_ > kMaximumNameBytes;
		if (full_)
			dump_.complete = false;
		else
			dump_.loads.push_back(std::move(load));
	}

	Window window_;
	JitDump dump_;
	std::size_t name_bytes_ = 0;
	bool full_ = false;
};

} // namespace

bool is_jitdump(std::string_view path)
{
	const std::string_view name = path.substr(path.rfind('/') + 1);
	return name.size() > 9 && name.substr(0, 4) == "jit-" && name.substr(name.size() - 5) == ".dump" &&
	       name.substr(4, name.size() - 9).find_first_not_of("0123456789") == std::string_view::npos;
}

Result<JitDump> read_jitdump(const FileDescriptor &file, const std::string &name)
{
	return DumpReader(file.get()).read(name);
}

Result<JitDump> read_jitdump(const std::string &path)
{
	Result<FileDescriptor> file = open_regular_file(path);
	if (!file.ok())
		return file.error();
	if (const Status owner = check_owner(*file, path); !owner.ok())
		return owner.error();
	return read_jitdump(*file, path);
}

void add_jitdump(const JitDump &dump, GeneratedCode *code)
{
	for (const JitLoad &load : dump.loads) {
		if (load.moved_from != 0)
			code->move(load.moved_from, load.size, load.address);
		else if (!code->add(load.address, load.size, code->keep(load.name)))
			return;
	}
}

} // namespace neuroperf::analyzer
