#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One group of every kind that spikes, in Brian2's C++ standalone mode. Prints Brian2's own counts as one line of JSON.

  /usr/bin/python3 brian2_net.py FOLDER [--steps N] [--runs N] [--build]

Generates and compiles into FOLDER what has changed there, runs it, and reads its results: spikes from the spike
monitors, seconds from profiling_info.txt. With --build it is not run, and nothing is printed. The built program, "main"
in FOLDER, begins 0.3 s late if BRIAN2_NET_STARTS_LATE is set.
"""
import argparse
import json
import os

import numpy
from brian2 import (Hz, Network, NeuronGroup, PoissonGroup, SpikeGeneratorGroup, SpikeMonitor, Synapses, defaultclock,
                    device, ms, mV, prefs, seed, set_device)

CELLS = """
dv/dt = (g - (v + 49*mV)) / (20*ms) : volt (unless refractory)
dg/dt = -g / (5*ms) : volt
"""


# Where a recorder that hears of this program only when it begins has time to stop it: its first steps come some
# milliseconds later.
START_LATE = 'if (getenv("BRIAN2_NET_STARTS_LATE")) { struct timespec wait = {0, 300000000}; nanosleep(&wait, NULL); }'


def network(steps):
    """"cells" are reset when they have spiked, "oscillators" are not. One of "pulses" is in the last step, where what
    reads the spikes of a step in the next one would miss it."""
    cells = NeuronGroup(100, CELLS, threshold="v > -50*mV", reset="v = -60*mV", refractory=5*ms, method="exact",
                        name="cells")
    cells.v = numpy.linspace(-60, -49, 100)*mV
    oscillators = NeuronGroup(5000, "dx/dt = (1 + 0.5*sin(x)) * 2*Hz * (1 + i) : 1", threshold="sin(x) > 0.99",
                              refractory=3*ms, method="rk4", name="oscillators")
    noise = PoissonGroup(50, rates=100*Hz, name="noise")
    dt = defaultclock.dt
    pulses = SpikeGeneratorGroup(10, [0, 1, 2, 3, 9], [0, 0, 10, 11, steps - 1]*dt, name="pulses")
    excitation = Synapses(noise, cells, on_pre="g += 6*mV", name="excitation")
    excitation.connect(i=numpy.arange(100) % 50, j=numpy.arange(100))
    groups = (cells, oscillators, noise, pulses)
    monitors = [SpikeMonitor(group, record=False, name=f"{group.name}_monitor") for group in groups]
    return Network(*groups, excitation, *monitors), monitors


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--steps", type=int, default=1000, help="of each run")
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--build", action="store_true", help="do not run it")
    options = arguments.parse_args()

    prefs["devices.cpp_standalone.extra_make_args_unix"] = ["-j2"]
    set_device("cpp_standalone", build_on_run=False)
    seed(4)
    net, monitors = network(options.steps)
    for _ in range(options.runs):
        net.run(options.steps*defaultclock.dt, profile=True)
    result = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # make, and the program itself
    device.insert_code("before_start", START_LATE)
    device.build(directory=options.folder, run=not options.build)
    if options.build:
        return
    print(json.dumps({
        "steps": round(float(net.t/defaultclock.dt)),
        "spikes": {monitor.source.name: int(monitor.num_spikes) for monitor in monitors},
        "seconds": {name: float(seconds) for name, seconds in net.profiling_info},
    }), file=result, flush=True)


main()
