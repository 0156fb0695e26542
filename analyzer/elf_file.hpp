// SPDX-License-Identifier: Apache-2.0
// An ELF file opened for reading, its headers checked once.
//
// A move-only owner of the descriptor and of libelf's handle. Contents are read, never mapped, so that a file which
// shrinks meanwhile cannot raise SIGBUS; only regular files are opened. Views handed out live as long as the ElfFile.
// Whatever a file claims wrongly appears as absent: an empty view, no symbols, no section.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gelf.h>

#include "analyzer/regular_file.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

// The NUL-terminated string at an offset of a string table; empty if it is not all inside.
std::string_view string_at(std::string_view table, uint64_t offset);

class ElfFile {
public:
	struct Section {
		std::string_view name;
		uint32_t type = 0, link = 0;
		uint64_t flags = 0, address = 0, size = 0;
		Elf_Scn *handle = nullptr;
	};
	struct Segment {
		uint64_t offset = 0, size = 0, address = 0;
	};

	static Result<ElfFile> open(const std::string &path);
	static Result<ElfFile> open(FileDescriptor file, const std::string &name); // the name is for messages
	static Result<ElfFile> from_image(const void *image, std::size_t size);    // copies the image

	unsigned machine() const { return machine_; }
	bool little_endian() const { return little_endian_; }
	const std::vector<Section> &sections() const { return sections_; } // by their index in the file
	const std::vector<Segment> &executable_segments() const { return segments_; }

	const Section *section(std::string_view name) const;
	const Section *section_of_type(uint32_t type) const;
	// Content as it is in the file; empty if the section has none.
	std::string_view bytes(const Section &section) const;
	// Content as entries of `type` in this machine's byte order, and how many; nullptr if it is something else.
	Elf_Data *entries(const Section &section, Elf_Type type, std::size_t *count) const;
	// From the sections, or the segments if there are no sections; empty without one.
	std::string_view build_id() const;
	const FileDescriptor &file() const { return fd_; } // none of an image
	Elf *handle() const { return elf_.get(); }

	// The usual CRC-32 over the whole file, as .gnu_debuglink wants it; false if it cannot be read to its end.
	bool file_crc32(uint32_t *crc) const;

private:
	struct EndElf {
		void operator()(Elf *elf) const { elf_end(elf); }
	};
	ElfFile() = default;
	Status read_headers(const std::string &name);
	std::string_view build_id_of(Elf_Data *notes) const;
	void read_sections();
	void read_segments();

	FileDescriptor fd_;
	std::vector<uint64_t> image_;      // in words, for alignment
	std::unique_ptr<Elf, EndElf> elf_; // reads from fd_ or image_, so it goes first
	unsigned machine_ = 0;
	bool little_endian_ = true;
	std::vector<Section> sections_;
	std::vector<Segment> segments_;
};

} // namespace neuroperf::analyzer
