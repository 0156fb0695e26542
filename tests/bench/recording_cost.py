# SPDX-License-Identifier: Apache-2.0
"""What recording costs the program and the machine, against perf record with the same options."""
import json
import math
import os
import re
import statistics
import subprocess
import sys
import time

from harness import has

PAIRS = 30
T_95 = 1.699  # Student's t, one-sided 95 %, 29 degrees of freedom


def cpu_of(bench, command):
    """(CPU of the program, CPU of all else that the command ran), seconds. The program says its own."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               text=True, cwd=bench.work)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    told = re.search(r"cpu_ns (\d+)", output)
    if process.returncode != 0 or not told:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    program = int(told.group(1)) / 1e9
    return program, usage.ru_utime + usage.ru_stime - program


def bound(ratios):
    """Geometric mean of the pairs' ratios and its upper 95 % bound."""
    logs = [math.log(ratio) for ratio in ratios]
    mean, error = statistics.mean(logs), statistics.stdev(logs) / math.sqrt(len(logs))
    return math.exp(mean), math.exp(mean + T_95 * error)


def pairs(bench, ours, peer):
    """Interleaved, who comes first by turns: [(our program, our recorder, its program, its recorder)]."""
    found = []
    for turn in range(PAIRS):
        if turn % 2 == 0:
            mine, its = cpu_of(bench, ours), cpu_of(bench, peer)
        else:
            its, mine = cpu_of(bench, peer), cpu_of(bench, ours)
        found.append((*mine, *its))
    return found


PERF_RECORD = ["perf", "record", "-q", "-N"]


def sampling(bench):
    """By default, and with no more than perf records."""
    what = f"-F 999 -g on a busy program, {PAIRS} pairs: CPU of the program"
    if not has("perf"):
        bench.no_row(what, "perf is not installed", "ratio <= 1.05")
        return
    work = [bench.program("bench_fixed_work"), "compute", "2500000"]
    peer = [*PERF_RECORD, "-F", "999", "-g", "-e", "cpu-clock", "-o", bench.path("peer.data"), "--", *work]
    for told, options in (("", []), (", --no-anatomy", ["--no-anatomy"])):
        ours = [bench.neuroperf, "record", "-q", "-F", "999", "-g", *options, "-o", bench.path("ours.data"), "--", *work]
        found = pairs(bench, ours, peer)
        for name, mine, its, reach in ((what, 0, 2, "<= 1.05"), ("the same: CPU of the recorder", 1, 3, "<= 0.5")):
            mean, upper = bound([max(one[mine], 1e-6) / max(one[its], 1e-6) for one in found])
            bench.row(f"{name}{told}; ratio {mean:.3f}, upper 95 % bound {upper:.3f}",
                      statistics.median(one[mine] for one in found), statistics.median(one[its] for one in found),
                      f"bound {reach}", "s", "perf record")


def tracepoint(bench):
    what = "a tracepoint to the file: CPU of the program, an event"
    if os.geteuid() != 0 or not has("perf"):
        bench.no_row(what, "needs root and perf", "<= 150 ns")
        return
    calls = 500_000
    work = [bench.program("bench_fixed_work"), "calls", str(calls)]
    event = ["-e", "syscalls:sys_enter_getppid", "-m", "4M"]
    plain, ours, peer = [], [], []
    for _ in range(9):
        plain.append(cpu_of(bench, work)[0])
        ours.append(cpu_of(bench, [bench.neuroperf, "record", "-q", *event, "-o", bench.path("t.data"), "--", *work])[0])
        peer.append(cpu_of(bench, [*PERF_RECORD, *event, "-o", bench.path("p.data"), "--", *work])[0])
    cost = [(statistics.median(runs) - statistics.median(plain)) / calls * 1e9 for runs in (ours, peer)]
    bench.row(what, cost[0], cost[1], "<= 150 ns", "ns", "perf record")


def by_name(event, field):
    """A driver whose jobs have the names that a field of its event points to."""
    return {"schema": "neuroperf.driver/1", "name": "names", "title": "-", "seen": "-", "knows": "-", "sources": [
        {"name": "names", "confidence": "inferred", "events": [{"event": event, "means": "job_queued", "key": [field]}]}]}


BY_IOCTL = {"schema": "neuroperf.driver/1", "name": "null", "title": "-", "seen": "-", "knows": "-", "match": {"nodes": ["/dev/null"]},
            "probes": {"wait": {"ioctl": ["0xc0184e02"], "fields": {"job": {"at": 0}}}}, "sources": [
    {"name": "ioctl", "confidence": "inferred", "events": [
        {"event": "null:wait_begin", "means": "job_queued", "key": ["job"]}]}]}


def driver_events(bench):
    """What a driver's event costs its program: with a text that is read where a field points to, and of a call with its argument."""
    if os.geteuid() != 0 or not has("perf"):
        bench.no_row("an event of a driver: CPU of the program, an event", "needs root and perf", "<= 0.6")
        return
    calls = 300_000
    # The scheduler tells of its work on RCU twice a call: there is nothing else here whose events have such fields.
    unsampled = ["-e", "cpu-clock", "-F", "1", "--no-anatomy"]  # as perf record of an event
    for what, mode, events, description, event in (
            ("an event of a driver with the text that a field points to, in the program", "paths", calls,
             by_name("syscalls:sys_enter_faccessat", "filename"), "syscalls:sys_enter_faccessat"),
            ("the same, the text in the kernel, as drivers have it", "yields", 2 * calls,
             by_name("rcu:rcu_utilization", "s"), "rcu:rcu_utilization"),
            ("an event of a driver's ioctl with what its argument points to", "ioctls", calls, BY_IOCTL,
             "syscalls:sys_enter_ioctl")):
        with open(bench.path("driver.json"), "w", encoding="utf-8") as file:
            json.dump(description, file)
        work = [bench.program("bench_fixed_work"), mode, str(calls)]
        plain, ours, peer = [], [], []
        for _ in range(9):
            plain.append(cpu_of(bench, work)[0])
            ours.append(cpu_of(bench, [bench.neuroperf, "record", "-q", *unsampled, "--driver", "none", "--driver-file",
                                       bench.path("driver.json"), "-m", "4M", "-o", bench.path("d.data"), "--", *work])[0])
            peer.append(cpu_of(bench, [*PERF_RECORD, "-e", event, "-m", "4M", "-o", bench.path("p.data"), "--", *work])[0])
        cost = [(statistics.median(runs) - statistics.median(plain)) / events * 1e9 for runs in (ours, peer)]
        bench.row(f"{what}: CPU of the program", cost[0], cost[1], "<= 0.6", "ns", f"perf record -e {event}")


def anatomy(bench):
    """Of the program and of who records it together: what was added to the plain run."""
    seconds = 4
    what = f"anatomy of a program with 20,000 context switches a second, {seconds} s: CPU added, a second"
    if os.geteuid() != 0 or not has("perf"):
        bench.no_row(what, "needs root and perf", "<= 0.7")
        return
    work = [bench.program("bench_switching"), str(seconds)]
    options = {"plain": work,
               "ours": [bench.neuroperf, "record", "-q", "-e", "cpu-clock", "-F", "1", "-o", bench.path("s.data"), "--", *work],
               "records": [bench.neuroperf, "record", "-q", "--no-anatomy", "-e", "cpu-clock", "-F", "1", "-o",
                           bench.path("r.data"), "--", *work],
               "perf": [*PERF_RECORD, "-e", "sched:sched_switch", "-e", "sched:sched_waking", "-o", bench.path("p.data"),
                        "--", *work]}
    found = {name: [] for name in options}
    for turn in range(9):
        for name in sorted(options, reverse=turn % 2 == 0):
            found[name].append(sum(cpu_of(bench, options[name])))
    medians = {name: statistics.median(runs) for name, runs in found.items()}
    added = {name: (medians[name] - medians["plain"]) / seconds * 1e3 for name in options}
    bench.row(what, added["ours"], added["perf"], "<= 0.7", "ms", "perf record -e sched:sched_switch -e sched:sched_waking")
    bench.row("the same without what threads wait for (--no-anatomy)", added["records"], added["perf"], "-", "ms",
              "perf record -e sched:sched_switch -e sched:sched_waking")


def many_threads(bench):
    threads = 200
    program = subprocess.Popen([bench.program("bench_fixed_work"), "threads", str(threads)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    program.stdout.readline()
    time.sleep(0.2)
    bench.compare(f"{threads} threads x {os.cpu_count()} CPUs: attach and detach",
                  [bench.neuroperf, "record", "-q", "-o", bench.path("a.data"), "-p", str(program.pid), "--", "true"],
                  [*PERF_RECORD, "-e", "cpu-clock", "-o", bench.path("b.data"), "-p", str(program.pid), "--",
                   "true"] if has("perf") else "perf is not installed", "<= 0.5 s", "perf record -p")
    program.communicate("")
