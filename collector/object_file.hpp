// SPDX-License-Identifier: Apache-2.0
// Reads parts of an ELF file of a 64-bit little-endian machine: what its segments map, and its symbol tables.
//
// The file is hostile input and may change while it is read: nothing is mapped, each part is read by position, at most
// once, and bounded by constants of ours. What makes no sense is left out. The caller keeps the file open.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

class ObjectFile {
public:
	// One PT_LOAD; they are in order of address and do not overlap.
	struct Segment {
		uint64_t address = 0, offset = 0;
		uint64_t size = 0;        // what comes from the file
		uint64_t memory_size = 0; // at least `size`
		bool executable = false, writable = false;
	};

	// Headers only. Fails if the file cannot be read or is no executable or shared object of x86-64 or arm64.
	static Result<ObjectFile> read(int file);

	uint16_t machine() const { return machine_; }
	bool has_fixed_addresses() const { return fixed_; } // no PIE: its pointers need no relocations
	const std::vector<Segment> &segments() const { return segments_; }
	// The part of a writable segment that is constant once relocated: a range of addresses, empty without.
	uint64_t constant_start() const { return constant_start_; }
	uint64_t constant_end() const { return constant_end_; }
	// Where the header of the table for unwinding (.eh_frame_hdr) is, 0 without.
	uint64_t unwind_address() const { return unwind_address_; }
	const std::vector<Elf64_Shdr> &sections() const { return sections_; }
	std::vector<Elf64_Dyn> dynamic_entries() const;

	// Where an address comes from in the file.
	const Segment *segment_of(uint64_t address) const; // bytes that are in memory only (.bss) included
	std::optional<uint64_t> offset_of(uint64_t address) const;
	// How many bytes follow it in its segment and the file's part of it; 0 for an address that is nowhere.
	uint64_t room_at(uint64_t address) const;

	// Bytes at an offset; fewer where the file ends or cannot be read.
	std::string at(uint64_t offset, std::size_t size) const;
	std::size_t read_at(uint64_t offset, void *to, std::size_t size) const;
	int error() const { return error_; } // errno of a read that failed, else 0

private:
	explicit ObjectFile(int file) : file_(file) {}
	void add_segment(const Elf64_Phdr &header);
	template <typename T> std::vector<T> entries(uint64_t offset, std::size_t count) const;

	int file_;
	uint64_t file_size_ = 0;
	uint16_t machine_ = EM_NONE;
	bool fixed_ = false;
	std::vector<Segment> segments_;
	std::vector<Elf64_Shdr> sections_;
	uint64_t dynamic_offset_ = 0, dynamic_size_ = 0;
	uint64_t constant_start_ = 0, constant_end_ = 0;
	uint64_t unwind_address_ = 0;
	mutable int error_ = 0;
};

// A table of symbols with their names.
class ObjectSymbols {
public:
	// The first section of this type, SHT_DYNSYM or SHT_SYMTAB; empty without one.
	static ObjectSymbols read(const ObjectFile &file, uint32_t section_type);

	const std::vector<Elf64_Sym> &symbols() const { return symbols_; }
	// Empty where it has none, or a senseless or overlong one.
	std::string_view name_of(const Elf64_Sym &symbol) const;
	std::string_view name_of(std::size_t symbol) const
	{
		return symbol < symbols_.size() ? name_of(symbols_[symbol]) : std::string_view();
	}

private:
	std::vector<Elf64_Sym> symbols_;
	std::string names_;
};

} // namespace neuroperf::collector
