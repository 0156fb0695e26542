// SPDX-License-Identifier: Apache-2.0
// What of an ELF file names code: the entries of its symbol tables and of its procedure linkage tables (PLT).
#pragma once

#include "analyzer/elf_file.hpp"
#include "analyzer/symbol_table_builder.hpp"

namespace neuroperf::analyzer {

// Functions, indirect functions and labels of one .symtab or .dynsym that lie in executable sections. Views into `elf`
// go into the builder.
void add_elf_symbols(const ElfFile &elf, const ElfFile::Section &table, SymbolTableBuilder &builder);

// `name@plt` for each PLT entry whose function is known.
void add_plt_symbols(const ElfFile &elf, SymbolTableBuilder &builder);

} // namespace neuroperf::analyzer
