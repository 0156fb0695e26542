// SPDX-License-Identifier: Apache-2.0
#include "collector/cxx_classes.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <unordered_map>

namespace neuroperf::collector {
namespace {

constexpr uint64_t kWord = 8;
constexpr std::size_t kLongestName = std::size_t{64} << 10;
constexpr std::size_t kNameBlock = std::size_t{64} << 10, kMostNameBlocks = 8192; // 512 MiB
constexpr std::size_t kMostNameBytes = std::size_t{64} << 20;
constexpr uint32_t kMostBases = 1024;
constexpr std::size_t kMostEdges = std::size_t{4} << 20;
constexpr std::size_t kMostPartsOfAClass = 16;
constexpr int64_t kLargestObject = int64_t{1} << 40;
constexpr std::size_t kMostTypes = std::size_t{1} << 20, kMostTables = std::size_t{1} << 20;
constexpr unsigned kMostSlots = 512;

bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

// Whether a length and that many letters stand here.
bool starts_with_identifier(std::string_view text)
{
	std::size_t length = 0, at = 0;
	for (; at < text.size() && is_digit(text[at]) && at < 5; at++)
		length = length * 10 + static_cast<std::size_t>(text[at] - '0');
	return length > 0 && length <= text.size() - at && !is_digit(text[at]);
}

// Roughly; the rest of a typeinfo is looked at too.
bool is_class_name(std::string_view name)
{
	const bool printable = std::all_of(name.begin(), name.end(), [](char letter) {
		return static_cast<unsigned char>(letter) > ' ' && letter != '\x7f';
	});
	if (name.empty() || !printable)
		return false;
	if (name == "Si" || name == "So" || name == "Sd") // streams
		return true;
	if (name.front() == 'Z') // local to a function
		return name.size() > 4 && name.find('E') != name.npos;
	if (name.front() == 'N') {
		if (name.back() != 'E')
			return false;
		name.remove_prefix(1);
	}
	if (name.starts_with("St"))
		name.remove_prefix(2);
	return starts_with_identifier(name);
}

bool may_start_class_name(char letter)
{
	return is_digit(letter) || letter == 'N' || letter == 'S' || letter == 'Z';
}

std::string_view without_star(std::string_view name)
{
	return name.starts_with('*') ? name.substr(1) : name;
}

// Reads texts of segments that are not kept, in blocks.
class NameReader {
public:
	explicit NameReader(const ObjectFile &file) : file_(file) {}

	// The class's name at an address, without '*'; empty if there is none. Lives as long as this.
	std::string_view class_name_at(uint64_t address)
	{
		const auto known = names_.find(address);
		if (known != names_.end())
			return known->second;
		const uint64_t room = std::min<uint64_t>(file_.room_at(address), kLongestName);
		if (room == 0)
			return {};
		const uint64_t offset = *file_.offset_of(address);
		const std::string_view start = part(offset, room);
		const std::string_view letter = start.starts_with('*') ? part(offset + 1, room - 1) : start;
		if (letter.empty() || !may_start_class_name(letter.front()))
			return {};
		std::string text = text_at(offset, room);
		if (!is_class_name(without_star(text)))
			return {};
		return names_.emplace(address, without_star(text)).first->second;
	}
	bool exhausted() const { return blocks_.size() >= kMostNameBlocks || bytes_ >= kMostNameBytes; }
	std::unordered_map<uint64_t, std::string> take() { return std::move(names_); }

private:
	std::string text_at(uint64_t offset, uint64_t room)
	{
		std::string text;
		while (room > 0) {
			const std::string_view more = part(offset, room);
			const std::size_t end = more.find('\0');
			text += more.substr(0, end);
			bytes_ += more.substr(0, end).size() + 1;
			if (end != more.npos)
				return text;
			if (more.empty())
				break;
			offset += more.size();
			room -= more.size();
		}
		return "";
	}
	// What a block has from this offset on, at most `size`.
	std::string_view part(uint64_t offset, uint64_t size)
	{
		const uint64_t number = offset / kNameBlock;
		auto block = blocks_.find(number);
		if (block == blocks_.end()) {
			if (exhausted())
				return {};
			block = blocks_.emplace(number, file_.at(number * kNameBlock, kNameBlock)).first;
		}
		const std::string_view bytes = block->second;
		const std::size_t inside = offset % kNameBlock;
		return inside < bytes.size() ? bytes.substr(inside, size) : std::string_view();
	}

	const ObjectFile &file_;
	std::unordered_map<uint64_t, std::string> blocks_, names_;
	std::size_t bytes_ = 0;
};

enum class TypeKind { none, plain, one_base, bases, unknown };

TypeKind kind_by_name(std::string_view class_name)
{
	if (class_name == "N10__cxxabiv117__class_type_infoE")
		return TypeKind::plain;
	if (class_name == "N10__cxxabiv120__si_class_type_infoE")
		return TypeKind::one_base;
	if (class_name == "N10__cxxabiv121__vmi_class_type_infoE")
		return TypeKind::bases;
	return TypeKind::none;
}

} // namespace

class CxxClasses::Scan {
public:
	Scan(const ObjectFile &file, const ObjectSymbols &dynamic) : data_(file, dynamic)
	{
		NameReader names(file);
		find_types(names);
		if (names.exhausted())
			problem_ = "an object's names are too long to look for all of its classes";
		names_ = names.take();
		for (uint32_t type = 0; type < addresses_.size(); type++) // without the external ones
			find_bases(type);
		find_tables();
	}

	bool has(std::string_view name) const { return ids_.count(name) > 0; }
	std::vector<Function> virtual_slot(std::string_view base, unsigned slot) const;
	const RelocatedData &data() const { return data_; }
	const std::string &problem() const { return data_.problem().empty() ? problem_ : data_.problem(); }

private:
	struct Part {
		uint32_t type;
		int64_t offset; // of `base` in it
	};
	struct Table {
		uint64_t slots;
		uint32_t type;
		int64_t offset; // of the part that it is for
	};

	bool is_table_of_types(uint64_t pointer) const;
	void find_types(NameReader &names);
	uint32_t add_type(std::string_view name);
	TypeKind kind_of(uint64_t type_address) const;
	std::optional<uint32_t> type_at(uint64_t pointer);
	void find_bases(uint32_t type);
	void find_base_list(uint32_t type, uint64_t address);
	void add_base(uint32_t type, uint32_t base, int64_t offset);
	void find_tables();
	std::vector<std::vector<int64_t>> offsets_in_types(std::string_view base) const;
	uint64_t function_at(const Table &table, unsigned slot) const;

	RelocatedData data_;
	std::unordered_map<uint64_t, std::string> names_;
	std::vector<uint64_t> addresses_;          // of types of this file
	std::vector<std::string_view> type_names_; // also of types of other files, behind these
	std::vector<std::vector<Part>> derived_;   // by base
	std::unordered_multimap<std::string_view, uint32_t> ids_;
	std::unordered_map<uint64_t, uint32_t> by_address_;
	std::unordered_map<std::string_view, uint32_t> external_;
	std::vector<Table> tables_;
	std::size_t edges_ = 0;
	std::string problem_;
};

uint32_t CxxClasses::Scan::add_type(std::string_view name)
{
	const auto id = static_cast<uint32_t>(type_names_.size());
	type_names_.push_back(name);
	derived_.emplace_back();
	return id;
}

// Whether a typeinfo's first word can be this: it leads to a table of functions, of another file or of this one.
bool CxxClasses::Scan::is_table_of_types(uint64_t pointer) const
{
	constexpr std::string_view kTables = "_ZTVN10__cxxabiv1";
	if (data_.is_external(pointer))
		return data_.external_name(pointer).starts_with(kTables);
	const uint64_t function = data_.word(pointer);
	if (data_.is_external(function))
		return !data_.external_name(function).starts_with("_ZTI");
	return data_.is_code(function) || data_.copied_name(pointer - 2 * kWord).starts_with(kTables);
}

void CxxClasses::Scan::find_types(NameReader &names)
{
	data_.for_each_word([&](uint64_t address, uint64_t first) {
		if (!is_table_of_types(first))
			return;
		const std::string_view name = names.class_name_at(data_.word(address + kWord));
		if (name.empty())
			return;
		if (addresses_.size() >= kMostTypes) {
			problem_ = "an object has too many classes to look for all of them";
			return;
		}
		by_address_.emplace(address, add_type(name));
		addresses_.push_back(address);
	});
}

TypeKind CxxClasses::Scan::kind_of(uint64_t type_address) const
{
	const uint64_t table = data_.word(type_address);
	std::string_view symbol = data_.external_name(table);
	if (symbol.empty())
		symbol = data_.copied_name(table - 2 * kWord);
	if (symbol.starts_with("_ZTV"))
		return kind_by_name(symbol.substr(4));
	const auto own = by_address_.find(data_.word(table - kWord));
	return own == by_address_.end() ? TypeKind::unknown : kind_by_name(type_names_[own->second]);
}

// Of a base, which may be a class of another file.
std::optional<uint32_t> CxxClasses::Scan::type_at(uint64_t pointer)
{
	const auto own = by_address_.find(pointer);
	if (own != by_address_.end())
		return own->second;
	std::string_view symbol = data_.external_name(pointer);
	if (symbol.empty())
		symbol = data_.copied_name(pointer);
	if (!symbol.starts_with("_ZTI"))
		return std::nullopt;
	symbol.remove_prefix(4);
	const auto known = external_.find(symbol);
	if (known != external_.end())
		return known->second;
	const uint32_t id = add_type(symbol);
	ids_.emplace(symbol, id);
	return external_.emplace(symbol, id).first->second;
}

void CxxClasses::Scan::add_base(uint32_t type, uint32_t base, int64_t offset)
{
	if (edges_ >= kMostEdges) {
		problem_ = "an object's classes have too many bases to look for all of them";
		return;
	}
	edges_++;
	derived_[base].push_back({type, offset});
}

void CxxClasses::Scan::find_bases(uint32_t type)
{
	const uint64_t address = addresses_[type];
	const TypeKind kind = kind_of(address);
	if (kind == TypeKind::none)
		return;
	ids_.emplace(type_names_[type], type);
	if (kind == TypeKind::one_base || kind == TypeKind::unknown) {
		if (const auto base = type_at(data_.word(address + 2 * kWord))) {
			add_base(type, *base, 0);
			return;
		}
	}
	if (kind == TypeKind::bases || kind == TypeKind::unknown)
		find_base_list(type, address + 2 * kWord);
}

void CxxClasses::Scan::find_base_list(uint32_t type, uint64_t address)
{
	constexpr uint64_t kKnownFlags = 0x1f, kVirtual = 1;
	const uint64_t start = data_.word(address);
	const uint64_t flags = start & UINT32_MAX, count = start >> 32;
	if (flags > kKnownFlags || count == 0 || count > kMostBases)
		return;
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t entry = address + (1 + 2 * i) * kWord;
		const auto base = type_at(data_.word(entry));
		if (!base)
			continue; // of another kind or damaged
		const auto offset_and_flags = static_cast<int64_t>(data_.word(entry + kWord));
		if ((offset_and_flags & kVirtual) == 0)
			add_base(type, *base, offset_and_flags >> 8);
	}
}

void CxxClasses::Scan::find_tables()
{
	data_.for_each_word([&](uint64_t address, uint64_t word) {
		const auto type = by_address_.find(word);
		if (type == by_address_.end() || address < kWord || !data_.holds(address - kWord))
			return;
		const auto to_top = static_cast<int64_t>(data_.word(address - kWord));
		if (to_top > 0 || to_top <= -kLargestObject)
			return;
		if (tables_.size() >= kMostTables) {
			problem_ = "an object has too many tables of virtual functions to look at all of them";
			return;
		}
		tables_.push_back({address + kWord, type->second, -to_top});
	});
}

// Where `base` lies in each class; bounded, for classes of a hostile file may derive from each other.
std::vector<std::vector<int64_t>> CxxClasses::Scan::offsets_in_types(std::string_view base) const
{
	std::vector<std::vector<int64_t>> offsets(type_names_.size());
	std::vector<Part> open;
	const auto add = [&](uint32_t type, int64_t offset) {
		std::vector<int64_t> &known = offsets[type];
		if (offset < 0 || offset >= kLargestObject || known.size() >= kMostPartsOfAClass ||
		    std::find(known.begin(), known.end(), offset) != known.end())
			return;
		known.push_back(offset);
		open.push_back({type, offset});
	};
	const auto [first, last] = ids_.equal_range(base);
	for (auto it = first; it != last; ++it)
		add(it->second, 0);
	while (!open.empty()) {
		const Part part = open.back();
		open.pop_back();
		for (const Part &child : derived_[part.type])
			if (child.offset >= 0 && child.offset < kLargestObject)
				add(child.type, part.offset + child.offset);
	}
	return offsets;
}

// 0 if none stands there. The next table's typeinfo ends a table: it is neither code nor zero.
uint64_t CxxClasses::Scan::function_at(const Table &table, unsigned slot) const
{
	for (unsigned i = 0;; i++) {
		const uint64_t address = table.slots + i * kWord;
		const uint64_t word = data_.word(address);
		const bool in_table = data_.holds(address) &&
				      (data_.is_external(word) ? !data_.external_name(word).starts_with("_ZTI")
							       : word == 0 || data_.is_code(word));
		if (!in_table)
			return 0;
		if (i == slot)
			return data_.is_external(word) ? 0 : word;
	}
}

std::vector<CxxClasses::Function> CxxClasses::Scan::virtual_slot(std::string_view base, unsigned slot) const
{
	std::vector<Function> functions;
	if (slot >= kMostSlots)
		return functions;
	const auto offsets = offsets_in_types(base);
	for (const Table &table : tables_) {
		const std::vector<int64_t> &parts = offsets[table.type];
		if (std::find(parts.begin(), parts.end(), table.offset) == parts.end())
			continue;
		if (const uint64_t address = function_at(table, slot))
			functions.push_back({address, table.slots + slot * kWord, type_names_[table.type]});
	}
	return functions;
}

CxxClasses::CxxClasses(const ObjectFile &file, const ObjectSymbols &dynamic)
	: scan_(std::make_unique<Scan>(file, dynamic))
{
}
CxxClasses::~CxxClasses() = default;

const RelocatedData &CxxClasses::data() const
{
	return scan_->data();
}

bool CxxClasses::has(std::string_view name) const
{
	return scan_->has(name);
}

std::vector<CxxClasses::Function> CxxClasses::virtual_slot(std::string_view base, unsigned slot) const
{
	return scan_->virtual_slot(base, slot);
}

const std::string &CxxClasses::problem() const
{
	return scan_->problem();
}

} // namespace neuroperf::collector
