// SPDX-License-Identifier: Apache-2.0
// A file with code as a recording names it, and the search for that very file on this machine.
//
// What is on disk now may be another build than what ran. A recorded build id decides; a file with another one is never
// taken. Without one the path has to do. Looked at, in this order: the path; the path as the process sees it (other
// mount namespace); perf's cache; debug files by build id; debuginfod servers if wanted. A process in another mount
// namespace is asked first when no build id was recorded: the path alone would name a stranger.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "analyzer/debuginfod.hpp"
#include "analyzer/elf_file.hpp"

namespace neuroperf::analyzer {

// A mapped file (or generated code), as the recording knows it.
struct CodeFile {
	std::string path; // as in the MMAP record: "/usr/lib/libc.so.6", "[vdso]", "/tmp/perf-123.map" (generated
			  // code), "[kernel.kallsyms]", "[nf_tables]", "/lib/modules/6.1/x.ko", "/memfd:x (deleted)"
	std::string build_id; // raw bytes as recorded; empty: not known
	uint32_t pid = 0;     // of a process that mapped it: for /proc/PID/root/PATH; 0: none
	bool kernel = false;  // the kernel or one of its modules; offsets are then absolute kernel addresses

	auto operator<=>(const CodeFile &) const = default;
};

struct CodePlaces {
	std::string root;           // before every path of the system
	std::string debug_root;     // below it: /usr/lib/debug
	std::string build_id_cache; // perf's; not below root
};

// $HOME/.debug; empty without a home.
std::string default_build_id_cache();

// ".../usr/lib" for "/usr/lib/x.so"; "." without a slash.
std::string folder_of(const std::string &path);

// Mappings that are no files and cannot be found anywhere: "[heap]", "//anon", "/dev/zero (deleted)" ...
bool is_no_file(const CodeFile &file);

class CodeFinder {
public:
	CodeFinder(CodePlaces places, Debuginfod *servers) : places_(std::move(places)), servers_(servers) {}

	struct Found {
		std::optional<ElfFile> elf;
		std::string path;           // where it is, for its debug file; empty when only its build id found it
		bool is_debug_file = false; // the binary itself is gone
		std::string problem;        // nothing was found: why, one sentence
	};
	Found find(const CodeFile &file);

	// The separate file with the symbols (or the debug information) that `elf` lacks.
	std::optional<ElfFile> find_debug_file(const Found &found, std::string *problem);

	// An entry of perf's cache: elf, vdso, kallsyms, debug; or the entry is the file itself.
	Result<FileDescriptor> cached(std::string_view build_id, const std::string &kind) const;
	const CodePlaces &places() const { return places_; }

private:
	struct Search;
	Found find_vdso(const CodeFile &file);
	bool take(Search *search, Result<FileDescriptor> file, const std::string &name);
	void look_at_paths(Search *search);
	void look_by_build_id(Search *search);
	Result<FileDescriptor> open_on_system(const std::string &path) const;
	std::optional<ElfFile> ask_servers(std::string_view build_id, Debuginfod::Kind kind, std::string *problem);

	CodePlaces places_;
	Debuginfod *servers_; // nullptr: do not ask
};

} // namespace neuroperf::analyzer
