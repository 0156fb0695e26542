// SPDX-License-Identifier: Apache-2.0
//
// A spiking neural network that reads handwritten digits, instrumented with neuroperf.
//
//     64 pixels -> encoder (64) -> hidden1 (128) -> hidden2 (64) -> readout (10 potentials, the largest wins)
//
// An image is shown for a number of time steps. In each step every layer is called once:
//
//   Encoder   multiplies the grey levels with a dense matrix: multiply-accumulates (MACs), the same number every time.
//   LifLayer  is driven by events: each incoming spike adds one row of weights to the potentials, so the work is
//             synaptic events = spikes x fan-out, and a silent input costs nothing.
//   Readout   is driven by events as well, only gathers and never fires.
//
// A neuron is leaky integrate-and-fire: at the threshold it fires and the threshold is taken off its potential; then an
// eighth of the potential leaks away. All arithmetic is on integers: the same spikes on every machine.
//
// What a call did is told to neuroperf and, independently, kept in LayerCounts, so that the two can be compared. A
// Network belongs to one thread; the weights are constants, shared by all networks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <neuroperf/neuroperf.h>

namespace spiking_digits {

inline constexpr std::size_t kPixels = 64;
inline constexpr std::size_t kLayers = 4;

using Image = std::array<std::uint8_t, kPixels>; // grey levels 0..16
using SpikeList = std::vector<std::uint16_t>;    // numbers of the neurons that fired in this time step
using Potentials = std::vector<std::int32_t>;    // one for each neuron

// What a layer did in all its calls.
struct LayerCounts {
	const char *name = "";
	std::uint64_t calls = 0;
	std::uint64_t spikes = 0;
	std::uint64_t synops = 0;
	std::uint64_t macs = 0;

	void add(const LayerCounts &other); // of the same layer in another network
};

// The trained connections into a layer: one row of weights for each input, with one weight for each neuron.
struct Connections {
	const std::int8_t *weights;
	std::size_t inputs;
	std::size_t neurons;

	const std::int8_t *row(std::size_t input) const { return weights + input * neurons; }
	std::size_t size() const { return inputs * neurons; }
};

// Leaky integrate-and-fire neurons.
class LifNeurons {
public:
	LifNeurons(std::size_t count, std::int32_t threshold);

	void reset();
	Potentials &potentials() { return potentials_; }
	const SpikeList &fire_and_leak();

private:
	Potentials potentials_;
	SpikeList fired_;
	std::int32_t threshold_;
};

// Turns grey levels into spikes, the brighter the more often.
class Encoder {
public:
	Encoder(const char *name, const Connections &connections, std::int32_t threshold);

	void reset() { neurons_.reset(); }
	const SpikeList &step(const Image &image);
	const LayerCounts &counts() const { return counts_; }

private:
	Connections connections_;
	LifNeurons neurons_;
	neuroperf::Layer profile_;
	LayerCounts counts_;
};

// A hidden layer: spikes in, spikes out.
class LifLayer {
public:
	LifLayer(const char *name, const Connections &connections, std::int32_t threshold);

	void reset() { neurons_.reset(); }
	const SpikeList &step(const SpikeList &incoming);
	const LayerCounts &counts() const { return counts_; }

private:
	Connections connections_;
	LifNeurons neurons_;
	neuroperf::Layer profile_;
	LayerCounts counts_;
};

// Gathers the evidence for each digit.
class Readout {
public:
	Readout(const char *name, const Connections &connections);

	void reset();
	void step(const SpikeList &incoming);
	int decision() const; // the digit with the largest potential, the smaller one of equals
	const LayerCounts &counts() const { return counts_; }

private:
	Connections connections_;
	Potentials potentials_;
	neuroperf::Layer profile_;
	LayerCounts counts_;
};

class Network {
public:
	Network();

	// Shows the image for `steps` time steps and returns the digit seen. `sequence` numbers the inference in the
	// profile.
	int classify(const Image &image, unsigned steps, std::uint64_t sequence);

	// From the first layer to the last, over all images so far.
	std::array<LayerCounts, kLayers> counts() const;

private:
	Encoder encoder_;
	LifLayer hidden1_;
	LifLayer hidden2_;
	Readout readout_;
	neuroperf::Inference profile_;
};

} // namespace spiking_digits
