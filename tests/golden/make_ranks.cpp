// SPDX-License-Identifier: Apache-2.0
// Writes NAME.0.data, NAME.1.data and NAME.2.data: a run of three ranks, every number of which is known.
//
//     make_ranks NAME
//
// Rank 2 runs on another host, whose clock is behind. In each of 200 steps every rank computes, the later ones longer,
// and then exchanges spikes until the slowest has come.
#include <cstdio>
#include <exception>
#include <string>

#include "tests/support/recording_builder.hpp"

namespace {

using neuroperf::test::RecordingBuilder;

constexpr uint32_t kStep = 1, kNeurons = 2, kSynapses = 3, kExchange = 4;
constexpr uint32_t kMain = 100;

void write(const std::string &name, int rank)
{
	const bool far = rank == 2;
	RecordingBuilder::Options options;
	options.context_switches = true;
	options.host = far ? "node2" : "node1";
	options.boot_id = far ? "b" : "a";
	options.rank = rank;
	RecordingBuilder recording(name + "." + std::to_string(rank) + ".data", options);
	const auto number = static_cast<uint64_t>(rank);
	const uint64_t start = (far ? 700'000'000 : 5'000'000'000) + 250'000 * number;
	recording.comm(kMain, kMain, start, "simulation", true);
	recording.define_inference(kStep, "step", "time step", start);
	recording.define_layer(kNeurons, "neurons", "lif", {{}, kNeurons, 1000, 0, 0, 0, 0, 0}, start);
	recording.define_layer(kSynapses, "synapses", "phase", {}, start);
	recording.define_layer(kExchange, "exchange of spikes", "phase", {}, start);
	recording.note(1, "program_says", rank == 1 ? "9 of 12 cores are busy" : "7 of 12 cores are busy", "", start);
	uint64_t step_begin = (far ? 700'000'000 : 5'000'000'000) + 1'000'000;
	for (uint64_t step = 0; step < 200; step++) {
		// A rank is up to 6 us late at the end of an exchange.
		const uint64_t step_end = step_begin + 1'000'000 + (step * 7 + number * 3) % 4 * 2000;
		const uint64_t updated = step_begin + 200'000, delivered = updated + 150'000 * (number + 1);
		recording.inference_begin(kMain, kStep, step_begin, step).begin(kMain, kNeurons, step_begin);
		recording.spikes(kMain, kNeurons, step_begin + 100, 10 + number).end(kMain, kNeurons, updated);
		recording.begin(kMain, kSynapses, updated).synops(kMain, kSynapses, updated + 100, 1000 * (number + 1));
		recording.end(kMain, kSynapses, delivered).begin(kMain, kExchange, delivered);
		recording.off_cpu(kMain, delivered + 1000).to_cpu(kMain, step_end - 2000);
		recording.end(kMain, kExchange, step_end).inference_end(kMain, kStep, step_end, step);
		if (step % 50 == 10 * number)
			recording.sample(kMain, kMain, step_end, 0x1000);
		step_begin += 1'100'000;
	}
	if (rank == 1)
		recording.lost(neuroperf::collector::own_event_id(neuroperf::recording::OwnEvent::layer_begin), 4,
			       step_begin);
	recording.finish();
}

} // namespace

int main(int argc, char **argv)
{
	if (argc != 2) {
		std::fputs("usage: make_ranks NAME\n", stderr);
		return 2;
	}
	try {
		for (const int rank : {0, 1, 2})
			write(argv[1], rank);
	} catch (const std::exception &error) {
		std::fprintf(stderr, "make_ranks: %s\n", error.what());
		return 1;
	}
	return 0;
}
