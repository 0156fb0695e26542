// SPDX-License-Identifier: Apache-2.0
// Call frame information of one section, .eh_frame or .debug_frame: an index of its function entries (FDE) by address,
// and the row that covers one address. Formats: DWARF 5, 6.4; Linux Standard Base, "Exception Frames".
//
// The section is hostile. Whatever is wrong in it has no entry or no row; an index takes at most a small multiple of
// the section's size, a row a bounded number of steps. Not libdw's reader: the one in Debian 12 reads beyond the end of
// damaged instructions, takes 2 GiB for one register number, and after DW_CFA_restore_state tells ranges that are too
// large.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "recording/unwind_rules.hpp"

namespace neuroperf::recording {

class CallFrameTable {
public:
	enum class Kind { eh_frame, debug_frame };
	// `bytes` must live as long as the table and its rows; `address` is where the section is when loaded unmoved.
	CallFrameTable(std::string_view bytes, uint64_t address, Kind kind, UnwindMachine machine);

	enum class Found { row, no_entry, damaged };
	Found row_at(uint64_t address, CallFrameRow *row) const;
	std::size_t entry_count() const { return entries_.size(); }
	// The code that the entry around an address is about: [begin, end), empty without one.
	struct Code {
		uint64_t begin = 0, end = 0;
	};
	Code code_around(uint64_t address) const;

	// What every entry of a kind has in common (CIE).
	struct Common {
		bool valid = false;
		uint64_t code_alignment = 0;
		int64_t data_alignment = 0;
		uint32_t return_register = 0;
		uint8_t pointer_encoding = 0;
		bool has_augmentation_size = false;
		bool signal_frame = false;
		std::string_view instructions;
	};

private:
	// A function's range. What else it says is read when it is asked for.
	struct Entry {
		uint64_t begin = 0, end = 0;
		uint32_t common = 0, offset = 0, size = 0; // into commons_; of its body in the section
	};
	struct Body;

	const Entry *entry_around(uint64_t address) const;
	void scan();
	void add_entry(const Body &body);
	bool is_common(const Body &body) const;
	uint32_t common_at(uint64_t offset);
	Body body_at(uint64_t offset) const;
	Common read_common(uint64_t offset) const;

	std::string_view bytes_;
	uint64_t address_;
	Kind kind_;
	UnwindMachine machine_;
	std::vector<Entry> entries_; // by begin
	std::vector<Common> commons_;
	std::unordered_map<uint64_t, uint32_t> common_by_offset_;
};

} // namespace neuroperf::recording
