# SPDX-License-Identifier: Apache-2.0
"""Judges of what npu_work did with the virtual NPUs of modules/: each takes its last line and finds every job, layer, spike
and fence again, no more and no fewer.
"""
import collections
import errno
import json
import os
import re
import statistics

import support

RINGS = ("npu0", "npu1")
POWER = "vnpu:vnpu_power"
CLOCKS = {"active": 800_000_000, "idle": 100_000_000}


def told(recording, device):
    """What npu_work said of its jobs for this device."""
    (work,) = [work for work in map(json.loads, re.findall(r"^{.*}$", recording.stdout, re.M))
               if work["device"] == device]
    return work


def most_missing(test, recording):
    """Events that a recording by BPF may lack: those that it says are lost. Before 6.7 the kernel does not count all of them."""
    uncounted = "uncounted_tracepoints" in support.quality_codes(recording.report())
    test.assertEqual(uncounted, test.guest.name == "x86_6_1_rt")
    return recording.summary.lost + (2 if uncounted else 0)


def of_group(recording, group):
    """Those of jobs: the engine's power is not of a job."""
    return [event for event in recording.events() if event.name.startswith(f"{group}:") and event.name != POWER]


def counts(events):
    return dict(collections.Counter(event.name.split(":")[1] for event in events))


def number(event, field):
    return int(event.fields[field])


def jobs_of_vnpu(test, recording):
    """Each job is queued, started and done, in this order and between its calls; its layers in between, with the spikes of the
    formula. One that failed lacks the last layer's end, one that hung all of them."""
    work = told(recording, "vnpu")
    events = of_group(recording, "vnpu")
    layers = work["layer_spikes"]
    test.assertEqual(recording.summary.lost, 0)
    by_job = collections.defaultdict(list)
    for event in events:
        by_job[number(event, "job")].append(event)
        test.assertEqual(event.fields["engine"], '"npu0"')
    expected = {job["job"]: job for job in work["jobs"]}
    test.assertEqual(set(by_job), set(expected) | ({work["stuck"]["job"]} if "stuck" in work else set()))
    for job, told_job in expected.items():
        ended = len(layers) if told_job["status"] == 0 else len(layers) - 1
        queue, start, *ends, done = sorted(by_job[job], key=lambda event: event.time_ns)
        test.assertEqual(counts([queue, start, done]),
                         {"vnpu_job_queue": 1, "vnpu_job_start": 1, "vnpu_job_done": 1})
        test.assertEqual([queue.name, start.name, done.name],
                         ["vnpu:vnpu_job_queue", "vnpu:vnpu_job_start", "vnpu:vnpu_job_done"])
        test.assertEqual([(number(end, "layer"), number(end, "spikes"), number(end, "bytes")) for end in ends],
                         [(layer, layers[layer], 4096 * (layer + 1)) for layer in range(ended)])
        test.assertEqual((number(queue, "model"), number(queue, "layers")), (work["model"], len(layers)))
        test.assertEqual((queue.pid, number(start, "submitter")), (work["pid"], work["pid"]))
        test.assertEqual(number(done, "status"), told_job["status"])
        test.assertTrue(told_job["submit_ns"] < queue.time_ns < done.time_ns < told_job["done_ns"])
    spikes = sum(number(event, "spikes") for event in events if event.name == "vnpu:vnpu_layer_done")
    test.assertEqual(spikes, work["expected"]["spikes"])


def there_or_lost(test, recording):
    """A BPF program of perf's kind does not run in an interrupt that meets another one at work: such an event is lost. What is
    not there is told as lost, and that is little."""
    vnpu, vdrm = told(recording, "vnpu"), told(recording, "vdrm")
    jobs, fences = len(vnpu["jobs"]), len(vdrm["jobs"])
    failed = sum(job["status"] != 0 for job in vnpu["jobs"])
    expected = collections.Counter({
        "vnpu_job_queue": jobs, "vnpu_job_start": jobs, "vnpu_job_done": jobs,
        "vnpu_layer_done": jobs * len(vnpu["layer_spikes"]) - failed,
        "drm_sched_job": fences, "drm_run_job": fences, "drm_sched_process_job": fences,
        "drm_sched_job_wait_dep": dependent_jobs(vdrm),
        "dma_fence_init": 3 * fences, "dma_fence_signaled": 3 * fences, "dma_fence_destroy": 3 * fences,
        "dma_fence_wait_start": fences, "dma_fence_wait_end": fences})
    found = collections.Counter(counts([event for group in ("vnpu", "gpu_scheduler", "dma_fence")
                                        for event in of_group(recording, group)]))
    test.assertEqual(found - expected, collections.Counter())
    test.assertEqual((expected - found).total(), recording.summary.lost, expected - found)
    test.assertLess(recording.summary.lost, 0.05 * expected.total())


def nearly_all_there(test, recording):
    """Of what the kernel may leave out without counting it there is little; what is there is of the jobs."""
    work = told(recording, "vnpu")
    jobs = {job["job"] for job in work["jobs"]}
    expected = collections.Counter({(job, name): 1 for job in jobs
                                    for name in ("vnpu_job_queue", "vnpu_job_start", "vnpu_job_done")})
    expected.update({(job, "vnpu_layer_done"): len(work["layer_spikes"]) for job in jobs})
    found = collections.Counter((number(event, "job"), event.name.split(":")[1]) for event in of_group(recording, "vnpu"))
    test.assertEqual(found - expected, collections.Counter())
    test.assertLessEqual((expected - found).total(), most_missing(test, recording))


def one_after_the_other(test, recording):
    """The engine does one job at a time, in the order of queueing."""
    starts_and_ends = [(number(event, "job"), event.name.split("_")[-1]) for event in of_group(recording, "vnpu")
                       if event.name in ("vnpu:vnpu_job_start", "vnpu:vnpu_job_done")]
    jobs = sorted({job for job, _ in starts_and_ends})
    test.assertEqual(starts_and_ends, [(job, what) for job in jobs for what in ("start", "done")])


def layers_take_their_time(test, recording):
    """At least. How much longer can be said where the clock counts instructions: mostly some thousands until the interrupt runs;
    the recorder's start and its reader hold some up. x86 guests' clocks follow the host."""
    asked_ns = 1000 * told(recording, "vnpu")["us"]
    durations = [number(event, "duration_ns") for event in of_group(recording, "vnpu")
                 if event.name == "vnpu:vnpu_layer_done"]
    test.assertGreaterEqual(min(durations), asked_ns)
    if test.guest.architecture == "arm64":
        test.assertLess(statistics.median(durations), 1.25 * asked_ns)


def last_jobs_fail(test, recording):
    by_thread = collections.defaultdict(list)
    for job in told(recording, "vnpu")["jobs"]:
        by_thread[job["thread"]].append(job["status"])
    for statuses in by_thread.values():
        test.assertEqual(statuses, [0] * (len(statuses) - 1) + [-errno.EIO])


def stuck_until_closed(test, recording):
    """The wait gave up, the others came behind it, and closing the file ended it."""
    work = told(recording, "vnpu")
    test.assertEqual(work["stuck"]["errno"], errno.ETIME)
    events = [event for event in of_group(recording, "vnpu") if number(event, "job") == work["stuck"]["job"]]
    test.assertEqual(counts(events), {"vnpu_job_queue": 1, "vnpu_job_start": 1, "vnpu_job_done": 1})
    begin, end = events[1].time_ns, events[2].time_ns
    test.assertEqual(number(events[2], "status"), -errno.ECANCELED)
    test.assertGreater(end - begin, 40_000_000, "50 ms, counted in ticks of which each may be 4 ms late")
    test.assertEqual([job for job in work["jobs"] if job["done_ns"] < end], [])


def all_succeeded(test, recording):
    for device in ("vnpu", "vdrm"):
        test.assertEqual([job["status"] for job in told(recording, device)["jobs"]], [0] * 4)


def totals_grow(test, recording):
    """Between two looks at sysfs, and by the PMU meanwhile: what the formula says."""
    work = told(recording, "vnpu")
    looks = []
    for text in recording.stdout.split("--\n"):
        looks.append({name: int(value) for name, value in re.findall(r"^(\w+)_total (\d+)$", text, re.M)})
        test.assertIn("queue_depth 0\n", text)
        looks[-1]["activity"] = [int(value) for value in re.findall(r"^neuron_activity \d+ (\d+)$", text, re.M)]
    before, after = looks
    test.assertEqual({name: after[name] - before[name] for name in work["expected"]}, work["expected"])
    test.assertEqual(work["counted"], work["expected"])
    per_layer = [spikes * len(work["jobs"]) for spikes in work["layer_spikes"]]
    test.assertEqual([now - then for now, then in zip(after["activity"], before["activity"])],
                     per_layer + [0] * (16 - len(per_layer)))


def counted_with_samples(test, recording):
    """The PMU's counters, read with each sample of a clock: what was added between samples is what the formula says."""
    added = collections.Counter()
    for event in recording.events():
        added[event.name] += int(event.fields.get("period", 0))
    expected = told(recording, "vnpu")["expected"]
    test.assertEqual({name: added[f"vnpu/{name}/"] for name in ("spikes", "jobs")},
                     {name: expected[name] for name in ("spikes", "jobs")}, added)


def jobs_of_scheduler(test, recording):
    """The kernel's scheduler queued, ran and ended each job."""
    jobs = len(told(recording, "vdrm")["jobs"])
    found = counts(of_group(recording, "gpu_scheduler"))
    found.pop("drm_sched_job_wait_dep", None)
    test.assertEqual(found, {"drm_sched_job": jobs, "drm_run_job": jobs, "drm_sched_process_job": jobs})
    rings = collections.Counter(event.fields["name"].strip('"') for event in of_group(recording, "gpu_scheduler")
                                if event.name == "gpu_scheduler:drm_run_job")
    test.assertEqual(rings, collections.Counter(RINGS[job["ring"]] for job in told(recording, "vdrm")["jobs"]))


def fences_of_jobs(test, recording):
    """Three a job, of the scheduler for "scheduled" and "finished" and of the hardware, and one wait."""
    work = told(recording, "vdrm")
    jobs = len(work["jobs"])
    fences = of_group(recording, "dma_fence")
    test.assertEqual(counts(fences), {"dma_fence_init": 3 * jobs, "dma_fence_signaled": 3 * jobs,
                                      "dma_fence_destroy": 3 * jobs, "dma_fence_wait_start": jobs,
                                      "dma_fence_wait_end": jobs})
    made = collections.Counter((event.fields["driver"].strip('"'), event.fields["timeline"].strip('"'))
                               for event in fences if event.name == "dma_fence:dma_fence_init")
    on_ring = collections.Counter(RINGS[job["ring"]] for job in work["jobs"])
    test.assertEqual(made, {**{("drm_sched", ring): 2 * count for ring, count in on_ring.items()},
                            **{("vdrm", ring): count for ring, count in on_ring.items()}})
    waits = [event.pid for event in fences if "_wait_" in event.name]
    test.assertEqual(set(waits), {work["pid"]})


def engines_were_busy(test, recording):
    """By fdinfo: for each job as long as was asked."""
    work = told(recording, "vdrm")
    on_ring = collections.Counter(job["ring"] for job in work["jobs"])
    test.assertEqual(work["busy_ns"], [on_ring[ring] * work["us"] * 1000 for ring in range(len(RINGS))])


def dependent_jobs(work):
    """With -a: all but the first of each thread."""
    return len(work["jobs"]) - len({job["thread"] for job in work["jobs"]})


def waits_for_jobs_before(test, recording):
    """Each job but a thread's first depends on the one before."""
    found = counts(of_group(recording, "gpu_scheduler"))
    test.assertEqual(found["drm_sched_job_wait_dep"], dependent_jobs(told(recording, "vdrm")))


def waits_for_nothing(test, recording):
    test.assertNotIn("drm_sched_job_wait_dep", counts(of_group(recording, "gpu_scheduler")))


def node_is(kind):
    return lambda test, recording: test.assertEqual(os.path.dirname(told(recording, "vdrm")["node"]), kind)


def engines(recording, driver):
    """Of the report, by name."""
    return {engine["name"]: engine for device in recording.report().get("devices", []) if device["driver"] == driver
            for engine in device["engines"]}


def vnpu_in_report(test, recording):
    """Nobody asked for the driver's events. The engine does one job at a time, so that the report's sums are those of the events;
    and they lie within what the program saw, and are not below what it asked for."""
    work = told(recording, "vnpu")
    (engine,) = engines(recording, "Virtual NPU").values()
    missing = len(work["jobs"]) - engine["jobs"]
    test.assertTrue(0 <= missing <= most_missing(test, recording), engine)
    test.assertEqual((engine["name"], engine["confidence"]), ("npu0", "exact"))
    if missing or recording.summary.lost:
        return
    test.assertEqual(engine["failed"], sum(job["status"] != 0 for job in work["jobs"]))
    test.assertEqual((engine["in_flight"], engine["stuck"]), (0, 0))
    own = {job["job"] for job in work["jobs"]}
    times = collections.defaultdict(dict)
    for event in of_group(recording, "vnpu"):
        times[number(event, "job")][event.name.split("_")[-1]] = event.time_ns
    test.assertEqual(engine["queue_total_ns"], sum(times[job]["start"] - times[job]["queue"] for job in own))
    test.assertEqual(engine["run_total_ns"], sum(times[job]["done"] - times[job]["start"] for job in own))
    asked_ns = 1000 * work["us"] * len(work["layer_spikes"]) * len(work["jobs"])
    test.assertGreaterEqual(engine["run_total_ns"], asked_ns)
    test.assertLess(engine["queue_total_ns"] + engine["run_total_ns"],
                    sum(job["done_ns"] - job["submit_ns"] for job in work["jobs"]))
    if test.guest.architecture == "arm64":
        test.assertLess(engine["run_total_ns"], 1.25 * asked_ns)
    (row,) = recording.report()["jobs"]
    test.assertEqual((row["layer"], row["engine"], row["jobs"]), ("(outside of layers)", "npu0", len(work["jobs"])))


def layers_of_the_engine(test, recording):
    """The parts of jobs that the device tells of: times, spikes and bytes of each layer are the formula's, whatever the jobs."""
    work = told(recording, "vnpu")
    jobs, failed = len(work["jobs"]), sum(job["status"] != 0 for job in work["jobs"])
    rows = {int(row["name"]): row for row in recording.report()["tasks"]}
    ends = {layer: jobs - (failed if layer + 1 == len(work["layer_spikes"]) else 0)
            for layer in range(len(work["layer_spikes"]))}
    missing = sum(ends.values()) - sum(row["tasks"] for row in rows.values())
    if missing:  # and if it is the queueing of a job, all of its layers
        test.assertLessEqual(missing, most_missing(test, recording) * len(ends))
        return
    test.assertEqual({layer: (row["engine"], row["tasks"], row["spikes"], row["bytes"]) for layer, row in rows.items()}, {
        layer: ("npu0", ends[layer], spikes * ends[layer], 4096 * (layer + 1) * ends[layer])
        for layer, spikes in enumerate(work["layer_spikes"])})
    test.assertEqual(sum(row["spikes"] for row in rows.values()), work["expected"]["spikes"])
    durations = [number(event, "duration_ns") for event in of_group(recording, "vnpu")
                 if event.name == "vnpu:vnpu_layer_done"]
    test.assertEqual(sum(row["run_total_ns"] for row in rows.values()), sum(durations))


def power_of_the_engine(test, recording):
    """It is active from the first of its jobs to when it has none any more; the clock goes with it."""
    told_power = [event for event in recording.events() if event.name == POWER]
    states = [event.fields["state"].strip('"') for event in told_power]
    if states != ["active", "idle"] * (len(states) // 2):
        test.assertGreater(most_missing(test, recording), 0, states)
        return
    test.assertEqual([number(event, "clock_hz") for event in told_power], [CLOCKS[state] for state in states])
    report = recording.report()
    rows = {row["state"]: row for row in report["device_states"] if row["driver"] == "Virtual NPU"}
    active = sum(end.time_ns - begin.time_ns for begin, end in zip(told_power[::2], told_power[1::2]))
    idle = sum(end.time_ns - begin.time_ns for begin, end in zip(told_power[1::2], told_power[2::2]))
    test.assertEqual((rows["active"]["total_ns"], rows["active"]["times"], rows["idle"]["times"]),
                     (active, len(states) // 2, len(states) // 2))
    test.assertGreaterEqual(rows["idle"]["total_ns"], idle, "and from the last one to the recording's end")
    (engine,) = engines(recording, "Virtual NPU").values()
    test.assertGreaterEqual(active, engine["run_total_ns"])
    (clock,) = [row for row in report["device_values"] if row["driver"] == "Virtual NPU"]
    known = active + rows["idle"]["total_ns"]
    test.assertEqual((clock["of"], clock["unit"], clock["min"], clock["max"]),
                     ("clock", "Hz", CLOCKS["idle"], CLOCKS["active"]))
    test.assertAlmostEqual(clock["mean"], (active * CLOCKS["active"] + rows["idle"]["total_ns"] * CLOCKS["idle"]) / known,
                           delta=1)


def texts_of_the_kernel(test, recording):
    """A field that points to a text has the text."""
    states = {event.fields["state"].strip('"') for event in of_group(recording, "vnpu") if event.name == "vnpu:vnpu_job_queue"}
    test.assertLessEqual(states, {"idle", "busy"})
    test.assertGreater(len(states), 0)


def others_are_left_out(test, recording):
    """Somebody else's jobs came in between, and their ends are in the recording."""
    own = {job["job"] for job in told(recording, "vnpu")["jobs"]}
    done = {number(event, "job") for event in of_group(recording, "vnpu") if event.name == "vnpu:vnpu_job_done"}
    test.assertGreater(len(done - own), 0)
    (engine,) = engines(recording, "Virtual NPU").values()
    test.assertTrue(0 <= len(own) - engine["jobs"] <= recording.summary.lost, engine)


def reported(recording, *options):
    """By title of the description: its engine."""
    return {device["driver"]: device["engines"] for device in recording.report(*options).get("devices", [])}


def vnpu_by_probes(test, recording):
    """As if the driver had no tracepoints: by the ioctls of its node, and by functions, of which one is run in an interrupt."""
    work = told(recording, "vnpu")
    jobs, failed = len(work["jobs"]), sum(job["status"] != 0 for job in work["jobs"])
    around_ns = sum(job["done_ns"] - job["submit_ns"] for job in work["jobs"])
    asked_ns = 1000 * work["us"] * len(work["layer_spikes"]) * jobs
    folder = os.path.join(support.SOURCE_DIR, "tests", "data", "drivers")
    files = [word for name in ("vnpu_calls", "vnpu_functions")
             for word in ("--driver-file", os.path.join(folder, f"{name}.json"))]
    found = reported(recording, *files)
    test.assertEqual(set(found), {"Virtual NPU by calls", "Virtual NPU by functions"})
    for title, (engine,) in found.items():
        missing = jobs - engine["jobs"]
        test.assertTrue(0 <= missing <= most_missing(test, recording), (title, engine))
        if missing or recording.summary.lost:
            continue
        test.assertEqual((engine["failed"], engine["in_flight"], engine["stuck"]), (failed, 0, 0), title)
        test.assertLess(engine["queue_total_ns"] + engine["run_total_ns"], around_ns, title)
        test.assertGreater(engine["queue_total_ns"] + engine["run_total_ns"], 0.5 * asked_ns, title)
    events = of_group(recording, "vnpu_functions") + of_group(recording, "vnpu_calls")
    numbers = {job["job"] for job in work["jobs"]}
    test.assertEqual({number(event, "result") for event in events if event.name == "vnpu_functions:queue_end"}, numbers)
    test.assertEqual({number(event, "job") for event in events if event.name == "vnpu_calls:wait_end"}, numbers)
    test.assertEqual({event.fields["node"] for event in events if event.name.startswith("vnpu_calls:")}, {'"/dev/vnpu0"'})
    ends = [event for event in events if event.name == "vnpu_functions:over_begin"]
    test.assertLessEqual(jobs - len(ends), most_missing(test, recording))
    test.assertLessEqual({number(event, "status") for event in ends}, {0, -errno.EIO})


def vdrm_in_report(test, recording):
    """Of the kernel's scheduler, by the name that its fences have. Events may be lost to interrupts, and are told then."""
    work = told(recording, "vdrm")
    found = engines(recording, "Virtual DRM NPU")
    on_ring = collections.Counter(RINGS[job["ring"]] for job in work["jobs"])
    test.assertEqual(set(found), set(on_ring))
    missing = len(work["jobs"]) - sum(engine["jobs"] for engine in found.values())
    test.assertTrue(0 <= missing <= recording.summary.lost, missing)
    for engine in found.values():
        test.assertEqual((engine["device"] if "device" in engine else None, engine["failed"]), (None, 0))
        if recording.summary.lost == 0:
            test.assertGreaterEqual(engine["run_total_ns"], 1000 * work["us"] * on_ring[engine["name"]])


def sum_of_states(row):
    return sum(value for key, value in row.items() if key.endswith("_ns") and key not in (
        "wall_ns", "user_ns", "kernel_ns", "page_fault_ns"))


def waits_for_the_device(test, recording):
    """Without events of its driver nobody knows of jobs: but that threads wait in it."""
    report = recording.report()
    (row,) = report["anatomy"]
    test.assertNotIn("npu_run_ns", row)
    test.assertEqual(sum_of_states(row), row["wall_ns"])
    away = row["wall_ns"] - row["on_cpu_ns"] - row["interrupts_ns"] - row["runnable_ns"]
    test.assertGreater(row["device_ns"], 0.9 * away)
    test.assertEqual(row["unknown_ns"], 0)


def waits_for_the_npu(test, recording):
    """Each inference is a job that its thread waits for: while the thread is blocked, the job is queued or runs. What
    the device took is in these states, or in those of the thread on its way to bed."""
    work = told(recording, "vnpu")
    report = recording.report()
    (row,) = report["anatomy"]
    (engine,) = engines(recording, "Virtual NPU").values()
    test.assertEqual((row["name"], row["calls"]), ("job", len(work["jobs"])))
    test.assertEqual(sum_of_states(row), row["wall_ns"])
    test.assertEqual(row["unknown_ns"], 0)
    if missing := len(work["jobs"]) - engine["jobs"]:
        test.assertLessEqual(missing, most_missing(test, recording))
        return
    test.assertLessEqual(row["npu_run_ns"], engine["run_total_ns"])
    test.assertLessEqual(row["npu_queue_ns"], engine["queue_total_ns"])
    on_its_way = row["on_cpu_ns"] + row["runnable_ns"] + row["interrupts_ns"]
    test.assertGreaterEqual(row["npu_run_ns"] + row["npu_queue_ns"] + on_its_way,
                            engine["run_total_ns"] + engine["queue_total_ns"])
    test.assertGreater(row["npu_run_ns"], 0.5 * engine["run_total_ns"])
    test.assertGreater(row["npu_queue_ns"], 0, "two threads, one engine")
    test.assertEqual(len(report["tail"]), len(work["jobs"]))
    (jobs,) = report["jobs"]
    test.assertEqual((jobs["layer"], jobs["jobs"]), ("job", len(work["jobs"])))


def devices_are_listed(test, recording):
    """Both, each with the description by which a recording follows its jobs, and with tracepoints that are there."""
    devices = {text.splitlines()[0]: text for text in re.split(r"\n(?=/dev/)", recording.stdout)}
    test.assertEqual(len(devices), 2, recording.stdout)
    test.assertIn("jobs     vnpu (Virtual NPU): tracepoints of vnpu (1 of 1 sources found)", devices["/dev/vnpu0"])
    (drm,) = [text for node, text in devices.items() if node != "/dev/vnpu0"]
    test.assertRegex(drm, r"^/dev/(accel/accel0|dri/renderD128)\n  driver   vdrm\n  bus      platform vdrm\n")
    test.assertRegex(drm, r"jobs     vdrm \(Virtual DRM NPU\): no tracepoints of its own")
    test.assertRegex(drm, r"jobs     drm_sched \(DRM scheduler\): tracepoints of gpu_scheduler")
    test.assertRegex(drm, r"jobs     dma_fence \(DMA fences\): tracepoints of dma_fence \(1 of 1 sources found\)")
