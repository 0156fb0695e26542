// SPDX-License-Identifier: Apache-2.0
#include "analyzer/elf_debug_file.hpp"

#include <fmt/format.h>

namespace neuroperf::analyzer {

namespace {

struct DebugLink {
	std::string file;
	uint32_t crc = 0;
};

// The section: file name, NUL, padding to four bytes, CRC-32 in the file's byte order.
std::optional<DebugLink> debug_link(const ElfFile &elf)
{
	const ElfFile::Section *section = elf.section(".gnu_debuglink");
	if (section == nullptr)
		return std::nullopt;
	const std::string_view bytes = elf.bytes(*section);
	DebugLink link{std::string(string_at(bytes, 0)), 0};
	const std::size_t crc_offset = (link.file.size() + 1 + 3) & ~std::size_t{3};
	// A name with a slash could lead anywhere.
	if (link.file.empty() || link.file.find('/') != std::string::npos || crc_offset + 4 > bytes.size())
		return std::nullopt;
	for (unsigned i = 0; i < 4; i++) {
		const unsigned shift = 8 * (elf.little_endian() ? i : 3 - i);
		link.crc |= uint32_t{static_cast<unsigned char>(bytes[crc_offset + i])} << shift;
	}
	return link;
}

std::string build_id_path(std::string_view id, const std::string &root)
{
	std::string hex;
	for (const char byte : id)
		hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
	return fmt::format("{}/.build-id/{}/{}.debug", root, hex.substr(0, 2), hex.substr(2));
}

bool belongs(const ElfFile &candidate, const ElfFile &elf)
{
	return candidate.section_of_type(SHT_SYMTAB) != nullptr && candidate.machine() == elf.machine() &&
	       candidate.build_id() == elf.build_id();
}

} // namespace

std::optional<ElfFile> find_debug_file(const ElfFile &elf, const std::string &path, const std::string &root)
{
	const std::string_view id = elf.build_id();
	if (id.size() >= 2 && id.size() <= 64) {
		Result<ElfFile> file = ElfFile::open(build_id_path(id, root));
		if (file.ok() && belongs(*file, elf))
			return std::move(*file);
	}
	const std::optional<DebugLink> link = debug_link(elf);
	if (!link)
		return std::nullopt;
	const std::size_t slash = path.rfind('/');
	const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
	for (const std::string &place : {folder, folder + "/.debug", root + folder}) {
		Result<ElfFile> file = ElfFile::open(place + "/" + link->file);
		uint32_t crc = 0;
		if (file.ok() && belongs(*file, elf) && file->file_crc32(&crc) && crc == link->crc)
			return std::move(*file);
	}
	return std::nullopt;
}

} // namespace neuroperf::analyzer
