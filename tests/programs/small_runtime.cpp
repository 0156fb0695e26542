// SPDX-License-Identifier: Apache-2.0
// A runtime of every shape in which places are found: exported functions, local ones, classes, tables of functions,
// functions with data of their own name. Built as a library, stripped, and into a static program.
#include <cstdint>

#define NOINLINE __attribute__((noinline))

namespace {

volatile int work;

inline int worked(int result)
{
	work = result;
	return result;
}

NOINLINE int hidden_step(int step)
{
	work = work + step;
	return work * 3;
}

__attribute__((cold)) NOINLINE int rare_step(int step)
{
	work = work ^ step;
	return work * 5;
}

} // namespace

namespace small {

class Layer {
public:
	virtual ~Layer() = default;
	virtual int forward(int step) = 0; // slot 2, behind two destructors
};
class Dense : public Layer {
public:
	int forward(int step) override { return worked(work + step * 5); }
};
class Spiking : public Layer {
public:
	int forward(int step) override { return worked(work + step * 7); }
};

Dense dense;
Spiking spiking;
Layer *volatile layers[] = {&dense, &spiking};

} // namespace small

// As code generators of simulators write them: the last number of each array says how many of its cells have fired.
namespace simulated {

int32_t cells_memory[131], axons_memory[71], broken_memory[11];
int32_t *_array_cells__spikespace = cells_memory, *_array_axons__spikespace = axons_memory,
	*_array_broken__spikespace = broken_memory;
extern const int _num__array_cells__spikespace = 131, _num__array_axons__spikespace = 71;
int _num__array_broken__spikespace = 11; // whoever writes it knows it, the file does not

} // namespace simulated

NOINLINE void _run_cells_thresholder_codeobject()
{
	simulated::_array_cells__spikespace[simulated::_num__array_cells__spikespace - 1] = work;
}

NOINLINE void _run_axons_thresholder_codeobject()
{
	simulated::_array_axons__spikespace[simulated::_num__array_axons__spikespace - 1] = work;
}

NOINLINE void _run_broken_thresholder_codeobject()
{
	simulated::_array_broken__spikespace[simulated::_num__array_broken__spikespace - 1] = work;
}

extern "C" {

NOINLINE int small_run(int steps)
{
	for (int i = 0; i < steps; i++)
		work = work + hidden_step(i);
	return work;
}

// Calls directly, through a table of virtual functions, and an exported function.
NOINLINE int small_caller(int step)
{
	const int direct = hidden_step(step);
	const int by_class = small::layers[direct & 1]->forward(step);
	return small_run(by_class & 3) + direct * by_class;
}

// Is left by a jump: what it jumps to returns to its caller.
NOINLINE int small_tail(int step)
{
	return hidden_step(step + 1);
}

NOINLINE int small_two_ends(int step)
{
	if (step < 0)
		return work;
	int sum = 0;
	for (int i = 0; i < step; i++)
		sum += hidden_step(i);
	return sum;
}

// Its rare case is put away from the rest, with a frame that is already there.
NOINLINE int small_cold_part(int step)
{
	const int kept = small::layers[0]->forward(step);
	if (kept == 7)
		return rare_step(kept) + step;
	return small::layers[1]->forward(kept) + step;
}

struct SmallApi {
	int (*close)(int), (*open)(int), (*run)(int);
};
struct SmallApiBase {
	const SmallApi *(*get)(int version);
	int (*version)(int);
};

} // extern "C"

namespace {

NOINLINE int api_close(int step)
{
	return worked(work - step);
}

NOINLINE int api_open(int step)
{
	return worked(work ^ step);
}

NOINLINE int api_run(int step)
{
	return worked(work * 3 + step);
}

NOINLINE int api_version(int)
{
	return work | 1;
}

const SmallApi api = {api_close, api_open, api_run};

NOINLINE const SmallApi *api_get(int version)
{
	work = version;
	return version == 1 ? &api : nullptr;
}

const SmallApiBase api_base = {api_get, api_version};

} // namespace

extern "C" const SmallApiBase *SmallGetApiBase()
{
	return &api_base;
}

extern "C" int small_all(int step)
{
	_run_cells_thresholder_codeobject();
	_run_axons_thresholder_codeobject();
	_run_broken_thresholder_codeobject();
	return small_caller(step) + small_tail(step) + small_two_ends(step) + small_cold_part(step) +
	       SmallGetApiBase()->get(SmallGetApiBase()->version(1))->run(step);
}

#ifdef SMALL_RUNTIME_PROGRAM
int main(int argc, char **)
{
	return small_all(argc) == 0;
}
#endif
