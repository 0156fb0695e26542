// SPDX-License-Identifier: Apache-2.0
// The pointers in an object's data, as the dynamic linker would leave them if it loaded the object at its own
// addresses.
//
// Of a position-independent file the writable segments are kept, or of them what is constant once relocated
// (PT_GNU_RELRO: there typeinfos and tables of functions are); of others every segment with data. What leads out of the
// file is a number for its symbol. At most 512 MiB are kept; the file is not read later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "collector/object_file.hpp"

namespace neuroperf::collector {

class RelocatedData {
public:
	RelocatedData(const ObjectFile &file, const ObjectSymbols &dynamic);

	// Aligned words; 0 where none is held.
	uint64_t word(uint64_t address) const
	{
		const uint64_t *found = find(address);
		return found == nullptr ? 0 : *found;
	}
	bool holds(uint64_t address) const { return find(address) != nullptr; }
	// Calls `visit(address, word)` for all.
	template <typename Visit> void for_each_word(Visit visit) const
	{
		for (const Part &part : parts_)
			for (std::size_t i = 0; i < part.words.size(); i++)
				visit(part.address + i * sizeof(uint64_t), part.words[i]);
	}

	// Whether a word leads to another file, and the symbol there if it is one of run-time type information
	// (_ZT...).
	bool is_external(uint64_t word) const { return word >> 32 == kExternal >> 32; }
	std::string_view external_name(uint64_t word) const
	{
		return is_external(word) ? text(names_, static_cast<uint32_t>(word)) : std::string_view();
	}
	// The symbol of what the dynamic linker copies to this address from another file; empty if it does not.
	std::string_view copied_name(uint64_t address) const { return text(copied_, address); }
	// Whether it is in an executable segment.
	bool is_code(uint64_t address) const;

	// Why something is missing; else empty.
	const std::string &problem() const { return problem_; }

private:
	static constexpr uint64_t kExternal = uint64_t{0x80000000} << 32;
	struct Part {
		uint64_t address = 0;
		std::vector<uint64_t> words;
	};
	struct Range {
		uint64_t start, end;
	};

	const uint64_t *find(uint64_t address) const
	{
		for (const Part &part : parts_) {
			const uint64_t number = (address - part.address) / sizeof(uint64_t);
			if (address >= part.address && number < part.words.size())
				return address % sizeof(uint64_t) == 0 ? &part.words[number] : nullptr;
		}
		return nullptr;
	}
	template <typename Names> static std::string_view text(const Names &names, uint64_t key)
	{
		const auto found = names.find(static_cast<typename Names::key_type>(key));
		return found == names.end() ? std::string_view() : std::string_view(found->second);
	}
	void keep(const ObjectFile &file, ObjectFile::Segment segment);
	void relocate(const ObjectFile &file, const ObjectSymbols &dynamic);
	template <typename Key>
	void remember(std::unordered_map<Key, std::string> *names, Key key, std::string_view name);
	void apply(const Elf64_Rela &relocation, const ObjectSymbols &dynamic, uint16_t machine);

	std::vector<Part> parts_;
	std::vector<Range> code_;
	std::unordered_map<uint32_t, std::string> names_;  // of symbols that lead out
	std::unordered_map<uint64_t, std::string> copied_; // by address
	std::size_t kept_ = 0, name_bytes_ = 0;
	std::string problem_;
};

} // namespace neuroperf::collector
