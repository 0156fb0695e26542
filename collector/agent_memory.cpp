// SPDX-License-Identifier: Apache-2.0
#include "collector/agent_memory.hpp"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "collector/bpf_support.hpp"

namespace neuroperf::collector {
namespace {

constexpr const char *kLibrary = "neuroperf-agent.so";
// As in collector/agent/CMakeLists.txt: behind <prefix>/bin.
constexpr const char *kInstalledIn = NEUROPERF_LIBRARY_FOLDER "/neuroperf";

} // namespace

Result<std::string> agent_library()
{
#if defined(__x86_64__)
	std::error_code code;
	const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", code).parent_path();
	for (const std::filesystem::path &folder : {own, own.parent_path() / kInstalledIn})
		if (::access((folder / kLibrary).c_str(), R_OK) == 0)
			return (folder / kLibrary).string();
	return Error{ErrorCode::not_found,
		     fmt::format("{} is not beside the recorder, nor in {}", kLibrary,
				 (own.parent_path() / kInstalledIn).string()),
		     0, "install neuroperf whole"};
#else
	static_cast<void>(kInstalledIn);
	return Error{ErrorCode::unsupported, "there is no agent for this kind of CPU", 0, "record without --agent"};
#endif
}

Result<AgentMemory> AgentMemory::create(std::string library, int told)
{
	AgentMemory made;
	made.library_ = std::move(library);
	auto memory = InheritedMemory::create("neuroperf-agent", sizeof(np_agent_memory));
	auto table = make_inherited(told);
	if (!memory.ok() || !table.ok())
		return memory.ok() ? table.error() : memory.error();
	made.memory_ = std::move(*memory);
	made.told_ = std::move(*table);
	np_told mark{};
	mark.what = made.memory_.cookie();
	const uint32_t last = NP_TOLD;
	if (bpf_map_update_elem(told, &last, &mark, BPF_ANY) != 0)
		return bpf_error("mark the names of", "the agent", errno, "record without --agent");
	struct stat info {};
	np_agent_header &header = made.shared().header;
	header.magic = NP_AGENT_MAGIC;
	header.cookie = made.memory_.cookie();
	header.pid_namespace = ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
	made.rings_ = std::make_unique<MappedRings>();
	made.rings_->use(made.shared().positions, made.shared().chunks->bytes, NP_AGENT_RINGS, NP_AGENT_RING_BYTES);
	return made;
}

// Libraries that the user has loaded first come behind it.
std::vector<std::string> AgentMemory::environment() const
{
	const char *others = std::getenv("LD_PRELOAD");
	const bool has_others = others != nullptr && *others != '\0';
	return {fmt::format("LD_PRELOAD={}{}{}", library_, has_others ? ":" : "", has_others ? others : ""),
		fmt::format("{}={}:{}:{:x}", NP_AGENT_ENVIRONMENT, memory_.descriptor(), told_.get(),
			    memory_.cookie())};
}

void AgentMemory::free_rings_of_dead_threads()
{
	for (const unsigned number : rings_->cpus()) {
		np_ring_positions &ring = shared().positions[number];
		const uint32_t thread = __atomic_load_n(&ring.taken, __ATOMIC_ACQUIRE);
		if (thread == 0 || thread > INT_MAX || ::kill(static_cast<pid_t>(thread), 0) == 0 || errno != ESRCH)
			continue;
		if (rings_->is_empty(number))
			__atomic_store_n(&ring.taken, 0, __ATOMIC_RELEASE);
	}
}

} // namespace neuroperf::collector
