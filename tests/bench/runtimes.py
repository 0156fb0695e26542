# SPDX-License-Identifier: Apache-2.0
"""What probes in unmodified runtimes cost: the time of the same work, as the program itself takes it, with and without.

A budget is a share of time and begins with some milliseconds that are lent: each program works for seconds.
Many short pairs and their median, since machines change their speed from one second to the next: by more than what is
to be seen, so that the limits of the median are told too."""
import json
import math
import os
import random
import shutil
import statistics
import subprocess

PAIRS, MANY_PAIRS = 15, 31
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


def compare(bench, what, command, reach, variants, pairs=PAIRS):
    """Interleaved, in an order drawn anew in each turn: what a run leaves behind, files to be written and a warm processor,
    is to meet all alike. Medians, and the median of the pairs' ratios with its limits. `variants`: options of the recorder, by
    what the row says of them."""
    draw = random.Random(1)
    plain, recorded = [], {told: [] for told in variants}
    runs = [(None, plain, command)] + [
        (told, recorded[told], [bench.neuroperf, "record", "-q", *options, "-o", bench.path(f"{number}.data"), "--", *command])
        for number, (told, options) in enumerate(variants.items())]
    for _ in range(pairs):
        for _, times, words in draw.sample(runs, len(runs)):
            times.append(milliseconds(bench, words))
    for number, told in enumerate(variants):
        calls = sum(row["calls"] for row in bench.report(bench.path(f"{number}.data"))["layers"])
        ratios = [ours / alone for ours, alone in zip(recorded[told], plain)]
        low, high = median_bounds(ratios)
        bench.row(f"{what}{told}; {calls} calls recorded; ratios of {pairs} pairs: median {statistics.median(ratios):.3f}, "
                  f"90 % between {low:.3f} and {high:.3f}",
                  statistics.median(recorded[told]), statistics.median(plain), reach, "ms", "not recorded")


def probes(bench):
    if os.geteuid() != 0:
        bench.no_row("probes in runtimes", "needs root", "")
        return
    os.environ["NODE_PATH"] = os.path.join(HERE, "..", "..", "build", "workloads", "node_modules")
    node = [shutil.which("node") or "node", os.path.join(WORKLOADS, "ort_model.js")]
    compare(bench, "ONNX Runtime, silero VAD, 57 nodes in 0.24 ms, all recorded", [*node, "vad", "--inferences", "4000"],
            "<= 1.5", {" by the agent (--agent)": ["--probe-budget", "100", "--agent"],
                       " by probes": ["--probe-budget", "100"],
                       ", by probes in a third of the time (--probe-budget 33)": ["--probe-budget", "33"]})
    usual = {"": []}
    # What is paid once, while ends are learned, counts less in the longer ones.
    for inferences, pairs in (("2500", MANY_PAIRS), ("7000", PAIRS)):
        compare(bench, f"ONNX Runtime, PP-OCR classifier, {inferences} inferences", [*node, "cls", "--inferences", inferences],
                "<= 1.03", usual, pairs)
    for passes, pairs in (("60", MANY_PAIRS), ("180", PAIRS)):
        compare(bench, f"PyTorch, ResNet-18, operators and layers, {passes} passes",
                [SYSTEM_PYTHON, "-W", "ignore", os.path.join(WORKLOADS, "torch_resnet18.py"), "--passes", passes], "<= 1.03",
                usual, pairs)
    compare(bench, "NEURON, ring of 512 cells, phases and spikes",
            [SYSTEM_PYTHON, os.path.join(WORKLOADS, "neuron_ring.py"), "--cells", "512", "--ms", "1200"], "<= 1.03", usual,
            MANY_PAIRS)
    nest = [SYSTEM_PYTHON, os.path.join(WORKLOADS, "nest_brunel.py"), "--ms", "150"]
    what = "NEST, Brunel's network of 12500 neurons, phases and spikes"
    if subprocess.run([SYSTEM_PYTHON, "-c", "import nest"], capture_output=True).returncode == 0:
        compare(bench, what, nest, "<= 1.03", usual, MANY_PAIRS)
    else:
        bench.no_row(what, "no PyNEST: no Debian package; build NEST and set PYTHONPATH", "<= 1.03")
    opencv = os.path.join(bench.build, "tests", "runtime", "opencv_net")
    if os.path.exists(opencv):
        compare(bench, "OpenCV dnn, SqueezeNet 1.1", [opencv, "--squeezenet", "--forwards", "200"], "<= 1.03", usual, MANY_PAIRS)
