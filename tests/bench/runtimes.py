# SPDX-License-Identifier: Apache-2.0
"""What probes in unmodified runtimes cost: the time of the same work, as the program itself takes it, with and without.

Loops last for several seconds: a budget is a share of time, and begins with 25 ms that are free."""
import json
import os
import shutil
import statistics

from recording_cost import bound

PAIRS = 7
HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = os.path.join(HERE, "..", "runtime")
WORKLOADS = os.path.join(RUNTIME, "workloads")
SYSTEM_PYTHON = "/usr/bin/python3"


def milliseconds(bench, command):
    return json.loads(bench.run(*command).strip().splitlines()[-1])["milliseconds"]


def compare(bench, what, command, reach, options=()):
    """Interleaved, who comes first by turns: medians, and the pairs' mean ratio with its upper 95 % bound."""
    recorded = [bench.neuroperf, "record", "-q", *options, "-o", bench.path("runtime.data"), "--", *command]
    plain_times, recorded_times = [], []
    for turn in range(PAIRS):
        for plain in (turn % 2 == 0, turn % 2 != 0):
            (plain_times if plain else recorded_times).append(milliseconds(bench, command if plain else recorded))
    report = bench.report(bench.path("runtime.data"))
    calls = sum(row["calls"] for row in report["layers"])
    mean, upper = bound([ours / plain for ours, plain in zip(recorded_times, plain_times)])
    bench.row(f"{what}; {calls} calls recorded; mean ratio {mean:.3f}, upper 95 % bound {upper:.3f}",
              statistics.median(recorded_times), statistics.median(plain_times), reach, "ms", "not recorded")


def probes(bench):
    if os.geteuid() != 0:
        bench.no_row("probes in runtimes", "needs root", "")
        return
    os.environ["NODE_PATH"] = os.path.join(HERE, "..", "..", "build", "workloads", "node_modules")
    node = [shutil.which("node") or "node", os.path.join(WORKLOADS, "ort_model.js")]
    all_of_them = ["--probe-budget", "100"]
    compare(bench, "ONNX Runtime, silero VAD, 57 nodes in 0.24 ms, all recorded", [*node, "vad", "--inferences", "10000"],
            "<= 1.5", all_of_them)
    compare(bench, "ONNX Runtime, PP-OCR classifier", [*node, "cls", "--inferences", "3000"], "<= 1.03")
    compare(bench, "NEURON, ring of 512 cells, phases and spikes",
            [SYSTEM_PYTHON, os.path.join(WORKLOADS, "neuron_ring.py"), "--cells", "512", "--ms", "2000"], "<= 1.03")
    opencv = os.path.join(bench.build, "tests", "runtime", "opencv_net")
    if os.path.exists(opencv):
        compare(bench, "OpenCV dnn, a small convolutional net", [opencv, "--forwards", "6000"], "<= 1.03")
