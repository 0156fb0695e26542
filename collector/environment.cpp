// SPDX-License-Identifier: Apache-2.0
#include "collector/environment.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace neuroperf::collector {
namespace {

constexpr std::array<std::string_view, 16> kHarmless = {"PATH",
							"TERM",
							"COLUMNS",
							"NO_COLOR",
							"LANG",
							"CLICOLOR_FORCE",
							"LC_ALL",
							"LC_CTYPE",
							"OMPI_COMM_WORLD_RANK",
							"PMIX_RANK",
							"PMI_RANK",
							"SLURM_PROCID",
							"PMIX_NAMESPACE",
							"OMPI_MCA_ess_base_jobid",
							"SLURM_JOB_ID",
							"SLURM_STEP_ID"};

// "NAME=value"
std::vector<std::string> &forgotten()
{
	static std::vector<std::string> variables;
	return variables;
}

std::string name_of(const std::string &variable)
{
	return variable.substr(0, variable.find('='));
}

} // namespace

void distrust_environment()
{
	if (::getauxval(AT_SECURE) == 0)
		return;
	for (char **variable = environ; variable && *variable; variable++)
		if (std::find(kHarmless.begin(), kHarmless.end(), name_of(*variable)) == kHarmless.end())
			forgotten().emplace_back(*variable);
	for (const std::string &variable : forgotten())
		::unsetenv(name_of(variable).c_str());
}

void restore_environment()
{
	for (const std::string &variable : forgotten()) {
		const std::string name = name_of(variable);
		if (name.size() < variable.size())
			::setenv(name.c_str(), variable.c_str() + name.size() + 1, 1);
	}
}

std::string variable_of_program(std::string_view name)
{
	for (const std::string &variable : forgotten())
		if (name_of(variable) == name)
			return variable.substr(std::min(name.size() + 1, variable.size()));
	const char *const value = std::getenv(std::string(name).c_str());
	return value ? value : "";
}

} // namespace neuroperf::collector
