// SPDX-License-Identifier: Apache-2.0
// Files by build id from debuginfod servers (DEBUGINFOD_URLS), for those who ask for it.
//
// The client library is loaded when the first file is wanted, since it brings libcurl and its dependencies along. It
// keeps what it got under ~/.cache. A server that does not answer is not asked again.
#pragma once

#include <string>
#include <string_view>

#include "analyzer/regular_file.hpp"
#include "recording/result.hpp"

namespace neuroperf::analyzer {

class Debuginfod {
public:
	enum class Kind { debug_information, executable };

	Debuginfod() = default;
	~Debuginfod();
	Debuginfod(const Debuginfod &) = delete;
	Debuginfod &operator=(const Debuginfod &) = delete;

	// Errors: not_found (the servers have none), io (they do not answer), unsupported (no library, no servers
	// named).
	Result<FileDescriptor> find(std::string_view build_id, Kind kind);

private:
	struct Library;
	Status load();

	Library *library_ = nullptr;
	bool is_loaded_ = false;
	Status state_ = Done{}; // an error: do not ask again
};

} // namespace neuroperf::analyzer
