// SPDX-License-Identifier: Apache-2.0
// Runs a network, built here with random weights, in OpenCV dnn: a small one, or SqueezeNet 1.1 (Iandola et al. 2016,
// as revised in its repository) with an image of 224 x 224. Prints OpenCV's own numbers as one line of JSON.
//
//   opencv_net [--forwards N] [--squeezenet]
//   g++ -O2 -I/usr/include/opencv4 opencv_net.cpp -o opencv_net -lopencv_dnn -lopencv_core
//
// "calls" of a layer: the passes in which getPerfProfile gave it a time; a layer that OpenCV fused into another has
// none. Net::Impl::forwardLayer is entered once a pass for each layer all the same, and for layer 0, "_input".
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/dnn.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

cv::Mat random_weights(const std::vector<int> &shape)
{
	cv::Mat weights(shape, CV_32F);
	cv::theRNG().fill(weights, cv::RNG::UNIFORM, -0.1, 0.1);
	return weights;
}

void add_convolution(cv::dnn::Net &net, const std::string &name, int inputs, int outputs)
{
	cv::dnn::LayerParams params;
	params.set("kernel_size", 3);
	params.set("pad", 1);
	params.set("num_output", outputs);
	params.blobs = {random_weights({outputs, inputs, 3, 3}), random_weights({1, outputs})};
	net.addLayerToPrev(name, "Convolution", params);
}

void add_pooling(cv::dnn::Net &net, const std::string &name)
{
	cv::dnn::LayerParams params;
	params.set("pool", "max");
	params.set("kernel_size", 2);
	params.set("stride", 2);
	net.addLayerToPrev(name, "Pooling", params);
}

void add_inner_product(cv::dnn::Net &net, const std::string &name, int inputs, int outputs)
{
	cv::dnn::LayerParams params;
	params.set("num_output", outputs);
	params.blobs = {random_weights({outputs, inputs}), random_weights({1, outputs})};
	net.addLayerToPrev(name, "InnerProduct", params);
}

void add_plain(cv::dnn::Net &net, const std::string &name, const std::string &type)
{
	cv::dnn::LayerParams params;
	net.addLayerToPrev(name, type, params);
}

int add(cv::dnn::Net &net, int input, const std::string &name, const std::string &type, cv::dnn::LayerParams params)
{
	const int layer = net.addLayer(name, type, params);
	net.connect(input, 0, layer, 0);
	return layer;
}

// And what makes it one: ReLU.
int convolution(cv::dnn::Net &net, int input, const std::string &name, int inputs, int outputs, int size,
		int stride = 1)
{
	cv::dnn::LayerParams params;
	params.set("kernel_size", size);
	params.set("stride", stride);
	params.set("pad", size == 3 && stride == 1 ? 1 : 0);
	params.set("num_output", outputs);
	params.blobs = {random_weights({outputs, inputs, size, size}), random_weights({1, outputs})};
	return add(net, add(net, input, name, "Convolution", params), name + "/relu", "ReLU", {});
}

int pooling(cv::dnn::Net &net, int input, const std::string &name)
{
	cv::dnn::LayerParams params;
	params.set("pool", "max");
	params.set("kernel_size", 3);
	params.set("stride", 2);
	return add(net, input, name, "Pooling", params);
}

int fire(cv::dnn::Net &net, int input, const std::string &name, int inputs, int squeezed, int expanded)
{
	const int squeeze = convolution(net, input, name + "/squeeze1x1", inputs, squeezed, 1);
	const int ones = convolution(net, squeeze, name + "/expand1x1", squeezed, expanded, 1);
	const int threes = convolution(net, squeeze, name + "/expand3x3", squeezed, expanded, 3);
	const int both = add(net, ones, name + "/concat", "Concat", {});
	net.connect(threes, 0, both, 1);
	return both;
}

cv::dnn::Net squeezenet()
{
	cv::dnn::Net net;
	int layer = pooling(net, convolution(net, 0, "conv1", 3, 64, 3, 2), "pool1");
	layer = fire(net, layer, "fire2", 64, 16, 64);
	layer = pooling(net, fire(net, layer, "fire3", 128, 16, 64), "pool3");
	layer = fire(net, layer, "fire4", 128, 32, 128);
	layer = pooling(net, fire(net, layer, "fire5", 256, 32, 128), "pool5");
	layer = fire(net, layer, "fire6", 256, 48, 192);
	layer = fire(net, layer, "fire7", 384, 48, 192);
	layer = fire(net, layer, "fire8", 384, 64, 256);
	layer = convolution(net, fire(net, layer, "fire9", 512, 64, 256), "conv10", 512, 1000, 1);
	cv::dnn::LayerParams average;
	average.set("pool", "ave");
	average.set("global_pooling", true);
	add(net, add(net, layer, "pool10", "Pooling", average), "prob", "Softmax", {});
	return net;
}

cv::dnn::Net small_net()
{
	cv::dnn::Net net;
	add_convolution(net, "first/conv", 3, 16);
	add_plain(net, "first/relu", "ReLU");
	add_pooling(net, "first/pool");
	add_convolution(net, "second/conv", 16, 32);
	add_plain(net, "second/relu", "ReLU");
	add_pooling(net, "second/pool");
	add_inner_product(net, "classes", 32 * 16 * 16, 10);
	add_plain(net, "probabilities", "Softmax");
	return net;
}

} // namespace

int main(int argc, char **argv)
{
	int forwards = 100;
	bool large = false;
	for (int i = 1; i < argc; i++) {
		if (std::strcmp(argv[i], "--forwards") == 0 && i + 1 < argc)
			forwards = std::atoi(argv[++i]);
		else if (std::strcmp(argv[i], "--squeezenet") == 0)
			large = true;
		else
			forwards = 0;
	}
	if (forwards <= 0) {
		std::fprintf(stderr, "usage: opencv_net [--forwards N] [--squeezenet]\n");
		return 2;
	}

	cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_ERROR);
	cv::setNumThreads(1);
	cv::theRNG().state = 1;
	cv::dnn::Net net = large ? squeezenet() : small_net();
	net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
	net.setPreferableTarget(cv::dnn::DNN_TARGET_CPU);
	const int side = large ? 224 : 64;
	const cv::Mat image = random_weights({1, 3, side, side});
	const std::vector<std::string> names = net.getLayerNames();
	std::vector<int> calls(names.size());
	std::vector<double> ticks(names.size());
	const auto begin = std::chrono::steady_clock::now();
	for (int i = 0; i < forwards; i++) {
		net.setInput(image);
		net.forward();
		std::vector<double> times; // of layers 1..n: layer 0 is the input
		net.getPerfProfile(times);
		for (std::size_t layer = 0; layer < names.size() && layer < times.size(); layer++) {
			calls[layer] += times[layer] > 0 ? 1 : 0;
			ticks[layer] += times[layer];
		}
	}

	const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
	std::printf("{\"runtime\": \"OpenCV %s\", \"pid\": %d, \"forwards\": %d, \"milliseconds\": %.3f, \"layers\": {",
		    CV_VERSION, static_cast<int>(getpid()), forwards, taken.count());
	for (std::size_t layer = 0; layer < names.size(); layer++) {
		const std::string type = net.getLayer(static_cast<int>(layer) + 1)->type;
		std::printf("%s\"%s\": {\"type\": \"%s\", \"calls\": %d, \"ms\": %.3f}", layer > 0 ? ", " : "",
			    names[layer].c_str(), type.c_str(), calls[layer],
			    ticks[layer] / cv::getTickFrequency() * 1e3);
	}
	std::printf("}}\n");
	return 0;
}
