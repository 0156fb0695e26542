// SPDX-License-Identifier: Apache-2.0
//
// Shows the test images to a network and counts: what spiking_digits and spiking_digits_parallel have in common.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "network.hpp"
#include "options.hpp"

namespace spiking_digits {

unsigned test_image_count();

struct RunPlan {
	unsigned images = test_image_count();
	unsigned steps = 32;  // as in training
	unsigned repeat = 15; // one to two seconds of work: enough samples for a profile

	std::vector<NumberOption> options();
};

struct RunResult {
	std::uint64_t correct = 0;
	std::uint64_t shown = 0;
	std::array<LayerCounts, kLayers> layers;

	void add(const RunResult &other);
};

// Shows every `stride`-th image of the plan, beginning with `first`, to a network of its own. Threads that run at the
// same time share nothing but constants.
RunResult run_images(const RunPlan &plan, unsigned first = 0, unsigned stride = 1);

// Prints the accuracy, then "layer <name> calls <n> spikes <n> synops <n> macs <n>" for each layer.
void print_result(const RunResult &result);

} // namespace spiking_digits
