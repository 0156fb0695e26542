// SPDX-License-Identifier: Apache-2.0
// Names, inlined functions and source lines for places in code: of ELF files, the kernel, the vdso, generated code.
//
// A Symbolizer reads a file when its first place is asked for, and shares what it read among the processes that mapped
// the same file. It never fails as a whole: what cannot be named is left unnamed and problems() says why. What is shown
// is true: a file that is not the recorded one is not used (code_file.hpp). File contents are hostile input. What it
// returns lives as long as the Symbolizer. Not thread safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "analyzer/code_file.hpp"

namespace neuroperf::analyzer {

class Symbolizer {
public:
	struct Options {
		std::string kallsyms = "/proc/kallsyms"; // "" = never look
		// Of _text when recorded (0 = unknown): another kernel is not trusted.
		uint64_t kernel_text_address = 0;
		bool demangle = true;
		bool inline_frames = false;      // for inlined()
		bool lines = false;              // for line()
		bool debuginfod = false;         // ask the servers in DEBUGINFOD_URLS for files by build id
		std::string build_id_cache = {}; // perf's; "$HOME/.debug" if empty
		// Before every path of the system, for recordings of other machines ("" = none).
		std::string root = {};
		std::string debug_root = "/usr/lib/debug";
	};
	explicit Symbolizer(Options options);
	~Symbolizer();
	Symbolizer(const Symbolizer &) = delete;
	Symbolizer &operator=(const Symbolizer &) = delete;

	// Instead of the option, when the recording says it; before the first name of the kernel.
	void set_kernel_text_address(uint64_t address) { options_.kernel_text_address = address; }

	using FileId = uint32_t;
	// Cheap, reads nothing yet. The same file gets the same number.
	FileId add(CodeFile file);
	// The program with this pid says in this jitdump file what it generated; used where it wrote no
	// /tmp/perf-PID.map.
	void add_jitdump(uint32_t pid, const std::string &path);

	struct Name {
		std::string_view text; // empty: not known
		uint64_t offset = 0;   // distance from the function's start
	};
	// `offset`: in the file; in the kernel, in generated code and in jitdump files an address.
	Name name(FileId file, uint64_t offset);

	struct InlineFrame {
		std::string_view name;
		std::string_view file; // the line that ran in this function (the innermost one) or called the next one
		uint32_t line = 0;     // 0: not known
	};
	// The functions inlined at that place, outermost (nearest to the containing function) first, without the
	// containing function itself. Only with debug information and `inline_frames`.
	void inlined(FileId file, uint64_t offset, std::vector<InlineFrame> *frames);

	struct Line {
		std::string_view file; // empty: not known
		uint32_t number = 0;
	};
	// The line of the code there: inside the innermost inlined function. Only with `lines`.
	Line line(FileId file, uint64_t offset);
	// The line in the containing function: where it called the outermost inlined function, if there is one. Needs
	// `lines` and `inline_frames`.
	Line line_in_function(FileId file, uint64_t offset);

	// One sentence per file that could not be read, or not all of it, with its reason.
	const std::map<std::string, std::string> &problems() const { return problems_; }

private:
	struct Module;
	using ModulePointer = std::shared_ptr<Module>;
	Module &module_of(FileId file);
	ModulePointer load(const CodeFile &file);
	ModulePointer load_file(const CodeFile &file);
	ModulePointer load_perf_map(const CodeFile &file, uint32_t pid);
	ModulePointer load_jitdump(const CodeFile &file);
	ModulePointer load_kernel();
	void load_debug_information(Module *module, CodeFinder::Found found, std::optional<ElfFile> debug,
				    const std::string &path);
	bool merge_jitdumps(uint32_t pid, Module *module);
	bool address_of(Module &module, uint64_t offset, uint64_t *address);
	std::string_view readable(Module &module, std::string_view name);
	void problem(const std::string &path, const std::string &sentence);

	Options options_;
	Debuginfod servers_;
	CodeFinder finder_;
	std::vector<CodeFile> files_;
	std::map<CodeFile, FileId> ids_;
	std::vector<ModulePointer> modules_; // by FileId; nullptr: not read yet
	std::map<std::pair<dev_t, ino_t>, ModulePointer> by_identity_;
	ModulePointer kernel_;
	std::multimap<uint32_t, std::string> jitdumps_; // by pid
	std::map<std::string, std::string> problems_;
};

} // namespace neuroperf::analyzer
