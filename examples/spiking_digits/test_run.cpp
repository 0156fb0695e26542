// SPDX-License-Identifier: Apache-2.0
#include "test_run.hpp"

#include <cstdio>
#include <iterator>

#include "data/test_images.hpp"

namespace spiking_digits {

namespace {

// One character for each pixel: 0..9, then a..g for 10..16.
Image decode_image(const char *pixels)
{
	Image image;
	for (std::size_t i = 0; i < kPixels; i++) {
		const char c = pixels[i];
		image[i] = static_cast<std::uint8_t>(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return image;
}

} // namespace

unsigned test_image_count()
{
	return static_cast<unsigned>(std::size(kTestImages));
}

std::vector<NumberOption> RunPlan::options()
{
	return {
		{"--images", &images, 1, test_image_count(), "show the first N test images"},
		{"--steps", &steps, 1, 10'000, "time steps for each image"},
		{"--repeat", &repeat, 1, 1'000'000, "show all of them N times"},
	};
}

void RunResult::add(const RunResult &other)
{
	correct += other.correct;
	shown += other.shown;
	for (std::size_t i = 0; i < kLayers; i++)
		layers[i].add(other.layers[i]);
}

RunResult run_images(const RunPlan &plan, unsigned first, unsigned stride)
{
	Network network;
	RunResult result;
	for (unsigned pass = 0; pass < plan.repeat; pass++) {
		for (unsigned number = first; number < plan.images; number += stride) {
			const TestImage &test = kTestImages[number];
			const std::uint64_t sequence = std::uint64_t{pass} * plan.images + number;
			const int digit = network.classify(decode_image(test.pixels), plan.steps, sequence);
			result.correct += digit == test.digit;
			result.shown++;
		}
	}
	result.layers = network.counts();
	return result;
}

void print_result(const RunResult &result)
{
	using Count = unsigned long long;
	std::printf("accuracy %.2f %% (%llu of %llu)\n", 100.0 * double(result.correct) / double(result.shown),
		    Count{result.correct}, Count{result.shown});
	for (const LayerCounts &layer : result.layers)
		std::printf("layer %s calls %llu spikes %llu synops %llu macs %llu\n", layer.name, Count{layer.calls},
			    Count{layer.spikes}, Count{layer.synops}, Count{layer.macs});
}

} // namespace spiking_digits
