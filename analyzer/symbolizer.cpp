// SPDX-License-Identifier: Apache-2.0
#include "analyzer/symbolizer.hpp"

#include <algorithm>
#include <cstdlib>
#include <unordered_map>

#include "analyzer/demangle.hpp"
#include "analyzer/dwarf_lines.hpp"
#include "analyzer/elf_debug_file.hpp"
#include "analyzer/jitdump.hpp"
#include "analyzer/kernel_symbols.hpp"
#include "analyzer/perf_map.hpp"
#include "analyzer/symbol_table.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr const char *kTooMuchGenerated = "it names more functions than can be kept; some have no names";

std::string sentence_of(const Error &error)
{
	return error.hint.empty() ? error.what : error.what + "; " + error.hint;
}

CodePlaces places_of(const Symbolizer::Options &options)
{
	return {options.root, options.debug_root,
		options.build_id_cache.empty() ? default_build_id_cache() : options.build_id_cache};
}

} // namespace

// What was read of one file.
struct Symbolizer::Module {
	SymbolTable table;                        // empty when it could not be read
	std::unique_ptr<GeneratedCode> generated; // instead of the table
	bool by_address = false;                  // what it is asked for are addresses, not file offsets
	std::unique_ptr<DwarfLines> dwarf;
	std::string path;                                        // for problems
	std::unordered_map<const char *, std::string> demangled; // by where the mangled name is
};

Symbolizer::Symbolizer(Options options)
	: options_(std::move(options)), finder_(places_of(options_), options_.debuginfod ? &servers_ : nullptr)
{
}
Symbolizer::~Symbolizer() = default;

Symbolizer::FileId Symbolizer::add(CodeFile file)
{
	const auto [known, is_new] = ids_.try_emplace(std::move(file), static_cast<FileId>(files_.size()));
	if (is_new) {
		files_.push_back(known->first);
		modules_.emplace_back();
	}
	return known->second;
}

void Symbolizer::add_jitdump(uint32_t pid, const std::string &path)
{
	jitdumps_.emplace(pid, path);
}

void Symbolizer::problem(const std::string &path, const std::string &sentence)
{
	if (!sentence.empty())
		problems_.try_emplace(path, sentence);
}

Symbolizer::Module &Symbolizer::module_of(FileId file)
{
	ModulePointer &module = modules_[file];
	if (module == nullptr)
		module = load(files_[file]);
	return *module;
}

Symbolizer::ModulePointer Symbolizer::load(const CodeFile &file)
{
	uint32_t pid = 0;
	if (file.kernel)
		return load_kernel();
	if (is_perf_map(file.path, &pid))
		return load_perf_map(file, pid);
	if (is_jitdump(file.path))
		return load_jitdump(file);
	return load_file(file);
}

Symbolizer::ModulePointer Symbolizer::load_file(const CodeFile &file)
{
	CodeFinder::Found found = finder_.find(file);
	problem(file.path, found.problem);
	if (!found.elf)
		return std::make_shared<Module>();
	const std::pair<dev_t, ino_t> identity = identity_of(found.elf->file());
	if (const auto known = by_identity_.find(identity); identity.second != 0 && known != by_identity_.end())
		return known->second;
	auto module = std::make_shared<Module>();
	module->path = file.path;
	const bool wants_debug_information = options_.inline_frames || options_.lines;
	std::optional<ElfFile> debug;
	std::string debug_problem;
	if (!found.is_debug_file && (found.elf->section_of_type(SHT_SYMTAB) == nullptr ||
				     (wants_debug_information && !has_debug_information(*found.elf))))
		debug = finder_.find_debug_file(found, &debug_problem);
	problem(file.path, debug_problem);
	module->table = SymbolTable::from_elf(*found.elf, debug ? &*debug : nullptr);
	if (wants_debug_information)
		load_debug_information(module.get(), std::move(found), std::move(debug), file.path);
	if (identity.second != 0)
		by_identity_[identity] = module;
	return module;
}

void Symbolizer::load_debug_information(Module *module, CodeFinder::Found found, std::optional<ElfFile> debug,
					const std::string &path)
{
	DwarfLines::Options options;
	options.demangle = options_.demangle;
	options.folder = folder_of(options_.root + found.path);
	options.root = options_.root;
	options.debug_root = options_.debug_root;
	ElfFile &elf = debug && has_debug_information(*debug) ? *debug : *found.elf;
	Result<DwarfLines> dwarf = DwarfLines::open(std::move(elf), options);
	if (dwarf.ok())
		module->dwarf = std::make_unique<DwarfLines>(std::move(*dwarf));
	else if (dwarf.error().code != ErrorCode::not_found)
		problem(path, dwarf.error().what + "; inlined functions and lines are not shown");
}

bool Symbolizer::merge_jitdumps(uint32_t pid, Module *module)
{
	bool any = false;
	const auto [first, last] = jitdumps_.equal_range(pid);
	for (auto jitdump = first; jitdump != last; ++jitdump) {
		const Result<JitDump> dump = read_jitdump(options_.root + jitdump->second);
		if (!dump.ok()) {
			problem(jitdump->second, sentence_of(dump.error()));
			continue;
		}
		any = true;
		if (!dump->complete)
			problem(jitdump->second, kTooMuchGenerated);
		analyzer::add_jitdump(*dump, module->generated.get());
	}
	return any;
}

Symbolizer::ModulePointer Symbolizer::load_perf_map(const CodeFile &file, uint32_t pid)
{
	auto module = std::make_shared<Module>();
	module->by_address = true;
	module->path = file.path;
	module->generated = std::make_unique<GeneratedCode>();
	Result<PerfMap> map = read_perf_map(file.path, file.pid, options_.root);
	if (map.ok()) {
		*module->generated = std::move(map->code);
		problem(file.path, map->complete ? "" : kTooMuchGenerated);
		return module;
	}
	const bool any = merge_jitdumps(file.pid != 0 && jitdumps_.count(pid) == 0 ? file.pid : pid, module.get());
	if (!any || map.error().code != ErrorCode::not_found)
		problem(file.path, sentence_of(map.error()));
	return module;
}

Symbolizer::ModulePointer Symbolizer::load_jitdump(const CodeFile &file)
{
	auto module = std::make_shared<Module>();
	module->by_address = true;
	module->path = file.path;
	module->generated = std::make_unique<GeneratedCode>();
	const Result<JitDump> dump = read_jitdump(options_.root + file.path);
	if (!dump.ok())
		problem(file.path, sentence_of(dump.error()));
	else
		analyzer::add_jitdump(*dump, module->generated.get());
	if (dump.ok() && !dump->complete)
		problem(file.path, kTooMuchGenerated);
	return module;
}

Symbolizer::ModulePointer Symbolizer::load_kernel()
{
	if (kernel_ != nullptr)
		return kernel_;
	RecordedKernel recorded{"", options_.kernel_text_address};
	std::string path = "[kernel.kallsyms]";
	for (const CodeFile &file : files_)
		if (file.kernel && file.path.compare(0, 8, "[kernel.") == 0 && recorded.build_id.empty()) {
			recorded.build_id = file.build_id;
			path = file.path;
		}
	KernelSymbols symbols = find_kernel_symbols(recorded, options_.kallsyms, &finder_);
	problem(path, symbols.problem);
	kernel_ = std::make_shared<Module>();
	kernel_->by_address = true;
	kernel_->table = std::move(symbols.table);
	return kernel_;
}

std::string_view Symbolizer::readable(Module &module, std::string_view name)
{
	if (!options_.demangle || !may_be_mangled(name))
		return name;
	const auto [found, is_new] = module.demangled.try_emplace(name.data());
	if (is_new)
		found->second = demangle(std::string(name));
	return found->second;
}

bool Symbolizer::address_of(Module &module, uint64_t offset, uint64_t *address)
{
	*address = offset;
	return module.by_address || module.table.address_of_offset(offset, address);
}

Symbolizer::Name Symbolizer::name(FileId file, uint64_t offset)
{
	if (file >= files_.size())
		return {};
	Module &module = module_of(file);
	uint64_t address = 0;
	if (!address_of(module, offset, &address))
		return {};
	if (module.generated != nullptr) {
		const GeneratedCode::Function *function = module.generated->find(address);
		if (function == nullptr)
			return {};
		return {readable(module, function->name), address - function->address};
	}
	const Symbol *symbol = module.table.find(address);
	if (symbol == nullptr)
		return {};
	return {readable(module, symbol->name), address - symbol->address};
}

void Symbolizer::inlined(FileId file, uint64_t offset, std::vector<InlineFrame> *frames)
{
	frames->clear();
	if (file >= files_.size() || !options_.inline_frames)
		return;
	Module &module = module_of(file);
	uint64_t address = 0;
	if (module.dwarf == nullptr || !address_of(module, offset, &address))
		return;
	std::vector<DwarfLines::Frame> found;
	module.dwarf->inlined(address, &found);
	// The debug information says where each was called: in the one before it.
	for (std::size_t i = 0; i < found.size(); i++) {
		DwarfLines::Line at = i + 1 < found.size() ? found[i + 1].call : DwarfLines::Line{};
		if (i + 1 == found.size() && options_.lines)
			at = module.dwarf->line(address);
		frames->push_back({found[i].name, at.file, at.number});
	}
	problem(module.path, module.dwarf->problem());
}

Symbolizer::Line Symbolizer::line(FileId file, uint64_t offset)
{
	if (file >= files_.size() || !options_.lines)
		return {};
	Module &module = module_of(file);
	uint64_t address = 0;
	if (module.dwarf == nullptr || !address_of(module, offset, &address))
		return {};
	const DwarfLines::Line found = module.dwarf->line(address);
	problem(module.path, module.dwarf->problem());
	return {found.file, found.number};
}

Symbolizer::Line Symbolizer::line_in_function(FileId file, uint64_t offset)
{
	if (file >= files_.size() || !options_.lines || !options_.inline_frames)
		return line(file, offset);
	Module &module = module_of(file);
	uint64_t address = 0;
	if (module.dwarf == nullptr || !address_of(module, offset, &address))
		return {};
	std::vector<DwarfLines::Frame> frames;
	module.dwarf->inlined(address, &frames);
	if (frames.empty())
		return line(file, offset);
	return {frames.front().call.file, frames.front().call.number};
}

} // namespace neuroperf::analyzer
