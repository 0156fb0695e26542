// SPDX-License-Identifier: Apache-2.0
// Which parallel job this recorder is a rank of: what all ranks of the job on this host find alike, and those of
// others do not.
#pragma once

#include <sys/types.h>

#include <string>

#include "collector/output_name.hpp"

namespace neuroperf::collector {

// Empty where no launcher says that there is a job. Open MPI, PMIx and Slurm name it; Hydra (MPICH, Intel MPI) tells
// the rank alone: then it is the nearest ancestor of `parent` that is no rank itself, the launcher's own process here.
// `root`: the folder in which proc is looked for.
std::string launched_job(const OutputNameFacts &facts, pid_t parent, const std::string &root = "");

} // namespace neuroperf::collector
