// SPDX-License-Identifier: Apache-2.0
#include "network.hpp"

#include <algorithm>

#include "data/weights.hpp"

namespace spiking_digits {

namespace {

constexpr std::int32_t kLeak = 8; // a potential loses 1/8 of itself per time step

template <std::size_t kInputs, std::size_t kNeurons>
Connections connections_of(const std::int8_t (&weights)[kInputs][kNeurons])
{
	return Connections{&weights[0][0], kInputs, kNeurons};
}

// A dense layer does all its multiplications in every call; for a layer driven by spikes that figure would mislead.
np_layer_facts facts_of(const Connections &connections, bool dense)
{
	np_layer_facts facts = {};
	facts.neurons = connections.neurons;
	facts.synapses = connections.size();
	facts.macs = dense ? connections.size() : 0;
	facts.parameters = connections.size();
	return facts;
}

void multiply_dense(const Connections &connections, const Image &image, Potentials &potentials)
{
	for (std::size_t input = 0; input < connections.inputs; input++) {
		const std::int8_t *weights = connections.row(input);
		const std::int32_t grey = image[input];
		for (std::size_t neuron = 0; neuron < connections.neurons; neuron++)
			potentials[neuron] += grey * weights[neuron];
	}
}

// Returns the number of synaptic events.
std::uint64_t deliver_spikes(const Connections &connections, const SpikeList &incoming, Potentials &potentials)
{
	for (const std::size_t input : incoming) {
		const std::int8_t *weights = connections.row(input);
		for (std::size_t neuron = 0; neuron < connections.neurons; neuron++)
			potentials[neuron] += weights[neuron];
	}
	return std::uint64_t{incoming.size()} * connections.neurons;
}

} // namespace

void LayerCounts::add(const LayerCounts &other)
{
	name = other.name;
	calls += other.calls;
	spikes += other.spikes;
	synops += other.synops;
	macs += other.macs;
}

LifNeurons::LifNeurons(std::size_t count, std::int32_t threshold) : potentials_(count), threshold_(threshold)
{
	fired_.reserve(count);
}

void LifNeurons::reset()
{
	std::fill(potentials_.begin(), potentials_.end(), 0);
}

const SpikeList &LifNeurons::fire_and_leak()
{
	fired_.clear();
	for (std::size_t neuron = 0; neuron < potentials_.size(); neuron++) {
		std::int32_t &potential = potentials_[neuron];
		if (potential >= threshold_) {
			potential -= threshold_;
			fired_.push_back(static_cast<SpikeList::value_type>(neuron));
		}
		potential -= potential / kLeak;
	}
	return fired_;
}

Encoder::Encoder(const char *name, const Connections &connections, std::int32_t threshold)
	: connections_(connections), neurons_(connections.neurons, threshold),
	  profile_(name, "encoder", facts_of(connections, true)), counts_{name}
{
}

// The product is the same in every step as long as the image stands still. It is computed anew nevertheless, as it must
// be when the image comes from a camera; the profile shows what that costs.
const SpikeList &Encoder::step(const Image &image)
{
	const neuroperf::LayerScope scope(profile_);
	multiply_dense(connections_, image, neurons_.potentials());
	const SpikeList &fired = neurons_.fire_and_leak();
	profile_.spikes(fired.size());

	counts_.calls++;
	counts_.spikes += fired.size();
	counts_.macs += connections_.size();
	return fired;
}

LifLayer::LifLayer(const char *name, const Connections &connections, std::int32_t threshold)
	: connections_(connections), neurons_(connections.neurons, threshold),
	  profile_(name, "lif", facts_of(connections, false)), counts_{name}
{
}

const SpikeList &LifLayer::step(const SpikeList &incoming)
{
	const neuroperf::LayerScope scope(profile_);
	const std::uint64_t synops = deliver_spikes(connections_, incoming, neurons_.potentials());
	const SpikeList &fired = neurons_.fire_and_leak();
	profile_.synops(synops);
	profile_.spikes(fired.size());

	counts_.calls++;
	counts_.synops += synops;
	counts_.spikes += fired.size();
	return fired;
}

Readout::Readout(const char *name, const Connections &connections)
	: connections_(connections), potentials_(connections.neurons),
	  profile_(name, "readout", facts_of(connections, false)), counts_{name}
{
}

void Readout::reset()
{
	std::fill(potentials_.begin(), potentials_.end(), 0);
}

void Readout::step(const SpikeList &incoming)
{
	const neuroperf::LayerScope scope(profile_);
	const std::uint64_t synops = deliver_spikes(connections_, incoming, potentials_);
	profile_.synops(synops);

	counts_.calls++;
	counts_.synops += synops;
}

int Readout::decision() const
{
	return static_cast<int>(std::max_element(potentials_.begin(), potentials_.end()) - potentials_.begin());
}

Network::Network()
	: encoder_("encoder", connections_of(kEncoderWeights), kEncoderThreshold),
	  hidden1_("hidden1", connections_of(kHidden1Weights), kHidden1Threshold),
	  hidden2_("hidden2", connections_of(kHidden2Weights), kHidden2Threshold),
	  readout_("readout", connections_of(kReadoutWeights)), profile_("digit", "inference")
{
}

int Network::classify(const Image &image, unsigned steps, std::uint64_t sequence)
{
	const neuroperf::InferenceScope scope(profile_, sequence);
	encoder_.reset();
	hidden1_.reset();
	hidden2_.reset();
	readout_.reset();
	for (unsigned step = 0; step < steps; step++)
		readout_.step(hidden2_.step(hidden1_.step(encoder_.step(image))));
	return readout_.decision();
}

std::array<LayerCounts, kLayers> Network::counts() const
{
	return {encoder_.counts(), hidden1_.counts(), hidden2_.counts(), readout_.counts()};
}

} // namespace spiking_digits
