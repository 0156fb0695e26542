// SPDX-License-Identifier: Apache-2.0
#include "collector/usdt_sites.hpp"

#include <elf.h>
#include <neuroperf/attach.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "recording/bytes.hpp"

namespace neuroperf::collector {
namespace {

#if defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#else
constexpr unsigned kMachine = EM_X86_64;
#endif
constexpr unsigned char kData = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

constexpr std::size_t kLargestNames = 1u << 20, kLargestNotes = 4u << 20;
constexpr std::size_t kMostSites = 64; // one is what a linker leaves
constexpr uint32_t kStapsdtType = 3;
constexpr std::string_view kWideNop{"\x0f\x1f\x44\x00\x00", 5};

// Parts of a file, read when asked for.
class FileBytes {
public:
	explicit FileBytes(int file) : file_(file) {}

	// Fewer than `size` bytes where the file ends.
	std::string at(uint64_t offset, std::size_t size)
	{
		std::string bytes(size, '\0');
		std::size_t used = 0;
		while (used < size && offset <= INT64_MAX - size) {
			const ssize_t got =
				::pread(file_, bytes.data() + used, size - used, static_cast<off_t>(offset + used));
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0)
				error_ = errno;
			if (got <= 0)
				break;
			used += static_cast<std::size_t>(got);
		}
		bytes.resize(used);
		return bytes;
	}
	template <typename T> std::vector<T> entries(uint64_t offset, std::size_t count)
	{
		const std::string bytes = at(offset, count * sizeof(T));
		std::vector<T> entries(bytes.size() / sizeof(T));
		if (!entries.empty())
			std::memcpy(entries.data(), bytes.data(), entries.size() * sizeof(T));
		return entries;
	}
	int error() const { return error_; }

private:
	int file_;
	int error_ = 0;
};

bool is_object_of_this_machine(const Elf64_Ehdr &header)
{
	return std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_ident[EI_CLASS] == ELFCLASS64 &&
	       header.e_ident[EI_DATA] == kData && header.e_machine == kMachine &&
	       (header.e_type == ET_EXEC || header.e_type == ET_DYN) && header.e_phentsize == sizeof(Elf64_Phdr) &&
	       header.e_shentsize == sizeof(Elf64_Shdr);
}

class SiteFinder {
public:
	explicit SiteFinder(int file) : file_(file) {}

	void find()
	{
		const auto headers = file_.entries<Elf64_Ehdr>(0, 1);
		if (headers.empty() || !is_object_of_this_machine(headers[0]))
			return;
		const Elf64_Ehdr &header = headers[0];
		segments_ = file_.entries<Elf64_Phdr>(header.e_phoff, header.e_phnum);
		sections_ = file_.entries<Elf64_Shdr>(header.e_shoff, header.e_shnum);
		if (header.e_shstrndx >= sections_.size())
			return;
		const Elf64_Shdr &names = sections_[header.e_shstrndx];
		names_ = file_.at(names.sh_offset, std::min<uint64_t>(names.sh_size, kLargestNames));
		for (const Elf64_Shdr &section : sections_)
			if (name_of(section) == ".stapsdt.base")
				base_ = section.sh_addr;
		std::size_t room = kLargestNotes; // for all sections together
		for (const Elf64_Shdr &section : sections_) {
			if (section.sh_type != SHT_NOTE || name_of(section) != ".note.stapsdt")
				continue;
			const std::string notes =
				file_.at(section.sh_offset, std::min<uint64_t>(section.sh_size, room));
			room -= notes.size();
			read_notes(notes);
		}
	}

	UsdtSites &found() { return found_; }
	int error() const { return file_.error(); }

private:
	std::string_view name_of(const Elf64_Shdr &section) const
	{
		const std::string_view names = names_;
		if (section.sh_name >= names.size())
			return {};
		const std::string_view name = names.substr(section.sh_name);
		return name.substr(0, name.find('\0'));
	}

	// Owner and description are each padded to four bytes.
	void read_notes(std::string_view notes)
	{
		recording::Cursor in(notes);
		while (in.left() >= sizeof(Elf64_Nhdr)) {
			const auto note = in.read<Elf64_Nhdr>();
			const uint64_t owner_room = (uint64_t{note.n_namesz} + 3) / 4 * 4;
			const uint64_t room = (uint64_t{note.n_descsz} + 3) / 4 * 4;
			if (owner_room > in.left() || std::min<uint64_t>(room, note.n_descsz) > in.left() - owner_room)
				return;
			const std::string_view owner = in.read_bytes(owner_room).substr(0, note.n_namesz);
			const std::string_view text = in.read_bytes(std::min<uint64_t>(room, in.left()));
			if (note.n_type == kStapsdtType && owner == std::string_view("stapsdt", 8))
				read_note(text.substr(0, note.n_descsz));
		}
	}

	void read_note(std::string_view text)
	{
		recording::Cursor in(text);
		const auto location = in.read<uint64_t>(), base = in.read<uint64_t>(), semaphore = in.read<uint64_t>();
		constexpr std::string_view kNames{"neuroperf\0event\0", 16};
		if (!in.ok() || text.substr(24, kNames.size()) != kNames)
			return;
		// A tool that has moved sections after linking (prelink) does not know of the addresses in notes.
		const uint64_t moved = base_ != 0 && base != 0 ? base_ - base : 0;
		UsdtSite site;
		if (found_.sites.size() >= kMostSites || !offset_of(location + moved, PF_X, 1, &site.offset) ||
		    !offset_of(semaphore + moved, PF_W, sizeof(uint16_t), &site.semaphore_offset)) {
			found_.bad_notes++;
			return;
		}
		for (const UsdtSite &other : found_.sites)
			if (other.offset == site.offset)
				return;
		uint64_t end = 0;
		site.wide_nop_follows = offset_of(location + moved, PF_X, 1 + kWideNop.size(), &end) &&
					file_.at(site.offset + 1, kWideNop.size()) == kWideNop;
		found_.sites.push_back(site);
	}

	// Where `size` bytes at an address come from the file.
	bool offset_of(uint64_t address, uint32_t flag, std::size_t size, uint64_t *offset) const
	{
		for (const Elf64_Phdr &segment : segments_) {
			if (segment.p_type != PT_LOAD || !(segment.p_flags & flag) || address < segment.p_vaddr)
				continue;
			const uint64_t inside = address - segment.p_vaddr;
			if (inside >= segment.p_filesz || segment.p_filesz - inside < size ||
			    segment.p_offset > INT64_MAX - inside)
				continue;
			*offset = segment.p_offset + inside;
			return true;
		}
		return false;
	}

	FileBytes file_;
	std::vector<Elf64_Phdr> segments_;
	std::vector<Elf64_Shdr> sections_;
	std::string names_;
	uint64_t base_ = 0;
	UsdtSites found_;
};

} // namespace

Result<UsdtSites> find_usdt_sites(int file)
{
	SiteFinder finder(file);
	finder.find();
	if (finder.error() != 0)
		return Error{ErrorCode::io,
			     std::string("cannot read an object for its probes: ") + std::strerror(finder.error()),
			     finder.error(), ""};
	return std::move(finder.found());
}

} // namespace neuroperf::collector
