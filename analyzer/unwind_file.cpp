// SPDX-License-Identifier: Apache-2.0
#include "analyzer/unwind_file.hpp"

#include <utility>

namespace neuroperf::analyzer {

namespace {

// The largest libraries (gigabytes of code) have tens of megabytes.
constexpr uint64_t kMaximumSize = uint64_t{256} << 20;

// Content, decompressed if it must be: Go compresses .debug_frame.
std::string content_of(const ElfFile &elf, const ElfFile::Section &section)
{
	if (section.size > kMaximumSize || section.type == SHT_NOBITS)
		return {};
	if ((section.flags & SHF_COMPRESSED) == 0)
		return std::string(elf.bytes(section));
	GElf_Chdr header = {};
	if (gelf_getchdr(section.handle, &header) == nullptr || header.ch_size > kMaximumSize ||
	    elf_compress(section.handle, 0, 0) < 0)
		return {};
	const Elf_Data *data = elf_getdata(section.handle, nullptr);
	if (data == nullptr || data->d_buf == nullptr)
		return {};
	return {static_cast<const char *>(data->d_buf), data->d_size};
}

} // namespace

void UnwindFile::read(UnwindMachine machine)
{
	is_read_ = true;
	const std::string source = std::exchange(source_, {});
	if (source.empty())
		return;
	const Result<ElfFile> elf =
		is_image_ ? ElfFile::from_image(source.data(), source.size()) : ElfFile::open(source);
	if (elf.ok())
		read(*elf, machine);
}

void UnwindFile::read(const ElfFile &elf, UnwindMachine machine)
{
	const unsigned wanted = machine == UnwindMachine::x86_64 ? EM_X86_64 : EM_AARCH64;
	if (elf.machine() != wanted || !elf.little_endian())
		return;
	code_ = elf.executable_segments();
	read_section(elf, ".eh_frame", CallFrameTable::Kind::eh_frame, machine);
	read_section(elf, ".debug_frame", CallFrameTable::Kind::debug_frame, machine);
}

UnwindFile UnwindFile::of_elf(const ElfFile &elf, UnwindMachine machine)
{
	UnwindFile file("", false);
	file.is_read_ = true;
	file.read(elf, machine);
	return file;
}

void UnwindFile::read_section(const ElfFile &elf, std::string_view name, CallFrameTable::Kind kind,
			      UnwindMachine machine)
{
	const ElfFile::Section *section = elf.section(name);
	if (section == nullptr)
		return;
	auto bytes = std::make_unique<std::string>(content_of(elf, *section));
	CallFrameTable table(*bytes, section->address, kind, machine);
	if (table.entry_count() > 0)
		sections_.push_back({std::move(bytes), std::move(table)});
}

bool UnwindFile::address_of_offset(uint64_t offset, UnwindMachine machine, uint64_t *address)
{
	if (!is_read_)
		read(machine);
	for (const ElfFile::Segment &segment : code_) {
		if (offset < segment.offset || offset - segment.offset >= segment.size)
			continue;
		*address = offset - segment.offset + segment.address;
		return true;
	}
	return false;
}

CallFrameTable::Found UnwindFile::row_at(uint64_t address, UnwindMachine machine, CallFrameRow *row)
{
	if (!is_read_)
		read(machine);
	for (const Section &section : sections_) {
		const CallFrameTable::Found found = section.table.row_at(address, row);
		if (found != CallFrameTable::Found::no_entry)
			return found;
	}
	return CallFrameTable::Found::no_entry;
}

} // namespace neuroperf::analyzer
