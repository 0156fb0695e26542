// SPDX-License-Identifier: Apache-2.0
#include "analyzer/elf_symbols.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

namespace neuroperf::analyzer {

namespace {

// One slot of the global offset table that the dynamic linker fills with a function's address.
struct Slot {
	uint64_t address = 0;
	std::string_view function;
	uint64_t resolver = 0; // without a name: the indirect function's address in this file
};

// Reads the name that dynsym has at an index.
class DynamicNames {
public:
	DynamicNames(const ElfFile &elf, const ElfFile::Section &relocations)
	{
		if (relocations.link >= elf.sections().size())
			return;
		const ElfFile::Section &symbols = elf.sections()[relocations.link];
		symbols_ = elf.entries(symbols, ELF_T_SYM, &count_);
		if (symbols.link < elf.sections().size())
			names_ = elf.bytes(elf.sections()[symbols.link]);
	}
	std::string_view at(uint64_t index) const
	{
		GElf_Sym symbol = {};
		if (symbols_ == nullptr || index == 0 || index >= count_ ||
		    gelf_getsym(symbols_, static_cast<int>(index), &symbol) == nullptr)
			return {};
		return string_at(names_, symbol.st_name);
	}

private:
	Elf_Data *symbols_ = nullptr;
	std::size_t count_ = 0;
	std::string_view names_;
};

// The slots that a relocation section fills, in its order, those of no use included.
std::vector<Slot> slots_of(const ElfFile &elf, std::string_view section_name)
{
	std::vector<Slot> slots;
	const ElfFile::Section *section = elf.section(section_name);
	if (section == nullptr || (section->type != SHT_RELA && section->type != SHT_REL))
		return slots;
	const bool with_addend = section->type == SHT_RELA;
	const DynamicNames names(elf, *section);
	std::size_t count = 0;
	Elf_Data *data = elf.entries(*section, with_addend ? ELF_T_RELA : ELF_T_REL, &count);
	for (std::size_t i = 0; data != nullptr && i < count; i++) {
		GElf_Rela relocation = {};
		GElf_Rel short_relocation = {};
		if (with_addend && gelf_getrela(data, static_cast<int>(i), &relocation) == nullptr)
			break;
		if (!with_addend) {
			if (gelf_getrel(data, static_cast<int>(i), &short_relocation) == nullptr)
				break;
			relocation = {short_relocation.r_offset, short_relocation.r_info, 0};
		}
		const uint64_t symbol = GELF_R_SYM(relocation.r_info);
		const uint64_t resolver = symbol == 0 ? static_cast<uint64_t>(relocation.r_addend) : 0;
		slots.push_back({relocation.r_offset, names.at(symbol), resolver});
	}
	return slots;
}

bool by_address(const Slot &a, const Slot &b)
{
	return a.address < b.address;
}

class PltReader {
public:
	PltReader(const ElfFile &elf, SymbolTableBuilder &builder) : elf_(elf), builder_(builder) {}
	void read_x86_64();
	void read_by_order(uint64_t header, uint64_t entry);

private:
	void read_x86_64_section(const ElfFile::Section &section);
	const Slot *slot_of_entry(std::string_view code, uint64_t address) const;
	void add(uint64_t address, uint64_t size, const Slot &slot);

	const ElfFile &elf_;
	SymbolTableBuilder &builder_;
	std::vector<Slot> in_order_; // of .rela.plt: what `push index` in an entry counts
	std::vector<Slot> sorted_;   // by address
};

void PltReader::add(uint64_t address, uint64_t size, const Slot &slot)
{
	const std::string_view function =
		slot.function.empty() ? builder_.indirect_function_at(slot.resolver) : slot.function;
	if (!function.empty())
		builder_.add_owned({address, size, address + size, {}, SymbolTableBuilder::Binding::local, true},
				   fmt::format("{}@plt", function));
}

// An entry begins, after an endbr64 or bnd prefix, with `jmp *slot(%rip)` (ff 25 disp32) or `push $index` (68 imm32).
const Slot *PltReader::slot_of_entry(std::string_view code, uint64_t address) const
{
	std::size_t at = 0;
	if (code.substr(0, 4) == "\xf3\x0f\x1e\xfa")
		at = 4;
	if (code.substr(at, 1) == "\xf2")
		at++;
	const bool is_jump = code.substr(at, 2) == "\xff\x25";
	const bool is_push = code.substr(at, 1) == "\x68";
	at += is_jump ? 2 : 1;
	if ((!is_jump && !is_push) || at + 4 > code.size())
		return nullptr;
	uint32_t value = 0;
	for (unsigned i = 0; i < 4; i++)
		value |= uint32_t{static_cast<unsigned char>(code[at + i])} << (8 * i);
	if (is_push)
		return value < in_order_.size() ? &in_order_[value] : nullptr;
	const uint64_t wanted = address + at + 4 + static_cast<uint64_t>(int64_t{static_cast<int32_t>(value)});
	const auto slot = std::lower_bound(sorted_.begin(), sorted_.end(), Slot{wanted, {}, 0}, by_address);
	return slot != sorted_.end() && slot->address == wanted ? &*slot : nullptr;
}

void PltReader::read_x86_64_section(const ElfFile::Section &section)
{
	const std::string_view code = elf_.bytes(section);
	const std::size_t entry = section.name == ".plt.got" && code.size() % 16 != 0 ? 8 : 16;
	for (std::size_t at = 0; at + entry <= code.size(); at += entry)
		if (const Slot *slot = slot_of_entry(code.substr(at, entry), section.address + at))
			add(section.address + at, entry, *slot);
}

// The code says which slot an entry jumps through. The order of relocations does not: linkers put those of indirect
// functions last, wherever their entries are.
void PltReader::read_x86_64()
{
	in_order_ = slots_of(elf_, ".rela.plt");
	sorted_ = in_order_;
	if (elf_.section(".plt.got") != nullptr) {
		const std::vector<Slot> more = slots_of(elf_, ".rela.dyn");
		std::copy_if(more.begin(), more.end(), std::back_inserter(sorted_),
			     [](const Slot &slot) { return !slot.function.empty(); });
	}
	std::stable_sort(sorted_.begin(), sorted_.end(), by_address);
	for (const std::string_view name : {".plt", ".plt.sec", ".plt.got"})
		if (const ElfFile::Section *section = elf_.section(name))
			read_x86_64_section(*section);
}

// Entries follow a header in the order of their slots.
void PltReader::read_by_order(uint64_t header, uint64_t entry)
{
	sorted_ = slots_of(elf_, ".rela.plt");
	if (sorted_.empty())
		sorted_ = slots_of(elf_, ".rel.plt");
	std::stable_sort(sorted_.begin(), sorted_.end(), by_address);
	const ElfFile::Section *plt = elf_.section(".plt");
	if (plt == nullptr || sorted_.empty() || plt->size <= header)
		return;
	// With pointer authentication or branch targets an entry of aarch64 has 24 bytes, and nothing else says so.
	if (elf_.machine() == EM_AARCH64 && (plt->size - header) / sorted_.size() >= 24)
		entry = 24;
	uint64_t at = header;
	for (const Slot &slot : sorted_) {
		if (at + entry > plt->size)
			return;
		add(plt->address + at, entry, slot);
		at += entry;
	}
}

} // namespace

void add_plt_symbols(const ElfFile &elf, SymbolTableBuilder &builder)
{
	PltReader reader(elf, builder);
	switch (elf.machine()) {
	case EM_X86_64:
		return reader.read_x86_64();
	case EM_AARCH64:
		return reader.read_by_order(32, 16);
	case EM_ARM:
		return reader.read_by_order(20, 12);
	case EM_386:
		return reader.read_by_order(16, 16);
	case EM_RISCV:
		return reader.read_by_order(32, 16);
	default:
		return;
	}
}

} // namespace neuroperf::analyzer
