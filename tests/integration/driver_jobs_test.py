#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs of accelerators in traces that others took: the report against what is computed from the text, line by line."""
import collections
import json
import os
import re
import shutil
import statistics

import support

TRACES = os.path.join(support.SOURCE_DIR, "tests", "data", "traces")
OLD, NEW = "drm_sched_6_12.txt", "drm_sched_6_17.txt"
LINE = re.compile(r"^ *(.+?)-(\d+) +\[\d+\] \S+ +(\d+)\.(\d+): (\w+): (.*)$")
# Of the events that tell of a job: its number, and the ring where they tell it.
QUEUED = {OLD: ("drm_sched_job", r"fence=(\w+), ring=([^,]+)"), NEW: ("drm_sched_job_queue", r"fence=(\d+:\d+), ring=([^,]+)")}
STARTED = {OLD: ("drm_run_job", r"fence=(\w+)"), NEW: ("drm_sched_job_run", r"fence=(\d+:\d+)")}
DONE = {OLD: ("drm_sched_process_job", r"fence=(\w+)"), NEW: ("drm_sched_job_done", r"fence=(\d+:\d+)")}
FENCE = re.compile(r"driver=(\S+) timeline=(\S+) context=(\d+) seqno=(\d+)")

Job = collections.namedtuple("Job", "queue run")


def events(trace):
    with open(os.path.join(TRACES, trace), encoding="utf-8") as file:
        for line in file:
            found = LINE.match(line)
            if found:
                _, pid, seconds, fraction, event, text = found.groups()
                yield int(seconds) * 10**9 + int(fraction.ljust(9, "0")), int(pid), event, text


def jobs_of_rings(trace, context=False):
    """For each ring its jobs: one after the other, up to when the device's fence was signaled."""
    queued, started, ended, fences, last_started, contexts = {}, {}, {}, {}, {}, {}
    jobs, last_end = collections.defaultdict(list), collections.Counter()
    for time, pid, event, text in events(trace):
        if event == QUEUED[trace][0]:
            job, ring = re.search(QUEUED[trace][1], text).groups()
            queued[job] = (time, ring)
        elif event == STARTED[trace][0]:
            last_started[pid] = job = re.search(STARTED[trace][1], text).group(1)
            started[job] = time
        elif event == "xdna_job" and context:
            found = re.match(r"fence=\(context:(\d+), seqno:(\d+)\), (\S+) ", text)
            contexts.setdefault(f"{found.group(1)}:{found.group(2)}", found.group(3))
        elif event == "dma_fence_init":
            driver, _, number, seqno = FENCE.match(text).groups()
            if driver == "npfake":
                fences[number, seqno] = last_started.pop(pid)
        elif event == "dma_fence_signaled":
            driver, _, number, seqno = FENCE.match(text).groups()
            if driver == "npfake":
                ended[fences.pop((number, seqno))] = time
        elif event == DONE[trace][0]:
            job = re.search(DONE[trace][1], text).group(1)
            since, ring = queued.pop(job)
            engine = f"{ring} {contexts[job]}" if context else ring
            end = ended.pop(job, time)
            start = max(started.pop(job), last_end[engine])
            last_end[engine] = max(last_end[engine], end)
            jobs[engine].append(Job(start - since, end - start))
    return jobs


class DriverJobs(support.IntegrationTest):
    def imported(self, trace, *options):
        path = self.file("imported.data")
        source = trace if os.path.isabs(trace) else os.path.join(TRACES, trace)
        done = support.run([support.NEUROPERF, "import", "--format", "ftrace", source, "-o", path, *options])
        self.assertEqual(done.returncode, 0, done.stderr)
        return path, done.stderr

    def report(self, path, *options):
        done = support.run([support.NEUROPERF, "report", "--json", "-i", path, *options])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    @staticmethod
    def engines(report):
        return {engine["name"]: engine for device in report["devices"] for engine in device["engines"]}

    def assert_engine(self, engine, jobs):
        self.assertEqual(engine["jobs"], len(jobs))
        self.assertEqual(engine["queue_total_ns"], sum(job.queue for job in jobs))
        self.assertEqual(engine["run_total_ns"], sum(job.run for job in jobs))
        # Percentiles are of a histogram, within 1 %.
        for figure, values in (("queue_p50_ns", [job.queue for job in jobs]), ("run_p50_ns", [job.run for job in jobs])):
            median = statistics.median_low(values)
            self.assertAlmostEqual(engine[figure], median, delta=0.01 * median, msg=figure)
        self.assertEqual((engine["failed"], engine["in_flight"], engine["stuck"]), (0, 0, 0))

    def test_events_up_to_6_16(self):
        path, told = self.imported(OLD)
        self.assertRegex(told, r"neuroperf: 166 events, 126 of them known")
        report = self.report(path)
        expected, engines = jobs_of_rings(OLD), self.engines(report)
        self.assertEqual({name: len(jobs) for name, jobs in expected.items()}, {"npfake-core0": 6, "npfake-core1": 3})
        for ring, jobs in expected.items():
            self.assert_engine(engines[ring], jobs)
            self.assertEqual(engines[ring]["confidence"], "exact")
        self.assertEqual({device["driver"] for device in report["devices"]}, {"npfake", "vgem"})
        self.assertEqual(engines["unbound"]["jobs"], 3)
        self.assertEqual(engines["unbound"]["confidence"], "inferred")
        self.assertEqual({row["layer"]: row["jobs"] for row in report["jobs"] if row["engine"] == "npfake-core0"},
                         {"(outside of layers)": 6})

    def test_events_since_6_17_with_those_of_drivers(self):
        path, _ = self.imported(NEW)
        report = self.report(path)
        engines = self.engines(report)
        for engine, jobs in jobs_of_rings(NEW, context=True).items():
            self.assert_engine(engines[engine], jobs)
        done = sum(event == "job" and text.startswith("done") for _, _, event, text in events(NEW))
        self.assertEqual(engines["0"]["jobs"], done - 1, "a number was given again while its job ran")
        self.assertGreater(support.quality_codes(report), {"jobs_never_done", "jobs_begun_before"})
        self.assertEqual([device["driver"] for device in report["devices"] if device["engines"][0]["name"] == "0"], ["Intel NPU"])

    def test_without_the_description_of_a_driver_rings_are_engines(self):
        path, _ = self.imported(NEW)
        engines = self.engines(self.report(path, "--driver", "drm_sched", "--driver", "dma_fence"))
        for ring, jobs in jobs_of_rings(NEW).items():
            self.assert_engine(engines[ring], jobs)
        self.assertNotIn("devices", self.report(path, "--driver", "none"))

    def test_by_fences_alone(self):
        """The pair of fences that the scheduler makes for each job tells the same as its own events, but when it was queued."""
        with open(os.path.join(TRACES, OLD), encoding="utf-8") as file:
            lines = [line for line in file if "drm_" not in line or "drm_sched timeline" in line]
        alone = self.file("fences.txt")
        with open(alone, "w", encoding="utf-8") as file:
            file.writelines(lines)
        engines = self.engines(self.report(self.imported(alone)[0]))
        for ring, jobs in jobs_of_rings(OLD).items():
            self.assertEqual(engines[ring]["jobs"], len(jobs))
            self.assertEqual(engines[ring]["source"], "dma_fence, pairs of the scheduler")
            # The first fence is signaled some 100 us after the job was handed over.
            self.assertAlmostEqual(engines[ring]["run_total_ns"], sum(job.run for job in jobs), delta=400_000 * len(jobs))
        self.assertEqual(set(engines), {"npfake-core0", "npfake-core1", "unbound"}, "the device's fences are no jobs")

    def test_jobs_that_a_program_knows(self):
        """Traces of the virtual NPUs with what the program that gave them their jobs says."""
        for name, driver, flags in (("vnpu_two_jobs", "Virtual NPU", 5), ("vnpu_two_jobs_rt", "Virtual NPU", 7),
                                    ("vnpu_failed_and_stuck", "Virtual NPU", 5), ("vdrm_two_rings", "Virtual DRM NPU", 5),
                                    ("vdrm_chain", "Virtual DRM NPU", 5)):
            with self.subTest(name, flags=flags), open(os.path.join(TRACES, name + ".json"), encoding="utf-8") as file:
                told = json.load(file)
                path, _ = self.imported(name + ".txt")
                report = self.report(path)
                (device,) = report["devices"]
                self.assertEqual(device["driver"], driver)
                if "expected" in told:
                    spikes = {row["name"]: row["spikes"] for row in report["tasks"]}
                    ends = {row["name"]: row["tasks"] for row in report["tasks"]}
                    self.assertEqual(spikes, {str(layer): each * ends[str(layer)]
                                              for layer, each in enumerate(told["layer_spikes"])})
                    self.assertEqual(sum(spikes.values()), told["expected"]["spikes"])
                jobs = collections.Counter(f"npu{job['ring']}" for job in told["jobs"])
                failed = sum(job["status"] != 0 for job in told["jobs"])
                if "stuck" in told:  # and ended when its file was closed
                    jobs["npu0"] += 1
                    failed += 1
                self.assertEqual({engine["name"]: engine["jobs"] for engine in device["engines"]}, jobs)
                self.assertEqual(sum(engine["failed"] for engine in device["engines"]), failed)
                whole = sum(engine["queue_total_ns"] + engine["run_total_ns"] for engine in device["engines"])
                if "stuck" not in told:
                    self.assertLess(whole, sum(job["done_ns"] - job["submit_ns"] for job in told["jobs"]))

    def test_what_is_imported_is_a_recording(self):
        path, _ = self.imported(OLD)
        report = self.report(path)
        self.assertEqual(support.quality_codes(report) & {"not_finished", "unsymbolised"}, set())
        self.assertEqual(sum(row["samples"] for row in report["events"]), 166)
        self.assertEqual({row["name"] for row in report["threads"]}, {"t", "kworker/u8:0", "kworker/u8:1"})
        support.require(self, "perf", shutil.which("perf"), "perf is not installed")
        script = support.run(["perf", "script", "-i", path])
        self.assertEqual(script.returncode, 0, script.stderr)
        self.assertIn("gpu_scheduler:drm_run_job: entity=", script.stdout)

    def test_from_standard_input_and_what_is_none(self):
        with open(os.path.join(TRACES, OLD), encoding="utf-8") as file:
            path = self.file("piped.data")
            done = support.run([support.NEUROPERF, "import", "-", "-o", path], stdin=file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.engines(self.report(path))), 3)
        script = f"{support.NEUROPERF} import <(cat {os.path.join(TRACES, OLD)}) -o {path}"
        done = support.run(["bash", "-c", script])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.engines(self.report(path))), 3, "a pipe can be read once")
        for bad in ("no line of it\n", "", "a" * 1_000_000 + "\n" + "\0" * 100_000):
            none = self.file("none.txt")
            with open(none, "w", encoding="utf-8") as file:
                file.write(bad)
            done = support.run([support.NEUROPERF, "import", none, "-o", path])
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("no event in ftrace's text format", done.stderr)
        self.assertEqual(len(self.engines(self.report(path))), 3, "the recording stays")
        done = support.run([support.NEUROPERF, "import", self.file("missing.txt")])
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot open", done.stderr)

    def test_a_driver_in_one_file(self):
        """A driver that nobody knew, described by the user: its events become jobs, a failed and a stuck one among them."""
        description = {
            "schema": "neuroperf.driver/1", "name": "tiny", "title": "Tiny NPU", "seen": "here", "knows": "all",
            "texts": {"tiny:tiny_job": "{what} job:{job} core:{core} error:{error}"},
            "sources": [{"name": "tiny_job", "confidence": "exact", "events": [
                {"event": "tiny:tiny_job", "means": "job_queued", "where": {"what": "queue"}, "key": ["job"], "engine": ["core"]},
                {"event": "tiny:tiny_job", "means": "job_started", "where": {"what": "start"}, "key": ["job"]},
                {"event": "tiny:tiny_job", "means": "job_done", "where": {"what": "done"}, "key": ["job"], "status": "error"}]}]}
        trace, path = self.file("tiny.txt"), self.file("tiny.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(description, file)
        with open(trace, "w", encoding="utf-8") as file:
            for time, what, job, error in ((1.0, "queue", 1, 0), (1.25, "start", 1, 0), (1.5, "done", 1, 0), (2.0, "queue", 2, 0),
                                           (2.25, "start", 2, 0), (3.0, "done", 2, 5), (4.0, "queue", 3, 0), (6.0, "other", 9, 0)):
                file.write(f"my app-7 ( 6) [000] ..... {time:.6f}: tiny_job: {what} job:{job} core:npu error:{error}\n")
        imported, _ = self.imported(trace, "--driver-file", path)
        (device,) = self.report(imported, "--driver-file", path)["devices"]
        (engine,) = device["engines"]
        self.assertEqual(device["driver"], "Tiny NPU")
        self.assertEqual({key: engine[key] for key in ("name", "jobs", "failed", "stuck", "queue_total_ns", "run_total_ns")},
                         {"name": "npu", "jobs": 2, "failed": 1, "stuck": 1, "queue_total_ns": 500_000_000,
                          "run_total_ns": 1_000_000_000})
        self.assertNotIn("devices", self.report(imported))

    def test_list_drivers(self):
        done = support.run([support.NEUROPERF, "list", "drivers"])
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("drm_sched", "dma_fence", "ivpu", "amdxdna", "rocket", "ethosu", "etnaviv", "v4l2"):
            self.assertRegex(done.stdout, rf"(?m)^{name} ")


if __name__ == "__main__":
    support.main()
