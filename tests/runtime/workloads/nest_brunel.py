# SPDX-License-Identifier: Apache-2.0
"""Brunel's network (J. Comput. Neurosci. 8, 2000) in PyNEST: excitatory and inhibitory integrate-and-fire neurons, sparsely
and randomly connected, driven by Poisson noise.

Prints a line of JSON: the milliseconds that Run() took and how many spikes NEST itself counted there.
"""
import argparse
import json
import time

import nest

CONNECTED = 0.1      # of all pairs of neurons
WEIGHT_MV = 0.1
INHIBITION = 5.0     # weight of inhibitory synapses, relative
NOISE = 2.0          # its rate, relative to what alone brings a neuron to its threshold
DELAY_MS = 1.5
NEURON = {"C_m": 1.0, "tau_m": 20.0, "t_ref": 2.0, "E_L": 0.0, "V_reset": 0.0, "V_m": 0.0, "V_th": 20.0}


def build(neurons):
    excitatory = nest.Create("iaf_psc_delta", neurons * 4 // 5, params=NEURON)
    inhibitory = nest.Create("iaf_psc_delta", neurons // 5, params=NEURON)
    everyone = excitatory + inhibitory
    noise_hz = 1000.0 * NOISE * NEURON["V_th"] / (WEIGHT_MV * NEURON["tau_m"])
    noise = nest.Create("poisson_generator", params={"rate": noise_hz})
    nest.Connect(noise, everyone, syn_spec={"weight": WEIGHT_MV, "delay": DELAY_MS})
    for source, weight in ((excitatory, WEIGHT_MV), (inhibitory, -INHIBITION * WEIGHT_MV)):
        nest.Connect(source, everyone, {"rule": "fixed_indegree", "indegree": int(CONNECTED * len(source))},
                     {"weight": weight, "delay": DELAY_MS})


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--neurons", type=int, default=12500)
    parser.add_argument("--ms", type=float, default=500.0, help="simulated")
    options = parser.parse_args()
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": 0.1, "rng_seed": 1})
    build(options.neurons)
    nest.Prepare()
    begin = time.perf_counter()
    nest.Run(options.ms)
    end = time.perf_counter()
    nest.Cleanup()
    print(json.dumps({"milliseconds": (end - begin) * 1e3, "spikes": nest.GetKernelStatus("local_spike_counter")}))


if __name__ == "__main__":
    main()
