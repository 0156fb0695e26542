// SPDX-License-Identifier: Apache-2.0
#include "viewer/render/text_table.hpp"

#include <algorithm>

#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastName = 20; // the first column, where it competes with others
constexpr std::size_t kLeastText = 8;  // other text columns
constexpr std::size_t kShortText = 20; // text that is given its width before the name is
constexpr std::size_t kPadLimit = 60;  // without a width: a longer name pushes its own row only

struct Column {
	std::size_t index = 0;
	std::size_t natural = 0; // its widest cell
	std::size_t width = 0;
};

std::size_t natural_width(const TextTable &table, std::size_t index)
{
	std::size_t widest = display_width(table.columns[index].heading);
	for (const std::vector<std::string> &row : table.rows)
		if (index < row.size())
			widest = std::max(widest, display_width(row[index]));
	return widest;
}

std::size_t total_width(const std::vector<Column> &columns)
{
	std::size_t sum = columns.empty() ? 0 : kGap * (columns.size() - 1);
	for (const Column &column : columns)
		sum += column.width;
	return sum;
}

// Takes columns out, least important first (of equals the last), until the line fits; then puts back what has room
// after all, most important first. Returns what stays out.
std::vector<Column> drop_columns(std::vector<Column> &columns, const TextTable &table, std::size_t width)
{
	const auto keep = [&](const Column &column) { return table.columns[column.index].keep; };
	std::vector<Column> dropped;
	while (columns.size() > 1 && total_width(columns) > width) {
		auto least = columns.begin() + 1;
		for (auto it = least; it != columns.end(); ++it)
			if (keep(*it) <= keep(*least))
				least = it;
		dropped.push_back(*least);
		columns.erase(least);
	}
	std::vector<Column> out;
	for (auto it = dropped.rbegin(); it != dropped.rend(); ++it) {
		if (keep(*it) >= 0 && total_width(columns) + kGap + it->width <= width)
			columns.push_back(*it);
		else
			out.push_back(*it);
	}
	const auto by_index = [](const Column &a, const Column &b) { return a.index < b.index; };
	std::sort(columns.begin(), columns.end(), by_index);
	std::sort(out.begin(), out.end(), by_index);
	return out;
}

void grow(Column &column, std::size_t to, std::size_t room)
{
	const std::size_t wish = std::min(column.natural, to);
	if (wish > column.width)
		column.width += std::min(wish - column.width, room);
}

// Starts every text column at its least width, drops columns until the line fits, then gives back what is left over:
// to short text first, then to the name, then to any.
void fit(std::vector<Column> &columns, const TextTable &table, std::size_t width, std::vector<std::string> &left_out)
{
	for (Column &column : columns)
		if (table.columns[column.index].text)
			column.width = std::min(column.natural, column.index == 0 ? kLeastName : kLeastText);
	for (const Column &column : drop_columns(columns, table, width))
		left_out.push_back(table.columns[column.index].heading);
	const auto room = [&] { return width - std::min(width, total_width(columns)); };
	for (std::size_t i = 1; i < columns.size(); i++)
		grow(columns[i], kShortText, room());
	for (Column &column : columns)
		grow(column, column.natural, room());
	if (columns.size() == 1)
		columns[0].width = std::min(columns[0].width, width);
}

std::string padded(const std::string &text, std::size_t width, bool left, bool last)
{
	const std::size_t used = display_width(text);
	const std::string pad(width > used ? width - used : 0, ' ');
	if (!left)
		return pad + text;
	return last ? text : text + pad;
}

std::string line_of(const std::vector<std::string> &row, const std::vector<Column> &columns, const TextTable &table,
		    const TextStyle &style)
{
	static const std::string kNone;
	std::string line;
	for (const Column &column : columns) {
		const std::string &text = column.index < row.size() ? row[column.index] : kNone;
		const std::string shown = style.width ? shorten_middle(text, column.width, style.unicode) : text;
		if (&column != &columns.front())
			line.append(kGap, ' ');
		line += padded(shown, column.width, table.columns[column.index].text, &column == &columns.back());
	}
	line.erase(line.find_last_not_of(' ') + 1);
	return line;
}

} // namespace

LaidOutTable lay_out(const TextTable &table, const TextStyle &style)
{
	LaidOutTable out;
	std::vector<Column> columns;
	for (std::size_t i = 0; i < table.columns.size(); i++) {
		const std::size_t natural = natural_width(table, i);
		columns.push_back({i, natural, table.columns[i].text ? std::min(natural, kPadLimit) : natural});
	}
	if (columns.empty())
		return out;
	if (style.width)
		fit(columns, table, style.width, out.left_out);
	std::vector<std::string> headings;
	for (const TextColumn &column : table.columns)
		headings.push_back(column.heading);
	std::string rule;
	for (std::size_t i = 0; i < total_width(columns); i++)
		rule += style.unicode ? "─" : "-";
	out.text = line_of(headings, columns, table, style) + "\n" + dim(rule, style) + "\n";
	for (const std::vector<std::string> &row : table.rows)
		out.text += line_of(row, columns, table, style) + "\n";
	return out;
}

std::string bold(std::string text, const TextStyle &style)
{
	return style.colour ? "\x1b[1m" + std::move(text) + "\x1b[0m" : text;
}

std::string dim(std::string text, const TextStyle &style)
{
	return style.colour ? "\x1b[2m" + std::move(text) + "\x1b[0m" : text;
}

} // namespace neuroperf::viewer
