// SPDX-License-Identifier: Apache-2.0
// Runs a small network, built here with random weights, in Arm NN on its reference back end. Prints Arm NN's own
// profile, IProfiler's JSON, within one line of JSON.
//
//   armnn_net [--inferences N] [--wait MILLISECONDS]     waits before the first of them
//   g++ -O2 armnn_net.cpp -o armnn_net -larmnn
//
// The profile has one entry for each workload type, with as many times as workloads of this type have run.
#include <armnn/ArmNN.hpp>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

using armnn::IConnectableLayer;

constexpr unsigned kSide = 16, kChannels = 4, kClasses = 10;

armnn::TensorInfo floats(const std::vector<unsigned> &sizes)
{
	return {static_cast<unsigned>(sizes.size()), sizes.data(), armnn::DataType::Float32};
}

class Net {
public:
	Net()
	{
		const armnn::TensorInfo image = floats({1, kSide, kSide, 3});
		const armnn::TensorInfo maps = floats({1, kSide, kSide, kChannels});
		const armnn::TensorInfo half = floats({1, kSide / 2, kSide / 2, kChannels});
		const armnn::TensorInfo flat = floats({1, kSide / 2 * (kSide / 2) * kChannels});
		const armnn::TensorInfo classes = floats({1, kClasses});
		IConnectableLayer *const input = follow(network_->AddInputLayer(0), {}, image);
		IConnectableLayer *const first = convolution("first", input, 3, maps);
		IConnectableLayer *const second = convolution("second", first, kChannels, maps);
		IConnectableLayer *const sum = follow(network_->AddAdditionLayer("sum"), {first, second}, maps);
		IConnectableLayer *last = activation("relu", armnn::ActivationFunction::ReLu, sum, maps);
		last = pooling(last, half);
		last = reshape(last, flat);
		last = fully_connected(last, flat, classes);
		last = activation("tanh", armnn::ActivationFunction::TanH, last, classes);
		last = follow(network_->AddSoftmaxLayer({}, "probabilities"), {last}, classes);
		last->GetOutputSlot(0).Connect(network_->AddOutputLayer(0)->GetInputSlot(0));
	}

	armnn::IOptimizedNetworkPtr optimized(const armnn::IRuntime &runtime) const
	{
		return armnn::Optimize(*network_, {armnn::Compute::CpuRef}, runtime.GetDeviceSpec());
	}

private:
	static IConnectableLayer *follow(IConnectableLayer *layer, const std::vector<IConnectableLayer *> &before,
					 const armnn::TensorInfo &shape)
	{
		for (unsigned i = 0; i < before.size(); i++)
			before[i]->GetOutputSlot(0).Connect(layer->GetInputSlot(i));
		layer->GetOutputSlot(0).SetTensorInfo(shape);
		return layer;
	}

	// Arm NN copies them.
	armnn::ConstTensor weights(const armnn::TensorInfo &shape)
	{
		std::uniform_real_distribution<float> uniform(-0.1F, 0.1F);
		weights_.resize(shape.GetNumElements());
		std::generate(weights_.begin(), weights_.end(), [&] { return uniform(random_); });
		return {shape, weights_};
	}

	IConnectableLayer *convolution(const char *name, IConnectableLayer *before, unsigned inputs,
				       const armnn::TensorInfo &shape)
	{
		armnn::Convolution2dDescriptor settings;
		settings.m_PadLeft = settings.m_PadRight = settings.m_PadTop = settings.m_PadBottom = 1;
		settings.m_StrideX = settings.m_StrideY = 1;
		settings.m_DataLayout = armnn::DataLayout::NHWC;
		const armnn::ConstTensor kernels = weights(floats({kChannels, 3, 3, inputs}));
		return follow(network_->AddConvolution2dLayer(settings, kernels, armnn::EmptyOptional(), name),
			      {before}, shape);
	}

	IConnectableLayer *activation(const char *name, armnn::ActivationFunction function, IConnectableLayer *before,
				      const armnn::TensorInfo &shape)
	{
		armnn::ActivationDescriptor settings;
		settings.m_Function = function;
		settings.m_A = settings.m_B = 1;
		return follow(network_->AddActivationLayer(settings, name), {before}, shape);
	}

	IConnectableLayer *pooling(IConnectableLayer *before, const armnn::TensorInfo &shape)
	{
		armnn::Pooling2dDescriptor settings;
		settings.m_PoolType = armnn::PoolingAlgorithm::Max;
		settings.m_PoolWidth = settings.m_PoolHeight = settings.m_StrideX = settings.m_StrideY = 2;
		settings.m_DataLayout = armnn::DataLayout::NHWC;
		return follow(network_->AddPooling2dLayer(settings, "pool"), {before}, shape);
	}

	IConnectableLayer *reshape(IConnectableLayer *before, const armnn::TensorInfo &shape)
	{
		return follow(network_->AddReshapeLayer(armnn::ReshapeDescriptor(shape.GetShape()), "flatten"),
			      {before}, shape);
	}

	IConnectableLayer *fully_connected(IConnectableLayer *before, const armnn::TensorInfo &from,
					   const armnn::TensorInfo &shape)
	{
		armnn::FullyConnectedDescriptor settings;
		const armnn::ConstTensor matrix = weights(floats({from.GetShape()[1], kClasses}));
		return follow(network_->AddFullyConnectedLayer(settings, matrix, armnn::EmptyOptional(), "classes"),
			      {before}, shape);
	}

	armnn::INetworkPtr network_ = armnn::INetwork::Create();
	std::mt19937 random_{1};
	std::vector<float> weights_;
};

// The profile is indented and ends with a line break.
std::string in_one_line(std::string text)
{
	text.erase(std::remove_if(text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }), text.end());
	return text;
}

} // namespace

int main(int argc, char **argv)
{
	int inferences = 50, wait_ms = 0;
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && std::strcmp(argv[i], "--inferences") == 0) {
			inferences = std::atoi(argv[i + 1]);
		} else if (i + 1 < argc && std::strcmp(argv[i], "--wait") == 0) {
			wait_ms = std::atoi(argv[i + 1]);
		} else {
			inferences = 0;
		}
	}
	if (inferences <= 0) {
		std::fprintf(stderr, "usage: armnn_net [--inferences N] [--wait MILLISECONDS]\n");
		return 2;
	}

	const armnn::IRuntimePtr runtime = armnn::IRuntime::Create(armnn::IRuntime::CreationOptions());
	armnn::NetworkId network = 0;
	if (runtime->LoadNetwork(network, Net().optimized(*runtime)) != armnn::Status::Success) {
		std::fprintf(stderr, "armnn_net: the network cannot be loaded; is the back end CpuRef installed?\n");
		return 1;
	}
	std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
	runtime->GetProfiler(network)->EnableProfiling(true);
	std::vector<float> image(std::size_t{kSide} * kSide * 3, 0.5F), classes(kClasses);
	const armnn::InputTensors inputs = {{0, armnn::ConstTensor(runtime->GetInputTensorInfo(network, 0), image)}};
	const armnn::OutputTensors outputs = {
		{0, armnn::Tensor(runtime->GetOutputTensorInfo(network, 0), classes.data())}};
	const auto begin = std::chrono::steady_clock::now();
	for (int i = 0; i < inferences; i++)
		runtime->EnqueueWorkload(network, inputs, outputs);
	const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;

	std::ostringstream profile;
	runtime->GetProfiler(network)->Print(profile);
	std::printf("{\"runtime\": \"Arm NN %s\", \"pid\": %d, \"inferences\": %d, \"milliseconds\": %.3f, "
		    "\"profile\": %s}\n",
		    ARMNN_VERSION, static_cast<int>(getpid()), inferences, taken.count(),
		    in_one_line(profile.str()).c_str());
	return 0;
}
