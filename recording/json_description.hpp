// SPDX-License-Identifier: Apache-2.0
// What readers of our descriptions in JSON share (runtimes, drivers): strict members, and errors that name file, line
// and the remedy.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recording/result.hpp"

namespace neuroperf::recording {

class JsonDescription {
public:
	// `where` names the text in errors, `remedy` says where one finds what a description holds.
	JsonDescription(std::string_view text, std::string where, std::string remedy)
		: text_(text), where_(std::move(where)), remedy_(std::move(remedy))
	{
	}

	// Error: format, it is no JSON.
	Result<nlohmann::json> root() const;

	// The first thing that is wrong stays. `value`: a text, whose line is told.
	void fail(const std::string &path, std::string_view what, const nlohmann::json *value = nullptr);
	bool failed() const { return error_.has_value(); }
	const Error &error() const { return *error_; }

	// Fails for a member that is not one of these.
	void allow(const nlohmann::json &object, const std::string &path, std::initializer_list<std::string_view> keys);
	std::string string_in(const nlohmann::json &object, const char *key, const std::string &path, bool optional);
	std::vector<std::string> strings_in(const nlohmann::json &object, const char *key, const std::string &path);

private:
	std::string_view text_;
	std::string where_, remedy_;
	std::optional<Error> error_;
};

// Which descriptions to use: "auto" (or no name: all that are built in), "none", or names; those of the user's files
// come first, and replace others of their name. `what`: "driver", in errors. Errors: usage; io or format of a file.
template <typename Description>
Result<std::vector<Description>>
choose_descriptions(std::string_view what, const std::vector<std::string> &names, const std::vector<std::string> &files,
		    std::vector<Description> built_in, Result<Description> (*read)(const std::string &path))
{
	std::vector<Description> chosen;
	for (const std::string &path : files) {
		auto description = read(path);
		if (!description.ok())
			return description.error();
		chosen.push_back(std::move(*description));
	}
	if (names == std::vector<std::string>{"none"})
		return chosen;
	const bool all = names.empty() || names == std::vector<std::string>{"auto"};
	const auto has = [](const std::vector<Description> &descriptions, const std::string &name) {
		return std::any_of(descriptions.begin(), descriptions.end(),
				   [&](const Description &one) { return one.name == name; });
	};
	for (const std::string &name : all ? std::vector<std::string>{} : names)
		if (!has(built_in, name) && !has(chosen, name))
			return Error{
				ErrorCode::usage, "no description of a " + std::string(what) + " \"" + name + "\"", 0,
				"neuroperf list " + std::string(what) + "s names them; auto: all, none: none of them"};
	for (Description &description : built_in)
		if ((all || std::find(names.begin(), names.end(), description.name) != names.end()) &&
		    !has(chosen, description.name))
			chosen.push_back(std::move(description));
	return chosen;
}

// A file's text. Errors: io; format, it is too large.
Result<std::string> read_description_file(const std::string &path);

} // namespace neuroperf::recording
