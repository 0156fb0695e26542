// SPDX-License-Identifier: Apache-2.0
// The smallest ELF file that a loader would find notes in: headers and one PT_NOTE segment.
#pragma once

#include <elf.h>

#include <cstring>
#include <string>
#include <string_view>

#include "recording/bytes.hpp"

namespace neuroperf::test {

inline std::string note(uint32_t type, std::string_view name_with_nul, std::string_view content)
{
	recording::ByteWriter bytes;
	bytes.put(Elf64_Nhdr{static_cast<Elf64_Word>(name_with_nul.size()), static_cast<Elf64_Word>(content.size()),
			     type});
	return bytes.put_bytes(name_with_nul).pad_to_multiple(4).put_bytes(content).pad_to_multiple(4).take();
}

inline std::string build_id_note(std::string_view id)
{
	return note(NT_GNU_BUILD_ID, std::string_view("GNU\0", 4), id);
}

template <typename FileHeader = Elf64_Ehdr, typename ProgramHeader = Elf64_Phdr>
std::string elf_with_notes(std::string_view notes, uint64_t offset = sizeof(FileHeader) + sizeof(ProgramHeader))
{
	FileHeader header = {};
	std::memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = sizeof(FileHeader) == sizeof(Elf64_Ehdr) ? ELFCLASS64 : ELFCLASS32;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_phoff = sizeof(FileHeader);
	header.e_phentsize = sizeof(ProgramHeader);
	header.e_phnum = 1;
	ProgramHeader segment = {};
	segment.p_type = PT_NOTE;
	segment.p_offset = static_cast<decltype(segment.p_offset)>(offset);
	segment.p_filesz = static_cast<decltype(segment.p_filesz)>(notes.size());
	segment.p_align = 4;
	std::string file = recording::ByteWriter().put(header).put(segment).take();
	file.resize(std::max<std::size_t>(file.size(), offset));
	return file.append(notes);
}

} // namespace neuroperf::test
