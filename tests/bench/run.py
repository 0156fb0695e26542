#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures neuroperf against its peers, in turn in one run, and writes docs/benchmarks.md.

    tests/bench/run.py BUILD_FOLDER [--output FILE]

Every figure is a median of interleaved runs on this machine; only ratios mean anything elsewhere. scripts/bench.sh
installs the peers, builds a release and calls this. A peer that is not installed is named, never left out in silence.
"""

import argparse
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


class Bench:
    def __init__(self, build, work):
        self.neuroperf = os.path.join(build, "viewer", "neuroperf")
        self.programs = os.path.join(build, "tests", "bench")
        self.work = work
        self.rows = []

    def path(self, name):
        return os.path.join(self.work, name)

    def remove(self, path):
        if os.path.exists(path):
            os.unlink(path)

    def program(self, name):
        return os.path.join(self.programs, name)

    def run(self, *command, env=None):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=self.work)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def wall(self, *command):
        start = time.monotonic()
        self.run(*command)
        return time.monotonic() - start

    def report(self, recording):
        return json.loads(self.run(self.neuroperf, "report", "--json", "-i", recording))

    def row(self, what, ours, peer, reach, unit, peer_name):
        ratio = f"{ours / peer:.2f}" if peer else "n/a"
        self.rows.append((what, f"{ours:.3g} {unit}", f"{peer:.3g} {unit} ({peer_name})" if peer else peer_name, ratio, reach))
        print(f"{what}: {ours:.3g} {unit}, peer {peer_name}: {peer}, reach {reach}", flush=True)


def has(tool):
    return shutil.which(tool) is not None


def ns_per_event(output):
    return float(re.search(r"ns_per_event ([0-9.]+)", output).group(1))


def start_and_stop(bench):
    ours, peer = [], []
    for _ in range(9):
        ours.append(bench.wall(bench.neuroperf, "record", "-q", "-o", bench.path("true.np"), "true"))
        if has("perf"):
            peer.append(bench.wall("perf", "record", "-q", "-o", bench.path("true.perf"), "true"))
    bench.row("start and stop around `true`, wall", statistics.median(ours), statistics.median(peer) if peer else None,
              "<= 0.15 s", "s", "perf record" if peer else "perf is not installed")


def lttng_event(bench, events):
    program = bench.program("bench_lttng_event_cost")
    if not (os.path.exists(program) and has("lttng")):
        return None
    env = dict(os.environ, LTTNG_HOME=bench.work, LTTNG_UST_REGISTER_TIMEOUT="5000")
    daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel", "--quiet"], env=env, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        bench.run("lttng", "create", "np", f"--output={bench.path('lttng')}", env=env)
        bench.run("lttng", "enable-channel", "-u", "np", "--subbuf-size=16M", "--num-subbuf=4", env=env)
        bench.run("lttng", "enable-event", "-u", "-c", "np", "neuroperf_bench:*", env=env)
        bench.run("lttng", "start", env=env)
        figures = [ns_per_event(bench.run(program, str(events), env=env)) for _ in range(3)]
        bench.run("lttng", "destroy", env=env)
        return statistics.median(figures)
    finally:
        daemon.terminate()
        daemon.wait()


def recorded_event(bench):
    seconds, rate = 10, 5_000_000
    recording = bench.path("events.np")
    costs, recorder, lost = [], [], []
    for _ in range(3):
        bench.remove(recording)  # else its unwritten pages slow down the next one
        output = bench.run(bench.neuroperf, "record", "-q", "-o", recording, bench.program("bench_event_cost"),
                           str(seconds * rate), str(rate))
        costs.append(ns_per_event(output))
        report = bench.report(recording)
        cpu_ns = next(q["value"] for q in report["quality"] if q["code"] == "recorder_cpu")
        recorder.append(cpu_ns / (seconds * rate))
        lost.append(report["totals"]["lost"])
    bench.row("in-process event, recorded: CPU of the program", statistics.median(costs), lttng_event(bench, 2_000_000),
              "<= 15 ns", "ns", "LTTng-UST, two integers" if os.path.exists(bench.program("bench_lttng_event_cost"))
              else "LTTng-UST is not installed")
    bench.row("the same: CPU of the recorder, an event", statistics.median(recorder), None, "<= 60 ns", "ns", "-")
    bench.row("5 million events/s for 10 s: events lost", statistics.median(lost), None, "0", "events", "-")


def event_not_recorded(bench):
    costs = [ns_per_event(bench.run(bench.program("bench_event_cost"), "200000000")) for _ in range(5)]
    bench.row("in-process event, nobody recording", statistics.median(costs), None, "<= 1 ns", "ns", "-")


def report_of_many(bench):
    calls = 5_000_000
    ours, peer = [], []
    recording, folder = bench.path("calls.np"), bench.path("calls.uftrace")
    bench.run(bench.neuroperf, "record", "-q", "-o", recording, bench.program("bench_layer_calls"), str(calls))
    lost = bench.report(recording)["totals"]["lost"]
    if has("uftrace"):
        bench.run("uftrace", "record", "-d", folder, "--no-libcall", "-b", "64m",
                  bench.program("bench_layer_calls_uftrace"), str(calls))
    memory = 0
    for _ in range(5):
        start = time.monotonic()
        process = subprocess.Popen([bench.neuroperf, "report", "-i", recording], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit("neuroperf report failed")
        ours.append(time.monotonic() - start)
        memory = max(memory, usage.ru_maxrss / 1024)
        if has("uftrace"):
            peer.append(bench.wall("uftrace", "report", "-d", folder))
    bench.row(f"report of 10 million layer events ({lost} lost)", statistics.median(ours),
              statistics.median(peer) if peer else None, "<= 2 s", "s",
              "uftrace report, 10 million records" if peer else "uftrace is not installed")
    bench.row("the same: peak memory", memory, None, "<= 200 MiB", "MiB", "-")


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def write(bench, output):
    with open(output, "w") as file:
        file.write("# Benchmarks\n\n"
                   "Written by `scripts/bench.sh`, which runs `tests/bench/run.py`: medians of interleaved runs, neuroperf and\n"
                   "peer in turn in one run. Absolute figures are this machine's; ratios travel better.\n\n"
                   f"Machine: {machine()}. Date: {time.strftime('%Y-%m-%d')}.\n\n"
                   "| what | neuroperf | peer | ratio | to reach |\n| --- | --- | --- | --- | --- |\n")
        for row in bench.rows:
            file.write("| " + " | ".join(row) + " |\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("--output", default="docs/benchmarks.md")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.path.abspath(options.output)
    with tempfile.TemporaryDirectory(prefix="neuroperf-bench.") as work:
        bench = Bench(os.path.abspath(options.build), work)
        for part in (start_and_stop, event_not_recorded, recorded_event, report_of_many):
            part(bench)
        write(bench, output)


if __name__ == "__main__":
    main()
