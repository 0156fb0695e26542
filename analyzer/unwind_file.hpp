// SPDX-License-Identifier: Apache-2.0
// The call frame information of one ELF file, read when it is first asked for. The file is closed again: only copies of
// its .eh_frame and .debug_frame are kept, and where its code lies.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "analyzer/elf_file.hpp"
#include "recording/call_frame_table.hpp"

namespace neuroperf::analyzer {

using recording::CallFrameRow;
using recording::CallFrameTable;
using recording::UnwindMachine;

class UnwindFile {
public:
	static UnwindFile at_path(std::string path) { return {std::move(path), false}; }
	static UnwindFile of_image(std::string image) { return {std::move(image), true}; }
	// Reads it now.
	static UnwindFile of_elf(const ElfFile &elf, UnwindMachine machine, uint64_t *bytes_left);

	// Reads the file if it was not read before; sections that `bytes_left` does not suffice for are left out.
	void read_once(UnwindMachine machine, uint64_t *bytes_left);

	// Address in the file of what is mapped from an offset; false if no code is there, or the file cannot be read.
	bool address_of_offset(uint64_t offset, uint64_t *address) const;
	// Row of an address, from .eh_frame or else .debug_frame, or as procedure linkage tables have it.
	CallFrameTable::Found row_at(uint64_t address, CallFrameRow *row) const;

private:
	struct Section {
		std::unique_ptr<std::string> bytes; // stays where it is: the table looks into it
		CallFrameTable table;
	};

	UnwindFile(std::string source, bool is_image) : source_(std::move(source)), is_image_(is_image) {}
	void read(const ElfFile &elf, UnwindMachine machine, uint64_t *bytes_left);
	void read_section(const ElfFile &elf, std::string_view name, CallFrameTable::Kind kind, uint64_t *bytes_left);
	bool linkage_row_at(uint64_t address, CallFrameRow *row) const;

	std::string source_; // path, or image until it is read
	bool is_image_;
	bool is_read_ = false;
	UnwindMachine machine_ = UnwindMachine::x86_64;
	std::vector<ElfFile::Segment> code_;
	struct Range {
		uint64_t begin = 0, size = 0;
	};
	std::vector<Range> linkage_;    // .plt and the like; lld writes no rules for them
	std::vector<Section> sections_; // .eh_frame first: it is there to be unwound by
};

} // namespace neuroperf::analyzer
