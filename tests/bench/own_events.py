# SPDX-License-Identifier: Apache-2.0
"""Recording and reading our own events: what an event costs, and a report of many."""
import os
import re
import statistics
import subprocess
import sys
import time

from harness import has


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


def attached_event(bench):
    """As root only: attaches to a running program."""
    if os.geteuid() != 0:
        return
    puppet = os.path.join(bench.programs, "..", "integration", "programs", "puppet")
    output = bench.run(bench.program("bench_attached_event_cost"), puppet, "2000000", "5")
    ns = {who: float(figure) for who, figure in re.findall(r"(\w+) ns_per_event ([0-9.]+)", output)}
    bench.row("event of a program attached to: CPU of the program", ns["attached"], ns["peer"], "<= 300 ns", "ns",
              "USDT of sys/sdt.h, empty BPF program")
    bench.row("the same: CPU of the recorder, an event", ns["recorder"], None, "<= 60 ns", "ns", "-")


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
        cost = bench.cost(bench.neuroperf, "report", "-i", recording)
        if isinstance(cost, str):
            sys.exit(cost)
        ours.append(cost.seconds)
        memory = max(memory, cost.peak_mib)
        if has("uftrace"):
            peer.append(bench.wall("uftrace", "report", "-d", folder))
    bench.row(f"report of 10 million layer events ({lost} lost)", statistics.median(ours),
              statistics.median(peer) if peer else None, "<= 2 s", "s",
              "uftrace report, 10 million records" if peer else "uftrace is not installed")
    bench.row("the same: peak memory", memory, None, "<= 200 MiB", "MiB", "-")
    bench.remove(recording)
    bench.remove(folder)
