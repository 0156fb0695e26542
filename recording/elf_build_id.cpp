// SPDX-License-Identifier: Apache-2.0
#include "recording/elf_build_id.hpp"

#include <elf.h>

#include <algorithm>

#include "recording/bytes.hpp"
#include "recording/read_at.hpp"

namespace neuroperf::recording {
namespace {

constexpr std::size_t kMaxProgramHeaders = 512;
constexpr std::size_t kMaxNoteSegments = 16;
constexpr std::size_t kMaxNotes = 64 * 1024; // bytes of a segment

template <typename FileHeader, typename ProgramHeader> std::string build_id_by_segments(int fd, std::string_view start)
{
	Cursor in(start);
	const auto header = in.read<FileHeader>();
	if (!in.ok() || header.e_phentsize != sizeof(ProgramHeader) || header.e_phnum > kMaxProgramHeaders)
		return "";
	const std::size_t size = header.e_phnum * sizeof(ProgramHeader);
	// The headers usually are among the bytes that were read already.
	std::string read;
	std::string_view table;
	if (header.e_phoff <= start.size() && size <= start.size() - header.e_phoff) {
		table = start.substr(header.e_phoff, size);
	} else {
		read = read_at(fd, header.e_phoff, size);
		table = read;
	}
	std::size_t segments = 0;
	for (Cursor headers(table); headers.left() >= sizeof(ProgramHeader) && segments < kMaxNoteSegments;) {
		const auto segment = headers.read<ProgramHeader>();
		if (segment.p_type != PT_NOTE)
			continue;
		segments++;
		const std::string notes =
			read_at(fd, segment.p_offset, std::min<uint64_t>(segment.p_filesz, kMaxNotes));
		if (std::string id = build_id_in_notes(notes, segment.p_align == 8 ? 8 : 4); !id.empty())
			return id;
	}
	return "";
}

} // namespace

std::string build_id_in_notes(std::string_view notes, std::size_t alignment)
{
	Cursor in(notes);
	const auto skip_padding = [&] {
		const std::size_t padding = (alignment - in.position() % alignment) % alignment;
		in.skip(std::min(padding, in.left())); // the last note may come without
	};
	while (in.ok() && in.left() >= sizeof(Elf64_Nhdr)) {
		const auto note = in.read<Elf64_Nhdr>(); // the same in both classes
		const std::string_view name = in.read_bytes(note.n_namesz);
		skip_padding();
		const std::string_view content = in.read_bytes(note.n_descsz);
		skip_padding();
		if (in.ok() && note.n_type == NT_GNU_BUILD_ID && name == std::string_view("GNU\0", 4) &&
		    !content.empty())
			return std::string(content.substr(0, kMaxBuildId));
	}
	return "";
}

std::string elf_build_id(int fd)
{
	const std::string start = read_at(fd, 0, 1024);
	if (start.size() < EI_NIDENT || !start.starts_with(ELFMAG) || start[EI_DATA] != ELFDATA2LSB)
		return "";
	if (start[EI_CLASS] == ELFCLASS64)
		return build_id_by_segments<Elf64_Ehdr, Elf64_Phdr>(fd, start);
	if (start[EI_CLASS] == ELFCLASS32)
		return build_id_by_segments<Elf32_Ehdr, Elf32_Phdr>(fd, start);
	return "";
}

} // namespace neuroperf::recording
