// SPDX-License-Identifier: Apache-2.0
#include "collector/relocated_data.hpp"

#include <algorithm>
#include <cstring>

#include "recording/bytes.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostKept = std::size_t{512} << 20;
constexpr uint64_t kMostRelocationBytes = uint64_t{512} << 20;
constexpr std::size_t kRelocationsAtOnce = 32768;
constexpr std::size_t kMostNameBytes = std::size_t{64} << 20;
constexpr uint64_t kWord = sizeof(uint64_t);

} // namespace

RelocatedData::RelocatedData(const ObjectFile &file, const ObjectSymbols &dynamic)
{
	const auto &segments = file.segments();
	// Where linkers do not separate code, constants lie with it.
	const bool mixed = std::none_of(segments.begin(), segments.end(), [](const ObjectFile::Segment &segment) {
		return !segment.executable && !segment.writable;
	});
	for (const ObjectFile::Segment &segment : segments) {
		if (segment.executable)
			code_.push_back({segment.address, segment.address + segment.size});
		if (segment.writable || (file.has_fixed_addresses() && (!segment.executable || mixed)))
			keep(file, segment);
	}
	relocate(file, dynamic);
}

void RelocatedData::keep(const ObjectFile &file, ObjectFile::Segment segment)
{
	if (!file.has_fixed_addresses() && file.constant_start() < file.constant_end()) {
		const uint64_t start = std::max(segment.address, file.constant_start());
		const uint64_t end = std::min(segment.address + segment.size, file.constant_end());
		if (start >= end)
			return;
		segment.offset += start - segment.address;
		segment.address = start;
		segment.size = end - start;
	}
	const uint64_t skipped = (kWord - segment.address % kWord) % kWord;
	if (segment.size < skipped + kWord)
		return;
	if (segment.size > kMostKept - kept_) {
		problem_ = "an object's data is too large to look for its classes";
		return;
	}
	Part part;
	part.address = segment.address + skipped;
	part.words.resize((segment.size - skipped) / kWord);
	const std::size_t got = file.read_at(segment.offset + skipped, part.words.data(), part.words.size() * kWord);
	part.words.resize(got / kWord);
	kept_ += part.words.size() * kWord;
	parts_.push_back(std::move(part));
}

// Packed relative relocations (DT_RELR) need nothing: their pointers stand in the data.
void RelocatedData::relocate(const ObjectFile &file, const ObjectSymbols &dynamic)
{
	uint64_t address = 0, size = 0;
	for (const Elf64_Dyn &entry : file.dynamic_entries()) {
		if (entry.d_tag == DT_RELA)
			address = entry.d_un.d_ptr;
		if (entry.d_tag == DT_RELASZ)
			size = entry.d_un.d_val;
	}
	size = std::min(size, file.room_at(address));
	if (size > kMostRelocationBytes)
		problem_ = "an object has too many relocations to look for all of its classes";
	size = std::min(size, kMostRelocationBytes);
	uint64_t offset = file.offset_of(address).value_or(0);
	while (size >= sizeof(Elf64_Rela)) {
		const std::string bytes =
			file.at(offset, std::min<uint64_t>(size, kRelocationsAtOnce * sizeof(Elf64_Rela)));
		recording::Cursor in(bytes);
		while (in.left() >= sizeof(Elf64_Rela))
			apply(in.read<Elf64_Rela>(), dynamic, file.machine());
		if (in.position() == 0)
			break;
		offset += in.position();
		size -= in.position();
	}
}

// Of typeinfos and tables; others are not asked for.
template <typename Key>
void RelocatedData::remember(std::unordered_map<Key, std::string> *names, Key key, std::string_view name)
{
	if (!name.starts_with("_ZT") || names->count(key) > 0)
		return;
	if (name.size() > kMostNameBytes - name_bytes_) {
		problem_ = "an object's symbols are too long to look for all of its classes";
		return;
	}
	name_bytes_ += name.size();
	names->emplace(key, name);
}

void RelocatedData::apply(const Elf64_Rela &relocation, const ObjectSymbols &dynamic, uint16_t machine)
{
	const bool arm = machine == EM_AARCH64;
	const auto type = static_cast<uint32_t>(ELF64_R_TYPE(relocation.r_info));
	const auto symbol = static_cast<uint32_t>(ELF64_R_SYM(relocation.r_info));
	if (type == (arm ? R_AARCH64_COPY : R_X86_64_COPY)) {
		remember(&copied_, relocation.r_offset, dynamic.name_of(symbol));
		return;
	}
	uint64_t *word = const_cast<uint64_t *>(find(relocation.r_offset));
	if (word == nullptr)
		return;
	const auto addend = static_cast<uint64_t>(relocation.r_addend);
	if (type == (arm ? R_AARCH64_RELATIVE : R_X86_64_RELATIVE)) {
		*word = addend;
	} else if (type == (arm ? R_AARCH64_ABS64 : R_X86_64_64) && symbol < dynamic.symbols().size()) {
		const Elf64_Sym &to = dynamic.symbols()[symbol];
		if (to.st_shndx != SHN_UNDEF || symbol == 0) {
			*word = to.st_value + addend;
			return;
		}
		*word = kExternal | symbol;
		remember(&names_, symbol, dynamic.name_of(symbol));
	}
}

bool RelocatedData::is_code(uint64_t address) const
{
	return std::any_of(code_.begin(), code_.end(),
			   [&](const Range &range) { return address >= range.start && address < range.end; });
}

} // namespace neuroperf::collector
