// SPDX-License-Identifier: Apache-2.0
#include "analyzer/dwarf_entries.hpp"

#include <dwarf.h>

#include <algorithm>

namespace neuroperf::analyzer {

namespace {

// Codes up to here stand in a vector; compilers number from 1.
constexpr uint64_t kMaximumDense = 1U << 16;
constexpr int kVariable = -1, kUnknown = -2;

bool take_leb128(std::string_view bytes, uint64_t *at, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; *at < bytes.size() && shift < 70; shift += 7) {
		const auto byte = static_cast<unsigned char>(bytes[(*at)++]);
		if (shift < 64)
			*value |= uint64_t{byte & 0x7fU} << shift;
		if ((byte & 0x80) == 0)
			return true;
	}
	return false;
}

// Bytes that a form takes, by DWARF 5, 7.5.6, and the GNU extensions.
int size_of_form(uint64_t form, const DwarfEncoding &encoding)
{
	switch (form) {
	case DW_FORM_flag_present:
	case DW_FORM_implicit_const:
		return 0;
	case DW_FORM_data1:
	case DW_FORM_ref1:
	case DW_FORM_flag:
	case DW_FORM_strx1:
	case DW_FORM_addrx1:
		return 1;
	case DW_FORM_data2:
	case DW_FORM_ref2:
	case DW_FORM_strx2:
	case DW_FORM_addrx2:
		return 2;
	case DW_FORM_strx3:
	case DW_FORM_addrx3:
		return 3;
	case DW_FORM_data4:
	case DW_FORM_ref4:
	case DW_FORM_ref_sup4:
	case DW_FORM_strx4:
	case DW_FORM_addrx4:
		return 4;
	case DW_FORM_data8:
	case DW_FORM_ref8:
	case DW_FORM_ref_sig8:
	case DW_FORM_ref_sup8:
		return 8;
	case DW_FORM_data16:
		return 16;
	case DW_FORM_addr:
		return encoding.address_size;
	case DW_FORM_ref_addr:
		return encoding.version <= 2 ? encoding.address_size : encoding.offset_size;
	case DW_FORM_strp:
	case DW_FORM_line_strp:
	case DW_FORM_strp_sup:
	case DW_FORM_sec_offset:
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_GNU_ref_alt:
		return encoding.offset_size;
	case DW_FORM_string:
	case DW_FORM_block1:
	case DW_FORM_block2:
	case DW_FORM_block4:
	case DW_FORM_block:
	case DW_FORM_exprloc:
	case DW_FORM_sdata:
	case DW_FORM_udata:
	case DW_FORM_ref_udata:
	case DW_FORM_strx:
	case DW_FORM_addrx:
	case DW_FORM_loclistx:
	case DW_FORM_rnglistx:
	case DW_FORM_GNU_addr_index:
	case DW_FORM_GNU_str_index:
	case DW_FORM_indirect:
		return kVariable;
	default:
		return kUnknown;
	}
}

} // namespace

DwarfAbbreviations::DwarfAbbreviations(std::string_view section, uint64_t offset, const DwarfEncoding &encoding)
{
	uint64_t at = offset, code = 0, tag = 0, name = 0, form = 0, ignored = 0;
	while (take_leb128(section, &at, &code) && code != 0 && take_leb128(section, &at, &tag)) {
		if (at >= section.size())
			return;
		Abbreviation abbreviation{static_cast<uint32_t>(tag),
					  section[at++] != 0,
					  true,
					  0,
					  static_cast<uint32_t>(forms_.size()),
					  0};
		for (;;) {
			if (!take_leb128(section, &at, &name) || !take_leb128(section, &at, &form) || form > UINT16_MAX)
				return;
			if (form == DW_FORM_implicit_const && !take_leb128(section, &at, &ignored))
				return;
			if (name == 0 && form == 0)
				break;
			forms_.push_back(static_cast<uint16_t>(form));
			const int size = size_of_form(form, encoding);
			if (size < 0 || abbreviation.fixed_size < 0)
				abbreviation.fixed_size = -1;
			else
				abbreviation.fixed_size += size;
		}
		abbreviation.form_count = static_cast<uint32_t>(forms_.size()) - abbreviation.first_form;
		if (code >= kMaximumDense) {
			sparse_.emplace(code, abbreviation);
			continue;
		}
		if (code >= dense_.size())
			dense_.resize(code + 1);
		if (!dense_[code].is_known)
			dense_[code] = abbreviation;
	}
}

const DwarfAbbreviations::Abbreviation *DwarfAbbreviations::find(uint64_t code) const
{
	if (code < dense_.size())
		return dense_[code].is_known ? &dense_[code] : nullptr;
	const auto found = sparse_.find(code);
	return found == sparse_.end() ? nullptr : &found->second;
}

DwarfWalk::DwarfWalk(std::string_view section, uint64_t begin, uint64_t end, const DwarfEncoding &encoding,
		     const DwarfAbbreviations &abbreviations)
	: bytes_(section.substr(0, end)), at_(begin), encoding_(encoding), abbreviations_(abbreviations)
{
}

bool DwarfWalk::next(Entry *entry)
{
	if (at_ >= bytes_.size() || damaged_)
		return false;
	entry->offset = at_;
	uint64_t code = 0;
	damaged_ = !take_leb128(bytes_, &at_, &code);
	if (damaged_)
		return false;
	*entry = {entry->offset, 0, false};
	if (code == 0)
		return true;
	const DwarfAbbreviations::Abbreviation *abbreviation = abbreviations_.find(code);
	damaged_ = abbreviation == nullptr;
	if (damaged_)
		return false;
	entry->tag = abbreviation->tag;
	entry->has_children = abbreviation->has_children;
	if (abbreviation->fixed_size >= 0)
		damaged_ = !skip(static_cast<uint64_t>(abbreviation->fixed_size));
	else
		for (uint32_t i = 0; i < abbreviation->form_count && !damaged_; i++)
			damaged_ = !skip_form(abbreviations_.forms(*abbreviation)[i], 0);
	return !damaged_;
}

bool DwarfWalk::skip(uint64_t bytes)
{
	if (bytes > bytes_.size() - at_)
		return false;
	at_ += bytes;
	return true;
}

bool DwarfWalk::skip_block(unsigned length_size)
{
	uint64_t length = 0;
	if (length_size == 0)
		return take_leb128(bytes_, &at_, &length) && skip(length);
	if (length_size > bytes_.size() - at_)
		return false;
	for (unsigned i = 0; i < length_size; i++) // of a machine with this byte order, see dwarf_lines.cpp
		length |= uint64_t{static_cast<unsigned char>(bytes_[at_ + i])} << (8 * i);
	at_ += length_size;
	return skip(length);
}

bool DwarfWalk::skip_form(uint64_t form, int indirections)
{
	const int size = size_of_form(form, encoding_);
	if (size >= 0)
		return skip(static_cast<uint64_t>(size));
	uint64_t value = 0;
	switch (size == kUnknown ? 0 : form) {
	case 0:
		return false;
	case DW_FORM_string: {
		const std::size_t end = bytes_.find('\0', at_);
		return end != std::string_view::npos && skip(end + 1 - at_);
	}
	case DW_FORM_block1:
		return skip_block(1);
	case DW_FORM_block2:
		return skip_block(2);
	case DW_FORM_block4:
		return skip_block(4);
	case DW_FORM_block:
	case DW_FORM_exprloc:
		return skip_block(0);
	case DW_FORM_indirect:
		return indirections == 0 && take_leb128(bytes_, &at_, &value) && skip_form(value, 1);
	default:
		return take_leb128(bytes_, &at_, &value);
	}
}

} // namespace neuroperf::analyzer
