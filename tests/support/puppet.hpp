// SPDX-License-Identifier: Apache-2.0
// A child process on strings: a line goes in, a line comes out (tests/programs/puppet.c). For tests only.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>
#include <string>

namespace neuroperf::test {

class Puppet {
public:
	explicit Puppet(const std::string &program)
	{
		int in[2], out[2];
		if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0)
			throw std::runtime_error("no pipe");
		pid_ = ::fork();
		if (pid_ == 0) {
			::prctl(PR_SET_PDEATHSIG, SIGKILL);
			::dup2(in[0], 0);
			::dup2(out[1], 1);
			::execl(program.c_str(), program.c_str(), static_cast<char *>(nullptr));
			::_exit(127);
		}
		::close(in[0]);
		::close(out[1]);
		to_ = ::fdopen(in[1], "w");
		from_ = ::fdopen(out[0], "r");
	}
	~Puppet()
	{
		kill();
		std::fclose(to_);
		std::fclose(from_);
	}
	Puppet(const Puppet &) = delete;
	Puppet &operator=(const Puppet &) = delete;

	int pid() const { return pid_; }
	void say(const std::string &line)
	{
		std::fputs((line + "\n").c_str(), to_);
		std::fflush(to_);
	}
	// The next line without its end; empty at the end of output.
	std::string hear()
	{
		char line[512];
		std::string heard = std::fgets(line, sizeof line, from_) ? line : "";
		if (!heard.empty() && heard.back() == '\n')
			heard.pop_back();
		return heard;
	}
	std::string ask(const std::string &line)
	{
		say(line);
		return hear();
	}
	// Exit status as waitpid gives it; kills first if it has not ended by itself.
	int kill()
	{
		if (pid_ > 0)
			::kill(pid_, SIGKILL);
		return wait();
	}
	int wait()
	{
		if (pid_ > 0)
			::waitpid(pid_, &status_, 0);
		pid_ = -1;
		return status_;
	}

private:
	int pid_ = -1, status_ = 0;
	std::FILE *to_ = nullptr, *from_ = nullptr;
};

} // namespace neuroperf::test
