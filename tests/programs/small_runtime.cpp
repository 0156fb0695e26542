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

// Or an array for each kind of population, with an element for each of them, which a function fills in.
struct Undelayed {
	uint32_t *fired;
};
struct Delayed {
	uint32_t *slot, *fired;
};
// As they are, whatever a compiler makes of who uses them.
[[gnu::used]] static Undelayed populations_0[3], populations_2[2000], populations_4[1];
[[gnu::used]] static Delayed populations_1[2];
[[gnu::used]] static uint8_t populations_3[12];

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

NOINLINE void small_fill_0(unsigned index, uint32_t *fired)
{
	populations_0[index].fired = fired;
}

NOINLINE void small_fill_1(unsigned index, uint32_t *slot, uint32_t *fired)
{
	populations_1[index].slot = slot;
	populations_1[index].fired = fired;
}

NOINLINE void small_fill_2(unsigned index, uint32_t *fired)
{
	populations_2[index].fired = fired;
}

NOINLINE uint32_t small_fired(unsigned index)
{
	work = populations_3[index % 12] + populations_4[0].fired[0];
	return *populations_0[index].fired + populations_1[index].fired[*populations_1[index].slot] +
	       *populations_2[index].fired;
}

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

// As compilers that put rare cases away write it, whichever builds this: a part elsewhere, with the frame as it is
// there, which returns, or goes on in the function.
extern "C" int small_cold_part(int step);
#if defined(__x86_64__)
__asm__(".text\n"
	".globl small_cold_part\n"
	".type small_cold_part, @function\n"
	"small_cold_part:\n"
	".cfi_startproc\n"
	"	pushq %rbx\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset rbx, -16\n"
	"	leal 1(%rdi), %ebx\n"
	"	cmpl $7, %edi\n"
	"	je small_cold_part.cold\n"
	".Lsmall_goes_on:\n"
	"	movl %ebx, %eax\n"
	"	popq %rbx\n"
	".cfi_def_cfa_offset 8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size small_cold_part, . - small_cold_part\n"
	".section .text.unlikely, \"ax\", @progbits\n"
	".type small_cold_part.cold, @function\n"
	"small_cold_part.cold:\n"
	".cfi_startproc\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset rbx, -16\n"
	"	cmpl $8, %ebx\n"
	"	jne .Lsmall_goes_on\n"
	"	xorl %eax, %eax\n"
	"	popq %rbx\n"
	".cfi_def_cfa_offset 8\n"
	"	ret\n"
	".cfi_endproc\n"
	".size small_cold_part.cold, . - small_cold_part.cold\n"
	".text\n");
#else
__asm__(".text\n"
	".globl small_cold_part\n"
	".type small_cold_part, %function\n"
	"small_cold_part:\n"
	".cfi_startproc\n"
	"	stp x29, x30, [sp, #-16]!\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset 29, -16\n"
	".cfi_offset 30, -8\n"
	"	cmp w0, #7\n"
	"	b.eq small_cold_part.cold\n"
	".Lsmall_goes_on:\n"
	"	add w0, w0, #1\n"
	"	ldp x29, x30, [sp], #16\n"
	".cfi_def_cfa_offset 0\n"
	"	ret\n"
	".cfi_endproc\n"
	".size small_cold_part, . - small_cold_part\n"
	".section .text.unlikely, \"ax\", %progbits\n"
	".type small_cold_part.cold, %function\n"
	"small_cold_part.cold:\n"
	".cfi_startproc\n"
	".cfi_def_cfa_offset 16\n"
	".cfi_offset 29, -16\n"
	".cfi_offset 30, -8\n"
	"	cbnz w1, .Lsmall_goes_on\n"
	"	ldp x29, x30, [sp], #16\n"
	".cfi_def_cfa_offset 0\n"
	"	ret\n"
	".cfi_endproc\n"
	".size small_cold_part.cold, . - small_cold_part.cold\n"
	".text\n");
#endif

extern "C" const SmallApiBase *SmallGetApiBase()
{
	return &api_base;
}

extern "C" int small_all(int step)
{
	_run_cells_thresholder_codeobject();
	_run_axons_thresholder_codeobject();
	_run_broken_thresholder_codeobject();
	static uint32_t fired[2];
	small_fill_0(0, fired);
	small_fill_1(0, fired, fired);
	small_fill_2(0, fired);
	populations_3[0] = 1;
	populations_4[0].fired = fired;
	work = static_cast<int>(small_fired(0));
	return small_caller(step) + small_tail(step) + small_two_ends(step) + small_cold_part(step) +
	       SmallGetApiBase()->get(SmallGetApiBase()->version(1))->run(step);
}

#ifdef SMALL_RUNTIME_PROGRAM
int main(int argc, char **)
{
	return small_all(argc) == 0;
}
#endif
