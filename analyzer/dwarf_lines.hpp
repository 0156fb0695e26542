// SPDX-License-Identifier: Apache-2.0
// Inlined functions and source lines by address, out of DWARF debug information.
//
// The file's units are found by their address ranges; a unit is read once, when the first address in it is asked for,
// into a flat index. Only this file and its supplementary one (dwz) are opened, never anything over the network, and
// never what the debug information merely names. What would take too much memory or time is left out, and problem()
// says so. Texts live as long as the DwarfLines.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/elf_file.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

class DwarfLines {
public:
	struct Options {
		bool demangle = true;
		std::string folder;     // of the file, for a supplementary file by relative path
		std::string root;       // before all paths of the system
		std::string debug_root; // below it
		std::size_t maximum_ranges = std::size_t{16} << 20; // of addresses, of units and of inlined functions
	};
	// Errors: not_found (no debug information), unsupported (of a kind that cannot be read), format.
	static Result<DwarfLines> open(ElfFile elf, Options options);
	DwarfLines(DwarfLines &&) noexcept;
	DwarfLines &operator=(DwarfLines &&) noexcept;
	~DwarfLines();

	struct Line {
		std::string_view file; // empty: not known
		uint32_t number = 0;
	};
	struct Frame {
		std::string_view name; // empty: not known
		Line call;             // where it was called, in the function around it
	};
	// Inlined functions at the address, outermost first.
	void inlined(uint64_t address, std::vector<Frame> *frames);
	Line line(uint64_t address);
	// What was left out, one sentence; empty if nothing was.
	const std::string &problem() const;

private:
	struct State;
	explicit DwarfLines(std::unique_ptr<State> state);
	std::unique_ptr<State> state_;
};

} // namespace neuroperf::analyzer
