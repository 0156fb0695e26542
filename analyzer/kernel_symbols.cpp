// SPDX-License-Identifier: Apache-2.0
#include "analyzer/kernel_symbols.hpp"

#include <sys/utsname.h>

#include <fmt/format.h>

#include "analyzer/build_id.hpp"
#include "analyzer/elf_debug_file.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr std::size_t kMaximumKallsyms = std::size_t{256} << 20, kMaximumNotes = std::size_t{1} << 20;

// The build id of the kernel that runs here: the notes as a file; empty if it does not tell.
std::string running_build_id()
{
	Result<FileDescriptor> file = open_regular_file("/sys/kernel/notes");
	if (!file.ok())
		return "";
	const Result<std::string> notes = read_all(*file, "/sys/kernel/notes", kMaximumNotes);
	if (!notes.ok())
		return "";
	const auto word = [&](std::size_t at) {
		uint32_t value = 0;
		notes->copy(reinterpret_cast<char *>(&value), sizeof value, at);
		return std::size_t{value};
	};
	const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
	for (std::size_t at = 0; at + 12 <= notes->size();) {
		const std::size_t name = word(at), content = word(at + 4), type = word(at + 8);
		if (type == NT_GNU_BUILD_ID && notes->compare(at + 12, 4, std::string("GNU\0", 4)) == 0 &&
		    at + 16 + content <= notes->size())
			return notes->substr(at + 16, content);
		at += 12 + padded(name) + padded(content);
	}
	return "";
}

std::string sentence_of(const Error &error)
{
	return error.hint.empty() ? error.what : error.what + "; " + error.hint;
}

bool from_running_kernel(const RecordedKernel &recorded, const std::string &kallsyms, KernelSymbols *found)
{
	Result<SymbolTable> table = SymbolTable::from_kallsyms(kallsyms);
	if (!table.ok()) {
		found->problem = sentence_of(table.error());
		return false;
	}
	if (recorded.text_address != 0 && recorded.text_address != table->kernel_text_address()) {
		found->problem =
			fmt::format("recorded under another kernel boot (_text was at {:#x}, {} has it at {:#x}); "
				    "kernel functions have no names",
				    recorded.text_address, kallsyms, table->kernel_text_address());
		return false;
	}
	if (kallsyms == "/proc/kallsyms" && !recorded.build_id.empty()) {
		const std::string running = running_build_id();
		if (!running.empty() && !same_build_id(running, recorded.build_id)) {
			found->problem =
				fmt::format("recorded under another kernel (build id {} recorded, {} runs); kernel "
					    "functions have no names",
					    short_build_id(recorded.build_id), short_build_id(running));
			return false;
		}
	}
	found->table = std::move(*table);
	found->problem.clear();
	return true;
}

constexpr const char *kModulesMissing =
	"names of the kernel come from a copy of another boot; functions of its modules have no names";

bool from_cached_kallsyms(const RecordedKernel &recorded, const CodeFinder &finder, KernelSymbols *found)
{
	Result<FileDescriptor> file = finder.cached(recorded.build_id, "kallsyms");
	if (!file.ok())
		return false;
	const Result<std::string> text = read_all(*file, "kallsyms", kMaximumKallsyms);
	if (!text.ok())
		return false;
	Result<SymbolTable> table = SymbolTable::from_kallsyms_text(*text, "kallsyms", 0, true);
	if (!table.ok() || table->kernel_text_address() == 0 || recorded.text_address == 0)
		return false;
	found->problem.clear();
	if (const uint64_t delta = recorded.text_address - table->kernel_text_address(); delta != 0) {
		table = SymbolTable::from_kallsyms_text(*text, "kallsyms", delta, false);
		if (!table.ok())
			return false;
		found->problem = kModulesMissing;
	}
	found->table = std::move(*table);
	return true;
}

bool take_vmlinux(const RecordedKernel &recorded, const std::optional<ElfFile> &elf, KernelSymbols *found)
{
	if (!elf || !same_build_id(elf->build_id(), recorded.build_id) || recorded.text_address == 0)
		return false;
	SymbolTable table = SymbolTable::from_elf(*elf);
	if (table.kernel_text_address() == 0)
		return false;
	table.move_by(recorded.text_address - table.kernel_text_address());
	found->table = std::move(table);
	found->problem = kModulesMissing;
	return true;
}

bool from_vmlinux(const RecordedKernel &recorded, CodeFinder *finder, KernelSymbols *found)
{
	const auto opened = [](Result<FileDescriptor> file) -> std::optional<ElfFile> {
		if (!file.ok())
			return std::nullopt;
		Result<ElfFile> elf = ElfFile::open(std::move(*file), "vmlinux");
		return elf.ok() ? std::optional<ElfFile>(std::move(*elf)) : std::nullopt;
	};
	const CodePlaces &places = finder->places();
	const std::string debug_root = places.root + places.debug_root;
	for (const char *kind : {"elf", ""})
		if (take_vmlinux(recorded, opened(finder->cached(recorded.build_id, kind)), found))
			return true;
	if (take_vmlinux(recorded, find_debug_file_by_build_id(recorded.build_id, debug_root), found))
		return true;
	struct utsname system = {};
	if (::uname(&system) != 0)
		return false;
	const std::string release(system.release);
	return take_vmlinux(recorded, opened(open_regular_file(debug_root + "/boot/vmlinux-" + release)), found) ||
	       take_vmlinux(recorded, opened(open_regular_file(places.root + "/boot/vmlinux-" + release)), found);
}

} // namespace

KernelSymbols find_kernel_symbols(const RecordedKernel &recorded, const std::string &kallsyms, CodeFinder *finder)
{
	KernelSymbols found;
	if (kallsyms.empty())
		return found;
	if (!finder->places().root.empty() && recorded.text_address == 0 && recorded.build_id.empty()) {
		found.problem = "nothing tells which kernel was recorded; kernel functions have no names";
		return found;
	}
	if (from_running_kernel(recorded, kallsyms, &found) || recorded.build_id.empty())
		return found;
	if (!from_cached_kallsyms(recorded, *finder, &found))
		from_vmlinux(recorded, finder, &found);
	return found;
}

} // namespace neuroperf::analyzer
