// SPDX-License-Identifier: Apache-2.0
// Names for addresses: ELF symbol tables, the kernel's and the vdso's.
//
// A Symbolizer caches one table per file; the table is read on first use. It never fails as a whole: what cannot be
// named is left unnamed and problems() says why. File contents are hostile input. Not thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::analyzer {

struct Symbol {
	uint64_t address = 0; // as in the symbol table (virtual address of the file), or in the kernel
	uint64_t size = 0;    // 0 in the table means: up to the next symbol, filled in when the table is finished
	std::string name;     // as in the file, mangled
};

// The functions of one file, by address.
class SymbolTable {
public:
	// From an ELF file's .symtab (or that of its separate debug file) and .dynsym, plus `name@plt` for its PLT
	// entries. Errors: io, format.
	static Result<SymbolTable> from_elf_file(const std::string &path);
	// From an ELF image in memory (the vdso).
	static Result<SymbolTable> from_elf_image(const void *image, std::size_t size);
	// From the text of /proc/kallsyms. Addresses are the kernel's. Errors: privilege when all addresses are 0.
	static Result<SymbolTable> from_kallsyms(const std::string &path);

	// The symbol that covers the address, else nullptr. Where several share a start, the one perf would show.
	const Symbol *find(uint64_t address) const;
	// File offset to virtual address by the file's program headers; false if no executable segment holds it.
	bool address_of_offset(uint64_t file_offset, uint64_t *address) const;
	const std::vector<Symbol> &symbols() const { return symbols_; }
	// Where kallsyms has _text; 0 if it has none, or the table is not the kernel's.
	uint64_t kernel_text_address() const { return kernel_text_address_; }

private:
	struct Segment {
		uint64_t offset, size, address;
	};
	friend class SymbolTableBuilder;
	std::vector<Symbol> symbols_; // sorted by address, one per address
	// For each symbol the nearest earlier one that ends behind it: functions may enclose others. Own index: none.
	std::vector<uint32_t> enclosing_;
	std::vector<Segment> segments_; // the executable ones
	uint64_t kernel_text_address_ = 0;
};

// Human form of a mangled C++ name, as perf shows it: without parameters, return type and clone suffix. The name itself
// if it is not mangled, or would become unreasonably long.
std::string demangle(const std::string &name);

// A mapped file (or generated code), as the recording knows it.
struct CodeFile {
	std::string path;     // as in the MMAP record
	std::string build_id; // raw bytes as recorded; empty: not known
	uint32_t pid = 0;     // of a process that mapped it; 0: none
	bool kernel = false;  // the kernel or one of its modules; offsets are then absolute kernel addresses
};

class Symbolizer {
public:
	struct Options {
		std::string kallsyms = "/proc/kallsyms"; // "" = never look
		uint64_t kernel_text_address =
			0; // address of _text when recorded (0 = unknown): another kernel is not trusted
		bool demangle = true;
		bool inline_frames = false;
		bool lines = false;
		bool debuginfod = false;
		std::string build_id_cache{};
		std::string root{};
		std::string debug_root = "/usr/lib/debug";
	};
	using FileId = uint32_t;
	struct InlineFrame {
		std::string_view name;
		std::string_view file;
		uint32_t line = 0;
	};
	struct Line {
		std::string_view file;
		uint32_t number = 0;
	};
	FileId add(CodeFile file)
	{
		files_.push_back(std::move(file));
		return static_cast<FileId>(files_.size() - 1);
	}

	explicit Symbolizer(Options options);
	~Symbolizer();
	Symbolizer(const Symbolizer &) = delete;
	Symbolizer &operator=(const Symbolizer &) = delete;

	struct Name {
		std::string_view text; // empty: not known; else valid as long as the Symbolizer
		uint64_t offset = 0;   // distance from the symbol's start
	};
	// `module` is the path from the MMAP record; "[vdso]" is known, "[heap]", "//anon" and the like have no names.
	Name name(FileId id, uint64_t offset)
	{
		return files_[id].kernel ? resolve_kernel(offset) : resolve_user(files_[id].path, offset);
	}
	void inlined(FileId, uint64_t, std::vector<InlineFrame> *frames) { frames->clear(); }
	Line line(FileId, uint64_t) { return {}; }
	Name resolve_user(const std::string &module, uint64_t file_offset);
	Name resolve_kernel(uint64_t address);

	// One sentence per file that could not be read, with its reason.
	const std::map<std::string, std::string> &problems() const { return problems_; }

private:
	struct Module;
	Module &module_of(const std::string &path);
	Module &kernel();
	Name name_of(Module &module, uint64_t address);

	Options options_;
	std::vector<CodeFile> files_;
	std::map<std::string, std::unique_ptr<Module>> modules_;
	std::map<std::string, std::string> problems_;
};

} // namespace neuroperf::analyzer
