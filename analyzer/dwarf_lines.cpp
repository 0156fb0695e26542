// SPDX-License-Identifier: Apache-2.0
#include "analyzer/dwarf_lines.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <map>
#include <unordered_map>

#include "analyzer/build_id.hpp"
#include "analyzer/demangle.hpp"
#include "analyzer/dwarf_entries.hpp"
#include "analyzer/elf_debug_file.hpp"
#include "analyzer/range_map.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr std::size_t kMaximumInlineDepth = 256;
constexpr std::size_t kMaximumNameLength = std::size_t{64} << 10;
constexpr uint64_t kMaximumUncompressed = uint64_t{4} << 30;
constexpr uint64_t kMaximumLineProgram = uint64_t{1} << 30;
// Range lists may be shared by any number of entries, each of which has to read its way through.
constexpr std::chrono::seconds kMaximumTime{60};

struct EndDwarf {
	void operator()(Dwarf *dwarf) const { dwarf_end(dwarf); }
};
using DwarfHandle = std::unique_ptr<Dwarf, EndDwarf>;

// Compressed sections say how large they get. A few kilobytes can ask for any amount.
bool is_reasonable_size(const ElfFile &elf)
{
	uint64_t total = 0;
	for (const ElfFile::Section &section : elf.sections()) {
		GElf_Chdr header = {};
		if ((section.flags & SHF_COMPRESSED) != 0 && gelf_getchdr(section.handle, &header) != nullptr)
			total += std::min(header.ch_size, kMaximumUncompressed + 1);
		else if (section.name.substr(0, 7) == ".zdebug") { // "ZLIB", then the size, big endian
			const std::string_view bytes = elf.bytes(section);
			uint64_t size = 0;
			for (std::size_t i = 4; i < 12 && i < bytes.size(); i++)
				size = size << 8 | static_cast<unsigned char>(bytes[i]);
			total += std::min(size, kMaximumUncompressed + 1);
		} else if (section.type != SHT_NOBITS) {
			total += std::min(section.size, kMaximumUncompressed + 1);
		}
		if (total > kMaximumUncompressed)
			return false;
	}
	return true;
}

// A section's content as libdw sees it: it uncompresses in place.
std::string_view content_of(const ElfFile &elf, std::string_view name)
{
	const ElfFile::Section *section = elf.section(name);
	if (section == nullptr)
		section = elf.section(".z" + std::string(name.substr(1)));
	const Elf_Data *data = section == nullptr ? nullptr : elf_rawdata(section->handle, nullptr);
	if (data == nullptr || data->d_buf == nullptr)
		return {};
	return {static_cast<const char *>(data->d_buf), data->d_size};
}

bool names_a_scope(uint32_t tag)
{
	return tag == DW_TAG_namespace || tag == DW_TAG_structure_type || tag == DW_TAG_class_type ||
	       tag == DW_TAG_union_type;
}

// One compile unit.
struct Unit {
	Dwarf_Off entry = 0; // of its own entry
	Dwarf_Off end = 0;
	uint64_t abbreviations = 0;
	DwarfEncoding encoding;

	bool has_inlined = false, has_lines = false; // read
	struct Piece {
		uint64_t begin = 0, end = 0;
		uint32_t inlined = 0; // the innermost one
	};
	struct Inlined {
		Dwarf_Off entry = 0;
		uint32_t parent = kNone;
		bool is_resolved = false;
		DwarfLines::Frame frame;
	};
	struct Scope {
		Dwarf_Off entry = 0;  // of a function, namespace or class ...
		Dwarf_Off around = 0; // ... in this namespace or class
	};
	std::vector<Scope> scopes; // by entry; those around which there is nothing are left out
	std::vector<Piece> pieces; // by address
	std::vector<Inlined> inlined;
	Dwarf_Lines *lines = nullptr;
	std::size_t line_count = 0;
};

} // namespace

struct DwarfLines::State {
	Options options;
	// The handles of libdw read from the ELF files, so they go first.
	std::optional<ElfFile> supplementary_elf;
	std::optional<ElfFile> elf;
	DwarfHandle supplementary;
	DwarfHandle dwarf;
	std::string_view info, abbreviation_section;
	bool lines_allowed = true;

	std::vector<Unit> units;
	RangeMap<uint32_t> unit_of; // by address
	std::size_t ranges = 0;
	bool is_full = false; // a bound is reached
	std::chrono::nanoseconds used{0};
	std::chrono::steady_clock::time_point started;
	std::unordered_map<const void *, std::string_view> names; // by the mangled name's place
	std::deque<std::string> kept;
	std::string problem;

	Status begin();
	void open_supplementary();
	void list_units();
	bool within_bounds(std::size_t more);
	void read_inlined(Unit *unit);
	void index_unit(Unit *unit);
	Unit *unit_at(uint64_t address);
	bool entry_at(Dwarf_Off offset, Dwarf_Die *entry) const;
	bool is_readable(const Dwarf_Attribute &attribute) const;
	std::string_view name_of(const Unit &unit, Dwarf_Die entry);
	std::string_view qualified(const Unit &unit, Dwarf_Off entry, const char *name);
	std::string_view readable(const char *mangled);
	void resolve(const Unit &unit, Unit::Inlined *inlined);
	template <typename Visit> void visit_ranges(Dwarf_Die *entry, Visit visit);
};

Status DwarfLines::State::begin()
{
	if (!has_debug_information(*elf))
		return Error{ErrorCode::not_found, "no debug information", 0, ""};
	GElf_Ehdr header = {};
	if (gelf_getehdr(elf->handle(), &header) == nullptr || header.e_type == ET_REL || !elf->little_endian())
		return Error{ErrorCode::unsupported, "its debug information is of a kind that is not read", 0, ""};
	if (!is_reasonable_size(*elf))
		return Error{ErrorCode::unsupported, "its debug information is too large", 0, ""};
	dwarf.reset(dwarf_begin_elf(elf->handle(), DWARF_C_READ, nullptr));
	if (dwarf == nullptr)
		return Error{ErrorCode::format,
			     fmt::format("its debug information cannot be read: {}", dwarf_errmsg(dwarf_errno())), 0,
			     ""};
	info = content_of(*elf, ".debug_info");
	abbreviation_section = content_of(*elf, ".debug_abbrev");
	lines_allowed = content_of(*elf, ".debug_line").size() <= kMaximumLineProgram;
	if (!lines_allowed)
		problem = "its line tables are too large and were not read";
	open_supplementary();
	list_units();
	return Done{};
}

// dwz moves what several files have in common to another one, named in .gnu_debugaltlink. libdw would open whatever
// that names.
void DwarfLines::State::open_supplementary()
{
	const char *name = nullptr;
	const void *id = nullptr;
	const ssize_t size = dwelf_dwarf_gnu_debugaltlink(dwarf.get(), &name, &id);
	if (size <= 0 || name == nullptr)
		return;
	const std::string_view build_id(static_cast<const char *>(id), static_cast<std::size_t>(size));
	const std::string path = name[0] == '/' ? name : options.folder + "/" + name;
	supplementary_elf = find_debug_file_by_build_id(build_id, options.root + options.debug_root);
	if (!supplementary_elf)
		if (Result<ElfFile> file = ElfFile::open(options.root + path);
		    file.ok() && same_build_id(file->build_id(), build_id))
			supplementary_elf = std::move(*file);
	if (supplementary_elf && is_reasonable_size(*supplementary_elf))
		supplementary.reset(dwarf_begin_elf(supplementary_elf->handle(), DWARF_C_READ, nullptr));
	if (supplementary != nullptr)
		dwarf_setalt(dwarf.get(), supplementary.get());
	else
		problem = fmt::format(
			"its supplementary debug file {} is not found; some inlined functions have no names", name);
}

bool DwarfLines::State::within_bounds(std::size_t more)
{
	ranges += more;
	if (is_full)
		return false;
	const bool in_time = ranges % 64 != 0 || used + (std::chrono::steady_clock::now() - started) < kMaximumTime;
	if (in_time && ranges <= options.maximum_ranges)
		return true;
	problem = in_time ? fmt::format("it has more than {} ranges of inlined functions; some are not shown",
					options.maximum_ranges)
			  : "its debug information takes too long to read; some inlined functions are not shown";
	is_full = true;
	return false;
}

template <typename Visit> void DwarfLines::State::visit_ranges(Dwarf_Die *entry, Visit visit)
{
	Dwarf_Addr base = 0, begin = 0, end = 0;
	for (ptrdiff_t at = 0; (at = dwarf_ranges(entry, at, &base, &begin, &end)) > 0;) {
		if (!within_bounds(1))
			return;
		// What linkers leave of code that they removed: address 0 (in some lists 1), with its size still there.
		if (begin > 1)
			visit(begin, end);
	}
}

void DwarfLines::State::list_units()
{
	started = std::chrono::steady_clock::now();
	Dwarf_Off offset = 0, next = 0;
	std::size_t header_size = 0;
	Dwarf_Half version = 0;
	Dwarf_Off abbreviations = 0;
	uint8_t address_size = 0, offset_size = 0;
	while (dwarf_next_unit(dwarf.get(), offset, &next, &header_size, &version, &abbreviations, &address_size,
			       &offset_size, nullptr, nullptr) == 0) {
		const Dwarf_Off entry_offset = offset + header_size;
		if (next <= offset || units.size() >= kNone)
			break;
		offset = next;
		Dwarf_Die entry = {};
		if (!entry_at(entry_offset, &entry) ||
		    (dwarf_tag(&entry) != DW_TAG_compile_unit && dwarf_tag(&entry) != DW_TAG_skeleton_unit))
			continue;
		if (dwarf_hasattr(&entry, DW_AT_dwo_name) || dwarf_hasattr(&entry, DW_AT_GNU_dwo_name))
			problem = "part of its debug information is in .dwo files, which are not read; functions "
				  "inlined there "
				  "are not shown";
		const auto number = static_cast<uint32_t>(units.size());
		Unit unit;
		unit.entry = entry_offset;
		unit.end = std::min<Dwarf_Off>(next, info.size());
		unit.abbreviations = abbreviations;
		unit.encoding = {version, address_size, offset_size};
		units.push_back(std::move(unit));
		visit_ranges(&entry, [&](uint64_t begin, uint64_t end) { unit_of.paint(begin, end, number); });
	}
	used += std::chrono::steady_clock::now() - started;
}

bool DwarfLines::State::entry_at(Dwarf_Off offset, Dwarf_Die *entry) const
{
	return dwarf_offdie(dwarf.get(), offset, entry) != nullptr;
}

Unit *DwarfLines::State::unit_at(uint64_t address)
{
	const uint32_t *number = unit_of.find(address);
	return number == nullptr ? nullptr : &units[*number];
}

void DwarfLines::State::read_inlined(Unit *unit)
{
	if (unit->has_inlined)
		return;
	unit->has_inlined = true;
	started = std::chrono::steady_clock::now();
	index_unit(unit);
	used += std::chrono::steady_clock::now() - started;
}

void DwarfLines::State::index_unit(Unit *unit)
{
	const DwarfAbbreviations abbreviations(abbreviation_section, unit->abbreviations, unit->encoding);
	DwarfWalk walk(info, unit->entry, unit->end, unit->encoding, abbreviations);
	RangeMap<uint32_t> painted; // inner ones come behind outer ones
	std::vector<uint32_t> open; // for each list of children under way, in which inlined function it is
	uint32_t around = kNone;
	std::vector<Dwarf_Off> open_scopes; // likewise; 0: none
	Dwarf_Off scope = 0;
	for (DwarfWalk::Entry entry; walk.next(&entry);) {
		if (entry.tag == 0) {
			if (open.empty())
				break;
			around = open.back();
			open.pop_back();
			scope = open_scopes.back();
			open_scopes.pop_back();
			continue;
		}
		const bool is_scope = names_a_scope(entry.tag);
		if (scope != 0 && (is_scope || entry.tag == DW_TAG_subprogram))
			unit->scopes.push_back({entry.offset, scope});
		uint32_t inside = entry.tag == DW_TAG_subprogram ? kNone : around;
		Dwarf_Die die = {};
		if (entry.tag == DW_TAG_inlined_subroutine && entry_at(entry.offset, &die)) {
			inside = static_cast<uint32_t>(unit->inlined.size());
			unit->inlined.push_back({entry.offset, around, false, {}});
			visit_ranges(&die, [&](uint64_t begin, uint64_t end) { painted.paint(begin, end, inside); });
			if (is_full)
				break;
		}
		if (entry.has_children) {
			open.push_back(around);
			around = inside;
			open_scopes.push_back(scope);
			scope = is_scope ? entry.offset : 0;
		}
	}
	if (walk.is_damaged())
		problem = "its debug information is damaged; some inlined functions are not shown";
	unit->pieces.reserve(painted.pieces().size());
	for (const auto &[begin, piece] : painted.pieces())
		unit->pieces.push_back({begin, piece.end, piece.value});
}

// Attributes that refer to a supplementary file make libdw look for one, if it has none.
bool DwarfLines::State::is_readable(const Dwarf_Attribute &attribute) const
{
	switch (attribute.form) {
	case DW_FORM_GNU_ref_alt:
	case DW_FORM_GNU_strp_alt:
	case DW_FORM_ref_sup4:
	case DW_FORM_ref_sup8:
	case DW_FORM_strp_sup:
		return supplementary != nullptr;
	default:
		return true;
	}
}

std::string_view DwarfLines::State::readable(const char *mangled)
{
	const auto [found, is_new] = names.try_emplace(mangled);
	if (is_new) {
		const std::string_view name(mangled);
		found->second = name;
		if (name.size() > kMaximumNameLength)
			found->second = {};
		else if (options.demangle && may_be_mangled(name))
			found->second = kept.emplace_back(demangle(std::string(name)));
	}
	return found->second;
}

// The linkage name says where a function belongs (namespace, class); the plain name does not.
std::string_view DwarfLines::State::name_of(const Unit &unit, Dwarf_Die entry)
{
	const char *plain = nullptr;
	for (int hops = 0; hops < 16; hops++) {
		Dwarf_Attribute attribute = {};
		for (const unsigned kind : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name})
			if (dwarf_attr(&entry, kind, &attribute) != nullptr && is_readable(attribute))
				if (const char *name = dwarf_formstring(&attribute); name != nullptr)
					return readable(name);
		if (plain == nullptr && dwarf_attr(&entry, DW_AT_name, &attribute) != nullptr && is_readable(attribute))
			plain = dwarf_formstring(&attribute);
		if (dwarf_attr(&entry, DW_AT_abstract_origin, &attribute) == nullptr &&
		    dwarf_attr(&entry, DW_AT_specification, &attribute) == nullptr)
			break;
		Dwarf_Die next = {};
		if (!is_readable(attribute) || dwarf_formref_die(&attribute, &next) == nullptr)
			break;
		entry = next;
	}
	return plain == nullptr ? std::string_view{} : qualified(unit, dwarf_dieoffset(&entry), plain);
}

// Functions that no other unit sees have no linkage name. Scopes are known of the unit itself: what dwz moved to
// another one stays unqualified.
std::string_view DwarfLines::State::qualified(const Unit &unit, Dwarf_Off entry, const char *name)
{
	std::string text(name);
	for (int levels = 0; levels < 32; levels++) {
		const auto scope =
			std::lower_bound(unit.scopes.begin(), unit.scopes.end(), entry,
					 [](const Unit::Scope &a, Dwarf_Off wanted) { return a.entry < wanted; });
		if (scope == unit.scopes.end() || scope->entry != entry)
			break;
		entry = scope->around;
		Dwarf_Die die = {};
		Dwarf_Attribute attribute = {};
		const char *around = nullptr;
		if (entry_at(entry, &die) && dwarf_attr(&die, DW_AT_name, &attribute) != nullptr &&
		    is_readable(attribute))
			around = dwarf_formstring(&attribute);
		text.insert(0, std::string(around == nullptr ? "(anonymous namespace)" : around) + "::");
		if (text.size() > kMaximumNameLength)
			return readable(name);
	}
	return kept.emplace_back(std::move(text));
}

void DwarfLines::State::resolve(const Unit &unit, Unit::Inlined *inlined)
{
	inlined->is_resolved = true;
	Dwarf_Die die = {}, unit_die = {};
	if (!entry_at(inlined->entry, &die) || !entry_at(unit.entry, &unit_die))
		return;
	inlined->frame.name = name_of(unit, die);
	Dwarf_Attribute attribute = {};
	Dwarf_Word number = 0, file = 0;
	if (dwarf_attr(&die, DW_AT_call_line, &attribute) != nullptr && dwarf_formudata(&attribute, &number) == 0)
		inlined->frame.call.number = static_cast<uint32_t>(std::min<Dwarf_Word>(number, UINT32_MAX));
	Dwarf_Files *files = nullptr;
	std::size_t count = 0;
	if (!lines_allowed || dwarf_attr(&die, DW_AT_call_file, &attribute) == nullptr ||
	    dwarf_formudata(&attribute, &file) != 0 || dwarf_getsrcfiles(&unit_die, &files, &count) != 0 ||
	    file >= count)
		return;
	if (const char *name = dwarf_filesrc(files, file, nullptr, nullptr); name != nullptr)
		inlined->frame.call.file = name;
}

DwarfLines::DwarfLines(std::unique_ptr<State> state) : state_(std::move(state)) {}
DwarfLines::DwarfLines(DwarfLines &&) noexcept = default;
DwarfLines &DwarfLines::operator=(DwarfLines &&) noexcept = default;
DwarfLines::~DwarfLines() = default;

Result<DwarfLines> DwarfLines::open(ElfFile elf, Options options)
{
	auto state = std::make_unique<State>();
	state->options = std::move(options);
	state->elf = std::move(elf);
	if (Status status = state->begin(); !status.ok())
		return status.error();
	return DwarfLines(std::move(state));
}

void DwarfLines::inlined(uint64_t address, std::vector<Frame> *frames)
{
	frames->clear();
	Unit *unit = state_->unit_at(address);
	if (unit == nullptr)
		return;
	state_->read_inlined(unit);
	const auto after =
		std::upper_bound(unit->pieces.begin(), unit->pieces.end(), address,
				 [](uint64_t wanted, const Unit::Piece &piece) { return wanted < piece.begin; });
	if (after == unit->pieces.begin() || address >= (after - 1)->end)
		return;
	for (uint32_t at = (after - 1)->inlined; at != kNone; at = unit->inlined[at].parent) {
		if (frames->size() >= kMaximumInlineDepth) {
			state_->problem =
				"functions are inlined too deep into each other; the outer ones are not shown";
			break;
		}
		Unit::Inlined &inlined = unit->inlined[at];
		if (!inlined.is_resolved)
			state_->resolve(*unit, &inlined);
		frames->push_back(inlined.frame);
	}
	std::reverse(frames->begin(), frames->end());
}

DwarfLines::Line DwarfLines::line(uint64_t address)
{
	Unit *unit = state_->unit_at(address);
	if (unit == nullptr || !state_->lines_allowed)
		return {};
	if (!unit->has_lines) {
		unit->has_lines = true;
		Dwarf_Die die = {};
		if (!state_->entry_at(unit->entry, &die) ||
		    dwarf_getsrclines(&die, &unit->lines, &unit->line_count) != 0)
			unit->line_count = 0;
	}
	// The last row at or before the address, unless that ends a sequence.
	std::size_t low = 0, high = unit->line_count;
	while (low < high) {
		const std::size_t middle = low + (high - low) / 2;
		Dwarf_Addr at = 0;
		dwarf_lineaddr(dwarf_onesrcline(unit->lines, middle), &at);
		if (at <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return {};
	Dwarf_Line *row = dwarf_onesrcline(unit->lines, low - 1);
	bool is_end = false;
	int number = 0;
	const char *file = dwarf_linesrc(row, nullptr, nullptr);
	if (dwarf_lineendsequence(row, &is_end) != 0 || is_end || dwarf_lineno(row, &number) != 0 || file == nullptr)
		return {};
	return {file, static_cast<uint32_t>(std::max(number, 0))};
}

const std::string &DwarfLines::problem() const
{
	return state_->problem;
}

} // namespace neuroperf::analyzer
