// SPDX-License-Identifier: Apache-2.0
// The calling thread's registers and stack, as perf would sample them, with what backtrace() says of the same moment.
// For tests only.
#pragma once

#include <execinfo.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "analyzer/unwinder.hpp"

namespace neuroperf::test {

#if defined(__x86_64__)
constexpr auto kThisMachine = analyzer::UnwindMachine::x86_64;
constexpr uint64_t kThisMask = 0xff01ff; // ax to ip, r8 to r15
#else
constexpr auto kThisMachine = analyzer::UnwindMachine::aarch64;
constexpr uint64_t kThisMask = (uint64_t{1} << 33) - 1;
#endif

struct LiveStack {
	std::string registers, stack;
	std::vector<void *> backtrace;

	analyzer::UserState state() const { return {2, kThisMask, registers.data(), stack}; }
};

struct LiveMapping {
	uint64_t begin = 0, end = 0, offset = 0;
	bool executable = false;
	std::string path;
};

inline std::vector<LiveMapping> live_mappings()
{
	std::vector<LiveMapping> mappings;
	std::ifstream maps("/proc/self/maps");
	for (std::string line; std::getline(maps, line);) {
		unsigned long begin = 0, end = 0, offset = 0;
		char execute = '-';
		int path = 0;
		if (std::sscanf(line.c_str(), "%lx-%lx %*c%*c%c%*c %lx %*s %*s %n", &begin, &end, &execute, &offset,
				&path) == 4)
			mappings.push_back(
				{begin, end, offset, execute == 'x', line.substr(static_cast<std::size_t>(path))});
	}
	return mappings;
}

// In two steps: a signal handler may do nothing but remember.
inline std::string live_registers(const ucontext_t &context)
{
	std::vector<uint64_t> values;
#if defined(__x86_64__)
	for (const int number : {REG_RAX, REG_RBX, REG_RCX, REG_RDX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_RIP,
				 REG_R8, REG_R9, REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15})
		values.push_back(static_cast<uint64_t>(context.uc_mcontext.gregs[number]));
#else
	values.assign(std::begin(context.uc_mcontext.regs), std::end(context.uc_mcontext.regs));
	values.push_back(context.uc_mcontext.sp);
	values.push_back(context.uc_mcontext.pc);
#endif
	return {reinterpret_cast<const char *>(values.data()), values.size() * sizeof(uint64_t)};
}

inline uint64_t live_stack_pointer(const ucontext_t &context)
{
#if defined(__x86_64__)
	return static_cast<uint64_t>(context.uc_mcontext.gregs[REG_RSP]);
#else
	return context.uc_mcontext.sp;
#endif
}

// The stack is read through the kernel, as sanitizers forbid looking at other functions' frames.
[[gnu::noinline]] inline void take_live_stack(LiveStack *live)
{
	ucontext_t context;
	getcontext(&context);
	live->backtrace.resize(256);
	live->backtrace.resize(static_cast<std::size_t>(backtrace(live->backtrace.data(), 256)));
	// AddressSanitizer's own backtrace() may be the first frame, in front of this function's.
	const auto caller = std::find(live->backtrace.begin(), live->backtrace.end(),
				      __builtin_extract_return_addr(__builtin_return_address(0)));
	if (caller - live->backtrace.begin() > 1)
		live->backtrace.erase(live->backtrace.begin(), caller - 1);
	live->registers = live_registers(context);
	const uint64_t begin = live_stack_pointer(context);
	for (const LiveMapping &mapping : live_mappings())
		if (begin >= mapping.begin && begin < mapping.end)
			live->stack.resize(std::min<uint64_t>(mapping.end - begin, 1 << 16));
	const int memory = ::open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	const ssize_t got = ::pread(memory, live->stack.data(), live->stack.size(), static_cast<off_t>(begin));
	live->stack.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
	::close(memory);
}

// Says where this process's addresses are mapped.
class LiveLocator {
public:
	explicit LiveLocator(analyzer::Unwinder *unwinder) : mappings_(live_mappings())
	{
		for (const LiveMapping &mapping : mappings_) {
			if (!mapping.executable || files_.count(mapping.path) != 0)
				continue;
			if (mapping.path == "[vdso]")
				files_[mapping.path] = unwinder->add_image(
					std::string(reinterpret_cast<const char *>(getauxval(AT_SYSINFO_EHDR)),
						    mapping.end - mapping.begin));
			else
				files_[mapping.path] =
					unwinder->add_file(mapping.path.starts_with('/') ? mapping.path : "");
		}
	}
	analyzer::Unwinder::Location operator()(uint64_t address) const
	{
		for (const LiveMapping &mapping : mappings_)
			if (mapping.executable && address >= mapping.begin && address < mapping.end)
				return {true, files_.at(mapping.path), address - mapping.begin + mapping.offset, 0};
		return {};
	}

private:
	std::vector<LiveMapping> mappings_;
	std::map<std::string, analyzer::Unwinder::FileId> files_;
};

} // namespace neuroperf::test
