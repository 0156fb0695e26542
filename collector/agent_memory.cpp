// SPDX-License-Identifier: Apache-2.0
#include "collector/agent_memory.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <utility>

#include "collector/clock.hpp"
#include "collector/inherited_memory.hpp"

namespace neuroperf::collector {
namespace {

constexpr const char *kLibrary = "neuroperf-agent.so";
// As in collector/agent/CMakeLists.txt: behind <prefix>/bin.
constexpr const char *kInstalledIn = NEUROPERF_LIBRARY_FOLDER "/neuroperf";

Error failure(std::string_view doing)
{
	const int code = errno;
	return {ErrorCode::io, fmt::format("cannot {} memory to share with the agent: {}", doing, std::strerror(code)),
		code, ""};
}

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
	if (::getrandom(&made.cookie_, sizeof made.cookie_, 0) != sizeof made.cookie_)
		made.cookie_ = monotonic_now_ns();
	np_told mark{};
	mark.what = made.cookie_;
	const uint32_t last = NP_TOLD;
	if (bpf_map_update_elem(told, &last, &mark, BPF_ANY) != 0)
		return failure("mark");
	auto memory = make_inherited_memory("neuroperf-agent", sizeof(np_agent_memory));
	if (!memory.ok())
		return memory.error();
	made.memory_ = std::move(*memory);
	auto table = make_inherited(told);
	if (!table.valid())
		return failure("hand over");
	made.told_ = std::move(table);
	void *const at =
		::mmap(nullptr, sizeof(np_agent_memory), PROT_READ | PROT_WRITE, MAP_SHARED, made.memory_.get(), 0);
	if (at == MAP_FAILED)
		return failure("map");
	::madvise(at, sizeof(np_agent_memory), MADV_DONTDUMP);
	made.shared_ = static_cast<np_agent_memory *>(at);
	struct stat info {};
	np_agent_header &header = made.shared_->header;
	header.magic = NP_AGENT_MAGIC;
	header.cookie = made.cookie_;
	header.pid_namespace = ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
	made.rings_ = std::make_unique<MappedRings>();
	made.rings_->use(made.shared_->positions, made.shared_->chunks->bytes, NP_AGENT_RINGS, NP_AGENT_RING_BYTES);
	return made;
}

AgentMemory::AgentMemory(AgentMemory &&other) noexcept
	: library_(std::move(other.library_)), memory_(std::move(other.memory_)), told_(std::move(other.told_)),
	  cookie_(other.cookie_), shared_(std::exchange(other.shared_, nullptr)), rings_(std::move(other.rings_))
{
}

AgentMemory::~AgentMemory()
{
	if (shared_ != nullptr)
		::munmap(shared_, sizeof(np_agent_memory));
}

// Libraries that the user has loaded first come behind it.
std::vector<std::string> AgentMemory::environment() const
{
	const char *others = std::getenv("LD_PRELOAD");
	const bool has_others = others != nullptr && *others != '\0';
	return {fmt::format("LD_PRELOAD={}{}{}", library_, has_others ? ":" : "", has_others ? others : ""),
		fmt::format("{}={}:{}:{:x}", NP_AGENT_ENVIRONMENT, memory_.get(), told_.get(), cookie_)};
}

void AgentMemory::free_rings_of_dead_threads()
{
	for (const unsigned number : rings_->cpus()) {
		np_ring_positions &ring = shared_->positions[number];
		const uint32_t thread = __atomic_load_n(&ring.taken, __ATOMIC_ACQUIRE);
		if (thread == 0 || thread > INT_MAX || ::kill(static_cast<pid_t>(thread), 0) == 0 || errno != ESRCH)
			continue;
		if (rings_->is_empty(number))
			__atomic_store_n(&ring.taken, 0, __ATOMIC_RELEASE);
	}
}

} // namespace neuroperf::collector
