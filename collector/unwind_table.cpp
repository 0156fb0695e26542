// SPDX-License-Identifier: Apache-2.0
#include "collector/unwind_table.hpp"

#include <dwarf.h>

#include <algorithm>

namespace neuroperf::collector {
namespace {

using recording::CallFrameRow;
using recording::CallFrameTable;
using recording::CfaRule;
using recording::UnwindMachine;

// The beginning of .eh_frame_hdr as linkers write it (Linux Standard Base 5.0, 10.6.2): what is told as relative to
// where it stands.
struct Header {
	uint8_t version, pointer_encoding, count_encoding, table_encoding;
	int32_t frames;
};
constexpr uint8_t kVersion = 1;
constexpr uint64_t kLargestTable = uint64_t{64} << 20;

// The section of frames that the header points to.
const Elf64_Shdr *frames_of(const ObjectFile &file)
{
	Header header;
	const auto offset = file.offset_of(file.unwind_address());
	if (!offset || file.read_at(*offset, &header, sizeof header) != sizeof header || header.version != kVersion ||
	    header.pointer_encoding != (DW_EH_PE_pcrel | DW_EH_PE_sdata4))
		return nullptr;
	const uint64_t address =
		file.unwind_address() + offsetof(Header, frames) + static_cast<uint64_t>(int64_t{header.frames});
	const auto is_it = [&](const Elf64_Shdr &section) {
		return section.sh_addr == address && section.sh_type != SHT_NOBITS &&
		       (section.sh_flags & SHF_ALLOC) != 0;
	};
	const auto found = std::find_if(file.sections().begin(), file.sections().end(), is_it);
	return found == file.sections().end() ? nullptr : &*found;
}

// As a caller leaves it.
CfaRule frame_at_entry(UnwindMachine machine)
{
	const uint32_t stack_pointer = recording::special_registers(machine).sp;
	return {CfaRule::Kind::register_plus, stack_pointer, machine == UnwindMachine::x86_64 ? 8 : 0, {}};
}

} // namespace

UnwindTable::UnwindTable(const ObjectFile &file)
	: machine_(file.machine() == EM_X86_64 ? UnwindMachine::x86_64 : UnwindMachine::aarch64)
{
	const Elf64_Shdr *const frames = frames_of(file);
	if (!frames || frames->sh_size > kLargestTable)
		return;
	bytes_ = file.at(frames->sh_offset, frames->sh_size);
	table_.emplace(bytes_, frames->sh_addr, CallFrameTable::Kind::eh_frame, machine_);
}

std::optional<CallFrameTable::Code> UnwindTable::continued_part(uint64_t address) const
{
	CallFrameRow row;
	const CallFrameTable::Code code = table_ ? table_->code_around(address) : CallFrameTable::Code{};
	if (code.begin == code.end || table_->row_at(code.begin, &row) != CallFrameTable::Found::row ||
	    row.cfa.kind == CfaRule::Kind::none || row.cfa == frame_at_entry(machine_))
		return std::nullopt;
	return code;
}

} // namespace neuroperf::collector
