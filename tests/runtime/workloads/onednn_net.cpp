// SPDX-License-Identifier: Apache-2.0
// Runs a list of oneDNN primitives. Their counts are oneDNN's own: with DNNL_VERBOSE=1 it prints one line for each
// execution. The last line is of this program, JSON.
//
//   onednn_net [--passes N] [--wait MILLISECONDS]     waits before the first of them
//   g++ -O2 onednn_net.cpp -o onednn_net -ldnnl
//
// In each pass the first primitive runs once, the next one twice, and so on: no two of a kind have the same count. One
// convolution is made twice, as two layers of the same sizes would be: oneDNN's cache gives both the same primitive.
#include <oneapi/dnnl/dnnl.hpp>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

using Shape = dnnl::memory::desc;
using Tag = dnnl::memory::format_tag;

constexpr auto kInference = dnnl::prop_kind::forward_inference;

Shape shape_of(const dnnl::memory::dims &sizes, Tag tag)
{
	return {sizes, dnnl::memory::data_type::f32, tag};
}

struct Layer {
	dnnl::primitive primitive;
	std::unordered_map<int, dnnl::memory> arguments;
};

class Net {
public:
	Net()
	{
		const Shape image = shape_of({2, 16, 24, 24}, Tag::nchw);
		const Shape half = shape_of({2, 16, 12, 12}, Tag::nchw);
		const Shape rows = shape_of({2, 10}, Tag::ab);
		add_reorder(image, shape_of({2, 16, 24, 24}, Tag::nhwc));
		add_convolution(32);
		add_convolution(64);
		add_convolution(32);
		add_eltwise(image);
		add_pooling(image, half);
		add_inner_product(half, rows);
		add_matmul();
		add_softmax(rows);
		add_binary(half);
		add_sum(half);
		add_concat(half);
		add_batch_normalization(image);
		add_reorder(half, shape_of({2, 16, 12, 12}, Tag::nChw16c));
	}

	void pass()
	{
		for (std::size_t i = 0; i < layers_.size(); i++)
			for (std::size_t turn = 0; turn <= i; turn++)
				layers_[i].primitive.execute(stream_, layers_[i].arguments);
		stream_.wait();
	}

private:
	dnnl::memory filled(const Shape &shape)
	{
		dnnl::memory memory(shape, engine_);
		std::memset(memory.get_data_handle(), 0, shape.get_size());
		return memory;
	}

	void add_convolution(int outputs)
	{
		using Convolution = dnnl::convolution_forward;
		const Shape from = shape_of({1, 3, 32, 32}, Tag::nchw), to = shape_of({1, outputs, 32, 32}, Tag::any);
		const Shape weights = shape_of({outputs, 3, 3, 3}, Tag::any), bias = shape_of({outputs}, Tag::x);
		const dnnl::memory::dims one = {1, 1};
		const Convolution::desc wanted(kInference, dnnl::algorithm::convolution_direct, from, weights, bias, to,
					       one, one, one);
		const Convolution::primitive_desc made(wanted, engine_);
		layers_.push_back({Convolution(made),
				   {{DNNL_ARG_SRC, filled(made.src_desc())},
				    {DNNL_ARG_WEIGHTS, filled(made.weights_desc())},
				    {DNNL_ARG_BIAS, filled(made.bias_desc())},
				    {DNNL_ARG_DST, filled(made.dst_desc())}}});
	}

	void add_reorder(const Shape &from, const Shape &to)
	{
		const dnnl::reorder::primitive_desc made(engine_, from, engine_, to);
		layers_.push_back({dnnl::reorder(made), {{DNNL_ARG_FROM, filled(from)}, {DNNL_ARG_TO, filled(to)}}});
	}

	void add_eltwise(const Shape &shape)
	{
		const dnnl::eltwise_forward::primitive_desc made(
			{kInference, dnnl::algorithm::eltwise_relu, shape, 0.0F, 0.0F}, engine_);
		add_one_to_one(dnnl::eltwise_forward(made), shape, shape);
	}

	void add_pooling(const Shape &from, const Shape &to)
	{
		const dnnl::pooling_forward::primitive_desc made(
			{kInference, dnnl::algorithm::pooling_max, from, to, {2, 2}, {2, 2}, {0, 0}, {0, 0}}, engine_);
		add_one_to_one(dnnl::pooling_forward(made), from, to);
	}

	void add_softmax(const Shape &shape)
	{
		const dnnl::softmax_forward::primitive_desc made({kInference, shape, 1}, engine_);
		add_one_to_one(dnnl::softmax_forward(made), shape, shape);
	}

	void add_batch_normalization(const Shape &shape)
	{
		using Normalization = dnnl::batch_normalization_forward;
		const Normalization::primitive_desc made(
			{kInference, shape, 1e-5F, dnnl::normalization_flags::use_global_stats}, engine_);
		add_one_to_one(Normalization(made), shape, shape);
		layers_.back().arguments.insert(
			{{DNNL_ARG_MEAN, filled(made.mean_desc())}, {DNNL_ARG_VARIANCE, filled(made.variance_desc())}});
	}

	void add_one_to_one(const dnnl::primitive &primitive, const Shape &from, const Shape &to)
	{
		layers_.push_back({primitive, {{DNNL_ARG_SRC, filled(from)}, {DNNL_ARG_DST, filled(to)}}});
	}

	void add_inner_product(const Shape &from, const Shape &to)
	{
		const Shape weights = shape_of({10, 16, 12, 12}, Tag::oihw);
		const dnnl::inner_product_forward::primitive_desc made({kInference, from, weights, to}, engine_);
		add_one_to_one(dnnl::inner_product_forward(made), from, to);
		layers_.back().arguments.insert({DNNL_ARG_WEIGHTS, filled(weights)});
	}

	void add_matmul()
	{
		const Shape from = shape_of({30, 40}, Tag::ab), weights = shape_of({40, 50}, Tag::ab);
		const Shape to = shape_of({30, 50}, Tag::ab);
		const dnnl::matmul::primitive_desc made({from, weights, to}, engine_);
		add_one_to_one(dnnl::matmul(made), from, to);
		layers_.back().arguments.insert({DNNL_ARG_WEIGHTS, filled(weights)});
	}

	void add_binary(const Shape &shape)
	{
		const dnnl::binary::primitive_desc made({dnnl::algorithm::binary_mul, shape, shape, shape}, engine_);
		layers_.push_back({dnnl::binary(made),
				   {{DNNL_ARG_SRC_0, filled(shape)},
				    {DNNL_ARG_SRC_1, filled(shape)},
				    {DNNL_ARG_DST, filled(shape)}}});
	}

	void add_sum(const Shape &shape)
	{
		add_of_two(dnnl::sum(dnnl::sum::primitive_desc({1.0F, 2.0F}, {shape, shape}, engine_)), shape, shape);
	}

	void add_concat(const Shape &shape)
	{
		const dnnl::concat::primitive_desc made(1, {shape, shape}, engine_);
		add_of_two(dnnl::concat(made), shape, made.dst_desc());
	}

	void add_of_two(const dnnl::primitive &primitive, const Shape &from, const Shape &to)
	{
		layers_.push_back({primitive,
				   {{DNNL_ARG_MULTIPLE_SRC, filled(from)},
				    {DNNL_ARG_MULTIPLE_SRC + 1, filled(from)},
				    {DNNL_ARG_DST, filled(to)}}});
	}

	dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
	dnnl::stream stream_{engine_};
	std::vector<Layer> layers_;
};

} // namespace

int main(int argc, char **argv)
{
	int passes = 20, wait_ms = 0;
	for (int i = 1; i < argc; i += 2) {
		if (i + 1 < argc && std::strcmp(argv[i], "--passes") == 0) {
			passes = std::atoi(argv[i + 1]);
		} else if (i + 1 < argc && std::strcmp(argv[i], "--wait") == 0) {
			wait_ms = std::atoi(argv[i + 1]);
		} else {
			passes = 0;
		}
	}
	if (passes <= 0) {
		std::fprintf(stderr, "usage: onednn_net [--passes N] [--wait MILLISECONDS]\n");
		return 2;
	}

	std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
	Net net;
	const auto begin = std::chrono::steady_clock::now();
	for (int i = 0; i < passes; i++)
		net.pass();
	const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - begin;
	const dnnl_version_t *const version = dnnl_version();
	std::printf("{\"runtime\": \"oneDNN %d.%d.%d\", \"pid\": %d, \"passes\": %d, \"milliseconds\": %.3f}\n",
		    version->major, version->minor, version->patch, static_cast<int>(getpid()), passes, taken.count());
	return 0;
}
