# SPDX-License-Identifier: Apache-2.0
"""What the workloads share: all of a program under PyTorch's own profiler, and its counts as one line of JSON."""
import json
import statistics

import torch
from torch.profiler import ProfilerActivity, profile


def functions_of(names):
    """at::_ops function -> operator, as the profiler names it: "add_Tensor" -> "aten::add"."""
    return {"_".join(filter(None, (schema.name.split("::")[1], schema.overload_name))).replace(".", "_"): schema.name
            for schema in torch._C._jit_get_all_schemas() if schema.name in names}


def run_profiled(program):
    """Runs program(), from its first operator to its last, and prints what it returns and what the profiler counted."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        own = program()
    # key_averages() leaves out an operator that does nothing but call one of the same name; these are all.
    microseconds = {}
    for event in profiler.profiler.kineto_results.events():
        if event.name().startswith("aten::"):
            microseconds.setdefault(event.name(), []).append(event.duration_us())
    operators = {name: {"calls": len(each), "p50_us": statistics.median(each)} for name, each in microseconds.items()}
    own.update(runtime="PyTorch " + torch.__version__, operators=operators, functions=functions_of(operators))
    print(json.dumps(own), flush=True)
