// SPDX-License-Identifier: Apache-2.0
// What shapes loads: an exported C function, hidden C++ ones, a call back into the program.
#define NOINLINE __attribute__((noinline, noclone))

namespace {

template <int Kind> NOINLINE unsigned mix(unsigned value)
{
	for (int i = 0; i < 300; i++)
		value = value * 69069 + Kind + (value >> 5);
	return value;
}

} // namespace

extern "C" __attribute__((visibility("default"))) NOINLINE unsigned shapes_library_enter(unsigned (*back)(unsigned),
											 unsigned value)
{
	return mix<1>(value) + back(mix<2>(value)) + 1;
}
