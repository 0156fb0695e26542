# SPDX-License-Identifier: Apache-2.0
"""Recordings of a gigabyte, 5,000 layers and 16 threads are reported in bounded memory."""
import json
import os
import resource
import shutil
import sys
import time
import unittest

import support

MAX_MIB = 400
GIGABYTE = 1_000_000_000
RECORD_BYTES = 48
EVENTS = int(os.environ.get("NEUROPERF_LARGE_EVENTS", GIGABYTE // RECORD_BYTES))
LAYERS, THREADS = 5000, 16


def report_in_child(path, output):
    """(exit status, peak MiB, seconds) of a report in a process of its own."""
    begun = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.execv(support.NEUROPERF, [support.NEUROPERF, "report", "--json", "-i", path])
    _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_maxrss / 1024, time.monotonic() - begun


class LargeRecording(support.RobustnessTest):
    def setUp(self):
        super().setUp()
        need = EVENTS * RECORD_BYTES * 3
        free = shutil.disk_usage(self.folder).free
        self.assertGreater(free, need, f"this test needs {need >> 20} MiB free in {self.folder}, there are {free >> 20}")

    def measure(self, *options):
        path, output = self.file("large.data"), self.file("report.json")
        done = support.run(support.program("make_recording"), "--layers", str(LAYERS), "--threads", str(THREADS),
                           "--events", str(EVENTS), "-o", path, *options, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        size = os.path.getsize(path)
        status, peak_mib, seconds = report_in_child(path, output)
        os.unlink(path)
        self.assertEqual(status, 0)
        print(f"{size / 1e9:.2f} GB {' '.join(options)}: {peak_mib:.0f} MiB, {seconds:.1f} s", file=sys.stderr)
        self.assertLessEqual(peak_mib, MAX_MIB)
        with open(output, encoding="utf-8") as file:
            return json.load(file)

    def codes(self, report):
        return {item["code"]: item["value"] for item in report["quality"]}

    def test_rounds_as_the_recorder_writes_them(self):
        report = self.measure()
        self.assertEqual(len(report["layers"]), LAYERS)
        calls = sum(layer["calls"] for layer in report["layers"])
        self.assertAlmostEqual(calls, EVENTS / 2, delta=2 * THREADS)
        self.assertNotIn("late_events", self.codes(report))

    def test_one_giant_round(self):
        report = self.measure("--events-per-round", "0")
        self.assertEqual(len(report["layers"]), LAYERS)
        self.assertGreater(self.codes(report)["late_events"], 0, "16 threads one after the other cannot be in order")

    def test_late_rounds(self):
        report = self.measure("--late")
        self.assertEqual(len(report["layers"]), LAYERS)
        self.assertGreater(self.codes(report)["late_events"], 0)


if __name__ == "__main__":
    unittest.main()
