// SPDX-License-Identifier: Apache-2.0
// The functions of one file by address: from ELF symbol tables, or from the kernel's own.
//
// A table keeps its names itself, one behind the other: libraries have a hundred thousand of them, and most are never
// asked for. Addresses are those of the file (or of the kernel); file offsets become addresses by its segments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::analyzer {

class ElfFile;

struct Symbol {
	uint64_t address = 0;  // as in the symbol table (virtual address of the file), or in the kernel
	uint64_t size = 0;     // 0 in the table means: up to the next symbol, filled in when the table is finished
	std::string_view name; // as in the file, mangled; a view into the table
};

// The functions of one file, by address.
class SymbolTable {
public:
	// From an ELF file's .symtab, or that of its separate debug file if there is one, and .dynsym, plus `name@plt`
	// for its PLT entries. Nothing of the files is needed afterwards.
	static SymbolTable from_elf(const ElfFile &elf, const ElfFile *debug = nullptr);
	// The same for a path, with the debug file found by elf_debug_file.hpp. Errors: io, format.
	static Result<SymbolTable> from_elf_file(const std::string &path);
	// From an ELF image in memory (the vdso).
	static Result<SymbolTable> from_elf_image(const void *image, std::size_t size);
	// From the text of /proc/kallsyms. Addresses are the kernel's. Errors: privilege when all addresses are 0.
	// Without `modules` only the kernel's own; all of it is moved by `delta`.
	static Result<SymbolTable> from_kallsyms(const std::string &path);
	static Result<SymbolTable> from_kallsyms_text(std::string_view text, const std::string &path, uint64_t delta,
						      bool modules);

	// The symbol that covers the address, else nullptr. Where several share a start, the one perf would show.
	const Symbol *find(uint64_t address) const;
	// File offset to virtual address by the file's program headers; false if no executable segment holds it.
	bool address_of_offset(uint64_t file_offset, uint64_t *address) const;
	const std::vector<Symbol> &symbols() const { return symbols_; }
	void move_by(uint64_t delta); // the kernel, which is loaded where it was not linked for
	// Where the kernel's _text is; 0 if there is none.
	uint64_t kernel_text_address() const { return kernel_text_address_; }

private:
	struct Segment {
		uint64_t offset, size, address;
	};
	friend class SymbolTableBuilder;
	std::vector<Symbol> symbols_; // sorted by address, one per address
	std::vector<char> names_;     // what their names are views into
	// For each symbol the nearest earlier one that ends behind it: functions may enclose others. Own index: none.
	std::vector<uint32_t> enclosing_;
	std::vector<Segment> segments_; // the executable ones
	uint64_t kernel_text_address_ = 0;
};

} // namespace neuroperf::analyzer
