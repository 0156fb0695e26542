// SPDX-License-Identifier: Apache-2.0
#include "analyzer/code_file.hpp"

#include <cstdlib>

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "analyzer/build_id.hpp"
#include "analyzer/elf_debug_file.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr std::string_view kDeleted = " (deleted)";

bool is_deleted(std::string_view path)
{
	return path.size() > kDeleted.size() && path.substr(path.size() - kDeleted.size()) == kDeleted;
}

std::string target_of(const std::string &link)
{
	std::array<char, PATH_MAX> text = {};
	const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
	return size <= 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
}

bool is_in_another_mount_namespace(uint32_t pid)
{
	const std::string theirs = target_of(fmt::format("/proc/{}/ns/mnt", pid));
	return !theirs.empty() && theirs != target_of("/proc/self/ns/mnt");
}

// The vdso of this process. The kernel gives only its start; its headers say how far it reaches.
Result<ElfFile> own_vdso()
{
	const uintptr_t start = getauxval(AT_SYSINFO_EHDR);
	if (start == 0)
		return Error{ErrorCode::unsupported, "this kernel provides no vdso", 0, ""};
	const void *image = reinterpret_cast<const void *>(start); // NOLINT: an address by the kernel's word
	const auto *header = static_cast<const ElfW(Ehdr) *>(image);
	std::size_t size = header->e_shoff + std::size_t{header->e_shnum} * header->e_shentsize;
	const auto *segments = reinterpret_cast<const ElfW(Phdr) *>(start + header->e_phoff);
	for (unsigned i = 0; i < header->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			size = std::max<std::size_t>(size, segments[i].p_offset + segments[i].p_filesz);
	return ElfFile::from_image(image, size);
}

} // namespace

// One search under way.
struct CodeFinder::Search {
	const CodeFile &file;
	std::string path; // as it was before it was deleted
	bool deleted = false;
	Found found;
	std::string stranger; // build id of a file at the path that is another one
	bool has_stranger = false;
	bool at_paths = true; // still looking at paths, not by build id
	std::string error;    // why the path cannot be read

	std::string problem() const
	{
		if (has_stranger)
			return fmt::format(
				"the file was replaced since it was recorded (build id {} recorded, {} found); "
				"its functions have no names",
				short_build_id(file.build_id), short_build_id(stranger));
		if (deleted && file.build_id.empty())
			return "the file was deleted or replaced after it was mapped; its functions have no names";
		const std::string reason = deleted ? "the file was deleted after it was mapped" : error;
		if (file.build_id.empty())
			return fmt::format("{}; its functions have no names", reason);
		return fmt::format("{}, and no file with its build id {} is found; its functions have no names",
				   reason.empty() ? "it is no file" : reason, short_build_id(file.build_id));
	}
};

std::string default_build_id_cache()
{
	const char *home = std::getenv("HOME");
	return home == nullptr || *home == '\0' ? "" : std::string(home) + "/.debug";
}

std::string folder_of(const std::string &path)
{
	const std::size_t slash = path.rfind('/');
	return slash == std::string::npos ? "." : path.substr(0, slash);
}

bool is_no_file(const CodeFile &file)
{
	const std::string_view path = file.path;
	if (!file.build_id.empty())
		return false;
	if (path.empty() || path[0] != '/')
		return path != "[vdso]";
	if (path.starts_with("/dev/"))
		return !path.starts_with("/dev/shm/");
	for (const std::string_view start : {"//", "/memfd:", "/SYSV", "/anon_hugepage", "/drm mm object", "/i915"})
		if (path.starts_with(start))
			return true;
	return false;
}

Result<FileDescriptor> CodeFinder::open_on_system(const std::string &path) const
{
	// Absolute symbolic links in another system's tree mean that tree; what is not below it may be linked to.
	if (!places_.root.empty())
		if (Result<FileDescriptor> file = open_regular_file_below(places_.root, path); file.ok())
			return file;
	return open_regular_file(places_.root + path);
}

bool CodeFinder::take(Search *search, Result<FileDescriptor> file, const std::string &name)
{
	if (!file.ok()) {
		if (search->error.empty())
			search->error = file.error().what;
		return false;
	}
	Result<ElfFile> elf = ElfFile::open(std::move(*file), name);
	if (!elf.ok()) {
		if (search->error.empty())
			search->error = elf.error().what;
		return false;
	}
	const std::string &wanted = search->file.build_id;
	if (!wanted.empty() && !same_build_id(elf->build_id(), wanted)) {
		if (!search->has_stranger && search->at_paths)
			search->stranger = elf->build_id();
		search->has_stranger = search->has_stranger || search->at_paths;
		return false;
	}
	search->found.elf = std::move(*elf);
	return true;
}

void CodeFinder::look_at_paths(Search *search)
{
	const std::string &path = search->path;
	if (path.empty() || path[0] != '/' || is_no_file({path, "", 0, false}))
		return;
	if (search->deleted && search->file.build_id.empty())
		return;
	const uint32_t pid = places_.root.empty() ? search->file.pid : 0;
	const std::string process = fmt::format("/proc/{}/root", pid);
	const bool process_first = pid != 0 && search->file.build_id.empty() && is_in_another_mount_namespace(pid);
	if (process_first && take(search, open_regular_file_below(process, path), process + path))
		return;
	if (take(search, open_on_system(path), places_.root + path)) {
		search->found.path = path;
		return;
	}
	if (!process_first && pid != 0)
		take(search, open_regular_file_below(process, path), process + path);
}

Result<FileDescriptor> CodeFinder::cached(std::string_view build_id, const std::string &kind) const
{
	const std::string place = build_id_place(build_id);
	if (place.empty() || places_.build_id_cache.empty())
		return Error{ErrorCode::not_found, "not in the build-id cache", 0, ""};
	const std::string entry = places_.build_id_cache + "/" + place;
	return open_regular_file(kind.empty() ? entry : entry + "/" + kind);
}

void CodeFinder::look_by_build_id(Search *search)
{
	const std::string &id = search->file.build_id;
	if (id.empty())
		return;
	search->at_paths = false;
	for (const char *kind : {"elf", "vdso", ""}) {
		Result<FileDescriptor> file = cached(id, kind);
		if (file.ok() && take(search, std::move(file), "cached file"))
			return;
	}
	std::string ignored;
	search->found.elf = find_debug_file_by_build_id(id, places_.root + places_.debug_root);
	if (search->found.elf) {
		search->found.is_debug_file = true;
		// objcopy --only-keep-debug forgets where code lies in the file; then the binary itself is needed.
		const auto &segments = search->found.elf->executable_segments();
		if (std::any_of(segments.begin(), segments.end(), [](const auto &segment) { return segment.size > 0; }))
			return;
	}
	if (std::optional<ElfFile> elf = ask_servers(id, Debuginfod::Kind::executable, &search->found.problem)) {
		search->found.elf = std::move(elf);
		search->found.is_debug_file = false;
		return;
	}
	if (!search->found.elf)
		return;
	search->found.elf.reset();
	search->found.problem = "only its separate debug file is found, which does not say where code lies in the file "
				"itself; its functions have no names";
}

std::optional<ElfFile> CodeFinder::ask_servers(std::string_view build_id, Debuginfod::Kind kind, std::string *problem)
{
	if (servers_ == nullptr || build_id.empty())
		return std::nullopt;
	Result<FileDescriptor> file = servers_->find(build_id, kind);
	if (!file.ok()) {
		*problem = file.error().what;
		return std::nullopt;
	}
	Result<ElfFile> elf = ElfFile::open(std::move(*file), "file from a debuginfod server");
	if (!elf.ok() || !same_build_id(elf->build_id(), build_id)) {
		*problem = "a debuginfod server gave another file than was asked for";
		return std::nullopt;
	}
	return std::move(*elf);
}

CodeFinder::Found CodeFinder::find_vdso(const CodeFile &file)
{
	Search search{file, file.path, false, {}, "", false, true, ""};
	Result<ElfFile> own = own_vdso();
	if (!own.ok()) {
		search.error = own.error().what;
	} else if (file.build_id.empty() ? places_.root.empty() : same_build_id(own->build_id(), file.build_id)) {
		search.found.elf = std::move(*own);
		return std::move(search.found);
	} else {
		search.error = "recorded under another kernel than this one";
	}
	look_by_build_id(&search);
	if (!search.found.elf)
		search.found.problem = search.problem();
	return std::move(search.found);
}

CodeFinder::Found CodeFinder::find(const CodeFile &file)
{
	if (is_no_file(file))
		return {};
	if (file.path == "[vdso]")
		return find_vdso(file);
	Search search{file, file.path, is_deleted(file.path), {}, "", false, true, ""};
	if (search.deleted)
		search.path.resize(search.path.size() - kDeleted.size());
	look_at_paths(&search);
	if (!search.found.elf)
		look_by_build_id(&search);
	if (search.found.elf) {
		search.found.problem.clear();
	} else {
		const std::string more = search.found.problem;
		search.found.problem = search.problem() + (more.empty() ? "" : "; " + more);
	}
	return std::move(search.found);
}

std::optional<ElfFile> CodeFinder::find_debug_file(const Found &found, std::string *problem)
{
	const ElfFile &elf = *found.elf;
	const std::string debug_root = places_.root + places_.debug_root;
	std::optional<ElfFile> debug =
		found.path.empty() ? find_debug_file_by_build_id(elf.build_id(), debug_root)
				   : analyzer::find_debug_file(elf, found.path, places_.debug_root, places_.root);
	if (debug)
		return debug;
	if (Result<FileDescriptor> file = cached(elf.build_id(), "debug"); file.ok()) {
		Result<ElfFile> candidate = ElfFile::open(std::move(*file), "cached debug file");
		if (candidate.ok() && has_symbols_or_debug_information(*candidate) &&
		    same_build_id(candidate->build_id(), elf.build_id()))
			return std::move(*candidate);
	}
	return ask_servers(elf.build_id(), Debuginfod::Kind::debug_information, problem);
}

} // namespace neuroperf::analyzer
