// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <neuroperf/neuroperf.h>

int main()
{
	const neuroperf::Layer layer("only", "lif", {});
	{
		const neuroperf::LayerScope call(layer);
		layer.spikes(42);
	}
	std::printf("recorded %d\n", np_recording());
}
