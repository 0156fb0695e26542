# SPDX-License-Identifier: Apache-2.0
"""What probes in unmodified runtimes cost: the time of the same work, as the program itself takes it, with and without.

A budget is a share of time and begins with some milliseconds that are free: each program works for a second or more.
Many short pairs and their median, since machines change their speed from one second to the next."""
import json
import math
import os
import shutil
import statistics

PAIRS = 21
HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = os.path.join(HERE, "..", "runtime")
WORKLOADS = os.path.join(RUNTIME, "workloads")
SYSTEM_PYTHON = "/usr/bin/python3"


def milliseconds(bench, command):
    return json.loads(bench.run(*command).strip().splitlines()[-1])["milliseconds"]


def median_bounds(values):
    """Limits between which the median is with 90 % confidence, whatever the distribution (sign test)."""
    values, count = sorted(values), len(values)
    tail, rank = 0.0, 0
    while tail + math.comb(count, rank) / 2**count <= 0.05:
        tail += math.comb(count, rank) / 2**count
        rank += 1
    return values[max(rank - 1, 0)], values[min(count - rank, count - 1)]


def compare(bench, what, command, reach, options=()):
    """Interleaved, who comes first by turns: medians, and the median of the pairs' ratios with its limits."""
    recorded = [bench.neuroperf, "record", "-q", *options, "-o", bench.path("runtime.data"), "--", *command]
    plain_times, recorded_times = [], []
    for turn in range(PAIRS):
        for plain in (turn % 2 == 0, turn % 2 != 0):
            (plain_times if plain else recorded_times).append(milliseconds(bench, command if plain else recorded))
    report = bench.report(bench.path("runtime.data"))
    calls = sum(row["calls"] for row in report["layers"])
    ratios = [ours / plain for ours, plain in zip(recorded_times, plain_times)]
    low, high = median_bounds(ratios)
    bench.row(f"{what}; {calls} calls recorded; ratios of {PAIRS} pairs: median {statistics.median(ratios):.3f}, "
              f"90 % between {low:.3f} and {high:.3f}",
              statistics.median(recorded_times), statistics.median(plain_times), reach, "ms", "not recorded")


def probes(bench):
    if os.geteuid() != 0:
        bench.no_row("probes in runtimes", "needs root", "")
        return
    os.environ["NODE_PATH"] = os.path.join(HERE, "..", "..", "build", "workloads", "node_modules")
    node = [shutil.which("node") or "node", os.path.join(WORKLOADS, "ort_model.js")]
    all_of_them = ["--probe-budget", "100"]
    compare(bench, "ONNX Runtime, silero VAD, 57 nodes in 0.24 ms, all recorded", [*node, "vad", "--inferences", "4000"],
            "<= 1.5", all_of_them)
    compare(bench, "ONNX Runtime, PP-OCR classifier", [*node, "cls", "--inferences", "1000"], "<= 1.03")
    compare(bench, "PyTorch, ResNet-18, operators and layers",
            [SYSTEM_PYTHON, "-W", "ignore", os.path.join(WORKLOADS, "torch_resnet18.py"), "--passes", "20"], "<= 1.03")
    compare(bench, "NEURON, ring of 512 cells, phases and spikes",
            [SYSTEM_PYTHON, os.path.join(WORKLOADS, "neuron_ring.py"), "--cells", "512", "--ms", "600"], "<= 1.03")
    opencv = os.path.join(bench.build, "tests", "runtime", "opencv_net")
    if os.path.exists(opencv):
        compare(bench, "OpenCV dnn, SqueezeNet 1.1", [opencv, "--squeezenet", "--forwards", "40"], "<= 1.03")
