// SPDX-License-Identifier: Apache-2.0
// Finds the places in an ELF file of a runtime that a description names: functions by symbol, or, in stripped C++, by
// class and virtual slot.
//
// The file is hostile input (collector/object_file.hpp) and stays open as long as the index. An index belongs to one
// thread: it looks for classes when it is first asked for one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::collector {

struct CodePlace {
	uint64_t offset = 0; // in the file, where a probe goes
	uint64_t size = 0;   // of the function in bytes, 0 if unknown
	std::string name;    // the symbol; of a virtual slot the class's RTTI name, as in "N11onnxruntime4GeluE"
	std::vector<std::string> captured{}; // what each '*' of the pattern stood for
	// Of a virtual function: its address and those of the slots that hold it, in the file's own numbering.
	uint64_t address = 0;
	std::vector<uint64_t> slots{};
};

// Code that a running function goes on in, away from the rest of it.
struct CodePart {
	uint64_t offset = 0; // in the file
	std::string code;
};

class CodeIndex {
public:
	// Reads symbol tables. Fails if the file cannot be read or is no 64-bit ELF file of x86-64 or arm64.
	static Result<CodeIndex> read(int file);
	CodeIndex(CodeIndex &&) noexcept;
	CodeIndex &operator=(CodeIndex &&) noexcept;
	~CodeIndex();

	uint16_t machine() const;            // EM_*
	const std::string &build_id() const; // hex, empty without

	// Functions of this file whose symbol, without version, matches `pattern` (collector/name_pattern.hpp).
	// exported: .dynsym; any: .symtab too. One place an offset, ordered by it; of aliases one with a size.
	std::vector<CodePlace> exported(std::string_view pattern) const;
	std::vector<CodePlace> any(std::string_view pattern) const;
	// The first object whose symbol matches; its offset is its address (st_value).
	std::optional<CodePlace> data(std::string_view pattern) const;
	// All of them, one an address, ordered by it.
	std::vector<CodePlace> objects(std::string_view pattern) const;
	// The 32 bits that the file has at an address, in a segment that nobody writes to.
	std::optional<uint32_t> constant_at(uint64_t address) const;
	// Where in memory, in the file's own numbering, lies what is at this offset in an executable segment.
	std::optional<uint64_t> address_of(uint64_t offset) const;
	// Calling `exported` returns a table of pointers; for each slot but the last the function there is called, too,
	// and returns the next table. What stands in the last slot. x86-64, and arm64 as compilers write it.
	std::optional<CodePlace> in_table(std::string_view exported, const std::vector<unsigned> &slots) const;

	// Classes by RTTI name, without the '*' that stands in front of some. Also bases that are in other files.
	bool has_class(std::string_view rtti_name) const;
	// Functions in virtual slot `slot` (0 follows the typeinfo pointer) of `base` and of all classes that derive
	// from it without virtual inheritance, through classes of this file. Where `base` is not the first base, the
	// slot is that of its part: a thunk. Pure virtual, empty and imported ones are left out. One place an offset,
	// ordered by it; its name is the first of its classes' by name.
	std::vector<CodePlace> virtual_slot(std::string_view base, unsigned slot) const;
	// Why classes may be missing, a sentence; empty if all were looked for.
	const std::string &class_problem() const;

	// The part around this offset in the file, if it is one that only running functions jump to
	// (collector/unwind_table.hpp).
	std::optional<CodePart> continued_part(uint64_t offset) const;

	// Up to `size` bytes of code at this offset in the file; fewer at the end of the segment.
	std::string code(uint64_t offset, std::size_t size) const;

private:
	struct Content;
	explicit CodeIndex(std::unique_ptr<Content> content);

	std::unique_ptr<Content> content_;
};

} // namespace neuroperf::collector
