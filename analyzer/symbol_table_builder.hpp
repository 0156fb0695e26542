// SPDX-License-Identifier: Apache-2.0
// Collects symbols from several places and makes the sorted table of them.
//
// Names are views into whatever the caller reads from (or kept by keep()); they must live until finish(). The rules of
// who wins are those by which perf chooses, so that both tools show the same function for an address.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/elf_file.hpp"
#include "analyzer/symbol_table.hpp"

namespace neuroperf::analyzer {

class SymbolTableBuilder {
public:
	enum class Binding { local, global, weak };
	struct Candidate {
		uint64_t address = 0;
		uint64_t size = 0;  // 0: up to the next symbol, at most to limit
		uint64_t limit = 0; // first address that cannot belong to it
		std::string_view name;
		Binding binding = Binding::local;
		bool is_function = true; // false: only ends the one before it
	};

	void add(const Candidate &candidate);
	void add_owned(Candidate candidate, std::string name); // the builder keeps the name
	// STT_GNU_IFUNC symbols: their PLT entries know only the address.
	void add_indirect_function(uint64_t address, std::string_view name);
	std::string_view indirect_function_at(uint64_t address) const;
	void add_segments(const std::vector<ElfFile::Segment> &segments);
	void set_kernel_text_address(uint64_t address) { table_.kernel_text_address_ = address; }

	// Ends the building.
	SymbolTable finish();

private:
	void end_open_symbols();
	void keep_winners();
	void copy_names();
	void link_enclosing();

	std::vector<Candidate> candidates_;
	std::deque<std::string> kept_;
	std::map<uint64_t, std::string_view> indirect_;
	uint64_t name_bytes_ = 0;
	SymbolTable table_;
};

} // namespace neuroperf::analyzer
