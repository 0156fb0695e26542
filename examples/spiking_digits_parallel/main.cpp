// SPDX-License-Identifier: Apache-2.0
//
// The network of spiking_digits, with the images dealt out to several threads. Each thread has a network of its own and
// its events go to a ring of its own; since the layers have the same names, the profile sums them up. The counts are
// those of spiking_digits for the same options, however many threads there are.
#include <thread>
#include <vector>

#include "../spiking_digits/test_run.hpp"

namespace {

using spiking_digits::RunPlan;
using spiking_digits::RunResult;

RunResult run_on_threads(const RunPlan &plan, unsigned threads)
{
	std::vector<RunResult> parts(threads);
	std::vector<std::thread> workers;
	for (unsigned i = 0; i < threads; i++)
		workers.emplace_back([&plan, &parts, i, threads] { parts[i] = run_images(plan, i, threads); });

	RunResult total;
	for (unsigned i = 0; i < threads; i++) {
		workers[i].join();
		total.add(parts[i]);
	}
	return total;
}

} // namespace

int main(int argc, char **argv)
{
	RunPlan plan;
	unsigned threads = 4;
	std::vector<spiking_digits::NumberOption> options = plan.options();
	options.push_back({"--threads", &threads, 1, 64, "worker threads"});
	if (const auto exit_status = spiking_digits::parse_options(argc, argv, options))
		return *exit_status;
	spiking_digits::print_result(run_on_threads(plan, threads));
	return 0;
}
