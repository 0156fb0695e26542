// SPDX-License-Identifier: Apache-2.0
#include "collector/launched_job.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "collector/bpf_support.hpp"

namespace neuroperf::collector {
namespace {

constexpr const char *kHydraRank = "PMI_RANK";
constexpr int kMostAncestors = 64; // between a rank's recorder and its launcher: shells and wrappers

std::string value_of(const OutputNameFacts &facts, const char *variable)
{
	const char *const value = facts.environment(variable);
	return value ? value : "";
}

std::string whole_file(const std::string &path)
{
	std::ifstream file(path, std::ios::binary);
	return {std::istreambuf_iterator<char>(file), {}};
}

struct Ancestor {
	pid_t parent = 0;
	uint64_t start_ticks = 0;
};

// /proc/PID/stat: pid (comm) state ppid ... starttime, the 22nd; comm may hold anything.
std::optional<Ancestor> ancestor(const std::string &process)
{
	const std::string stat = whole_file(process + "/stat");
	const std::size_t comm_end = stat.rfind(')');
	if (comm_end == stat.npos)
		return std::nullopt;
	std::istringstream fields(stat.substr(comm_end + 1));
	std::string state, skipped;
	Ancestor found;
	fields >> state >> found.parent;
	for (int field = 5; field < 22; field++)
		fields >> skipped;
	fields >> found.start_ticks;
	return fields ? std::optional(found) : std::nullopt;
}

std::string hydra_proxy(pid_t parent, const std::string &root)
{
	const std::string of_rank = std::string("\0", 1) + kHydraRank + "=";
	for (int i = 0; i < kMostAncestors && parent > 1; i++) {
		const std::string process = fmt::format("{}/proc/{}", root, parent);
		const std::string environment = std::string("\0", 1) + whole_file(process + "/environ");
		const auto found = ancestor(process);
		if (environment.size() == 1 || !found)
			return ""; // another user's
		if (environment.find(of_rank) == environment.npos)
			return fmt::format("hydra {} {} {}", parent, found->start_ticks, own_pid_namespace().inode);
		parent = found->parent;
	}
	return "";
}

} // namespace

std::string launched_job(const OutputNameFacts &facts, pid_t parent, const std::string &root)
{
	if (job_rank(facts).empty())
		return "";
	for (const char *variable : {"PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"})
		if (const std::string name = value_of(facts, variable); !name.empty())
			return fmt::format("{} {}", variable, name);
	if (!value_of(facts, kHydraRank).empty()) // first: several jobs may run inside one step of Slurm's
		if (std::string proxy = hydra_proxy(parent, root); !proxy.empty())
			return proxy;
	const std::string job = value_of(facts, "SLURM_JOB_ID"), step = value_of(facts, "SLURM_STEP_ID");
	return job.empty() || step.empty() ? "" : fmt::format("slurm {}.{}", job, step);
}

} // namespace neuroperf::collector
