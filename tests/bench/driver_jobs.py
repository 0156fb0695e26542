# SPDX-License-Identifier: Apache-2.0
"""Millions of a driver's events to a report of its jobs: as text of ftrace, and as the recording that is made of it."""
import os

EVENTS, PER_JOB, DEPTH = 10_000_000, 5, 4
LINE = "{task}-{pid}     [00{cpu}] .....  {seconds}.{micros:06d}: {event}\n"


def write_trace(path):
    """As tracefs shows it: two engines, four jobs of each in flight."""
    with open(path, "w", encoding="ascii") as file:
        for number in range(EVENTS // PER_JOB):
            engine, time = number % 2, 100_000_000 + 20 * number
            fence, ring, context = f"{number % 4096 + 1:016x}", f"core{engine}", 3 + engine
            told = f"entity=00000000000000a{engine}, id={number}, fence={fence}, ring={ring}, job count:0, hw job count:1"
            for after, task, pid, event in (
                    (0, "app", 172, f"dma_fence_init: driver=drm_sched timeline={ring} context={context} seqno={number}"),
                    (1, "app", 172, f"drm_sched_job: {told}"),
                    (5, "kworker/u8:0", 12, f"drm_run_job: {told}"),
                    (15, "<idle>", 0, f"dma_fence_signaled: driver=drm_sched timeline={ring} context={context} seqno={number}"),
                    (16, "<idle>", 0, f"drm_sched_process_job: fence={fence} signaled")):
                at = time + after
                file.write(LINE.format(task=task, pid=pid, cpu=engine, seconds=at // 1_000_000, micros=at % 1_000_000,
                                       event=event))


def report_of_jobs(bench):
    trace, recording = bench.path("trace.txt"), bench.path("jobs.data")
    write_trace(trace)
    cost = bench.cost(bench.neuroperf, "import", "--format", "ftrace", trace, "-o", recording)
    if isinstance(cost, str):
        bench.no_row("import of ftrace's text", cost, "-")
        return
    bench.row(f"import of {EVENTS} lines of ftrace ({os.path.getsize(trace) / 1e6:.0f} MB)", cost.seconds, None, "-", "s", "-")
    bench.remove(trace)
    costs = [bench.cost(bench.neuroperf, "report", "-i", recording) for _ in range(3)]
    jobs = sum(row["jobs"] for device in bench.report(recording)["devices"] for row in device["engines"])
    what = f"report of {EVENTS} events of drm_sched and dma_fence, {jobs} jobs ({os.path.getsize(recording) / 1e6:.0f} MB)"
    bench.row(what, sorted(cost.seconds for cost in costs)[1], None, "<= 8 s", "s", "-")
    bench.row("the same: peak memory", max(cost.peak_mib for cost in costs), None, "<= 400 MiB", "MiB", "-")
    bench.remove(recording)
