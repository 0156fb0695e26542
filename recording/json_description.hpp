// SPDX-License-Identifier: Apache-2.0
// What readers of our descriptions in JSON share (runtimes, drivers): strict members, and errors that name file, line
// and the remedy.
#pragma once

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

// A file's text. Errors: io; format, it is too large.
Result<std::string> read_description_file(const std::string &path);

} // namespace neuroperf::recording
