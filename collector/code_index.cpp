// SPDX-License-Identifier: Apache-2.0
#include "collector/code_index.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <span>
#include <unordered_map>

#include "collector/cxx_classes.hpp"
#include "collector/function_body.hpp"
#include "collector/name_pattern.hpp"
#include "collector/object_file.hpp"
#include "collector/unwind_table.hpp"
#include "recording/elf_build_id.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kMostNameBytes = std::size_t{1}
				       << 30; // that one question looks at: symbols may share a long name
constexpr std::size_t kTableCode = 512;       // of a function that returns one: short
constexpr std::size_t kMostCode = std::size_t{16} << 20;

std::string hex(std::string_view bytes)
{
	std::string text;
	for (const char byte : bytes)
		text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
	return text;
}

bool is_function(const Elf64_Sym &symbol)
{
	const auto type = ELF64_ST_TYPE(symbol.st_info);
	return (type == STT_FUNC || type == STT_GNU_IFUNC) && symbol.st_shndx != SHN_UNDEF;
}

bool is_object(const Elf64_Sym &symbol)
{
	const auto type = ELF64_ST_TYPE(symbol.st_info);
	return (type == STT_OBJECT || type == STT_NOTYPE || type == STT_COMMON) && symbol.st_shndx != SHN_UNDEF;
}

// .symtab has "name@@VERSION".
std::string_view without_version(std::string_view name)
{
	return name.substr(0, name.find('@'));
}

// What a linker puts into the slots of pure virtual functions.
bool fills_slots(std::string_view name)
{
	return name == "__cxa_pure_virtual" || name == "__cxa_deleted_virtual";
}

// One place an offset: of a known size rather than without, then by name.
void keep_first_of_each(std::vector<CodePlace> *places)
{
	std::sort(places->begin(), places->end(), [](const CodePlace &a, const CodePlace &b) {
		if (a.offset != b.offset)
			return a.offset < b.offset;
		if ((a.size == 0) != (b.size == 0))
			return a.size != 0;
		return a.name < b.name;
	});
	places->erase(std::unique(places->begin(), places->end(),
				  [](const CodePlace &a, const CodePlace &b) { return a.offset == b.offset; }),
		      places->end());
}

} // namespace

struct CodeIndex::Content {
	explicit Content(ObjectFile opened)
		: file(std::move(opened)), dynamic(ObjectSymbols::read(file, SHT_DYNSYM)),
		  all(ObjectSymbols::read(file, SHT_SYMTAB))
	{
	}

	// Where a function at this address begins in the file, if code is there.
	std::optional<uint64_t> code_offset(uint64_t address) const
	{
		const ObjectFile::Segment *segment = file.segment_of(address);
		return segment != nullptr && segment->executable ? file.offset_of(address) : std::nullopt;
	}
	void add_functions(const ObjectSymbols &table, std::string_view pattern, std::vector<CodePlace> *places) const;
	std::vector<CodePlace> matching_objects(std::string_view pattern, std::size_t most) const;
	const CxxClasses &classes()
	{
		if (!found_classes)
			found_classes = std::make_unique<CxxClasses>(file, dynamic);
		return *found_classes;
	}
	const UnwindTable &unwind()
	{
		if (!unwind_table)
			unwind_table = std::make_unique<UnwindTable>(file);
		return *unwind_table;
	}
	uint64_t function_in_table(uint64_t function, uint64_t size, unsigned slot);
	void learn_from_symbols(std::unordered_map<uint64_t, CodePlace> *by_address) const;

	ObjectFile file;
	std::string build_id;
	ObjectSymbols dynamic, all;
	std::unique_ptr<CxxClasses> found_classes;
	std::unique_ptr<UnwindTable> unwind_table;
};

void CodeIndex::Content::add_functions(const ObjectSymbols &table, std::string_view pattern,
				       std::vector<CodePlace> *places) const
{
	const NamePattern wanted(pattern);
	std::size_t looked_at = 0;
	for (const Elf64_Sym &symbol : table.symbols()) {
		if (!is_function(symbol))
			continue;
		const std::string_view name = without_version(table.name_of(symbol));
		std::string shown;
		looked_at += name.size();
		if (looked_at > kMostNameBytes)
			return;
		if (name.empty() || !wanted.matches_symbol(name, &shown))
			continue;
		if (const auto offset = code_offset(symbol.st_value))
			places->push_back({*offset, std::min(symbol.st_size, file.room_at(symbol.st_value)),
					   std::string(name), wanted.captured(shown)});
	}
}

// Sizes, and which are no functions of this file: the stubs that stand for imported ones where addresses are fixed.
void CodeIndex::Content::learn_from_symbols(std::unordered_map<uint64_t, CodePlace> *by_address) const
{
	for (const ObjectSymbols *table : {&dynamic, &all}) {
		for (const Elf64_Sym &symbol : table->symbols()) {
			const auto place = by_address->find(symbol.st_value);
			if (place == by_address->end() || ELF64_ST_TYPE(symbol.st_info) != STT_FUNC)
				continue;
			if (symbol.st_shndx == SHN_UNDEF || fills_slots(without_version(table->name_of(symbol))))
				by_address->erase(place);
			else if (place->second.size == 0)
				place->second.size = std::min(symbol.st_size, file.room_at(symbol.st_value));
		}
	}
}

CodeIndex::CodeIndex(std::unique_ptr<Content> content) : content_(std::move(content)) {}
CodeIndex::CodeIndex(CodeIndex &&) noexcept = default;
CodeIndex &CodeIndex::operator=(CodeIndex &&) noexcept = default;
CodeIndex::~CodeIndex() = default;

Result<CodeIndex> CodeIndex::read(int file)
{
	auto object = ObjectFile::read(file);
	if (!object.ok())
		return object.error();
	auto content = std::make_unique<Content>(std::move(*object));
	if (const int error = content->file.error(); error != 0)
		return Error{ErrorCode::io, "cannot read the symbols of an object", error, ""};
	content->build_id = hex(recording::elf_build_id(file));
	return CodeIndex(std::move(content));
}

uint16_t CodeIndex::machine() const
{
	return content_->file.machine();
}

const std::string &CodeIndex::build_id() const
{
	return content_->build_id;
}

std::vector<CodePlace> CodeIndex::exported(std::string_view pattern) const
{
	std::vector<CodePlace> places;
	content_->add_functions(content_->dynamic, pattern, &places);
	keep_first_of_each(&places);
	return places;
}

std::vector<CodePlace> CodeIndex::any(std::string_view pattern) const
{
	std::vector<CodePlace> places;
	content_->add_functions(content_->dynamic, pattern, &places);
	content_->add_functions(content_->all, pattern, &places);
	keep_first_of_each(&places);
	return places;
}

std::vector<CodePlace> CodeIndex::Content::matching_objects(std::string_view pattern, std::size_t most) const
{
	const NamePattern wanted(pattern);
	std::vector<CodePlace> places;
	for (const ObjectSymbols *table : {&dynamic, &all}) {
		std::size_t looked_at = 0;
		for (const Elf64_Sym &symbol : table->symbols()) {
			if (!is_object(symbol) || looked_at > kMostNameBytes)
				continue;
			const std::string_view own = without_version(table->name_of(symbol));
			std::string shown;
			looked_at += own.size();
			if (own.empty() || !wanted.matches_symbol(own, &shown))
				continue;
			places.push_back({symbol.st_value, symbol.st_size, std::string(own), wanted.captured(shown)});
			if (places.size() == most)
				return places;
		}
	}
	return places;
}

std::optional<CodePlace> CodeIndex::data(std::string_view pattern) const
{
	std::vector<CodePlace> first = content_->matching_objects(pattern, 1);
	return first.empty() ? std::nullopt : std::optional(std::move(first.front()));
}

std::vector<CodePlace> CodeIndex::objects(std::string_view pattern) const
{
	std::vector<CodePlace> places = content_->matching_objects(pattern, SIZE_MAX);
	keep_first_of_each(&places);
	return places;
}

std::optional<uint32_t> CodeIndex::constant_at(uint64_t address) const
{
	const ObjectFile::Segment *const segment = content_->file.segment_of(address);
	const auto offset = content_->file.offset_of(address);
	uint32_t found = 0;
	if (!segment || segment->writable || !offset ||
	    content_->file.read_at(*offset, &found, sizeof found) != sizeof found)
		return std::nullopt;
	return found;
}

std::optional<uint64_t> CodeIndex::address_of(uint64_t offset) const
{
	for (const ObjectFile::Segment &segment : content_->file.segments())
		if (segment.executable && offset >= segment.offset && offset - segment.offset < segment.size)
			return segment.address + (offset - segment.offset);
	return std::nullopt;
}

// The first address that the function takes where a table is: what it returns, or 0: it is no such function. Where
// its size is not known (0), what follows it is taken for a part of it.
uint64_t CodeIndex::Content::function_in_table(uint64_t function, uint64_t size, unsigned slot)
{
	const RelocatedData &words = classes().data();
	const auto offset = code_offset(function);
	if (!offset)
		return 0;
	const uint64_t most = size == 0 ? kTableCode : std::min<uint64_t>(kTableCode, size);
	const std::string bytes = file.at(*offset, std::min<uint64_t>(most, file.room_at(function)));
	const std::span<const uint8_t> code(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size());
	const auto is_function = [&](uint64_t word) { return word != 0 && words.is_code(word); };
	for (const uint64_t table : addresses_taken(file.machine(), code, function))
		if (is_function(words.word(table)) && is_function(words.word(table + uint64_t{8} * slot)))
			return words.word(table + uint64_t{8} * slot);
	return 0;
}

std::optional<CodePlace> CodeIndex::in_table(std::string_view exported, const std::vector<unsigned> &slots) const
{
	const std::vector<CodePlace> start = this->exported(exported);
	uint64_t function = start.empty() ? 0 : address_of(start.front().offset).value_or(0);
	uint64_t size = start.empty() ? 0 : start.front().size;
	for (const unsigned slot : slots) {
		function = function == 0 ? 0 : content_->function_in_table(function, size, slot);
		size = 0;
	}
	const auto offset = function == 0 ? std::nullopt : content_->code_offset(function);
	if (!offset)
		return std::nullopt;
	return CodePlace{*offset, 0, fmt::format("{}[{}]", start.front().name, fmt::join(slots, "]["))};
}

bool CodeIndex::has_class(std::string_view rtti_name) const
{
	return content_->classes().has(rtti_name);
}

std::vector<CodePlace> CodeIndex::virtual_slot(std::string_view base, unsigned slot) const
{
	std::unordered_map<uint64_t, CodePlace> by_address;
	for (const CxxClasses::Function &function : content_->classes().virtual_slot(base, slot)) {
		const auto offset = content_->code_offset(function.address);
		if (!offset)
			continue;
		const auto [place, is_new] = by_address.try_emplace(
			function.address, CodePlace{*offset, 0, std::string(function.class_name)});
		if (!is_new && function.class_name < place->second.name)
			place->second.name = function.class_name;
		place->second.address = function.address;
		place->second.slots.push_back(function.slot_address);
	}
	content_->learn_from_symbols(&by_address);
	std::vector<CodePlace> places;
	places.reserve(by_address.size());
	for (auto &[address, place] : by_address)
		places.push_back(std::move(place));
	keep_first_of_each(&places);
	return places;
}

const std::string &CodeIndex::class_problem() const
{
	return content_->classes().problem();
}

std::optional<CodePart> CodeIndex::continued_part(uint64_t offset) const
{
	const auto address = address_of(offset);
	const auto part = address ? content_->unwind().continued_part(*address) : std::nullopt;
	const auto start = part ? content_->code_offset(part->begin) : std::nullopt;
	if (!start)
		return std::nullopt;
	return CodePart{*start, code(*start, part->end - part->begin)};
}

std::string CodeIndex::code(uint64_t offset, std::size_t size) const
{
	for (const ObjectFile::Segment &segment : content_->file.segments()) {
		if (!segment.executable || offset < segment.offset || offset - segment.offset >= segment.size)
			continue;
		const uint64_t room = segment.size - (offset - segment.offset);
		return content_->file.at(offset, static_cast<std::size_t>(std::min<uint64_t>({size, room, kMostCode})));
	}
	return "";
}

} // namespace neuroperf::collector
