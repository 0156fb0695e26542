// SPDX-License-Identifier: Apache-2.0
#include "analyzer/unwind_file.hpp"

#include <utility>

namespace neuroperf::analyzer {

using recording::CfaRule;
using recording::RegisterRule;
using recording::special_registers;
using recording::SpecialRegisters;

namespace {

// Content, decompressed if it must be: Go compresses .debug_frame.
std::string content_of(const ElfFile &elf, const ElfFile::Section &section, uint64_t maximum_size)
{
	if (section.size > maximum_size || section.type == SHT_NOBITS)
		return {};
	if ((section.flags & SHF_COMPRESSED) == 0)
		return std::string(elf.bytes(section));
	GElf_Chdr header = {};
	if (gelf_getchdr(section.handle, &header) == nullptr || header.ch_size > maximum_size ||
	    elf_compress(section.handle, 0, 0) < 0)
		return {};
	const Elf_Data *data = elf_getdata(section.handle, nullptr);
	if (data == nullptr || data->d_buf == nullptr)
		return {};
	return {static_cast<const char *>(data->d_buf), data->d_size};
}

} // namespace

void UnwindFile::read_once(UnwindMachine machine, uint64_t *bytes_left)
{
	if (std::exchange(is_read_, true))
		return;
	machine_ = machine;
	const std::string source = std::exchange(source_, {});
	if (source.empty())
		return;
	const Result<ElfFile> elf =
		is_image_ ? ElfFile::from_image(source.data(), source.size()) : ElfFile::open(source);
	if (elf.ok())
		read(*elf, machine, bytes_left);
}

void UnwindFile::read(const ElfFile &elf, UnwindMachine machine, uint64_t *bytes_left)
{
	const unsigned wanted = machine == UnwindMachine::x86_64 ? EM_X86_64 : EM_AARCH64;
	if (elf.machine() != wanted || !elf.little_endian())
		return;
	code_ = elf.executable_segments();
	for (const ElfFile::Section &section : elf.sections())
		if (section.name.starts_with(".plt") && (section.flags & SHF_EXECINSTR) != 0)
			linkage_.push_back({section.address, section.size});
	read_section(elf, ".eh_frame", CallFrameTable::Kind::eh_frame, bytes_left);
	read_section(elf, ".debug_frame", CallFrameTable::Kind::debug_frame, bytes_left);
}

UnwindFile UnwindFile::of_elf(const ElfFile &elf, UnwindMachine machine, uint64_t *bytes_left)
{
	UnwindFile file("", false);
	file.is_read_ = true;
	file.machine_ = machine;
	file.read(elf, machine, bytes_left);
	return file;
}

void UnwindFile::read_section(const ElfFile &elf, std::string_view name, CallFrameTable::Kind kind,
			      uint64_t *bytes_left)
{
	const ElfFile::Section *section = elf.section(name);
	if (section == nullptr)
		return;
	auto bytes = std::make_unique<std::string>(content_of(elf, *section, *bytes_left));
	CallFrameTable table(*bytes, section->address, kind, machine_);
	if (table.entry_count() == 0)
		return;
	*bytes_left -= bytes->size();
	sections_.push_back({std::move(bytes), std::move(table)});
}

bool UnwindFile::address_of_offset(uint64_t offset, uint64_t *address) const
{
	for (const ElfFile::Segment &segment : code_) {
		if (offset < segment.offset || offset - segment.offset >= segment.size)
			continue;
		*address = offset - segment.offset + segment.address;
		return true;
	}
	return false;
}

CallFrameTable::Found UnwindFile::row_at(uint64_t address, CallFrameRow *row) const
{
	for (const Section &section : sections_) {
		const CallFrameTable::Found found = section.table.row_at(address, row);
		if (found != CallFrameTable::Found::no_entry)
			return found;
	}
	return linkage_row_at(address, row) ? CallFrameTable::Found::row : CallFrameTable::Found::no_entry;
}

// An entry jumps on, with the caller's stack as it is; on x86-64, behind offset 11, with a number pushed for the
// dynamic linker. The first entry of a section, which calls that one, is seldom met and not told.
bool UnwindFile::linkage_row_at(uint64_t address, CallFrameRow *row) const
{
	for (const Range &range : linkage_) {
		const uint64_t offset = address - range.begin;
		if (offset < 16 || offset >= range.size)
			continue;
		*row = CallFrameRow{};
		const SpecialRegisters special = special_registers(machine_);
		row->cfa = {CfaRule::Kind::register_plus, special.sp, 0, {}};
		row->return_register = 30;
		if (machine_ == UnwindMachine::x86_64) {
			row->cfa.offset = offset % 16 >= 11 ? 16 : 8;
			row->return_register = special.pc;
			row->registers[special.pc] = {RegisterRule::Kind::saved, -8, {}};
		}
		return true;
	}
	return false;
}

} // namespace neuroperf::analyzer
