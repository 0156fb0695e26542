// SPDX-License-Identifier: Apache-2.0
#include "collector/launched_job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/support/temporary_folder.hpp"

namespace neuroperf::collector {
namespace {

using testing::StartsWith;

struct LaunchedJob : testing::Test {
	std::string job(pid_t parent = 30)
	{
		const auto environment = [this](const char *name) -> const char * {
			const auto found = variables.find(name);
			return found != variables.end() ? found->second.c_str() : nullptr;
		};
		return launched_job({1, "node", environment}, parent, machine.path());
	}
	// `start`: when it was started, in ticks; comm may hold parentheses and spaces.
	void process(int pid, int parent, const std::string &environment, int start)
	{
		const std::string folder = machine.file("proc/" + std::to_string(pid));
		std::filesystem::create_directories(folder);
		test::write_file(folder + "/environ", environment);
		test::write_file(folder + "/stat", std::to_string(pid) + " (a) b) S " + std::to_string(parent) +
							   " 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 " +
							   std::to_string(start) + " 23\n");
	}

	test::TemporaryFolder machine;
	std::map<std::string, std::string> variables;
};

TEST_F(LaunchedJob, AsLaunchersNameIt)
{
	EXPECT_EQ(job(), "");
	variables["SLURM_JOB_ID"] = "7";
	EXPECT_EQ(job(), "") << "a script of the job is no rank";
	variables["SLURM_PROCID"] = "0";
	EXPECT_EQ(job(), "") << "of which step?";
	variables["SLURM_STEP_ID"] = "2";
	EXPECT_EQ(job(), "slurm 7.2");
	variables["OMPI_COMM_WORLD_RANK"] = "0";
	variables["OMPI_MCA_ess_base_jobid"] = "99";
	EXPECT_EQ(job(), "OMPI_MCA_ess_base_jobid 99") << "there may be several in a step";
	variables["PMIX_NAMESPACE"] = "prterun-node-1@1";
	EXPECT_EQ(job(), "PMIX_NAMESPACE prterun-node-1@1");
}

TEST_F(LaunchedJob, OfHydraItIsTheProcessThatStartedTheRanks)
{
	const std::string of_rank = std::string("A=1\0PMI_RANK=3\0", 15),
			  of_proxy = std::string("A=1\0NOT_PMI_RANK=3\0", 19);
	variables["PMI_RANK"] = "3";
	EXPECT_EQ(job(), "") << "nothing is known of the parent";
	process(10, 1, of_proxy, 500);
	process(20, 10, of_rank, 600);
	process(30, 20, std::string("PMI_RANK=3\0", 11), 700);
	EXPECT_THAT(job(), StartsWith("hydra 10 500 "));
	EXPECT_EQ(job(30), job(20)) << "whether there is a shell between or not";
	process(11, 1, of_proxy, 500);
	EXPECT_NE(job(11), job(10));
	variables["SLURM_JOB_ID"] = "7";
	variables["SLURM_STEP_ID"] = "2";
	EXPECT_THAT(job(), StartsWith("hydra 10 "));
	process(10, 1, "", 500);
	EXPECT_EQ(job(), "slurm 7.2") << "another user's process tells nothing";
}

} // namespace
} // namespace neuroperf::collector
