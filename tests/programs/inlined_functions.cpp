// SPDX-License-Identifier: Apache-2.0
// Functions inlined into each other, at lines that tests know. Built with debug information, as a library without
// dependencies; and a second unit's worth in C.
#line 100 "inlined_functions.cpp"
namespace net {
static volatile int value;
struct Layer {
	__attribute__((always_inline)) static inline void fire(int x)
	{
		value = x; // line 105
	}
};
template <typename T> __attribute__((always_inline)) static inline void step(T x)
{
	Layer::fire(x + 1); // line 110
}
} // namespace net

extern "C" __attribute__((noinline, visibility("default"))) void run_layers(int x)
{
	net::step(x); // line 116
	asm volatile(".globl behind_inlined\nbehind_inlined:");
	net::value = 3; // line 118
}

extern "C" __attribute__((noinline, visibility("default"))) int plain_function(int x)
{
	return x * 3; // line 123
}

// Removed by the linker, which leaves its debug information behind, at address 0 and so "around" the others.
namespace net {
__attribute__((always_inline)) static inline void removed()
{
	asm volatile(".skip 0x4000, 0x90");
}
} // namespace net

__attribute__((noinline, visibility("hidden"))) void removed_function()
{
	net::removed();
}
