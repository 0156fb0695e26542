# SPDX-License-Identifier: Apache-2.0
"""What probes in unmodified runtimes cost: the time of the same work, as the program itself takes it, with and without."""
import json
import os
import shutil
import statistics

PAIRS = 11
HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = os.path.join(HERE, "..", "runtime")
WORKLOADS = os.path.join(RUNTIME, "workloads")
SYSTEM_PYTHON = "/usr/bin/python3"


def milliseconds(bench, command):
    return json.loads(bench.run(*command).strip().splitlines()[-1])["milliseconds"]


def compare(bench, what, command, reach, options=()):
    """Interleaved, who comes first by turns; medians."""
    recorded = [bench.neuroperf, "record", "-q", *options, "-o", bench.path("runtime.data"), "--", *command]
    plain_times, recorded_times = [], []
    for turn in range(PAIRS):
        for plain in (turn % 2 == 0, turn % 2 != 0):
            (plain_times if plain else recorded_times).append(milliseconds(bench, command if plain else recorded))
    report = bench.report(bench.path("runtime.data"))
    calls = sum(row["calls"] for row in report["layers"])
    bench.row(f"{what}; {calls} calls recorded", statistics.median(recorded_times), statistics.median(plain_times), reach,
              "ms", "not recorded")


def probes(bench):
    if os.geteuid() != 0:
        bench.no_row("probes in runtimes", "needs root", "")
        return
    os.environ["NODE_PATH"] = os.path.join(HERE, "..", "..", "build", "workloads", "node_modules")
    node = [shutil.which("node") or "node", os.path.join(WORKLOADS, "ort_model.js")]
    all_of_them = ["--probe-budget", "100"]
    compare(bench, "ONNX Runtime, silero VAD, 57 nodes in 0.24 ms, all recorded", [*node, "vad", "--inferences", "4000"],
            "<= 1.5", all_of_them)
    compare(bench, "ONNX Runtime, PP-OCR classifier", [*node, "cls", "--inferences", "400"], "<= 1.03")
    compare(bench, "NEURON, ring of 512 cells, phases and spikes",
            [SYSTEM_PYTHON, os.path.join(WORKLOADS, "neuron_ring.py"), "--cells", "512", "--ms", "200"], "<= 1.03")
    opencv = os.path.join(bench.build, "tests", "runtime", "opencv_net")
    if os.path.exists(opencv):
        compare(bench, "OpenCV dnn, a small convolutional net", [opencv, "--forwards", "2000"], "<= 1.03")
