// SPDX-License-Identifier: Apache-2.0
#include "collector/agent_cost.hpp"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "collector/agent/agent_memory.h"
#include "collector/clock.hpp"

namespace neuroperf::collector {
namespace {

constexpr std::size_t kBatches = 15, kCalls = 40;

using Function = void (*)(const void *);
void nothing(const void *)
{
	__asm__ volatile("" ::: "memory");
}

template <typename T> class Mapped {
public:
	explicit Mapped(std::size_t bytes)
		: bytes_(bytes), at_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))
	{
	}
	~Mapped()
	{
		if (at_ != MAP_FAILED)
			::munmap(at_, bytes_);
	}
	Mapped(const Mapped &) = delete;
	Mapped &operator=(const Mapped &) = delete;
	T *get() const { return at_ == MAP_FAILED ? nullptr : static_cast<T *>(at_); }

private:
	std::size_t bytes_;
	void *at_;
};

struct Agent {
	void (*use)(np_agent_memory *memory, const np_told *told) = nullptr;
	Function call = nullptr; // of number 0
	uint64_t *functions = nullptr;

	static Agent load(const std::string &library)
	{
		Agent agent;
		void *const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
		if (handle == nullptr)
			return agent;
		agent.use = reinterpret_cast<decltype(agent.use)>(::dlsym(handle, "neuroperf_agent_use"));
		agent.call = reinterpret_cast<Function>(::dlsym(handle, "neuroperf_agent_calls"));
		agent.functions = static_cast<uint64_t *>(::dlsym(handle, "neuroperf_agent_functions"));
		return agent;
	}
	bool is_whole() const { return use != nullptr && call != nullptr && functions != nullptr; }
};

// Of the times of all events that were put into the first ring.
std::vector<uint64_t> times_in(np_agent_memory *memory)
{
	std::vector<uint64_t> times;
	np_ring_positions &ring = memory->positions[0];
	for (; ring.read < ring.written && ring.written <= NP_RING_CHUNK; ring.read += 8 + sizeof(np_runtime_event)) {
		np_runtime_event event;
		std::memcpy(&event, memory->chunks[0].bytes + ring.read + sizeof(np_ring_record), sizeof event);
		times.push_back(event.time_ns);
	}
	ring.read = ring.written = 0;
	return times;
}

uint64_t clock_read_ns()
{
	std::vector<uint64_t> took(kBatches);
	for (uint64_t &sum : took) {
		for (std::size_t i = 0; i < kCalls; i++) {
			const uint64_t begin = monotonic_now_ns();
			nothing(nullptr);
			sum += monotonic_now_ns() - begin;
		}
		sum /= kCalls;
	}
	std::nth_element(took.begin(), took.begin() + kBatches / 2, took.end());
	return took[kBatches / 2];
}

} // namespace

void add_agent_cost(const std::string &library, ProbeCosts *costs)
{
	const uint64_t begin_ns = monotonic_now_ns();
	const Agent agent = Agent::load(library);
	const Mapped<np_agent_memory> memory(sizeof(np_agent_memory));
	const Mapped<np_told> told(sizeof(np_told) * (NP_TOLD + 1));
	if (!agent.is_whole() || memory.get() == nullptr || told.get() == nullptr)
		return;
	np_agent_call &call = memory.get()->calls[0];
	call.names_stay_ns = UINT32_MAX;
	call.on = 1;
	memory.get()->positions[0].ask_at = NP_AGENT_RING_BYTES; // nobody
	agent.functions[0] = reinterpret_cast<uint64_t>(&nothing);
	agent.use(memory.get(), told.get());
	const uint64_t whose =
		np_sum_of_identity(reinterpret_cast<uint64_t>(&call), static_cast<uint32_t>(::getpid()), call.place);
	np_told &names = told.get()[np_told_index(whose)];
	names.whose = whose;
	names.agreed = NP_AGREED;
	names.last_ns = monotonic_now_ns();
	const uint64_t clock_ns = clock_read_ns();
	std::vector<std::vector<TimedHit>> begins, ends;
	for (std::size_t batch = 0; batch < kBatches; batch++) {
		std::vector<TimedHit> entered(kCalls), returned(kCalls);
		for (std::size_t i = 0; i < kCalls; i++) {
			entered[i].before_ns = monotonic_now_ns();
			agent.call(&call);
			returned[i].after_ns = monotonic_now_ns();
		}
		const std::vector<uint64_t> times = times_in(memory.get());
		if (times.size() != 2 * kCalls)
			continue;
		for (std::size_t i = 0; i < kCalls; i++) {
			entered[i].event_ns = times[2 * i];
			returned[i].event_ns = times[2 * i + 1];
			// cost_of takes a reading of the clock off both, which is none in the middle.
			const uint64_t middle = (times[2 * i] + times[2 * i + 1]) / 2;
			entered[i].after_ns = middle + clock_ns / 2;
			returned[i].before_ns = std::min(middle - (clock_ns - clock_ns / 2), returned[i].event_ns);
		}
		begins.push_back(std::move(entered));
		ends.push_back(std::move(returned));
	}
	call.on = 0; // it stays in this process, where nobody calls it
	agent.use(nullptr, nullptr);
	costs->hits[index_of({HitClass::At::staying_entry, ProbeCost::agent})] = cost_of(begins, clock_ns);
	costs->hits[index_of({HitClass::At::behind_call, ProbeCost::agent})] = cost_of(ends, clock_ns);
	costs->took_ns += monotonic_now_ns() - begin_ns;
}

} // namespace neuroperf::collector
