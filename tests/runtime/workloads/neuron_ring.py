#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A ring of Hodgkin-Huxley cells in NEURON. Prints NEURON's own counts as one line of JSON.

  /usr/bin/python3 neuron_ring.py [--cells N] [--ms T] [--no-psolve]
  mpirun -n 2 /usr/bin/python3 neuron_ring.py --mpi

"spikes" counts what cells with a gid emitted; the start stimulus is none of them. Rank 0 prints, for all ranks.
"""
import argparse
import json
import os
import time

os.environ.setdefault("NEURON_MODULE_OPTIONS", "-nogui")
from neuron import h

TIME_STEP_MS = 0.025
DELAY_MS = 1.0
WEIGHT_UF = 0.02


class Cell:
    """A soma with an excitatory synapse."""

    def __init__(self, gid, parallel):
        self.soma = h.Section(name=f"soma{gid}")
        self.soma.L = self.soma.diam = 20
        self.soma.insert("hh")
        self.synapse = h.ExpSyn(self.soma(0.5))
        self.synapse.tau = 2
        parallel.set_gid2node(gid, parallel.id())
        detector = h.NetCon(self.soma(0.5)._ref_v, None, sec=self.soma)
        detector.threshold = 0
        parallel.cell(gid, detector)


def connect_ring(cells, count, parallel):
    connections = []
    for gid, cell in cells.items():
        connection = parallel.gid_connect((gid - 1) % count, cell.synapse)
        connection.delay = DELAY_MS
        connection.weight[0] = WEIGHT_UF
        connections.append(connection)
    return connections


def start_ring(cell):
    """One stimulus: everything after it comes from the ring."""
    stimulus = h.NetStim()
    stimulus.number = 1
    stimulus.start = 1
    connection = h.NetCon(stimulus, cell.synapse)
    connection.delay = DELAY_MS
    connection.weight[0] = WEIGHT_UF
    return stimulus, connection


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--cells", type=int, default=32)
    arguments.add_argument("--ms", type=float, default=200, help="model time")
    arguments.add_argument("--mpi", action="store_true", help="one part of the ring on each rank of mpirun")
    arguments.add_argument("--no-psolve", action="store_true", help="drive step by step, as h.run() does")
    options = arguments.parse_args()
    if options.mpi and options.no_psolve:
        arguments.error("--no-psolve is for one process: steps alone exchange no spikes")

    result = os.fdopen(os.dup(1), "w")
    if options.mpi:
        os.dup2(2, 1)  # nrnmpi_init prints "numprocs=2" to standard output
        h.nrnmpi_init()
    parallel = h.ParallelContext()
    rank, ranks = int(parallel.id()), int(parallel.nhost())

    cells = {gid: Cell(gid, parallel) for gid in range(rank, options.cells, ranks)}
    connections = connect_ring(cells, options.cells, parallel)
    stimulus = start_ring(cells[0]) if 0 in cells else None

    times, gids = h.Vector(), h.Vector()
    parallel.spike_record(-1, times, gids)
    h.dt = TIME_STEP_MS
    parallel.set_maxstep(10)
    h.finitialize(-65)
    steps = round(options.ms / TIME_STEP_MS)
    begin = time.monotonic()
    if options.no_psolve:
        for _ in range(steps):
            h.fadvance()
    else:
        parallel.psolve(options.ms)
    milliseconds = (time.monotonic() - begin) * 1e3
    steps = round(h.t / TIME_STEP_MS)

    spikes_of_gid = {}
    for gid in gids.to_python():
        spikes_of_gid[int(gid)] = spikes_of_gid.get(int(gid), 0) + 1
    own = {"pid": os.getpid(), "steps": steps, "spikes": int(times.size()), "spikes_of_gid": spikes_of_gid}
    every_rank = parallel.py_allgather(own) if options.mpi else [own]
    if rank == 0:
        print(json.dumps({
            "runtime": "NEURON " + h.nrnversion(0),
            "cells": options.cells,
            "steps": steps,
            "milliseconds": milliseconds,
            "spikes": sum(of["spikes"] for of in every_rank),
            "ranks": every_rank,
        }), file=result, flush=True)
    del connections, stimulus
    if options.mpi:
        parallel.barrier()
        h.quit()


main()
