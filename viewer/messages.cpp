// SPDX-License-Identifier: Apache-2.0
#include "viewer/messages.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "viewer/render/display_text.hpp"

namespace neuroperf::viewer {

void print_error(const Error &error)
{
	fmt::print(stderr, "neuroperf: {}\n", printable(error.what));
	if (!error.hint.empty())
		fmt::print(stderr, "  hint: {}\n", printable(error.hint));
}

void print_line(std::string_view text)
{
	fmt::print(stderr, "neuroperf: {}\n", printable(text));
}

int exit_code(const Error &error)
{
	return error.code == ErrorCode::usage ? kExitUsage : kExitFailure;
}

bool write_output(std::string_view text)
{
	return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

Status write_file(const std::string &path, std::string_view text)
{
	if (path.empty() || path == "-") {
		if (!write_output(text) && errno != EPIPE)
			return Error{ErrorCode::io, fmt::format("cannot write the output: {}", std::strerror(errno)),
				     errno, ""};
		return Done{};
	}
	std::FILE *file = std::fopen(path.c_str(), "wb");
	if (!file)
		return Error{ErrorCode::io, fmt::format("cannot create {}: {}", path, std::strerror(errno)), errno, ""};
	const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
	const int code = errno;
	if (std::fclose(file) != 0 || !written)
		return Error{ErrorCode::io, fmt::format("cannot write {}: {}", path, std::strerror(code)), code, ""};
	return Done{};
}

} // namespace neuroperf::viewer
