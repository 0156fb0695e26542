// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "analyzer/elf_debug_file.hpp"
#include "analyzer/elf_symbols.hpp"
#include "analyzer/symbol_table_builder.hpp"

namespace neuroperf::analyzer {

namespace {

using Candidate = SymbolTableBuilder::Candidate;
using Binding = SymbolTableBuilder::Binding;

// Functions nested deeper than this are not searched: a crafted file must not make each lookup long.
constexpr int kMaximumNesting = 64;
// Symbols may share one string, so that a small crafted file could ask for any amount of memory.
constexpr std::size_t kMaximumNameLength = std::size_t{64} << 10;
constexpr uint64_t kMaximumNameBytes = uint64_t{1} << 30;

uint64_t end_of(uint64_t address, uint64_t size)
{
	return size > std::numeric_limits<uint64_t>::max() - address ? std::numeric_limits<uint64_t>::max()
								     : address + size;
}

bool covers(const Symbol &symbol, uint64_t address)
{
	return address == symbol.address || address - symbol.address < symbol.size;
}

std::size_t leading_underscores(std::string_view name)
{
	return std::min(name.find_first_not_of('_'), name.size());
}

// Which of two symbols at one address names it: one that has an extent, is not weak, is global, has fewer underscores
// in front, has the longer name; else the first. As perf chooses.
bool first_wins(const Candidate &first, const Candidate &second)
{
	if ((first.size > 0) != (second.size > 0))
		return first.size > 0;
	if ((first.binding == Binding::weak) != (second.binding == Binding::weak))
		return second.binding == Binding::weak;
	if ((first.binding == Binding::global) != (second.binding == Binding::global))
		return first.binding == Binding::global;
	const std::size_t underscores = leading_underscores(first.name), others = leading_underscores(second.name);
	if (underscores != others)
		return underscores < others;
	return first.name.size() >= second.name.size();
}

} // namespace

void SymbolTableBuilder::add(const Candidate &candidate)
{
	if (candidate.name.size() > kMaximumNameLength || candidate.name.size() > kMaximumNameBytes - name_bytes_)
		return;
	name_bytes_ += candidate.name.size();
	candidates_.push_back(candidate);
}

void SymbolTableBuilder::add_owned(Candidate candidate, std::string name)
{
	if (name.size() > kMaximumNameLength || name.size() > kMaximumNameBytes - name_bytes_)
		return;
	candidate.name = kept_.emplace_back(std::move(name));
	add(candidate);
}

void SymbolTableBuilder::add_indirect_function(uint64_t address, std::string_view name)
{
	const auto [known, is_new] = indirect_.emplace(address, name);
	if (!is_new && leading_underscores(name) < leading_underscores(known->second))
		known->second = name; // memset rather than __GI_memset
}

std::string_view SymbolTableBuilder::indirect_function_at(uint64_t address) const
{
	const auto found = indirect_.find(address);
	return found == indirect_.end() ? std::string_view{} : found->second;
}

void SymbolTableBuilder::add_segments(const std::vector<ElfFile::Segment> &segments)
{
	for (const ElfFile::Segment &segment : segments)
		table_.segments_.push_back({segment.offset, segment.size, segment.address});
}

// Of several without size at one address only the last gets one; the choice among them follows from that, as in perf.
void SymbolTableBuilder::end_open_symbols()
{
	for (std::size_t i = 0; i < candidates_.size(); i++) {
		Candidate &candidate = candidates_[i];
		if (candidate.size > 0)
			continue;
		uint64_t end = std::max(candidate.limit, candidate.address);
		if (i + 1 < candidates_.size())
			end = std::min(end, candidates_[i + 1].address);
		candidate.size = end - candidate.address;
	}
}

void SymbolTableBuilder::link_enclosing()
{
	const std::vector<Symbol> &symbols = table_.symbols_;
	table_.enclosing_.resize(symbols.size());
	std::vector<uint32_t> open; // ever earlier starts, ever later ends
	for (uint32_t i = 0; i < symbols.size(); i++) {
		const uint64_t end = end_of(symbols[i].address, symbols[i].size);
		while (!open.empty() && end_of(symbols[open.back()].address, symbols[open.back()].size) <= end)
			open.pop_back();
		table_.enclosing_[i] = open.empty() ? i : open.back();
		open.push_back(i);
	}
}

void SymbolTableBuilder::keep_winners()
{
	table_.symbols_.reserve(candidates_.size());
	const Candidate *winner = nullptr;
	auto keep_winner = [&] {
		if (winner != nullptr)
			table_.symbols_.push_back({winner->address, winner->size, winner->name});
	};
	for (const Candidate &candidate : candidates_) {
		if (!candidate.is_function)
			continue;
		if (winner != nullptr && winner->address == candidate.address && first_wins(*winner, candidate))
			continue;
		if (winner != nullptr && winner->address != candidate.address)
			keep_winner();
		winner = &candidate;
	}
	keep_winner();
}

// What the names were views into may go when the table is finished.
void SymbolTableBuilder::copy_names()
{
	std::size_t bytes = 0;
	for (const Symbol &symbol : table_.symbols_)
		bytes += symbol.name.size();
	table_.names_.resize(bytes);
	char *to = table_.names_.data();
	for (Symbol &symbol : table_.symbols_) {
		const std::size_t size = symbol.name.copy(to, symbol.name.size());
		symbol.name = {to, size};
		to += size;
	}
}

SymbolTable SymbolTableBuilder::finish()
{
	std::stable_sort(candidates_.begin(), candidates_.end(),
			 [](const Candidate &a, const Candidate &b) { return a.address < b.address; });
	end_open_symbols();
	keep_winners();
	copy_names();
	link_enclosing();
	candidates_.clear();
	kept_.clear();
	return std::move(table_);
}

SymbolTable SymbolTable::from_elf(const ElfFile &elf, const ElfFile *debug)
{
	SymbolTableBuilder builder;
	const ElfFile &full = debug != nullptr && debug->section_of_type(SHT_SYMTAB) != nullptr ? *debug : elf;
	if (const ElfFile::Section *symtab = full.section_of_type(SHT_SYMTAB))
		add_elf_symbols(full, *symtab, builder);
	if (const ElfFile::Section *dynsym = elf.section_of_type(SHT_DYNSYM))
		add_elf_symbols(elf, *dynsym, builder);
	add_plt_symbols(elf, builder);
	builder.add_segments(elf.executable_segments());
	return builder.finish();
}

Result<SymbolTable> SymbolTable::from_elf_file(const std::string &path)
{
	Result<ElfFile> elf = ElfFile::open(path);
	if (!elf.ok())
		return elf.error();
	if (elf->section_of_type(SHT_SYMTAB) != nullptr)
		return from_elf(*elf);
	const std::optional<ElfFile> debug = find_debug_file(*elf, path);
	return from_elf(*elf, debug ? &*debug : nullptr);
}

Result<SymbolTable> SymbolTable::from_elf_image(const void *image, std::size_t size)
{
	Result<ElfFile> elf = ElfFile::from_image(image, size);
	if (!elf.ok())
		return elf.error();
	return from_elf(*elf);
}

const Symbol *SymbolTable::find(uint64_t address) const
{
	auto after = std::upper_bound(symbols_.begin(), symbols_.end(), address,
				      [](uint64_t wanted, const Symbol &symbol) { return wanted < symbol.address; });
	if (after == symbols_.begin())
		return nullptr;
	std::size_t index = static_cast<std::size_t>(after - symbols_.begin()) - 1;
	for (int depth = 0; depth < kMaximumNesting; depth++) {
		if (covers(symbols_[index], address))
			return &symbols_[index];
		if (enclosing_[index] == index)
			return nullptr;
		index = enclosing_[index];
	}
	return nullptr;
}

void SymbolTable::move_by(uint64_t delta)
{
	for (Symbol &symbol : symbols_)
		symbol.address += delta;
	kernel_text_address_ += delta;
}

bool SymbolTable::address_of_offset(uint64_t file_offset, uint64_t *address) const
{
	for (const Segment &segment : segments_) {
		if (file_offset < segment.offset || file_offset - segment.offset >= segment.size)
			continue;
		*address = segment.address + (file_offset - segment.offset);
		return true;
	}
	return false;
}

} // namespace neuroperf::analyzer
