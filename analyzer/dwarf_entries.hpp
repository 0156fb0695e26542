// SPDX-License-Identifier: Apache-2.0
// Walks over the debugging information entries (DIEs) of one unit of .debug_info, in their order in the file.
//
// libdw steps from sibling to sibling by references in the file, which in a crafted one can lead in a circle; and it
// decodes each entry anew. Walking straight on costs each byte once. What an entry means is then asked of libdw, by the
// entry's offset.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace neuroperf::analyzer {

// How the attributes of a unit are encoded, out of its header.
struct DwarfEncoding {
	uint16_t version = 0;
	uint8_t address_size = 0;
	uint8_t offset_size = 0;
};

// The abbreviations of one unit: for each code the tag and the forms of the attributes.
class DwarfAbbreviations {
public:
	struct Abbreviation {
		uint32_t tag = 0;
		bool has_children = false;
		bool is_known = false;
		int64_t fixed_size = -1; // of all attributes together; -1: must be counted form by form
		uint32_t first_form = 0, form_count = 0;
	};

	// From .debug_abbrev at an offset, up to what is damaged.
	DwarfAbbreviations(std::string_view section, uint64_t offset, const DwarfEncoding &encoding);
	const Abbreviation *find(uint64_t code) const;
	const uint16_t *forms(const Abbreviation &abbreviation) const { return &forms_[abbreviation.first_form]; }

private:
	std::vector<Abbreviation> dense_; // by code
	std::unordered_map<uint64_t, Abbreviation> sparse_;
	std::vector<uint16_t> forms_;
};

class DwarfWalk {
public:
	// `section`: .debug_info; the entries from `begin` up to `end`.
	DwarfWalk(std::string_view section, uint64_t begin, uint64_t end, const DwarfEncoding &encoding,
		  const DwarfAbbreviations &abbreviations);

	struct Entry {
		uint64_t offset = 0;
		uint32_t tag = 0; // 0: the end of a list of children
		bool has_children = false;
	};
	// False at the end, and where damage makes it impossible to go on (then is_damaged()).
	bool next(Entry *entry);
	bool is_damaged() const { return damaged_; }

private:
	bool skip_form(uint64_t form, int indirections);
	bool skip(uint64_t bytes);
	bool skip_block(unsigned length_size);

	std::string_view bytes_; // up to the end of the unit
	uint64_t at_;
	const DwarfEncoding &encoding_;
	const DwarfAbbreviations &abbreviations_;
	bool damaged_ = false;
};

} // namespace neuroperf::analyzer
