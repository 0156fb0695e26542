// SPDX-License-Identifier: Apache-2.0
#include "collector/host.hpp"

#include "collector/agent_memory.hpp"

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "collector/sample_cost.hpp"
#include "recording/perf_layout.hpp"
#include "recording/unique_fd.hpp"

namespace neuroperf::collector {
namespace {

std::string read_line(const char *path)
{
	std::ifstream file(path);
	std::string line;
	std::getline(file, line);
	return line;
}

template <typename T> T read_value(const char *path, T otherwise)
{
	T value = otherwise;
	std::istringstream(read_line(path)) >> value;
	return value;
}

// "0-3,6" -> 0 1 2 3 6
std::vector<unsigned> parse_cpu_list(const std::string &text)
{
	std::vector<unsigned> cpus;
	std::istringstream parts(text);
	std::string part;
	while (std::getline(parts, part, ',')) {
		unsigned first = 0, last = 0;
		const char *end = part.data() + part.size();
		const auto [stop, error] = std::from_chars(part.data(), end, first);
		if (error != std::errc{})
			continue;
		last = first;
		if (stop != end && *stop == '-')
			std::from_chars(stop + 1, end, last);
		for (unsigned cpu = first; cpu <= last && cpus.size() < 65536; cpu++)
			cpus.push_back(cpu);
	}
	if (cpus.empty())
		cpus.push_back(0);
	return cpus;
}

int try_event(uint32_t type, uint64_t config, bool user_only)
{
	perf_event_attr attr = {};
	attr.type = type;
	attr.size = recording::kAttrSize;
	attr.config = config;
	attr.disabled = 1;
	attr.sample_period = 1000000;
	attr.exclude_kernel = user_only;
	attr.exclude_hv = user_only;
	const UniqueFd fd(static_cast<int>(::syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
	return fd.valid() ? 0 : errno;
}

int try_bpf()
{
	const bpf_insn program[] = {{BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1},
				    {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
	bpf_attr attr = {};
	attr.prog_type = BPF_PROG_TYPE_TRACEPOINT;
	attr.insns = reinterpret_cast<uint64_t>(program);
	attr.insn_cnt = 2;
	attr.license = reinterpret_cast<uint64_t>("GPL");
	const UniqueFd fd(static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr)));
	return fd.valid() ? 0 : errno;
}

#if defined(__aarch64__)
// The architected counter has one rate on all CPUs, by its definition.
void judge_counter(const std::string & /*flags*/, HostSnapshot *host)
{
	host->constant_counter = true;
}
#else
bool has_word(const std::string &line, std::string_view word)
{
	std::istringstream words(line);
	std::string candidate;
	while (words >> candidate)
		if (candidate == word)
			return true;
	return false;
}

void judge_counter(const std::string &flags, HostSnapshot *host)
{
	host->constant_counter = has_word(flags, "constant_tsc") && has_word(flags, "nonstop_tsc");
	if (!host->constant_counter)
		host->counter_reason = "the TSC of this CPU is not constant and nonstop";
	else if (read_line("/sys/devices/system/clocksource/clocksource0/available_clocksource").find("tsc") ==
		 std::string::npos) {
		// The kernel has found CPUs whose TSCs disagree.
		host->constant_counter = false;
		host->counter_reason = "the kernel does not trust the TSC (it is not an available clocksource)";
	}
}
#endif

void read_cpu(HostSnapshot *host)
{
	std::ifstream file("/proc/cpuinfo");
	std::string line, flags;
	while (std::getline(file, line)) {
		const auto colon = line.find(':');
		if (colon == line.npos)
			continue;
		if (line.starts_with("model name") && host->cpu_model.empty())
			host->cpu_model = line.substr(std::min(colon + 2, line.size()));
		if (line.starts_with("flags") && flags.empty())
			flags = line.substr(colon + 1);
	}
	if (host->cpu_model.empty())
		host->cpu_model = host->architecture;
	judge_counter(flags, host);
}

// Looks only as far as _text, one of the first symbols: printing all of them costs the kernel tens of milliseconds.
void read_kernel_text(HostSnapshot *host)
{
	std::ifstream file("/proc/kallsyms");
	std::string line;
	while (host->kernel_text == 0 && std::getline(file, line)) {
		if (!line.ends_with(" _text"))
			continue;
		host->kernel_text = std::strtoull(line.c_str(), nullptr, 16);
		break;
	}
}

std::optional<InvokingUser> find_invoking_user()
{
	const char *uid_text = std::getenv("SUDO_UID");
	const char *gid_text = std::getenv("SUDO_GID");
	if (::geteuid() != 0 || !uid_text || !gid_text)
		return std::nullopt;
	InvokingUser user;
	const auto parse = [](const char *text, unsigned *value) {
		const char *end = text + std::strlen(text);
		const auto [stop, error] = std::from_chars(text, end, *value);
		return error == std::errc{} && stop == end;
	};
	if (!parse(uid_text, &user.uid) || !parse(gid_text, &user.gid) || user.uid == 0)
		return std::nullopt;
	if (const passwd *entry = ::getpwuid(user.uid)) {
		user.name = entry->pw_name;
		user.home = entry->pw_dir;
	}
	return user;
}

} // namespace

bool in_user_namespace()
{
	// The first one maps every number to itself; any other says which few it maps.
	uint64_t first = 0, outside = 0, count = 0;
	std::ifstream file("/proc/self/uid_map");
	return file >> first >> outside >> count && (first != 0 || outside != 0 || count != UINT32_MAX);
}

std::string_view run_as_root(bool in_user_namespace)
{
	return in_user_namespace ? "run neuroperf as root outside of this container (user namespace)" : "run as root";
}

HostSnapshot take_host_snapshot()
{
	HostSnapshot host;
	utsname names{};
	::uname(&names);
	host.hostname = names.nodename;
	host.kernel_release = names.release;
	host.architecture = names.machine;
	host.boot_id = read_line("/proc/sys/kernel/random/boot_id");
	host.online_cpus = parse_cpu_list(read_line("/sys/devices/system/cpu/online"));
	struct sysinfo info {};
	if (::sysinfo(&info) == 0)
		host.memory_bytes = static_cast<uint64_t>(info.totalram) * info.mem_unit;
	host.page_size = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
	host.in_user_namespace = in_user_namespace();
	host.is_root = ::geteuid() == 0 && !host.in_user_namespace;
	host.invoking_user = find_invoking_user();
	host.perf_event_paranoid = read_value("/proc/sys/kernel/perf_event_paranoid", 4);
	host.max_sample_rate = read_value("/proc/sys/kernel/perf_event_max_sample_rate", 100000u);
	host.cycles_error = try_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, false);
	host.cycles_user_only_error = try_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, true);
	host.cpu_clock_error = try_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, false);
	host.cpu_clock_user_only_error = try_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, true);
	if (host.cycles_error != 0 && host.cycles_user_only_error != 0)
		host.sample_cost_ns = try_sample_cost(host.cpu_clock_error != 0);
	host.bpf_error = try_bpf();
	if (const auto agent = agent_library(); !agent.ok())
		host.agent_problem = agent.error().what;
	host.kernel_types = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	read_cpu(&host);
	read_kernel_text(&host);
	return host;
}

} // namespace neuroperf::collector
