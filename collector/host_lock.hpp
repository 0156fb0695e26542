// SPDX-License-Identifier: Apache-2.0
// A lock between processes of one user on one host, which the kernel gives back when its holder ends, however it ends;
// others can read who has it.
//
// It is flock() on a file in a folder of the user's own. A name that is bound to a socket would not need the folder,
// but any user can bind it first, and nothing could be read of its holder. The folder may have to be in /tmp, where
// anybody can put something in its place: it is used only if it is a folder, this user's, and nobody else may look
// into it. What is inside is then ours. Processes in containers that have different folders do not see each other.
//
// A holder that ends takes the file away; one that is killed leaves it to the next. One thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "recording/result.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {

// Where this user's locks are: the first one that can be had counts.
std::vector<std::string> host_lock_folders();

class HostLock {
public:
	// Makes the folder (not those above it) and the file; does not lock yet. Errors: io, no folder can be used.
	static Result<HostLock> open(const std::vector<std::string> &folders, const std::string &name);
	HostLock(HostLock &&) = default;
	HostLock &operator=(HostLock &&) = delete;
	~HostLock() { give_back(); }

	// Of one that is not held. Never waits. `text` is what others read while it is; up to 128 bytes.
	bool try_take(const std::string &text);
	bool is_held() const { return held_; }
	// What the holder wrote; empty: nothing yet.
	std::string holders_text() const;
	void give_back();
	// The same for all who ask for the same lock in the same folder.
	const std::string &identity() const { return identity_; }

private:
	HostLock() = default;
	Status open_file();
	bool is_current() const;

	UniqueFd folder_, file_;
	std::string name_, identity_;
	bool held_ = false;
};

} // namespace neuroperf::collector
