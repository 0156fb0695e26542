// SPDX-License-Identifier: Apache-2.0
// Stands in for the library that GeNN generates of a net: the names and the shapes by which its description knows it,
// none of its code. Populations without delay are one group of structures; those with one or two steps of delay, whose
// counts lie elsewhere, are a group each.
#include <cstdint>

namespace {

struct Undelayed {
	uint32_t *spkCnt;
};
struct Delayed {
	uint32_t *spkQuePtr, *spkCnt;
};

constexpr uint32_t kSlots = 2;
uint32_t noise = 1;

// How many of so many cells fire.
uint32_t fired(uint32_t cells)
{
	uint32_t count = 0;
	for (uint32_t i = 0; i < cells; i++) {
		noise = noise * 1664525 + 1013904223;
		count += noise >> 28 == 0 ? 1 : 0;
	}
	return count;
}

} // namespace

static Undelayed mergedNeuronSpikeQueueUpdateGroup0[2];
static Delayed mergedNeuronSpikeQueueUpdateGroup1[1];
static Undelayed mergedNeuronSpikeQueueUpdateGroup2[1];

#define EXPORT extern "C" __attribute__((visibility("default"), noinline))

EXPORT void pushMergedNeuronSpikeQueueUpdateGroup0ToDevice(unsigned int idx, uint32_t *spkCnt)
{
	mergedNeuronSpikeQueueUpdateGroup0[idx].spkCnt = spkCnt;
}

EXPORT void pushMergedNeuronSpikeQueueUpdateGroup1ToDevice(unsigned int idx, uint32_t *spkQuePtr, uint32_t *spkCnt)
{
	mergedNeuronSpikeQueueUpdateGroup1[idx].spkQuePtr = spkQuePtr;
	mergedNeuronSpikeQueueUpdateGroup1[idx].spkCnt = spkCnt;
}

EXPORT void pushMergedNeuronSpikeQueueUpdateGroup2ToDevice(unsigned int idx, uint32_t *spkCnt)
{
	mergedNeuronSpikeQueueUpdateGroup2[idx].spkCnt = spkCnt;
}

EXPORT void updateSynapses(float t)
{
	noise += static_cast<uint32_t>(t);
}

EXPORT void updateNeurons(float)
{
	for (const Undelayed &group : mergedNeuronSpikeQueueUpdateGroup0)
		*group.spkCnt = fired(300);
	for (const Delayed &group : mergedNeuronSpikeQueueUpdateGroup1) {
		*group.spkQuePtr = (*group.spkQuePtr + 1) % kSlots;
		group.spkCnt[*group.spkQuePtr] = fired(100);
	}
	for (const Undelayed &group : mergedNeuronSpikeQueueUpdateGroup2)
		*group.spkCnt = fired(50);
}

EXPORT void stepTime(unsigned long long step)
{
	const float t = static_cast<float>(step) * 0.1F;
	updateSynapses(t);
	updateNeurons(t);
}
