// SPDX-License-Identifier: Apache-2.0
// A runtime as profilers meet them: a C function that runs a model, layers that are found by run-time type information
// alone (the library is stripped), a function that is called once for each spike, a table of functions, and spikes as
// simulators keep them: bytes that a function returns, and arrays whose last number says how many cells have fired.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

namespace tiny {

struct Node {
	uint64_t index;
	std::string name, type;
	uint64_t dimensions; // at 72
	int32_t sizes[2];    // of its tensor
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

Node nodes[] = {{0, "/model/layers.0/a name that does not fit into a small string", "Dense", 2, {3, 4}},
		{1, "spiking", "Lif", 1, {5, 0}},
		{2, "inner", "Dense", 0, {0, 0}},
		{3, "block", "Block", 2, {65536, -1}}};
Dense dense(&nodes[0]), inner(&nodes[2]);
Spiking spiking(&nodes[1]);
Block block(&nodes[3], &inner);
Layer *const layers[] = {&dense, &spiking, &block};

} // namespace
} // namespace tiny

namespace tiny {

int32_t cells_spikespace[131], axons_spikespace[71];
int32_t *_array_cells__spikespace = cells_spikespace, *_array_axons__spikespace = axons_spikespace;
extern const int32_t _num__array_cells__spikespace = 131, _num__array_axons__spikespace = 71;

} // namespace tiny

__attribute__((noinline)) void _run_cells_thresholder_codeobject(int step)
{
	tiny::_array_cells__spikespace[tiny::_num__array_cells__spikespace - 1] = step;
}

__attribute__((noinline)) void _run_axons_thresholder_codeobject(int step)
{
	tiny::_array_axons__spikespace[tiny::_num__array_axons__spikespace - 1] = 1000 * step;
}

namespace {

struct Fired {
	uint8_t *cells;
	uint64_t count;
	std::vector<uint32_t> events; // others
};
Fired fired[] = {{nullptr, 0, {}}, {nullptr, 1, {}},   {nullptr, 7, {}},     {nullptr, 8, {}},
		 {nullptr, 9, {}}, {nullptr, 129, {}}, {nullptr, 65536, {}}, {nullptr, 65537, {}}};

// They end where memory ends. Each third cell has fired; of the 8 all, 255 times.
__attribute__((noinline)) void make_cells(Fired *some)
{
	constexpr uint64_t kPage = 4096;
	const uint64_t pages = (some->count + kPage - 1) / kPage + 1; // and one that is nobody's
	void *memory = mmap(nullptr, pages * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	some->cells = static_cast<uint8_t *>(memory) + (pages - 1) * kPage - some->count;
	for (uint64_t i = 0; i < some->count; i++)
		some->cells[i] = some->count == 8 ? 255 : i % 3 == 0;
	mprotect(static_cast<uint8_t *>(memory) + (pages - 1) * kPage, kPage, PROT_NONE);
}

struct Api {
	int (*open)(int), (*close)(int), (*step)(int);
};
struct ApiBase {
	const Api *(*get)(int version);
	int (*version)(int);
};

__attribute__((noinline)) int api_open(int step)
{
	tiny_work = tiny_work + 1;
	return step;
}

__attribute__((noinline)) int api_close(int step)
{
	tiny_work = tiny_work + 2;
	return step;
}

__attribute__((noinline)) int api_step(int step)
{
	tiny_work = tiny_work + 3;
	return step;
}

const Api api = {api_open, api_close, api_step};

__attribute__((noinline)) const Api *api_get(int version)
{
	return version == 1 ? &api : nullptr;
}

const ApiBase api_base = {api_get, api_open};

// A name, and that of a type 64 bytes behind it, on a page that the program itself never touches, as names of types
// are.
const char *untouched_names()
{
	char names[128] = "a name that nobody has read";
	std::strcpy(names + 64, "N4tiny6LookupE");
	const int file = memfd_create("names", MFD_CLOEXEC);
	if (file < 0 || write(file, names, sizeof names) != sizeof names)
		return nullptr;
	void *memory = mmap(nullptr, sizeof names, PROT_READ, MAP_SHARED, file, 0);
	close(file);
	return memory == MAP_FAILED ? nullptr : static_cast<const char *>(memory);
}

// As compilers lay out an object with virtual functions, and what tells its type.
struct Object {
	const void *type_info[2] = {nullptr, nullptr}; // ..., the type's name
	const void *before_functions = &type_info;
	const void *functions = &before_functions + 1;
};

} // namespace

extern "C" {

const ApiBase *tiny_api_base()
{
	return &api_base;
}

__attribute__((noinline)) const Fired *tiny_threshold(int step)
{
	Fired *some = &fired[step % 8];
	if (!some->cells)
		make_cells(some);
	some->events.resize(static_cast<std::size_t>(step * 7 % 50));
	return some;
}

__attribute__((noinline)) void tiny_lookup(int step, const char *names, const void *const *object)
{
	if (step == INT32_MAX)
		tiny_work = static_cast<uint64_t>(names[0]) + reinterpret_cast<uintptr_t>(*object);
	tiny_work = tiny_work + 4;
}

__attribute__((noinline)) void tiny_rename(const char *name)
{
	tiny::nodes[2].name = name;
}

// 1 if a layer has thrown.
int tiny_run(int step)
{
	tiny_threshold(step);
	_run_cells_thresholder_codeobject(step);
	_run_axons_thresholder_codeobject(step);
	tiny_api_base()->get(1)->step(step);
	static const char *const names = untouched_names();
	static Object lookup{{nullptr, names + 64}};
	tiny_lookup(step, names, &lookup.functions);
	if (step == 50) // memory that means another layer from now on
		tiny_rename("other inner");
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
