#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recording events of drivers: what stands in for a driver here are tracepoints that any kernel has."""
import json
import os
import shutil
import subprocess
import sys

import support

GETPRIORITY = {
    "schema": "neuroperf.driver/1", "name": "prio", "title": "Priorities", "seen": "here", "knows": "a system call, as if it were a job",
    "sources": [
        {"name": "not there", "confidence": "exact", "events": [
            {"event": "syscalls:sys_enter_getpriority", "means": "job_queued", "key": ["__syscall_nr"]},
            {"event": "syscalls:sys_enter_no_such_call", "means": "job_done", "key": ["__syscall_nr"]}]},
        {"name": "getpriority", "confidence": "inferred", "events": [
            {"event": "syscalls:sys_enter_getpriority", "means": "job_queued", "key": ["__syscall_nr"]},
            {"event": "syscalls:sys_exit_getpriority", "means": "job_done", "key": ["__syscall_nr"]}]}]}
# Its field is a pointer to a text in the kernel.
TEXTS = {
    "schema": "neuroperf.driver/1", "name": "rcu", "title": "RCU", "seen": "here", "knows": "texts",
    "sources": [{"name": "rcu", "confidence": "inferred", "events": [
        {"event": "rcu:rcu_utilization", "means": "job_done", "key": ["s"]}]}]}
CALLS = "import os, time; time.sleep(0.2)\nfor i in range({}): os.getpriority(os.PRIO_PROCESS, 0)\ntime.sleep(0.2)"


class DriverEvents(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)

    def described(self, description):
        path = self.file(description["name"] + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(description, file)
        return path

    def report(self, recording, path):
        done = support.run([support.NEUROPERF, "report", "--json", "-i", recording.path, "--driver-file", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_jobs_of_the_program(self):
        path = self.described(GETPRIORITY)
        recording = self.record(sys.executable, "-c", CALLS.format(500), options=("--driver-file", path))
        self.assert_recorded(recording)
        (device,) = self.report(recording, path)["devices"]
        (engine,) = device["engines"]
        self.assertEqual((engine["jobs"], engine["source"], engine["confidence"]), (500, "getpriority", "inferred"))
        self.assertEqual((engine["in_flight"], engine["stuck"], engine["failed"]), (0, 0, 0))
        self.assertGreater(engine["run_total_ns"], 0)

    def test_a_report_without_the_description_says_so(self):
        recording = self.record(sys.executable, "-c", CALLS.format(5), options=("--driver-file", self.described(GETPRIORITY)))
        report = recording.report()
        self.assertNotIn("devices", report)
        self.assertIn("driver_unknown", support.quality_codes(report))

    def test_what_perf_recorded(self):
        support.require(self, "perf", shutil.which("perf"), "perf is not installed")
        path, data = self.described(GETPRIORITY), self.file("perf.data")
        done = support.run(["perf", "record", "-q", "-e", "syscalls:sys_enter_getpriority", "-e", "syscalls:sys_exit_getpriority", "-o",
                            data, sys.executable, "-c", CALLS.format(300)])
        self.assertEqual(done.returncode, 0, done.stderr)
        done = support.run([support.NEUROPERF, "report", "--json", "-i", data, "--driver-file", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        ((engine,),) = [device["engines"] for device in json.loads(done.stdout)["devices"]]
        self.assertEqual(engine["jobs"], 300)

    def test_what_threads_queue_is_the_programs_alone_and_what_comes_elsewhere_is_not(self):
        path = self.described(GETPRIORITY)
        with subprocess.Popen([sys.executable, "-c", "import os, time\nwhile True: os.getpriority(os.PRIO_PROCESS, 0), time.sleep(0.001)"]) as other:
            try:
                recording = self.record(sys.executable, "-c", CALLS.format(50), options=("--driver-file", path))
            finally:
                other.kill()
        self.assert_recorded(recording)
        of_other = [event.name for event in recording.events() if event.pid == other.pid]
        self.assertGreater(of_other.count("syscalls:sys_exit_getpriority"), 50)
        self.assertEqual(of_other.count("syscalls:sys_enter_getpriority"), 0)

    def test_texts_that_fields_point_to(self):
        recording = self.record(sys.executable, "-c", "import time; time.sleep(0.3)", options=("--driver-file", self.described(TEXTS)))
        self.assert_recorded(recording)
        texts = {event.fields["s"].strip('"') for event in recording.events() if event.name == "rcu:rcu_utilization"}
        self.assertGreaterEqual(texts, {"Start context switch", "End context switch"})
        self.assertNotIn("", texts)

    def test_what_the_plan_says(self):
        def plan(*options):
            done = support.run([support.NEUROPERF, "record", "--dry-run", *options, "true"])
            self.assertEqual(done.returncode, 0, done.stderr)
            return [line for line in done.stdout.splitlines() if "driver jobs" in line]

        path = self.described(GETPRIORITY)
        (line,) = plan("--driver-file", path, "--driver", "none")
        self.assertRegex(line, r"^ok +driver jobs: of prio \(getpriority\)$")
        (line,) = plan("--driver-file", path, "--driver", "none", "--no-bpf")
        self.assertIn("none are recorded", line)
        self.assertEqual(plan("--driver", "none"), [])
        (line,) = plan("--driver", "amdxdna")
        self.assertRegex(line, r"^missing +driver jobs: AMD XDNA NPU: no source has all its events here \(.*: no tracepoint amdxdna:xdna_job;")
        done = support.run([support.NEUROPERF, "record", "--dry-run", "--driver", "nobody", "true"])
        self.assertEqual(done.returncode, 125)
        self.assertIn('no description of a driver "nobody"', done.stderr)

    def test_drivers_that_are_not_here_are_not_recorded(self):
        support.require(self, "root", not os.path.exists("/sys/module/intel_vpu"), "this machine has an NPU")
        done = support.run([support.NEUROPERF, "record", "--dry-run", "true"])
        self.assertNotIn("ivpu", done.stdout)


if __name__ == "__main__":
    support.main()
