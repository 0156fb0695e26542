#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures neuroperf against its peers, in turn in one run, and writes docs/benchmarks.md.

    tests/bench/run.py BUILD_FOLDER [NAME...] [--output FILE]

With names only these benchmarks run and their table is printed, the file stays as it is. Every figure is a median of
interleaved runs on this machine; only ratios mean anything elsewhere. scripts/bench.sh installs the peers, builds a release
and calls this. A peer that is not installed is named, never left out in silence.
"""

import argparse
import os
import platform
import resource
import sys
import tempfile
import time

import driver_jobs
import own_events
import perf_files
import recording_cost
import runtimes
from harness import Bench

OWN, COST, PERF = "Recording and reading our own events", "What recording costs", "Reading perf's recordings"
BENCHMARKS = {
    "start": (OWN, own_events.start_and_stop),
    "event_off": (OWN, own_events.event_not_recorded),
    "event_attached": (OWN, own_events.attached_event),
    "event": (OWN, own_events.recorded_event),
    "calls": (OWN, own_events.report_of_many),
    "sampling": (COST, recording_cost.sampling),
    "tracepoint": (COST, recording_cost.tracepoint),
    "driver": (COST, recording_cost.driver_events),
    "anatomy": (COST, recording_cost.anatomy),
    "threads": (COST, recording_cost.many_threads),
    "runtimes": (COST, runtimes.probes),
    "fp": (PERF, perf_files.report_of_fp_samples),
    "flame": (PERF, perf_files.flame_graph),
    "unwind": (PERF, perf_files.unwinding),
    "inline": (PERF, perf_files.inlined_frames),
    "tracepoints": (PERF, perf_files.tracepoints),
    "jobs": (PERF, driver_jobs.report_of_jobs),
    "sizes": (PERF, perf_files.sizes),
}


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    return f"{model}, {os.cpu_count()} CPUs, Linux {platform.release()}"


def by_hand(output):
    """What stands behind the tables: from the file that is about to be replaced."""
    if not os.path.exists(output):
        return ""
    text = open(output).read()
    begin = text.find("\n## About these figures\n")
    return text[begin:] if begin >= 0 else ""


def text_of(bench):
    text = ("# Benchmarks\n\n"
            "Written by `scripts/bench.sh`, which runs `tests/bench/run.py`: medians of interleaved runs, neuroperf and\n"
            "peer in turn in one run. Absolute figures are this machine's; ratios travel better.\n\n"
            f"Machine: {machine()}. Date: {time.strftime('%Y-%m-%d')}.\n")
    for title, rows in bench.sections.items():
        text += f"\n## {title}\n\n| what | neuroperf | peer | ratio | to reach |\n| --- | --- | --- | --- | --- |\n"
        for row in rows:
            text += "| " + " | ".join(row) + " |\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(BENCHMARKS))
    parser.add_argument("--output", default="docs/benchmarks.md")
    options = parser.parse_args()
    for name in options.names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name}; there are {' '.join(BENCHMARKS)}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    output = os.path.abspath(options.output)
    with tempfile.TemporaryDirectory(prefix="neuroperf-bench.") as work:
        bench = Bench(os.path.abspath(options.build), work)
        for name, (title, measure) in BENCHMARKS.items():
            if not options.names or name in options.names:
                bench.section(title)
                measure(bench)
        if options.names:
            sys.stdout.write("\n" + text_of(bench))
        else:
            text = text_of(bench) + by_hand(output)
            with open(output, "w") as file:
                file.write(text)


if __name__ == "__main__":
    main()
