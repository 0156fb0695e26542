// SPDX-License-Identifier: Apache-2.0
#include "analyzer/elf_debug_file.hpp"

#include "analyzer/build_id.hpp"

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

bool belongs(const ElfFile &candidate, const ElfFile &elf)
{
	return has_symbols_or_debug_information(candidate) && candidate.machine() == elf.machine() &&
	       candidate.build_id() == elf.build_id();
}

} // namespace

bool has_debug_information(const ElfFile &elf)
{
	return elf.section(".debug_info") != nullptr || elf.section(".zdebug_info") != nullptr;
}

bool has_symbols_or_debug_information(const ElfFile &elf)
{
	return elf.section_of_type(SHT_SYMTAB) != nullptr || has_debug_information(elf);
}

std::optional<ElfFile> find_debug_file_by_build_id(std::string_view build_id, const std::string &debug_root)
{
	const std::string place = build_id_place(build_id);
	if (place.empty())
		return std::nullopt;
	Result<ElfFile> file = ElfFile::open(debug_root + "/" + place + ".debug");
	if (!file.ok() || !has_symbols_or_debug_information(*file) || !same_build_id(file->build_id(), build_id))
		return std::nullopt;
	return std::move(*file);
}

std::optional<ElfFile> find_debug_file(const ElfFile &elf, const std::string &path, const std::string &debug_root,
				       const std::string &root)
{
	if (std::optional<ElfFile> file = find_debug_file_by_build_id(elf.build_id(), root + debug_root);
	    file && file->machine() == elf.machine())
		return file;
	const std::optional<DebugLink> link = debug_link(elf);
	if (!link)
		return std::nullopt;
	const std::size_t slash = path.rfind('/');
	const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash);
	for (const std::string &place : {folder, folder + "/.debug", debug_root + folder}) {
		Result<ElfFile> file = ElfFile::open(root + place + "/" + link->file);
		uint32_t crc = 0;
		if (file.ok() && belongs(*file, elf) && file->file_crc32(&crc) && crc == link->crc)
			return std::move(*file);
	}
	return std::nullopt;
}

} // namespace neuroperf::analyzer
