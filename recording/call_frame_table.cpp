// SPDX-License-Identifier: Apache-2.0
#include "recording/call_frame_table.hpp"

#include <algorithm>

#include <dwarf.h>

#include "recording/bytes.hpp"
#include "recording/call_frame_program.hpp"
#include "recording/leb128.hpp"

namespace neuroperf::recording {

namespace {

constexpr std::size_t kMaximumEntries = std::size_t{8} << 20;
constexpr std::size_t kMaximumCommons = std::size_t{1} << 20;
constexpr uint64_t kNoOffset = UINT64_MAX;

// The augmentation data, a value for each letter of the augmentation. Behind a letter that we do not know nothing can
// be understood, and nothing need be: its size is told.
void read_augmentation(std::string_view letters, std::string_view data, CallFrameTable::Common *common)
{
	Cursor in(data);
	for (const char letter : letters) {
		if (letter == 'R') {
			common->pointer_encoding = in.read<uint8_t>();
		} else if (letter == 'P') {
			const auto encoding = in.read<uint8_t>();
			uint64_t personality = 0;
			if (!read_encoded(&in, encoding & 0x0f, 0, &personality))
				return;
		} else if (letter == 'L') {
			in.skip(1);
		} else if (letter == 'S') {
			common->signal_frame = true;
		} else if (letter != 'B' && letter != 'G') { // aarch64: signed with key B; tagged stack
			return;
		}
	}
}

} // namespace

// An entry's content behind its length and id.
struct CallFrameTable::Body {
	bool valid = false;
	uint64_t offset = 0;        // of its length
	uint64_t next = 0;          // of the next entry; 0: there is none
	uint64_t id = 0, id_at = 0; // of its common entry, and where that stands
	uint64_t content_at = 0;
	std::string_view content;
};

CallFrameTable::CallFrameTable(std::string_view bytes, uint64_t address, Kind kind, UnwindMachine machine)
	: bytes_(bytes.substr(0, UINT32_MAX)), address_(address), kind_(kind), machine_(machine)
{
	scan();
	const auto earlier = [](const Entry &left, const Entry &right) { return left.begin < right.begin; };
	if (!std::is_sorted(entries_.begin(), entries_.end(), earlier))
		std::stable_sort(entries_.begin(), entries_.end(), earlier);
}

CallFrameTable::Body CallFrameTable::body_at(uint64_t offset) const
{
	Body body;
	if (offset >= bytes_.size())
		return body;
	body.offset = offset;
	Cursor in(bytes_.substr(offset));
	uint64_t length = in.read<uint32_t>();
	const bool wide = length == UINT32_MAX;
	if (wide)
		length = in.read<uint64_t>();
	if (!in.ok() || length > in.left())
		return body;
	body.next = offset + in.position() + length;
	if (length == 0)
		return body; // a terminator; linked together, several may stand between entries
	body.id_at = offset + in.position();
	// Only .debug_frame has wide ids.
	const bool wide_id = wide && kind_ == Kind::debug_frame;
	body.id = wide_id ? in.read<uint64_t>() : in.read<uint32_t>();
	if (!wide_id && kind_ == Kind::debug_frame && body.id == UINT32_MAX)
		body.id = UINT64_MAX;
	body.content_at = offset + in.position();
	if (!in.ok() || body.content_at > body.next)
		return body;
	body.content = bytes_.substr(body.content_at, body.next - body.content_at);
	body.valid = true;
	return body;
}

bool CallFrameTable::is_common(const Body &body) const
{
	return body.id == (kind_ == Kind::eh_frame ? 0 : UINT64_MAX);
}

void CallFrameTable::scan()
{
	Body body;
	for (uint64_t at = 0; at < bytes_.size() && entries_.size() < kMaximumEntries; at = body.next) {
		body = body_at(at);
		if (body.next == 0)
			return;
		if (body.valid && !is_common(body))
			add_entry(body);
	}
}

void CallFrameTable::add_entry(const Body &body)
{
	uint64_t at = body.id;
	if (kind_ == Kind::eh_frame)
		at = body.id > body.id_at ? kNoOffset : body.id_at - body.id; // counted back from the id itself
	const uint32_t index = common_at(at);
	if (index == UINT32_MAX || !commons_[index].valid)
		return;
	const uint8_t encoding = commons_[index].pointer_encoding;
	Cursor in(body.content);
	Entry entry{0, 0, index, 0, 0};
	uint64_t size = 0;
	if (!read_encoded(&in, encoding, address_ + body.content_at, &entry.begin) ||
	    !read_encoded(&in, encoding & 0x0f, 0, &size) || size == 0 || size > UINT64_MAX - entry.begin)
		return;
	entry.end = entry.begin + size;
	if (commons_[index].has_augmentation_size)
		in.skip(read_uleb128(&in));
	if (!in.ok())
		return;
	entry.offset = static_cast<uint32_t>(body.content_at + in.position());
	entry.size = static_cast<uint32_t>(in.left());
	entries_.push_back(entry);
}

uint32_t CallFrameTable::common_at(uint64_t offset)
{
	const auto known = common_by_offset_.find(offset);
	if (known != common_by_offset_.end())
		return known->second;
	if (offset >= bytes_.size() || commons_.size() >= kMaximumCommons)
		return UINT32_MAX;
	const auto index = static_cast<uint32_t>(commons_.size());
	commons_.push_back(read_common(offset));
	common_by_offset_.emplace(offset, index);
	return index;
}

CallFrameTable::Common CallFrameTable::read_common(uint64_t offset) const
{
	Common common;
	const Body body = body_at(offset);
	if (!body.valid || !is_common(body))
		return common;
	Cursor in(body.content);
	const auto version = in.read<uint8_t>();
	std::string_view augmentation = in.read_text();
	if (version != 1 && version != 3 && version != 4)
		return common;
	if (version == 4) {
		const auto address_size = in.read<uint8_t>(), segment_size = in.read<uint8_t>();
		if (address_size != 8 || segment_size != 0)
			return common;
	}
	common.code_alignment = read_uleb128(&in);
	common.data_alignment = read_sleb128(&in);
	const uint64_t return_register = version == 1 ? in.read<uint8_t>() : read_uleb128(&in);
	if (return_register >= UnwindRegisters::kCount)
		return common;
	common.return_register = static_cast<uint32_t>(return_register);
	common.pointer_encoding = DW_EH_PE_absptr;
	if (augmentation.starts_with('z')) {
		common.has_augmentation_size = true;
		const std::string_view data = in.read_bytes(read_uleb128(&in));
		read_augmentation(augmentation.substr(1), data, &common);
	} else if (!augmentation.empty()) {
		return common; // old or foreign: where its instructions begin is unknown
	}
	common.instructions = in.read_bytes(in.left());
	common.valid = in.ok();
	return common;
}

const CallFrameTable::Entry *CallFrameTable::entry_around(uint64_t address) const
{
	auto entry = std::upper_bound(entries_.begin(), entries_.end(), address,
				      [](uint64_t wanted, const Entry &one) { return wanted < one.begin; });
	return entry == entries_.begin() || address >= (--entry)->end ? nullptr : &*entry;
}

CallFrameTable::Code CallFrameTable::code_around(uint64_t address) const
{
	const Entry *const entry = entry_around(address);
	return entry ? Code{entry->begin, entry->end} : Code{};
}

CallFrameTable::Found CallFrameTable::row_at(uint64_t address, CallFrameRow *row) const
{
	const Entry *const entry = entry_around(address);
	if (!entry)
		return Found::no_entry;
	const CallFrameProgram program{bytes_.substr(entry->offset, entry->size), address_ + entry->offset,
				       entry->begin};
	return run_call_frame_program(commons_[entry->common], program, machine_, address, row) ? Found::row
												: Found::damaged;
}

} // namespace neuroperf::recording
