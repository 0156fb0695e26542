// SPDX-License-Identifier: Apache-2.0
// Separate debug files: hand-made ELF files of three sections, one stripped, one with symbols.
#include <cstring>
#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <gtest/gtest.h>

#include "analyzer/elf_debug_file.hpp"
#include "analyzer/symbolizer.hpp"

namespace neuroperf::analyzer {
namespace {

namespace fs = std::filesystem;

class TemporaryFolder {
public:
	TemporaryFolder()
	{
		std::string pattern = (fs::temp_directory_path() / "debug-files-XXXXXX").string();
		path_ = ::mkdtemp(pattern.data());
	}
	TemporaryFolder(const TemporaryFolder &) = delete;
	TemporaryFolder &operator=(const TemporaryFolder &) = delete;
	~TemporaryFolder() { fs::remove_all(path_); }
	std::string file(const std::string &name) const { return (path_ / name).string(); }

private:
	fs::path path_;
};

// Writes an x86-64 ELF file section by section. Its code is [0x1000, 0x1100) at file offset 0x1000.
class ElfWriter {
public:
	ElfWriter()
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
	void add_symbol_table(const std::string &function)
	{
		Elf64_Sym symbol = {};
		symbol.st_name = 1;
		symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
		symbol.st_shndx = 1; // .text
		symbol.st_value = 0x1010;
		symbol.st_size = 0x20;
		add(".strtab", SHT_STRTAB, '\0' + function + '\0', 1);
		add(".symtab", SHT_SYMTAB, bytes_of(Elf64_Sym{}) + bytes_of(symbol), 8);
		sections_.back().sh_link = static_cast<Elf64_Word>(sections_.size() - 1);
		sections_.back().sh_entsize = sizeof(Elf64_Sym);
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
		header.e_phnum = 1;
		header.e_shoff = kBodyOffset + (body_.size() + names_.size() + 7) / 8 * 8;
		header.e_shentsize = sizeof(Elf64_Shdr);
		header.e_shnum = static_cast<Elf64_Half>(sections_.size() + 1);
		header.e_shstrndx = static_cast<Elf64_Half>(sections_.size());
		const Elf64_Phdr segment = {PT_LOAD, PF_R | PF_X, 0x1000, 0x1000, 0x1000, 0x100, 0x100, 0x1000};
		std::string file = bytes_of(header) + bytes_of(segment) + body_ + names_;
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

	std::vector<Elf64_Shdr> sections_;
	std::string body_, names_ = std::string(1, '\0');
};

void write_file(const std::string &path, const std::string &content)
{
	fs::create_directories(fs::path(path).parent_path());
	std::ofstream(path, std::ios::binary) << content;
}

std::string debug_file(const std::string &build_id, const std::string &function = "stripped_function")
{
	ElfWriter writer;
	if (!build_id.empty())
		writer.add_build_id(build_id);
	writer.add_symbol_table(function);
	return writer.bytes();
}

uint32_t crc_of(const std::string &path)
{
	Result<ElfFile> file = ElfFile::open(path);
	uint32_t crc = 0;
	EXPECT_TRUE(file.ok() && file->file_crc32(&crc));
	return crc;
}

bool finds(const std::string &path, const std::string &root)
{
	Result<ElfFile> elf = ElfFile::open(path);
	EXPECT_TRUE(elf.ok());
	return elf.ok() && find_debug_file(*elf, path, root).has_value();
}

TEST(ElfDebugFile, crc_is_the_usual_one)
{
	const TemporaryFolder folder;
	// The check value every description of CRC-32 gives, behind what makes the file an ELF file: none here, so by
	// hand.
	const std::string image = debug_file("");
	write_file(folder.file("a"), image);
	uint32_t expected = 0xffffffffU; // bit by bit
	for (const char byte : image) {
		expected ^= static_cast<unsigned char>(byte);
		for (int i = 0; i < 8; i++)
			expected = (expected >> 1) ^ (0xedb88320U & (0U - (expected & 1)));
	}
	EXPECT_EQ(crc_of(folder.file("a")), ~expected);
}

TEST(ElfDebugFile, by_build_id)
{
	const TemporaryFolder folder;
	ElfWriter stripped;
	stripped.add_build_id("\xab\xcd\xef\x12");
	write_file(folder.file("program"), stripped.bytes());
	const std::string place = folder.file("debug/.build-id/ab/cdef12.debug");
	EXPECT_FALSE(finds(folder.file("program"), folder.file("debug")));
	write_file(place, debug_file("\xab\xcd\xef\x12"));
	EXPECT_TRUE(finds(folder.file("program"), folder.file("debug")));
	write_file(place, debug_file("\xab\xcd\xef\x13"));
	EXPECT_FALSE(finds(folder.file("program"), folder.file("debug"))) << "a file of another build";
	write_file(place, stripped.bytes());
	EXPECT_FALSE(finds(folder.file("program"), folder.file("debug"))) << "no symbols in it";
}

TEST(ElfDebugFile, by_debug_link_in_three_places)
{
	const TemporaryFolder folder;
	const std::string program = folder.file("bin/program"), root = folder.file("debug");
	for (const std::string &place :
	     {folder.file("bin/p.debug"), folder.file("bin/.debug/p.debug"), root + folder.file("bin/p.debug")}) {
		write_file(place, debug_file(""));
		ElfWriter stripped, damaged;
		stripped.add_debug_link("p.debug", crc_of(place));
		write_file(program, stripped.bytes());
		EXPECT_TRUE(finds(program, root)) << place;
		damaged.add_debug_link("p.debug", crc_of(place) ^ 1);
		write_file(program, damaged.bytes());
		EXPECT_FALSE(finds(program, root)) << place;
		fs::remove(place);
	}
}

TEST(ElfDebugFile, a_debug_link_cannot_lead_elsewhere)
{
	const TemporaryFolder folder;
	write_file(folder.file("p.debug"), debug_file(""));
	ElfWriter stripped;
	stripped.add_debug_link("../p.debug", crc_of(folder.file("p.debug")));
	write_file(folder.file("bin/program"), stripped.bytes());
	EXPECT_FALSE(finds(folder.file("bin/program"), folder.file("debug")));
}

TEST(ElfDebugFile, its_symbols_name_the_stripped_file)
{
	const TemporaryFolder folder;
	write_file(folder.file("p.debug"), debug_file(""));
	ElfWriter stripped;
	stripped.add_debug_link("p.debug", crc_of(folder.file("p.debug")));
	write_file(folder.file("program"), stripped.bytes());
	Symbolizer symbolizer(Symbolizer::Options{});
	const Symbolizer::Name name = symbolizer.resolve_user(folder.file("program"), 0x1014);
	EXPECT_EQ(name.text, "stripped_function");
	EXPECT_EQ(name.offset, 4U);
	EXPECT_EQ(symbolizer.resolve_user(folder.file("program"), 0x1030).text, "");
}

TEST(ElfDebugFile, names_too_long_to_be_true_are_dropped)
{
	const TemporaryFolder folder;
	write_file(folder.file("program"), debug_file("", std::string(70000, 'x')));
	Symbolizer symbolizer(Symbolizer::Options{});
	EXPECT_EQ(symbolizer.resolve_user(folder.file("program"), 0x1014).text, "");
	write_file(folder.file("plain"), debug_file("", std::string(60000, 'x')));
	EXPECT_EQ(symbolizer.resolve_user(folder.file("plain"), 0x1014).text.size(), 60000U);
}

} // namespace
} // namespace neuroperf::analyzer
