// SPDX-License-Identifier: Apache-2.0
//
// Reads the test digits one after the other. network.cpp shows how the layers are instrumented.
#include "test_run.hpp"

int main(int argc, char **argv)
{
	using namespace spiking_digits;
	RunPlan plan;
	if (const auto exit_status = parse_options(argc, argv, plan.options()))
		return *exit_status;
	print_result(run_images(plan));
	return 0;
}
