// SPDX-License-Identifier: Apache-2.0
#include "analyzer/symbolizer.hpp"

#include <algorithm>
#include <unordered_map>

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

#include <fmt/format.h>

namespace neuroperf::analyzer {

namespace {

const std::string kKernel = "[kernel.kallsyms]";
const std::string kVdso = "[vdso]";
constexpr std::string_view kDeleted = " (deleted)";

bool begins_with(std::string_view text, std::string_view start)
{
	return text.substr(0, start.size()) == start;
}

// Mappings that are no files: "[heap]", "//anon", "anon_inode:[perf_event]", "/memfd:x (deleted)", shared memory,
// devices.
bool has_no_names(std::string_view module)
{
	if (module.empty() || module[0] != '/')
		return true;
	if (begins_with(module, "/dev/"))
		return !begins_with(module, "/dev/shm/");
	return begins_with(module, "//") || begins_with(module, "/memfd:") || begins_with(module, "/SYSV") ||
	       begins_with(module, "/anon_hugepage") || begins_with(module, "/drm mm object") ||
	       begins_with(module, "/i915");
}

bool is_deleted(std::string_view module)
{
	return module.size() > kDeleted.size() && module.substr(module.size() - kDeleted.size()) == kDeleted;
}

// The vdso of this process. The kernel gives only its start; its headers say how far it reaches.
Result<SymbolTable> read_vdso()
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
	return SymbolTable::from_elf_image(image, size);
}

std::string sentence_of(const Error &error)
{
	return error.hint.empty() ? error.what : error.what + "; " + error.hint;
}

} // namespace

struct Symbolizer::Module {
	SymbolTable table; // empty when it could not be read
	std::unordered_map<const Symbol *, std::string> demangled;
};

Symbolizer::Symbolizer(Options options) : options_(std::move(options)) {}
Symbolizer::~Symbolizer() = default;

Symbolizer::Module &Symbolizer::module_of(const std::string &path)
{
	std::unique_ptr<Module> &module = modules_[path];
	if (module != nullptr)
		return *module;
	module = std::make_unique<Module>();
	if (path != kVdso && has_no_names(path))
		return *module;
	if (is_deleted(path)) {
		problems_[path] = "the file was deleted or replaced after it was mapped; its functions have no names";
		return *module;
	}
	Result<SymbolTable> table = path == kVdso ? read_vdso() : SymbolTable::from_elf_file(path);
	if (table.ok())
		module->table = std::move(*table);
	else
		problems_[path] = sentence_of(table.error());
	return *module;
}

Symbolizer::Module &Symbolizer::kernel()
{
	std::unique_ptr<Module> &module = modules_[kKernel];
	if (module != nullptr)
		return *module;
	module = std::make_unique<Module>();
	if (options_.kallsyms.empty())
		return *module;
	Result<SymbolTable> table = SymbolTable::from_kallsyms(options_.kallsyms);
	if (!table.ok())
		problems_[kKernel] = sentence_of(table.error());
	else if (options_.kernel_text_address != 0 && options_.kernel_text_address != table->kernel_text_address())
		problems_[kKernel] =
			fmt::format("recorded under another kernel boot (_text was at {:#x}, {} has it at {:#x}); "
				    "kernel functions have no names",
				    options_.kernel_text_address, options_.kallsyms, table->kernel_text_address());
	else
		module->table = std::move(*table);
	return *module;
}

Symbolizer::Name Symbolizer::name_of(Module &module, uint64_t address)
{
	const Symbol *symbol = module.table.find(address);
	if (symbol == nullptr)
		return {};
	const uint64_t offset = address - symbol->address;
	if (!options_.demangle || !begins_with(symbol->name, "_Z"))
		return {symbol->name, offset};
	const auto [found, is_new] = module.demangled.try_emplace(symbol);
	if (is_new)
		found->second = analyzer::demangle(symbol->name);
	return {found->second, offset};
}

Symbolizer::Name Symbolizer::resolve_user(const std::string &module, uint64_t file_offset)
{
	Module &known = module_of(module);
	uint64_t address = 0;
	if (!known.table.address_of_offset(file_offset, &address))
		return {};
	return name_of(known, address);
}

Symbolizer::Name Symbolizer::resolve_kernel(uint64_t address)
{
	return name_of(kernel(), address);
}

} // namespace neuroperf::analyzer
