// SPDX-License-Identifier: Apache-2.0
#include "collector/unwind_table.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <libelf.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace neuroperf::collector {
namespace {

// .eh_frame_hdr as linkers write it:
// https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/ehframechpt.html
struct Header {
	uint8_t version, pointer_encoding, count_encoding, table_encoding;
	int32_t frames;
	uint32_t count;
};
struct Entry {
	int32_t start, description; // both relative to the header
};
constexpr uint8_t kVersion = 1;
constexpr uint8_t kRelativeToPlace = DW_EH_PE_pcrel | DW_EH_PE_sdata4;
constexpr uint8_t kRelativeToHeader = DW_EH_PE_datarel | DW_EH_PE_sdata4;
constexpr std::size_t kMostEntries = std::size_t{8} << 20;

// Where a function begins, the frame's address (CFA) is this far above the stack pointer.
struct StackPointer {
	unsigned number; // in DWARF
	unsigned offset;
};
constexpr StackPointer kX86{7, 8}, kArm64{31, 0};

bool is_stack_pointer(const Dwarf_Op &op, const StackPointer &expected)
{
	if (op.atom == DW_OP_bregx)
		return op.number == expected.number && op.number2 == expected.offset;
	return op.atom == DW_OP_breg0 + expected.number && op.number == expected.offset;
}

} // namespace

UnwindTable::UnwindTable(const ObjectFile &file) : machine_(file.machine())
{
	read_starts(file);
	if (starts_.empty() || elf_version(EV_CURRENT) == EV_NONE)
		return;
	elf_ = elf_begin(file.descriptor(), ELF_C_READ, nullptr); // read, not mapped: the file may be cut meanwhile
	frames_ = elf_ ? dwarf_getcfi_elf(elf_) : nullptr;
}

UnwindTable::~UnwindTable()
{
	if (frames_)
		dwarf_cfi_end(frames_);
	if (elf_)
		elf_end(elf_);
}

void UnwindTable::read_starts(const ObjectFile &file)
{
	const uint64_t address = file.unwind_address();
	const auto offset = file.offset_of(address);
	Header header;
	if (!offset || file.unwind_size() < sizeof header ||
	    file.read_at(*offset, &header, sizeof header) != sizeof header || header.version != kVersion ||
	    header.pointer_encoding != kRelativeToPlace || header.count_encoding != DW_EH_PE_udata4 ||
	    header.table_encoding != kRelativeToHeader)
		return;
	const std::size_t room = (std::min(file.unwind_size(), file.room_at(address)) - sizeof header) / sizeof(Entry);
	std::vector<Entry> entries(std::min<std::size_t>({header.count, room, kMostEntries}));
	const std::size_t bytes = entries.size() * sizeof(Entry);
	if (file.read_at(*offset + sizeof header, entries.data(), bytes) != bytes)
		return;
	starts_.reserve(entries.size());
	for (const Entry &entry : entries)
		starts_.push_back(address + static_cast<uint64_t>(int64_t{entry.start}));
	if (!std::is_sorted(starts_.begin(), starts_.end()))
		starts_.clear();
}

std::optional<UnwindTable::Range> UnwindTable::continued_part(uint64_t address) const
{
	const auto next = std::upper_bound(starts_.begin(), starts_.end(), address);
	if (!frames_ || next == starts_.begin() || next == starts_.end())
		return std::nullopt;
	const Range part{*std::prev(next), *next};
	return frame_is_built_at(part.start) ? std::optional(part) : std::nullopt;
}

bool UnwindTable::frame_is_built_at(uint64_t address) const
{
	Dwarf_Frame *found = nullptr;
	if (dwarf_cfi_addrframe(frames_, address, &found) != 0)
		return false;
	const std::unique_ptr<Dwarf_Frame, void (*)(void *)> frame(found, std::free);
	Dwarf_Op *ops = nullptr;
	std::size_t count = 0;
	return dwarf_frame_cfa(frame.get(), &ops, &count) == 0 && count == 1 &&
	       !is_stack_pointer(ops[0], machine_ == EM_X86_64 ? kX86 : kArm64);
}

} // namespace neuroperf::collector
