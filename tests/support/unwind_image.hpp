// SPDX-License-Identifier: Apache-2.0
// Hand-made call frame information, and an ELF file around it. For tests only.
#pragma once

#include <elf.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "recording/bytes.hpp"

namespace neuroperf::test {

inline std::string bytes_of(std::initializer_list<int> values)
{
	std::string bytes;
	for (const int value : values)
		bytes.push_back(static_cast<char>(value));
	return bytes;
}

// .eh_frame, an entry at a time. Addresses are absolute, 8 bytes.
class EhFrame {
public:
	// Common entry for the functions that follow. `augmentation` gets the pointer encoding: "zR" or "zRS".
	EhFrame &common(std::string_view instructions, uint8_t return_register = 16,
			std::string_view augmentation = "zR", uint8_t code_alignment = 1)
	{
		common_at_ = bytes_.size();
		recording::ByteWriter body;
		body.put<uint32_t>(0).put<uint8_t>(1).put_text(augmentation);
		body.put<uint8_t>(code_alignment).put<uint8_t>(0x78).put<uint8_t>(return_register); // data: -8
		body.put<uint8_t>(1).put<uint8_t>(0).put_bytes(instructions);                       // DW_EH_PE_absptr
		return put(body.bytes());
	}

	EhFrame &function(uint64_t begin, uint64_t size, std::string_view instructions)
	{
		recording::ByteWriter body;
		body.put<uint32_t>(static_cast<uint32_t>(bytes_.size() + 4 - common_at_));
		body.put(begin).put(size).put<uint8_t>(0).put_bytes(instructions);
		return put(body.bytes());
	}

	const std::string &bytes() const { return bytes_; }

private:
	EhFrame &put(std::string body)
	{
		body.append((8 - (body.size() + 4) % 8) % 8, '\0'); // DW_CFA_nop
		bytes_ += recording::ByteWriter().put(static_cast<uint32_t>(body.size())).bytes() + body;
		return *this;
	}

	std::string bytes_;
	std::size_t common_at_ = 0;
};

// An ELF file whose code, of `code_size` bytes, is at the file's offset and address 0.
inline std::string elf_around(std::string_view frames, uint16_t machine, uint64_t code_size,
			      std::string_view section = ".eh_frame")
{
	Elf64_Ehdr header = {};
	std::string image(sizeof header + sizeof(Elf64_Phdr), '\0');
	std::string names(1, '\0');
	names.append(section).push_back('\0');
	names.append(".shstrtab").push_back('\0');
	Elf64_Shdr sections[3] = {};
	const Elf64_Xword flags = section == ".plt" ? SHF_ALLOC | SHF_EXECINSTR : SHF_ALLOC;
	sections[1] = {1, SHT_PROGBITS, flags, 0x100000, image.size(), frames.size(), 0, 0, 8, 0};
	image += frames;
	sections[2] = {
		static_cast<Elf64_Word>(section.size() + 2), SHT_STRTAB, 0, 0, image.size(), names.size(), 0, 0, 1, 0};
	image += names;
	image.append((8 - image.size() % 8) % 8, '\0');
	std::memcpy(header.e_ident, ELFMAG, SELFMAG);
	header.e_ident[EI_CLASS] = ELFCLASS64;
	header.e_ident[EI_DATA] = ELFDATA2LSB;
	header.e_ident[EI_VERSION] = header.e_version = EV_CURRENT;
	header.e_type = ET_DYN;
	header.e_machine = machine;
	header.e_phoff = header.e_ehsize = sizeof header;
	header.e_shoff = image.size();
	header.e_phentsize = sizeof(Elf64_Phdr);
	header.e_phnum = 1;
	header.e_shentsize = sizeof(Elf64_Shdr);
	header.e_shnum = 3;
	header.e_shstrndx = 2;
	const Elf64_Phdr code = {PT_LOAD, PF_R | PF_X, 0, 0, 0, code_size, code_size, 4096};
	std::memcpy(image.data(), &header, sizeof header);
	std::memcpy(image.data() + sizeof header, &code, sizeof code);
	image.append(reinterpret_cast<const char *>(sections), sizeof sections);
	return image;
}

} // namespace neuroperf::test
