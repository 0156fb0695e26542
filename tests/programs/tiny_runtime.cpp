// SPDX-License-Identifier: Apache-2.0
// A runtime as profilers meet them: a C function that runs a model, layers that are found by run-time type information
// alone (the library is stripped), a function that is called once for each spike, and one that exists in the symbol
// table only.
#include <cstdint>
#include <stdexcept>
#include <string>

namespace tiny {

struct Node {
	uint64_t index;
	std::string name, type;
};

class Layer {
public:
	explicit Layer(Node *node) : node_(node) {}
	virtual ~Layer() = default;
	virtual void forward(int step) = 0; // slot 2, behind two destructors

protected:
	Node *node_; // at 8
};

} // namespace tiny

extern "C" {

volatile uint64_t tiny_work;

__attribute__((noinline)) void tiny_spikes(int population, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		tiny_work = tiny_work + static_cast<uint64_t>(population);
}

} // extern "C"

namespace tiny {
namespace {

class Dense : public Layer {
public:
	using Layer::Layer;
	void forward(int step) override
	{
		for (int i = 0; i < 200; i++)
			tiny_work = tiny_work + static_cast<uint64_t>(step);
	}
};

class Spiking : public Layer {
public:
	using Layer::Layer;
	void forward(int step) override { tiny_spikes(3, static_cast<uint64_t>(step)); }
};

// Calls another layer, which does not always come back.
class Block : public Layer {
public:
	Block(Node *node, Layer *inner) : Layer(node), inner_(inner) {}
	void forward(int step) override
	{
		inner_->forward(step);
		if (step % 10 == 9)
			throw std::runtime_error("step 9");
	}

private:
	Layer *inner_;
};

Node nodes[] = {{0, "/model/layers.0/a name that does not fit into a small string", "Dense"},
		{1, "spiking", "Lif"},
		{2, "inner", "Dense"},
		{3, "block", "Block"}};
Dense dense(&nodes[0]), inner(&nodes[2]);
Spiking spiking(&nodes[1]);
Block block(&nodes[3], &inner);
Layer *const layers[] = {&dense, &spiking, &block};

} // namespace
} // namespace tiny

extern "C" {

// 1 if a layer has thrown.
int tiny_run(int step)
{
	if (step == 50) // memory that means another layer from now on
		tiny::nodes[2].name = "other inner";
	try {
		for (tiny::Layer *layer : tiny::layers)
			layer->forward(step);
	} catch (const std::exception &) {
		return 1;
	}
	return 0;
}

void tiny_load()
{
	tiny::Layer *volatile first = tiny::layers[0]; // called, not inlined
	first->forward(0);
}

} // extern "C"
