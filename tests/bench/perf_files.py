# SPDX-License-Identifier: Apache-2.0
"""Reading what perf recorded, against perf itself and what people put behind it."""
import os
import re
import statistics
import subprocess
import sys
import time

from harness import has

COMPILED = ("analyzer/report_json_reader.cpp", "analyzer/symbol_table.cpp", "viewer/cli.cpp")
SOURCE_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def perf_record(bench, name, options, command, seconds=None):
    """Records, once for all benchmarks that want it; the file's path. `seconds`: for how long."""
    path = bench.path(name)
    if os.path.exists(path):
        return path
    stop = ["timeout", "-s", "INT", str(seconds)] if seconds else []
    words = ["perf", "record", "-q", "-N", "-o", path, *options, "--", *stop, *command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          cwd=bench.work)
    if not os.path.exists(path) or os.path.getsize(path) < 1 << 16:
        sys.exit(f"{' '.join(words)} fails: {done.stderr}")
    return path


def size(path):
    return f"{os.path.getsize(path) / 1e6:.0f} MB"


def samples_of(recording):
    """By perf's own statistics."""
    text = subprocess.run(["perf", "report", "--stats", "-i", recording], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PERF_PAGER": "cat"}).stdout
    found = re.search(r"SAMPLE events:\s+(\d+)", text)
    return int(found.group(1)) if found else 0


def unread(bench, recording, samples=None):
    """Why our time for this recording would mean nothing, or None: a reader that skips is fast."""
    report = bench.report(recording)
    damaged = sum(item["value"] or 0 for item in report["quality"] if item["code"] == "damaged_records")
    if damaged:
        return f"{damaged:,} records could not be read"
    if samples is not None and report["totals"]["samples"] != samples:
        return f"{report['totals']['samples']:,} of {samples:,} samples were read"
    return None


def frames_per_sample(folded):
    frames = samples = 0
    with open(folded, errors="replace") as file:
        for line in file:
            stack, _, count = line.rpartition(" ")
            samples += int(count)
            frames += int(count) * (stack.count(";") + 1)
    return frames / max(samples, 1)


def unread_stacks(bench, recording, samples):
    """The same of copies of stacks, and the frames a sample."""
    if why := unread(bench, recording, samples):
        return why, 0
    folded = bench.path("folded")
    bench.run(bench.neuroperf, "export", "--format", "folded", "-i", recording, "-o", folded)
    deep = frames_per_sample(folded)
    return (None if deep >= 20 else f"{deep:.1f} frames a sample: stacks are not unwound"), deep


def memory_row(bench, what, cost, reach):
    if cost:
        bench.row(f"{what}: peak memory", cost.peak_mib, None, reach, "MiB", "-")


def clang_recording(bench):
    """clang compiling C++ of this repository, again and again, for so long that there are 230,000 samples."""
    sources = " ".join(os.path.join(SOURCE_DIR, name) for name in COMPILED)
    compile_all = (f"while :; do for s in {sources}; do clang++-14 -std=c++20 -O2 -I {SOURCE_DIR} -c -o /dev/null $s "
                   "2>/dev/null; done; done")
    return perf_record(bench, "clang.data", ["-e", "cpu-clock", "-F", "20000", "-m", "4096", "-g"], ["sh", "-c", compile_all],
                       seconds=11.6)


def needs(bench, what, reach, *tools):
    """Whether all are installed; if not, the table says which is not."""
    missing = [tool for tool in tools if not has(tool)]
    if missing:
        bench.no_row(what, f"{', '.join(missing)} not installed", reach)
    return not missing


def report_of_fp_samples(bench):
    what, reach = "report of 230,000 samples with frame pointer chains", "<= 0.4 s"
    if not needs(bench, what, reach, "perf", "clang++-14"):
        return
    recording = clang_recording(bench)
    samples = samples_of(recording)
    if why := unread(bench, recording, samples):
        bench.no_row(what, why, reach)
        return
    what = f"report of {samples:,} samples of clang with frame pointer chains ({size(recording)})"
    cost = bench.compare(what, [bench.neuroperf, "report", "-i", recording],
                         ["perf", "report", "--stdio", "--no-inline", "-g", "none", "-i", recording], reach,
                         "perf report --stdio --no-inline -g none")
    memory_row(bench, "the same", cost, "<= 120 MiB")


def flame_graph(bench):
    what, reach = "flame graph of the same recording, SVG", "-"
    if not needs(bench, what, reach, "perf", "clang++-14"):
        return
    recording, folder = clang_recording(bench), os.environ.get("FLAMEGRAPH_DIR", "")
    tools = [os.path.join(folder, name) for name in ("stackcollapse-perf.pl", "flamegraph.pl")]
    pipeline = (f"set -o pipefail; perf script --no-inline -i {recording} 2>/dev/null | perl {tools[0]} | "
                f"perl {tools[1]} > {bench.path('peer.svg')}")
    peer = ["bash", "-c", pipeline]
    if not folder or not all(map(os.path.exists, tools)):
        peer = "FlameGraph: not there; FLAMEGRAPH_DIR names its folder"
    cost = bench.compare(what, [bench.neuroperf, "export", "--format", "svg", "-i", recording, "-o", bench.path("ours.svg")],
                         peer, reach, "perf script, stackcollapse-perf.pl, flamegraph.pl", times=3)
    memory_row(bench, "the same", cost, "<= 120 MiB")


def stacks_recording(bench, name="stacks.data", seconds=7.2):
    return perf_record(bench, name, ["-e", "cpu-clock", "-F", "5000", "-m", "8192", "--call-graph", "dwarf,16384"],
                       [bench.program("bench_deep_stacks"), str(seconds)])


def unwinding(bench):
    what, reach = "report of 35,000 samples with 16 KiB of stack, unwound", "<= 0.33 of perf"
    if not needs(bench, what, reach, "perf"):
        return
    recording = stacks_recording(bench)
    samples, folded = samples_of(recording), bench.path("folded")
    why, deep = unread_stacks(bench, recording, samples)
    if why:
        bench.no_row(what, why, reach)
        return
    what = f"{samples:,} samples with 16 KiB of stack, {deep:.0f} frames each ({size(recording)})"
    peer = ["perf", "script", "--no-inline", "-i", recording]
    cost = bench.compare(f"report of {what}", [bench.neuroperf, "report", "-i", recording], peer, reach,
                         "perf script --no-inline", times=3, watch_anonymous=True)
    if cost:
        bench.row("the same: anonymous memory", cost.anonymous_mib, None, "<= 200 MiB", "MiB", "-")
        memory_row(bench, "the same", cost, "-")
    bench.compare("the same as folded stacks", [bench.neuroperf, "export", "--format", "folded", "-i", recording, "-o", folded],
                  peer, reach, "perf script --no-inline", times=3)


def inlined_frames(bench):
    what, reach = "the same with inlined functions", "<= 5 s"
    if not needs(bench, what, reach, "perf"):
        return
    recording, cut = stacks_recording(bench), stacks_recording(bench, "stacks_cut.data", 1)
    samples, samples_of_cut, limit = samples_of(recording), samples_of(cut), 300
    why, _ = unread_stacks(bench, recording, samples)
    if why:
        bench.no_row(what, why, reach)
        return
    costs = [bench.cost(bench.neuroperf, "report", "--inline", "-i", recording) for _ in range(3)]
    failed = next((cost for cost in costs if isinstance(cost, str)), None)
    if failed:
        bench.no_row(what, failed, reach)
        return
    start = time.monotonic()
    peer = bench.cost("timeout", str(limit), "perf", "script", "-i", cut)
    seconds = time.monotonic() - start
    told = f"{seconds:.3g} s for {samples_of_cut:,} samples" if not isinstance(peer, str) else f"not done after {seconds:.0f} s"
    bench.row(f"report --inline of {samples:,} samples with 16 KiB of stack", statistics.median(c.seconds for c in costs), None,
              reach, "s", f"perf script: {told}")


def tracepoints(bench):
    what, reach = "report of 10 million tracepoint records", "<= 2 s"
    if not needs(bench, what, reach, "perf"):
        return
    # A byte a write: two records each. More than 10 million are written, as perf loses some.
    events = ["-e", "syscalls:sys_enter_write", "-e", "syscalls:sys_exit_write"]
    recording = perf_record(bench, "tracepoints.data", [*events, "-m", "32768"],
                            ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=5200000", "status=none"])
    count = samples_of(recording)
    if why := unread(bench, recording):
        bench.remove(recording)
        bench.no_row(what, why, reach)
        return
    peer = bench.cost("perf", "script", "-i", recording)
    costs = [bench.cost(bench.neuroperf, "report", "-i", recording) for _ in range(3)]
    failed = next((cost for cost in costs if isinstance(cost, str)), None)
    if failed:
        bench.no_row(what, failed, reach)
    else:
        seconds = statistics.median(cost.seconds for cost in costs)
        is_peer = not isinstance(peer, str)
        bench.row(f"report of {count:,} tracepoint records ({size(recording)})", seconds, peer.seconds if is_peer else None,
                  reach, "s", "perf script" if is_peer else peer)
        bench.row("the same: records a second", count / seconds / 1e6, None, ">= 5 M/s", "M/s", "-")
        memory_row(bench, "the same", costs[0], "<= 300 MiB")
    bench.remove(recording)


def sizes(bench):
    """Recordings of layer events; 1 GB first, whose time the others are held against."""
    first = None
    maker = os.path.join(bench.build, "tests", "robustness", "make_recording")
    for gigabytes in (1, 3, 10):
        recording = bench.path("large.data")
        # The size of an event follows from a small recording.
        bench.run(maker, "--layers", "100", "--threads", "4", "--events", "1000000", "-o", recording)
        events = int(gigabytes * 1e9 / os.path.getsize(recording) * 1e6)
        bench.run(maker, "--layers", "100", "--threads", "4", "--events", str(events), "-o", recording)
        cost = bench.cost(bench.neuroperf, "report", "-i", recording)
        what = f"report of a recording of {gigabytes} GB ({events / 1e6:.0f} million events)"
        bench.remove(recording)
        if isinstance(cost, str):
            bench.no_row(what, cost, "-")
            continue
        first = first or cost
        linear = "-" if gigabytes == 1 else f"<= {1.2 * gigabytes * first.seconds:.3g} s (linear, 20 % more)"
        bench.row(what, cost.seconds, None, linear, "s", "-")
        memory_row(bench, "the same", cost, "<= 1024 MiB")
