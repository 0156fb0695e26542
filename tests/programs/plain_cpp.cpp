// SPDX-License-Identifier: Apache-2.0
// C++17 with a C translation unit beside it, layers by RAII, an exception through a scope, and every kind of event.
#include <cstdio>
#include <stdexcept>

#include <neuroperf/neuroperf.h>

#include "counted_layer.h"
#include "plain_c_other.h"

namespace {

const neuroperf::Layer kOuter("outer", "block", {10, 20, 30, 40});
const neuroperf::Layer kInner("inner");
const neuroperf::Inference kStep("step", "time step");

void run_inner(int i)
{
	const neuroperf::LayerScope scope(kInner);
	kInner.spikes(2);
	kInner.synops(5);
	if (i % 2)
		throw std::runtime_error("leaves the layer on the way");
}

} // namespace

int main()
{
	const np_counter_t load = np_counter_define("load", "%");
	const np_mark_t half = np_mark_define("half");
	constexpr int kSteps = 100;
	for (int i = 0; i < kSteps; i++) {
		const neuroperf::InferenceScope inference(kStep, static_cast<uint64_t>(i));
		const neuroperf::LayerScope scope(kOuter.id());
		try {
			run_inner(i);
		} catch (const std::runtime_error &) {
		}
		np_counter(load, 0.5 * i);
		if (i == kSteps / 2)
			np_mark(half);
	}
	run_other_unit(10);
	print_layer("outer", 0, kSteps, 0);
	print_layer("inner", 0, kSteps, 2 * kSteps);
	print_layer("elsewhere", 0, 10, other_unit_spikes());
	return 0;
}
