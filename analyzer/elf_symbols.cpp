// SPDX-License-Identifier: Apache-2.0
#include "analyzer/elf_symbols.hpp"

#include <algorithm>

namespace neuroperf::analyzer {

namespace {

constexpr std::size_t kMaximumSymbols = std::size_t{64} << 20;

// ARM and RISC-V assemblers mark changes between code and data with $x, $d, $a, $t, each maybe followed by .suffix.
bool is_mapping_symbol(unsigned machine, std::string_view name)
{
	if (machine != EM_ARM && machine != EM_AARCH64 && machine != EM_RISCV)
		return false;
	if (name.size() < 2 || name[0] != '$' || std::string_view("adtx").find(name[1]) == std::string_view::npos)
		return false;
	return name.size() == 2 || name[2] == '.' || machine == EM_RISCV; // RISC-V: $x<isa>
}

bool names_code(const GElf_Sym &symbol)
{
	switch (GELF_ST_TYPE(symbol.st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
	case STT_OBJECT: // hand-written assembly now and then
	case STT_NOTYPE:
		return true;
	default:
		return false;
	}
}

SymbolTableBuilder::Binding binding_of(const GElf_Sym &symbol)
{
	switch (GELF_ST_BIND(symbol.st_info)) {
	case STB_LOCAL:
		return SymbolTableBuilder::Binding::local;
	case STB_WEAK:
		return SymbolTableBuilder::Binding::weak;
	default:
		return SymbolTableBuilder::Binding::global;
	}
}

} // namespace

void add_elf_symbols(const ElfFile &elf, const ElfFile::Section &table, SymbolTableBuilder &builder)
{
	const std::vector<ElfFile::Section> &sections = elf.sections();
	std::size_t count = 0;
	Elf_Data *data = elf.entries(table, ELF_T_SYM, &count);
	if (data == nullptr || table.link >= sections.size())
		return;
	const std::string_view names = elf.bytes(sections[table.link]);
	count = std::min(count, kMaximumSymbols);
	for (std::size_t i = 1; i < count; i++) {
		GElf_Sym symbol = {};
		if (gelf_getsym(data, static_cast<int>(i), &symbol) == nullptr)
			return;
		if (!names_code(symbol) || symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= sections.size())
			continue;
		const ElfFile::Section &section = sections[symbol.st_shndx];
		const std::string_view name = string_at(names, symbol.st_name);
		if ((section.flags & SHF_EXECINSTR) == 0 || name.empty() || is_mapping_symbol(elf.machine(), name))
			continue;
		uint64_t address = symbol.st_value;
		if (name == "_text")
			builder.set_kernel_text_address(address);
		if (GELF_ST_TYPE(symbol.st_info) == STT_GNU_IFUNC)
			builder.add_indirect_function(address, name);
		if (elf.machine() == EM_ARM && GELF_ST_TYPE(symbol.st_info) == STT_FUNC)
			address &= ~uint64_t{1}; // bit 0 says Thumb
		const uint64_t limit =
			section.size > UINT64_MAX - section.address ? UINT64_MAX : section.address + section.size;
		builder.add({address, symbol.st_size, limit, name, binding_of(symbol), true});
	}
}

} // namespace neuroperf::analyzer
