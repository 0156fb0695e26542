// SPDX-License-Identifier: Apache-2.0
// Loads generated_net.cpp as GeNN loads what it has generated, gives each population its counter, and runs it. Prints
// what it finds in the counters after each step, added up, as one line of JSON.
// usage: generated_net_app LIBRARY STEPS
#include <dlfcn.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace {

constexpr auto kNotice = std::chrono::seconds(1); // in it the library is noticed, on a busy machine too

using Push = void (*)(unsigned int, uint32_t *);
using PushDelayed = void (*)(unsigned int, uint32_t *, uint32_t *);
using StepTime = void (*)(unsigned long long);

template <typename Function> Function function(void *library, const char *name)
{
	void *const found = dlsym(library, name);
	if (!found) {
		std::fprintf(stderr, "%s\n", dlerror());
		std::exit(1);
	}
	return reinterpret_cast<Function>(found);
}

} // namespace

int main(int argc, char **argv)
{
	void *const library = argc == 3 ? dlopen(argv[1], RTLD_NOW) : nullptr;
	if (!library) {
		std::fprintf(stderr, "%s\n", argc == 3 ? dlerror() : "usage: generated_net_app LIBRARY STEPS");
		return 1;
	}
	std::this_thread::sleep_for(kNotice);
	std::array<uint32_t, 3> counters{};
	uint32_t slot = 0;
	std::array<uint32_t, 2> delayed{};
	const auto push = function<Push>(library, "pushMergedNeuronSpikeQueueUpdateGroup0ToDevice");
	push(0, &counters[0]);
	push(1, &counters[1]);
	function<Push>(library, "pushMergedNeuronSpikeQueueUpdateGroup2ToDevice")(0, &counters[2]);
	function<PushDelayed>(library, "pushMergedNeuronSpikeQueueUpdateGroup1ToDevice")(0, &slot, delayed.data());
	const auto step_time = function<StepTime>(library, "stepTime");
	const unsigned long long steps = std::strtoull(argv[2], nullptr, 10);
	std::array<unsigned long long, 4> spikes{};
	for (unsigned long long step = 0; step < steps; step++) {
		step_time(step);
		for (std::size_t i = 0; i < counters.size(); i++)
			spikes[i] += counters[i];
		spikes[3] += delayed[slot];
	}
	std::printf("{\"steps\": %llu, \"spikes\": {\"group 0, population 0\": %llu, \"group 0, population 1\": %llu, "
		    "\"group 2, population 0\": %llu}, \"delayed\": %llu}\n",
		    steps, spikes[0], spikes[1], spikes[2], spikes[3]);
	return 0;
}
