// SPDX-License-Identifier: Apache-2.0
#include "collector/launch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

#include "collector/environment.hpp"

namespace neuroperf::collector {
namespace {

// Runs in the child between fork and exec. Returns errno of what failed.
int become(const InvokingUser &user)
{
	const int groups = user.name.empty() ? ::setgroups(0, nullptr) : ::initgroups(user.name.c_str(), user.gid);
	if (groups != 0 || ::setgid(user.gid) != 0 || ::setuid(user.uid) != 0)
		return errno;
	if (!user.home.empty())
		::setenv("HOME", user.home.c_str(), 1);
	if (!user.name.empty()) {
		::setenv("USER", user.name.c_str(), 1);
		::setenv("LOGNAME", user.name.c_str(), 1);
	}
	return 0;
}

[[noreturn]] void run_child(const LaunchOptions &options, int go, int result)
{
	sigset_t none;
	sigemptyset(&none);
	::sigprocmask(SIG_SETMASK, &none, nullptr);
	::signal(SIGXFSZ, SIG_DFL);
	char byte;
	ssize_t got;
	while ((got = ::read(go, &byte, 1)) < 0 && errno == EINTR) {
	}
	if (got != 1)
		::_exit(125); // the recorder is gone before it let us go
	restore_environment();
	int error = options.open_files.restore() ? 0 : errno; // first: root may lower it, another user not raise it
	if (error == 0 && options.run_as)
		error = become(*options.run_as);
	if (error == 0) {
		for (const std::string &variable : options.environment) {
			const auto equals = variable.find('=');
			::setenv(variable.substr(0, equals).c_str(), variable.c_str() + equals + 1, 1);
		}
		std::vector<char *> arguments;
		for (const std::string &word : options.command)
			arguments.push_back(const_cast<char *>(word.c_str()));
		arguments.push_back(nullptr);
		::execvp(arguments[0], arguments.data());
		error = errno;
	}
	while (::write(result, &error, sizeof error) < 0 && errno == EINTR) {
	}
	::_exit(127);
}

struct Pipe {
	UniqueFd read, write;
};

Result<Pipe> make_pipe()
{
	int ends[2];
	if (::pipe2(ends, O_CLOEXEC) != 0)
		return Error{ErrorCode::io, fmt::format("cannot make a pipe: {}", std::strerror(errno)), errno, ""};
	return Pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool is_executable_file(const std::string &path)
{
	struct stat info;
	return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) && ::access(path.c_str(), X_OK) == 0;
}

} // namespace

int shell_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

std::string program_of(const std::string &command, int *problem)
{
	*problem = 0;
	if (command.find('/') != command.npos) {
		if (is_executable_file(command))
			return command;
		*problem = ::access(command.c_str(), F_OK) == 0 ? 126 : 127;
		return "";
	}
	const char *path = std::getenv("PATH");
	std::istringstream folders(path ? path : "/usr/local/bin:/bin:/usr/bin");
	std::string folder;
	*problem = 127;
	while (std::getline(folders, folder, ':')) {
		std::string candidate = (folder.empty() ? "." : folder) + "/" + command;
		if (is_executable_file(candidate)) {
			*problem = 0;
			return candidate;
		}
		if (::access(candidate.c_str(), F_OK) == 0)
			*problem = 126;
	}
	return "";
}

int command_problem(const std::string &command)
{
	int problem = 0;
	program_of(command, &problem);
	return problem;
}

Result<Launch> Launch::prepare(const LaunchOptions &options)
{
	::prctl(PR_SET_CHILD_SUBREAPER, 1);
	auto go = make_pipe();
	auto result = make_pipe();
	if (!go.ok() || !result.ok())
		return go.ok() ? result.error() : go.error();
	Launch launch;
	launch.pid_ = ::fork();
	if (launch.pid_ < 0)
		return Error{ErrorCode::io, fmt::format("cannot fork: {}", std::strerror(errno)), errno, ""};
	if (launch.pid_ == 0) {
		go->write.reset();
		run_child(options, go->read.get(), result->write.get());
	}
	launch.go_ = std::move(go->write);
	launch.result_ = std::move(result->read);
	return launch;
}

Status Launch::release()
{
	const char byte = 1;
	while (::write(go_.get(), &byte, 1) < 0 && errno == EINTR) {
	}
	go_.reset();
	int error = 0;
	ssize_t got;
	while ((got = ::read(result_.get(), &error, sizeof error)) < 0 && errno == EINTR) {
	}
	result_.reset();
	if (got != sizeof error)
		return Done{}; // closed by exec
	return Error{ErrorCode::not_found, fmt::format("cannot execute the program: {}", std::strerror(error)), error,
		     ""};
}

namespace {

struct Process {
	pid_t parent;
	std::string name;
	bool ended; // a zombie
};

// *whole becomes false if a process went away between being listed and being read.
std::map<pid_t, Process> read_processes(bool *whole)
{
	std::map<pid_t, Process> processes;
	DIR *proc = ::opendir("/proc");
	if (!proc)
		return processes;
	while (const dirent *entry = ::readdir(proc)) {
		pid_t pid = 0;
		const char *end = entry->d_name + std::strlen(entry->d_name);
		if (std::from_chars(entry->d_name, end, pid).ptr != end || pid <= 0)
			continue;
		// "pid (name) state parent ...": the name may hold anything, so look for its last parenthesis.
		std::ifstream file(fmt::format("/proc/{}/stat", pid));
		std::string line;
		std::getline(file, line);
		const auto open = line.find('('), close = line.rfind(')');
		if (open == line.npos || close == line.npos || close < open) {
			*whole = false;
			continue;
		}
		char state = 'Z';
		pid_t parent = 0;
		std::istringstream(line.substr(close + 1)) >> state >> parent;
		processes[pid] = {parent, line.substr(open + 1, close - open - 1), state == 'Z' || state == 'X'};
	}
	::closedir(proc);
	return processes;
}

// Running descendants; *whole is false if one may be missing, because its parent ended while we looked.
std::vector<ChildProcess> find_descendants(pid_t ancestor, bool *whole)
{
	*whole = true;
	const std::map<pid_t, Process> processes = read_processes(whole);
	std::vector<ChildProcess> found;
	for (const auto &[pid, process] : processes) {
		pid_t at = process.parent;
		for (int depth = 0; depth < 1000 && at > 1 && at != ancestor; depth++) {
			const auto parent = processes.find(at);
			*whole = *whole && parent != processes.end();
			at = parent != processes.end() ? parent->second.parent : 0;
		}
		if (at == ancestor && process.ended)
			*whole = false;
		else if (at == ancestor)
			found.push_back({pid, process.name});
	}
	return found;
}

} // namespace

std::vector<ChildProcess> descendants(pid_t ancestor)
{
	bool whole = false;
	std::vector<ChildProcess> found;
	for (int attempt = 0; attempt < 5 && !whole; attempt++)
		found = find_descendants(ancestor, &whole);
	return found;
}

} // namespace neuroperf::collector
