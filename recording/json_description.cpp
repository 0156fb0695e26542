// SPDX-License-Identifier: Apache-2.0
#include "recording/json_description.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "recording/unique_fd.hpp"

namespace neuroperf::recording {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxFile = 1 << 20;
constexpr std::size_t kLongestText = 4096, kMostTexts = 1024;

std::size_t line_at(std::string_view text, std::size_t position)
{
	return 1 + static_cast<std::size_t>(std::count(
			   text.begin(), text.begin() + static_cast<std::ptrdiff_t>(std::min(position, text.size())),
			   '\n'));
}

} // namespace

Result<json> JsonDescription::root() const
{
	try {
		return json::parse(text_);
	} catch (const json::parse_error &error) {
		return Error{ErrorCode::format,
			     fmt::format("{}, line {}: not JSON ({})", where_,
					 line_at(text_, error.byte > 0 ? error.byte - 1 : 0), error.what()),
			     0, remedy_};
	} catch (const json::exception &error) { // a number that is out of range
		return Error{ErrorCode::format, fmt::format("{}: not JSON ({})", where_, error.what()), 0, remedy_};
	}
}

void JsonDescription::fail(const std::string &path, std::string_view what, const json *value)
{
	if (error_)
		return;
	std::string line;
	if (value && value->is_string()) // where it stands first; most texts stand there once
		if (const std::size_t at = text_.find(value->dump()); at != text_.npos)
			line = fmt::format(", line {}", line_at(text_, at));
	error_ = Error{ErrorCode::format, fmt::format("{}{}: {}: {}", where_, line, path, what), 0, remedy_};
}

void JsonDescription::allow(const json &object, const std::string &path, std::initializer_list<std::string_view> keys)
{
	if (!object.is_object())
		return fail(path, "must be an object");
	for (const auto &[key, value] : object.items())
		if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
			const json named = key;
			fail(path, fmt::format("\"{}\" is not known here ({})", key, fmt::join(keys, ", ")), &named);
		}
}

std::string JsonDescription::string_in(const json &object, const char *key, const std::string &path, bool optional)
{
	const auto found = object.find(key);
	if (found == object.end()) {
		if (!optional)
			fail(path, fmt::format("\"{}\" is missing", key));
		return "";
	}
	if (!found->is_string() || found->get_ref<const std::string &>().empty() ||
	    found->get_ref<const std::string &>().size() > kLongestText) {
		fail(path, fmt::format("\"{}\" must be a text", key));
		return "";
	}
	return found->get<std::string>();
}

std::vector<std::string> JsonDescription::strings_in(const json &object, const char *key, const std::string &path)
{
	std::vector<std::string> found;
	const json list = object.value(key, json());
	if (!list.is_array() || list.empty() || list.size() > kMostTexts)
		fail(path, fmt::format("\"{}\" must be a list of 1 to {} texts", key, kMostTexts));
	for (std::size_t i = 0; !error_ && i < list.size(); i++) {
		if (!list[i].is_string() || list[i].get_ref<const std::string &>().size() > kLongestText)
			fail(path + "." + key, "must hold texts");
		else
			found.push_back(list[i].get<std::string>());
	}
	return found;
}

Result<std::string> read_description_file(const std::string &path)
{
	struct stat info;
	const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)); // a pipe has no writer
	std::string text(kMaxFile + 1, '\0');
	const bool regular = file.valid() && ::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode);
	const ssize_t size = regular ? ::read(file.get(), text.data(), text.size()) : -1;
	if (size < 0)
		return Error{ErrorCode::io,
			     fmt::format("cannot read the description {}: {}", path,
					 file.valid() && !regular ? "no regular file" : std::strerror(errno)),
			     0, ""};
	text.resize(static_cast<std::size_t>(size));
	if (text.size() > kMaxFile)
		return Error{ErrorCode::format, fmt::format("{}: larger than a description may be", path), 0, ""};
	return text;
}

} // namespace neuroperf::recording
