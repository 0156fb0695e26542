// SPDX-License-Identifier: Apache-2.0
#include "collector/object_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostProgramHeaders = 512, kMostSegments = 64, kMostSections = 65535;
constexpr std::size_t kMostDynamicEntries = 4096;
constexpr uint64_t kHighestAddress = uint64_t{1} << 56;
constexpr uint64_t kLargestSymbols = uint64_t{256} << 20, kLargestNames = uint64_t{1} << 30;
constexpr std::size_t kLongestName = std::size_t{64} << 10;

Error error_of_reading(int error)
{
	return {ErrorCode::io, std::string("cannot read an object for its functions: ") + std::strerror(error), error,
		""};
}

bool is_object(const Elf64_Ehdr &header)
{
	return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
	       header.e_ident[EI_DATA] == ELFDATA2LSB && (header.e_type == ET_EXEC || header.e_type == ET_DYN);
}

} // namespace

Result<ObjectFile> ObjectFile::read(int file)
{
	struct stat status = {};
	if (::fstat(file, &status) != 0)
		return error_of_reading(errno);
	if (!S_ISREG(status.st_mode))
		return Error{ErrorCode::format, "an object is no regular file", 0, ""};
	ObjectFile object(file);
	object.file_size_ = static_cast<uint64_t>(std::max<off_t>(status.st_size, 0));
	const auto headers = object.entries<Elf64_Ehdr>(0, 1);
	if (object.error_ != 0)
		return error_of_reading(object.error_);
	if (headers.empty() || !is_object(headers[0]))
		return Error{ErrorCode::format, "not an executable or shared object (ELF, 64 bits, little endian)", 0,
			     ""};
	const Elf64_Ehdr &header = headers[0];
	if (header.e_machine != EM_X86_64 && header.e_machine != EM_AARCH64)
		return Error{ErrorCode::unsupported, "an object is neither of x86-64 nor of arm64", 0, ""};
	object.machine_ = header.e_machine;
	object.fixed_ = header.e_type == ET_EXEC;
	if (header.e_phentsize == sizeof(Elf64_Phdr))
		for (const Elf64_Phdr &segment : object.entries<Elf64_Phdr>(
			     header.e_phoff, std::min<std::size_t>(header.e_phnum, kMostProgramHeaders)))
			object.add_segment(segment);
	if (header.e_shentsize == sizeof(Elf64_Shdr))
		object.sections_ = object.entries<Elf64_Shdr>(header.e_shoff,
							      std::min<std::size_t>(header.e_shnum, kMostSections));
	if (object.error_ != 0)
		return error_of_reading(object.error_);
	return object;
}

void ObjectFile::add_segment(const Elf64_Phdr &header)
{
	if (header.p_offset >= file_size_)
		return;
	const uint64_t in_file = std::min(header.p_filesz, file_size_ - header.p_offset);
	if (header.p_type == PT_DYNAMIC) {
		dynamic_offset_ = header.p_offset;
		dynamic_size_ = in_file;
	}
	if (header.p_type == PT_GNU_EH_FRAME && header.p_vaddr < kHighestAddress)
		unwind_address_ = header.p_vaddr;
	if (header.p_type == PT_GNU_RELRO && header.p_vaddr < kHighestAddress && header.p_memsz < kHighestAddress) {
		constant_start_ = header.p_vaddr;
		constant_end_ = header.p_vaddr + header.p_memsz;
	}
	// The kernel and ld.so want them in order.
	const uint64_t after = segments_.empty() ? 0 : segments_.back().address + segments_.back().memory_size;
	if (header.p_type != PT_LOAD || segments_.size() >= kMostSegments || header.p_vaddr < after ||
	    header.p_vaddr >= kHighestAddress || header.p_memsz >= kHighestAddress || header.p_filesz > header.p_memsz)
		return;
	segments_.push_back({header.p_vaddr, header.p_offset, in_file, header.p_memsz, (header.p_flags & PF_X) != 0,
			     (header.p_flags & PF_W) != 0});
}

std::vector<Elf64_Dyn> ObjectFile::dynamic_entries() const
{
	auto all = entries<Elf64_Dyn>(dynamic_offset_,
				      std::min<uint64_t>(dynamic_size_ / sizeof(Elf64_Dyn), kMostDynamicEntries));
	all.erase(std::find_if(all.begin(), all.end(), [](const Elf64_Dyn &entry) { return entry.d_tag == DT_NULL; }),
		  all.end());
	return all;
}

const ObjectFile::Segment *ObjectFile::segment_of(uint64_t address) const
{
	for (const Segment &segment : segments_)
		if (address >= segment.address && address - segment.address < segment.memory_size)
			return &segment;
	return nullptr;
}

std::optional<uint64_t> ObjectFile::offset_of(uint64_t address) const
{
	if (room_at(address) == 0)
		return std::nullopt;
	const Segment &segment = *segment_of(address);
	return segment.offset + (address - segment.address);
}

uint64_t ObjectFile::room_at(uint64_t address) const
{
	const Segment *segment = segment_of(address);
	if (segment == nullptr || address - segment->address >= segment->size)
		return 0;
	return segment->size - (address - segment->address);
}

std::size_t ObjectFile::read_at(uint64_t offset, void *to, std::size_t size) const
{
	if (offset >= file_size_)
		return 0;
	size = static_cast<std::size_t>(std::min<uint64_t>(size, file_size_ - offset));
	std::size_t used = 0;
	while (used < size) {
		const ssize_t got =
			::pread(file_, static_cast<char *>(to) + used, size - used, static_cast<off_t>(offset + used));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			error_ = errno;
		if (got <= 0)
			break;
		used += static_cast<std::size_t>(got);
	}
	return used;
}

std::string ObjectFile::at(uint64_t offset, std::size_t size) const
{
	if (offset >= file_size_)
		return "";
	std::string bytes(static_cast<std::size_t>(std::min<uint64_t>(size, file_size_ - offset)), '\0');
	bytes.resize(read_at(offset, bytes.data(), bytes.size()));
	return bytes;
}

template <typename T> std::vector<T> ObjectFile::entries(uint64_t offset, std::size_t count) const
{
	const std::string bytes = at(offset, count * sizeof(T));
	std::vector<T> entries(bytes.size() / sizeof(T));
	if (!entries.empty())
		std::memcpy(entries.data(), bytes.data(), entries.size() * sizeof(T));
	return entries;
}

ObjectSymbols ObjectSymbols::read(const ObjectFile &file, uint32_t section_type)
{
	ObjectSymbols table;
	const auto &sections = file.sections();
	const auto section = std::find_if(sections.begin(), sections.end(), [&](const Elf64_Shdr &one) {
		return one.sh_type == section_type && one.sh_entsize == sizeof(Elf64_Sym);
	});
	if (section == sections.end() || section->sh_link >= sections.size() ||
	    sections[section->sh_link].sh_type != SHT_STRTAB)
		return table;
	const std::string bytes = file.at(section->sh_offset, std::min(section->sh_size, kLargestSymbols));
	table.symbols_.resize(bytes.size() / sizeof(Elf64_Sym));
	if (!table.symbols_.empty())
		std::memcpy(table.symbols_.data(), bytes.data(), table.symbols_.size() * sizeof(Elf64_Sym));
	const Elf64_Shdr &names = sections[section->sh_link];
	table.names_ = file.at(names.sh_offset, std::min(names.sh_size, kLargestNames));
	return table;
}

std::string_view ObjectSymbols::name_of(const Elf64_Sym &symbol) const
{
	if (symbol.st_name >= names_.size())
		return {};
	const char *start = names_.data() + symbol.st_name;
	const std::size_t room = std::min(names_.size() - symbol.st_name, kLongestName);
	const void *nul = std::memchr(start, 0, room);
	if (nul == nullptr)
		return {};
	return {start, static_cast<std::size_t>(static_cast<const char *>(nul) - start)};
}

} // namespace neuroperf::collector
