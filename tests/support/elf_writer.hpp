// SPDX-License-Identifier: Apache-2.0
// Small ELF files for tests, made by hand: whole, stripped, with build id and debug link.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <elf.h>

namespace neuroperf::test {

// Writes an x86-64 ELF file section by section. Its code is [0x1000, 0x1100) at file offset 0x1000.
class ElfWriter {
public:
	// Where its code lies in the file; `size` 0 for a debug file whose segments were forgotten.
	explicit ElfWriter(uint64_t segment_size = 0x100) : segment_size_(segment_size)
	{
		add(".text", SHT_NOBITS, "", 0);
		sections_.back().sh_flags = SHF_ALLOC | SHF_EXECINSTR;
		sections_.back().sh_addr = 0x1000;
		sections_.back().sh_size = 0x100;
	}
	void add_build_id(const std::string &id)
	{
		const Elf64_Nhdr note = {4, static_cast<Elf64_Word>(id.size()), NT_GNU_BUILD_ID};
		add(".note.gnu.build-id", SHT_NOTE, bytes_of(note) + std::string("GNU\0", 4) + id, 4);
	}
	void add_debug_link(const std::string &name, uint32_t crc)
	{
		std::string content = name + '\0';
		content.resize((content.size() + 3) / 4 * 4);
		add(".gnu_debuglink", SHT_PROGBITS, content + bytes_of(crc), 4);
	}
	void add_symbol_table(const std::string &function, uint64_t address = 0x1010)
	{
		Elf64_Sym symbol = {};
		symbol.st_name = 1;
		symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		symbol.st_shndx = 1; // .text
		symbol.st_value = address;
		symbol.st_size = 0x20;
		add(".strtab", SHT_STRTAB, '\0' + function + '\0', 1);
		add(".symtab", SHT_SYMTAB, bytes_of(Elf64_Sym{}) + bytes_of(symbol), 8);
		sections_.back().sh_link = static_cast<Elf64_Word>(sections_.size() - 1);
		sections_.back().sh_entsize = sizeof(Elf64_Sym);
	}
	// More segments and sections than every file has; the caller sees to the contents of segments.
	void add_segment(const Elf64_Phdr &segment) { more_segments_ += bytes_of(segment); }
	void add_section(const std::string &name, uint32_t type, const std::string &content, uint64_t alignment,
			 uint64_t address = 0)
	{
		add(name, type, content, alignment);
		sections_.back().sh_addr = address;
	}
	std::string bytes()
	{
		add(".shstrtab", SHT_STRTAB, "", 1);
		sections_.back().sh_size = names_.size();
		Elf64_Ehdr header = {};
		std::memcpy(header.e_ident, ELFMAG, SELFMAG);
		header.e_ident[EI_CLASS] = ELFCLASS64;
		header.e_ident[EI_DATA] = ELFDATA2LSB;
		header.e_ident[EI_VERSION] = EV_CURRENT;
		header.e_type = ET_DYN;
		header.e_machine = EM_X86_64;
		header.e_version = EV_CURRENT;
		header.e_phoff = sizeof(header);
		header.e_ehsize = sizeof(header);
		header.e_phentsize = sizeof(Elf64_Phdr);
		header.e_phnum = static_cast<Elf64_Half>(1 + more_segments_.size() / sizeof(Elf64_Phdr));
		const std::size_t more = more_segments_.size();
		for (Elf64_Shdr &section : sections_)
			section.sh_offset += section.sh_type == SHT_NOBITS ? 0 : more;
		header.e_shoff = kBodyOffset + more + (body_.size() + names_.size() + 7) / 8 * 8;
		header.e_shentsize = sizeof(Elf64_Shdr);
		header.e_shnum = static_cast<Elf64_Half>(sections_.size() + 1);
		header.e_shstrndx = static_cast<Elf64_Half>(sections_.size());
		const Elf64_Phdr segment = {PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x1000, segment_size_, 0x100, 0x1000};
		std::string file = bytes_of(header) + bytes_of(segment) + more_segments_ + body_ + names_;
		file.resize(header.e_shoff);
		file += bytes_of(Elf64_Shdr{});
		for (const Elf64_Shdr &section : sections_)
			file += bytes_of(section);
		return file;
	}

private:
	static constexpr std::size_t kBodyOffset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	template <typename T> static std::string bytes_of(const T &value)
	{
		return {reinterpret_cast<const char *>(&value), sizeof(value)};
	}
	void add(const std::string &name, uint32_t type, const std::string &content, uint64_t alignment)
	{
		body_.resize((body_.size() + 7) / 8 * 8);
		Elf64_Shdr section = {};
		section.sh_name = static_cast<Elf64_Word>(names_.size());
		section.sh_type = type;
		section.sh_offset = kBodyOffset + body_.size();
		section.sh_size = content.size();
		section.sh_addralign = alignment;
		sections_.push_back(section);
		names_ += name + '\0';
		body_ += content;
	}

	uint64_t segment_size_;
	std::vector<Elf64_Shdr> sections_;
	std::string more_segments_, body_, names_ = std::string(1, '\0');
};

// A note of a USDT probe, as <sys/sdt.h> writes it.
inline std::string stapsdt_note(uint64_t location, uint64_t base, uint64_t semaphore,
				const std::string &provider = "neuroperf", const std::string &probe = "event",
				std::string owner = "stapsdt")
{
	const auto append = [](std::string *to, const auto &value) {
		to->append(reinterpret_cast<const char *>(&value), sizeof value);
	};
	std::string text, note;
	for (const uint64_t address : {location, base, semaphore})
		append(&text, address);
	text += provider + '\0' + probe + '\0' + "4@%edi 4@%esi 8@%rdx" + '\0';
	owner += '\0';
	append(&note, Elf64_Nhdr{static_cast<Elf64_Word>(owner.size()), static_cast<Elf64_Word>(text.size()), 3});
	for (std::string *part : {&owner, &text}) {
		part->resize((part->size() + 3) / 4 * 4);
		note += *part;
	}
	return note;
}

// A file with one function at [0x1010, 0x1030); its build id may be empty.
inline std::string elf_with_function(const std::string &build_id, const std::string &function = "stripped_function",
				     uint64_t segment_size = 0x100)
{
	ElfWriter writer(segment_size);
	if (!build_id.empty())
		writer.add_build_id(build_id);
	writer.add_symbol_table(function);
	return writer.bytes();
}

} // namespace neuroperf::test
