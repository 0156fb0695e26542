// SPDX-License-Identifier: Apache-2.0
// The kernel's own symbol table as text: "ffffffff81000000 T _stext" or "ffffffffc0201000 t name\t[module]".
#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "analyzer/symbol_table_builder.hpp"

namespace neuroperf::analyzer {

namespace {

constexpr std::size_t kMaximumText = std::size_t{256} << 20;
constexpr uint64_t kPage = 4096;

struct Line {
	uint64_t address = 0;
	char type = 0;
	std::string_view name, module;
};

bool parse_line(std::string_view text, Line *line)
{
	const char *end = text.data() + text.size();
	const auto [rest, error] = std::from_chars(text.data(), end, line->address, 16);
	if (error != std::errc() || end - rest < 4 || rest[0] != ' ' || rest[2] != ' ')
		return false;
	line->type = rest[1];
	line->name = {rest + 3, static_cast<std::size_t>(end - rest - 3)};
	const std::size_t tab = line->name.find('\t');
	line->module = tab == std::string_view::npos ? std::string_view{} : line->name.substr(tab + 1);
	line->name = line->name.substr(0, tab);
	return !line->name.empty();
}

bool is_text(char type)
{
	return std::string_view("tTwWi").find(type) != std::string_view::npos;
}

SymbolTableBuilder::Binding binding_of(char type)
{
	if (type == 'w' || type == 'W')
		return SymbolTableBuilder::Binding::weak;
	return type == 'T' ? SymbolTableBuilder::Binding::global : SymbolTableBuilder::Binding::local;
}

std::vector<Line> parse(std::string_view text)
{
	std::vector<Line> lines;
	while (!text.empty()) {
		const std::size_t end = std::min(text.find('\n'), text.size());
		Line line;
		if (parse_line(text.substr(0, end), &line))
			lines.push_back(line);
		text.remove_prefix(std::min(end + 1, text.size()));
	}
	std::stable_sort(lines.begin(), lines.end(),
			 [](const Line &a, const Line &b) { return a.address < b.address; });
	return lines;
}

// A function ends at the next symbol. The last one of a module must not reach to wherever the next module lies: it ends
// with the page after the one it begins in.
uint64_t limit_of(const std::vector<Line> &lines, std::size_t index)
{
	if (index + 1 < lines.size() && lines[index + 1].module == lines[index].module)
		return lines[index + 1].address;
	const uint64_t address = lines[index].address;
	if (address > UINT64_MAX - 2 * kPage)
		return UINT64_MAX;
	return (address + 2 * kPage - 1) / kPage * kPage;
}

} // namespace

Result<SymbolTable> SymbolTable::from_kallsyms(const std::string &path)
{
	Result<FileDescriptor> file = open_regular_file(path);
	if (!file.ok())
		return file.error();
	Result<std::string> text = read_all(*file, path, kMaximumText);
	if (!text.ok())
		return text.error();
	return from_kallsyms_text(*text, path, 0, true);
}

Result<SymbolTable> SymbolTable::from_kallsyms_text(std::string_view text, const std::string &path, uint64_t delta,
						    bool modules)
{
	const std::vector<Line> lines = parse(text);
	if (lines.empty())
		return Error{ErrorCode::format, fmt::format("{} is not a kernel symbol table", path), 0, ""};
	if (lines.back().address == 0)
		return Error{ErrorCode::privilege, fmt::format("{} hides the kernel's addresses", path), 0,
			     "run as root, or set kernel.kptr_restrict to 0"};
	SymbolTableBuilder builder;
	for (std::size_t i = 0; i < lines.size(); i++) {
		const Line &line = lines[i];
		if (line.name == "_text" && line.module.empty())
			builder.set_kernel_text_address(line.address + delta);
		if (line.module.empty() || modules)
			builder.add({line.address + delta, 0, limit_of(lines, i) + delta, line.name,
				     binding_of(line.type), is_text(line.type)});
	}
	return builder.finish();
}

} // namespace neuroperf::analyzer
