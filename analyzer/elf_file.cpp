// SPDX-License-Identifier: Apache-2.0
#include "analyzer/elf_file.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <unistd.h>

#include <fmt/format.h>

namespace neuroperf::analyzer {

namespace {

// A section larger than this is not believed: a sparse file may claim terabytes at no cost to itself.
constexpr uint64_t kMaximumSectionSize = uint64_t{2} << 30;
constexpr uint64_t kMaximumNotes = uint64_t{1} << 20;

std::array<uint32_t, 256> crc32_table()
{
	std::array<uint32_t, 256> table{};
	for (uint32_t byte = 0; byte < table.size(); byte++) {
		uint32_t value = byte;
		for (int bit = 0; bit < 8; bit++)
			value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0); // reflected 0x04c11db7
		table[byte] = value;
	}
	return table;
}

} // namespace

std::string_view string_at(std::string_view table, uint64_t offset)
{
	if (offset >= table.size())
		return {};
	const std::size_t end = table.find('\0', offset);
	return end == std::string_view::npos ? std::string_view{} : table.substr(offset, end - offset);
}

Result<ElfFile> ElfFile::open(const std::string &path)
{
	Result<FileDescriptor> fd = open_regular_file(path);
	if (!fd.ok())
		return fd.error();
	return open(std::move(*fd), path);
}

Result<ElfFile> ElfFile::open(FileDescriptor fd, const std::string &name)
{
	elf_version(EV_CURRENT);
	ElfFile file;
	file.fd_ = std::move(fd);
	file.elf_.reset(elf_begin(file.fd_.get(), ELF_C_READ, nullptr));
	if (Status status = file.read_headers(name); !status.ok())
		return status.error();
	return file;
}

Result<ElfFile> ElfFile::from_image(const void *image, std::size_t size)
{
	elf_version(EV_CURRENT);
	ElfFile file;
	file.image_.resize((size + sizeof(uint64_t) - 1) / sizeof(uint64_t));
	if (size > 0) {
		std::memcpy(file.image_.data(), image, size);
		file.elf_.reset(elf_memory(reinterpret_cast<char *>(file.image_.data()), size));
	}
	if (Status status = file.read_headers("ELF image"); !status.ok())
		return status.error();
	return file;
}

Status ElfFile::read_headers(const std::string &name)
{
	GElf_Ehdr header = {};
	if (elf_ == nullptr || elf_kind(elf_.get()) != ELF_K_ELF || gelf_getehdr(elf_.get(), &header) == nullptr)
		return Error{ErrorCode::format, fmt::format("{} is not an ELF file, or is damaged", name), 0, ""};
	machine_ = header.e_machine;
	little_endian_ = header.e_ident[EI_DATA] == ELFDATA2LSB;
	read_sections();
	read_segments();
	return Done{};
}

void ElfFile::read_sections()
{
	std::size_t count = 0, names_index = 0;
	if (elf_getshdrnum(elf_.get(), &count) != 0 || elf_getshdrstrndx(elf_.get(), &names_index) != 0)
		return;
	std::vector<uint32_t> name_offsets;
	for (std::size_t i = 0; i < count; i++) {
		Elf_Scn *handle = elf_getscn(elf_.get(), i);
		GElf_Shdr header = {};
		if (handle == nullptr || gelf_getshdr(handle, &header) == nullptr)
			break;
		sections_.push_back(
			{{}, header.sh_type, header.sh_link, header.sh_flags, header.sh_addr, header.sh_size, handle});
		name_offsets.push_back(header.sh_name);
	}
	if (names_index >= sections_.size())
		return;
	const std::string_view names = bytes(sections_[names_index]);
	for (std::size_t i = 0; i < sections_.size(); i++)
		sections_[i].name = string_at(names, name_offsets[i]);
}

void ElfFile::read_segments()
{
	std::size_t count = 0;
	if (elf_getphdrnum(elf_.get(), &count) != 0)
		return;
	for (std::size_t i = 0; i < count; i++) {
		GElf_Phdr header = {};
		if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr)
			break;
		if (header.p_type == PT_LOAD && (header.p_flags & PF_X) != 0)
			segments_.push_back({header.p_offset, header.p_filesz, header.p_vaddr});
	}
}

const ElfFile::Section *ElfFile::section(std::string_view name) const
{
	for (const Section &section : sections_)
		if (section.name == name)
			return &section;
	return nullptr;
}

const ElfFile::Section *ElfFile::section_of_type(uint32_t type) const
{
	for (const Section &section : sections_)
		if (section.type == type)
			return &section;
	return nullptr;
}

std::string_view ElfFile::bytes(const Section &section) const
{
	if (section.type == SHT_NOBITS || section.type == SHT_NULL || section.size > kMaximumSectionSize)
		return {};
	const Elf_Data *data = elf_rawdata(section.handle, nullptr);
	if (data == nullptr || data->d_buf == nullptr)
		return {};
	return {static_cast<const char *>(data->d_buf), data->d_size};
}

Elf_Data *ElfFile::entries(const Section &section, Elf_Type type, std::size_t *count) const
{
	*count = 0;
	if (section.type == SHT_NOBITS || section.size > kMaximumSectionSize)
		return nullptr;
	Elf_Data *data = elf_getdata(section.handle, nullptr);
	if (data == nullptr || data->d_buf == nullptr || data->d_type != type)
		return nullptr;
	const std::size_t size = gelf_fsize(elf_.get(), type, 1, EV_CURRENT);
	*count = size == 0 ? 0 : data->d_size / size;
	return data;
}

std::string_view ElfFile::build_id_of(Elf_Data *notes) const
{
	if (notes == nullptr || notes->d_buf == nullptr)
		return {};
	GElf_Nhdr note = {};
	std::size_t name = 0, content = 0;
	for (std::size_t at = 0; (at = gelf_getnote(notes, at, &note, &name, &content)) > 0;) {
		const std::string_view all(static_cast<const char *>(notes->d_buf), notes->d_size);
		if (note.n_type != NT_GNU_BUILD_ID || name > all.size() || content > all.size())
			continue;
		if (all.substr(name, note.n_namesz) == std::string_view("GNU\0", 4))
			return all.substr(content, note.n_descsz);
	}
	return {};
}

std::string_view ElfFile::build_id() const
{
	for (const Section &section : sections_)
		if (section.type == SHT_NOTE && section.size <= kMaximumSectionSize)
			if (const auto id = build_id_of(elf_getdata(section.handle, nullptr)); !id.empty())
				return id;
	std::size_t count = 0;
	if (!sections_.empty() || elf_getphdrnum(elf_.get(), &count) != 0)
		return {};
	for (std::size_t i = 0; i < count; i++) {
		GElf_Phdr header = {};
		if (gelf_getphdr(elf_.get(), static_cast<int>(i), &header) == nullptr)
			return {};
		if (header.p_type != PT_NOTE || header.p_filesz > kMaximumNotes)
			continue;
		Elf_Data *data = elf_getdata_rawchunk(elf_.get(), static_cast<int64_t>(header.p_offset),
						      header.p_filesz, header.p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
		if (const auto id = build_id_of(data); !id.empty())
			return id;
	}
	return {};
}

bool ElfFile::file_crc32(uint32_t *crc) const
{
	static const std::array<uint32_t, 256> table = crc32_table();
	std::vector<unsigned char> buffer(std::size_t{1} << 16);
	uint32_t value = 0xffffffffU;
	off_t at = 0;
	for (;;) {
		const ssize_t got = ::pread(fd_.get(), buffer.data(), buffer.size(), at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		if (got == 0)
			break;
		for (ssize_t i = 0; i < got; i++)
			value = (value >> 8) ^ table[(value ^ buffer[static_cast<std::size_t>(i)]) & 0xff];
		at += got;
	}
	*crc = ~value;
	return true;
}

} // namespace neuroperf::analyzer
