#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs of drivers that have no tracepoints: by system calls on their device files, as descriptions of the user's say."""
import collections
import json
import os
import re
import signal
import subprocess

import support
from support import program

FOLDER = os.path.join(support.SOURCE_DIR, "tests", "data", "drivers")
NULL, TERMINAL = (os.path.join(FOLDER, f"{name}_calls.json") for name in ("device", "terminal"))
TOLD = re.compile(r"^(\w+) (\d+) (\d+) (\d+)$", re.M)
ROUNDS = 25
RAN_NS = 1_500_000  # as the program says

Told = collections.namedtuple("Told", "begin_ns end_ns core")


def told_jobs(recording):
    jobs = collections.defaultdict(list)
    for device, *numbers in TOLD.findall(recording.stdout):
        jobs[device].append(Told(*map(int, numbers)))
    return jobs


class DriverProbes(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)  # for BPF programs, and for tracefs
        support.require(self, "syscalls", os.path.isdir("/sys/kernel/tracing/events/syscalls"),
                        "tracefs has no events of system calls")

    def described(self, path=NULL, **changed):
        """A file of the user's: the description with other members."""
        with open(path, encoding="utf-8") as file:
            description = json.load(file)
        description.update(changed)
        written = self.file(f"described{len(os.listdir(self.folder))}.json")
        with open(written, "w", encoding="utf-8") as file:
            json.dump(description, file)
        return written

    def record_calls(self, *files, options=()):
        words = [word for path in files for word in ("--driver-file", path)]
        recording = self.record(program("device_calls"), ROUNDS, options=(*words, *options))
        self.assert_recorded(recording)
        return recording

    @staticmethod
    def engines(report):
        return {(device["driver"], device["name"], engine["name"]): engine
                for device in report["devices"] for engine in device["engines"]}

    def test_calls_with_what_they_point_to(self):
        """The number of a job is behind a pointer in the ioctl's argument, how long it ran is told by the one that waits."""
        recording = self.record_calls(NULL)
        told = told_jobs(recording)["null"]
        self.assertEqual(len(told), ROUNDS)
        report = recording.report("--driver-file", NULL)
        engines = self.engines(report)
        self.assertEqual(set(engines), {("Null device", "/dev/null", core) for core in ("0", "1")})
        for core in range(2):
            engine = engines["Null device", "/dev/null", str(core)]
            jobs = [job for job in told if job.core == core]
            self.assertEqual(engine["jobs"], len(jobs))
            self.assertEqual(engine["run_total_ns"], RAN_NS * len(jobs))
            around = sum(job.end_ns - job.begin_ns for job in jobs)
            whole = engine["queue_total_ns"] + engine["run_total_ns"]
            self.assertLess(whole, around)
            self.assertGreater(whole, around - 200_000 * len(jobs))
            self.assertEqual(engine["failed"], 1 - core, "the first job failed")
        of_layers = [row for row in report["jobs"] if row["layer"] == "request"]
        self.assertEqual(sum(row["jobs"] for row in of_layers), ROUNDS)
        events = [event for event in recording.events() if event.name.startswith("null:")]
        self.assertEqual(collections.Counter(event.name for event in events),
                         {"null:submit_begin": ROUNDS + 1, "null:wait_end": ROUNDS}, "one pointed to nothing")
        self.assertTrue(all(event.fields["node"] == '"/dev/null"' for event in events))

    def test_what_a_device_answers(self):
        """What the kernel wrote for the program is in the event of the call's end; reads and writes are calls too."""
        recording = self.record_calls(TERMINAL)
        told = told_jobs(recording)
        engines = self.engines(recording.report("--driver-file", TERMINAL))
        self.assertEqual(len(engines), 2)
        for (_, device, _), engine in engines.items():
            jobs = told["echo" if device else "terminal"]
            self.assertEqual(engine["jobs"], ROUNDS)
            self.assertLess(engine["run_total_ns"], sum(job.end_ns - job.begin_ns for job in jobs))
            self.assertGreater(engine["run_total_ns"], ROUNDS * 1_000_000)
        numbers = [(int(event.fields["asked"]), int(event.fields["number"])) for event in recording.events()
                   if event.name == "terminal:number_end"]
        self.assertEqual(numbers, [(i + 7, job.core) for i, job in enumerate(told["terminal"])])

    def test_two_descriptions_and_what_others_call(self):
        """Each has its own events; the same calls of a process that is not recorded have none."""
        with subprocess.Popen([program("device_calls"), "100000"], stdout=subprocess.DEVNULL) as other:
            try:
                recording = self.record_calls(NULL, TERMINAL)
            finally:
                other.kill()
        events = collections.Counter(event.name for event in recording.events()
                                     if event.name.startswith(("null:", "terminal:")))
        self.assertEqual(events, {"null:submit_begin": ROUNDS + 1, "null:wait_end": ROUNDS, **{
            f"terminal:{name}": ROUNDS for name in ("unlock_end", "number_end", "write_begin", "read_end")}})
        self.assertTrue(all(event.pid == event.tid for event in recording.events()
                            if event.name.startswith("null:")))
        report = recording.report("--driver-file", NULL, "--driver-file", TERMINAL)
        self.assertEqual(len(self.engines(report)), 4)

    def test_a_wrong_description_costs_a_report(self):
        """The argument is in the recording whole: a field that was wrong, or missing, is put right afterwards."""
        with open(NULL, encoding="utf-8") as file:
            probes = json.load(file)["probes"]
        probes["submit"]["fields"]["core"] = {"at": 4, "type": "u32"}
        wrong = self.described(probes=probes)
        recording = self.record_calls(wrong)
        self.assertEqual({engine for *_, engine in self.engines(recording.report("--driver-file", wrong))}, {"1"})
        self.assertEqual({engine for *_, engine in self.engines(recording.report("--driver-file", NULL))}, {"0", "1"})
        self.assertIn("driver_unknown", support.quality_codes(recording.report()))

    def test_sources_that_cannot_be_had(self):
        """Of functions where the kernel has none of that name, of devices that are not there: the next source, or why not."""
        with open(NULL, encoding="utf-8") as file:
            whole = json.load(file)
        probes = {**whole["probes"], "queue": {"function": "no_function_of_any_kernel", "fields": {"job": {"argument": 1}}}}
        sources = [{"name": "functions", "confidence": "exact", "events": [
            {"event": "null:queue_begin", "means": "job_queued", "key": ["job"]}]}, *whole["sources"]]
        falls_back = self.described(probes=probes, sources=sources)
        recording = self.record_calls(falls_back)
        report = recording.report("--driver-file", falls_back)
        self.assertEqual(sum(engine["jobs"] for engine in self.engines(report).values()), ROUNDS)
        absent = self.described(match={"nodes": ["/dev/no_device_of_any_machine*"]})
        recording = self.record_calls(absent)
        self.assertIn("there is no /dev/no_device_of_any_machine*", recording.stderr)
        self.assertNotIn("null:", {event.name[:5] for event in recording.events()})

    def test_programs_that_are_killed(self):
        """A job without an end is in flight, and nothing else is wrong."""
        recording = self.record("timeout", "-s", "KILL", "0.4", program("device_calls"), 100000,
                                options=("--driver-file", NULL))
        self.assert_recorded(recording, 128 + signal.SIGKILL)
        report = recording.report("--driver-file", NULL)
        engines = self.engines(report).values()
        self.assertGreater(sum(engine["jobs"] for engine in engines), 20)
        self.assertLessEqual(sum(engine["in_flight"] for engine in engines), 1)
        self.assertEqual(sum(engine["stuck"] for engine in engines), 0)
        self.assertNotIn("jobs_never_done", support.quality_codes(report))


if __name__ == "__main__":
    support.main()
