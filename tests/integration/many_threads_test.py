# SPDX-License-Identifier: Apache-2.0
"""More threads than there can be events for: one event a CPU, and a BPF program that keeps the samples of the target."""
import collections
import json
import os
import re
import signal
import subprocess
import sys
import time
import unittest

from support import NEUROPERF, IntegrationTest, quality_codes, require, require_root, run

THREADS = 2200  # on two CPUs more than the 4096 events from which on the plan prefers a filter
CPU_SECONDS = 0.7
# Many threads that wait; then the first one, and a child, burn CPU_SECONDS each.
PROGRAM = f"""
import os, sys, threading, time
stop = threading.Event()
threading.stack_size(65536)
for _ in range({THREADS}): threading.Thread(target=stop.wait, daemon=True).start()
print("ready", flush=True)
sys.stdin.readline()
child = os.fork()
end = time.process_time() + {CPU_SECONDS}
while time.process_time() < end: sum(range(1000))
if child == 0: os._exit(0)
os.waitpid(child, 0)
print(child, flush=True)
sys.stdin.readline()
os._exit(0)
"""


class ManyThreads(IntegrationTest):
    def start(self, code):
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def plan(self, process, *options):
        return run([NEUROPERF, "record", "--dry-run", "-p", str(process.pid), *options]).stdout

    def samples_by_process(self, process, *options):
        path = self.file("recording.data")
        recorder = subprocess.Popen([NEUROPERF, "record", "-q", "-o", path, "-p", str(process.pid), "-e", "cpu-clock", *options],
                                    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(recorder.communicate)
        self.addCleanup(recorder.kill)
        for _ in range(200):
            if os.path.exists(path):
                break
            time.sleep(0.05)
        time.sleep(0.5)
        process.stdin.write("go\n")
        process.stdin.flush()
        child = int(process.stdout.readline())
        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate(timeout=60)
        self.assertNotIn("cannot", errors)
        text = run([NEUROPERF, "script", "-i", path]).stdout
        return child, collections.Counter(int(pid) for pid in re.findall(r"^\S+ (\d+)/\d+ cpu-clock", text, re.M))

    def test_samples_are_those_of_the_process_and_its_children(self):
        require_root(self)
        require(self, "cpus", (os.cpu_count() or 1) > 1, "one CPU: too few events")
        process = self.start(PROGRAM)
        self.start("print('ready', flush=True)\nwhile True: sum(range(1000))")  # somebody else, who is busy
        plan = self.plan(process, "-e", "cpu-clock")
        require(self, "bpf", "which a BPF program tells from others" in plan, f"the plan says: {plan}")
        child, samples = self.samples_by_process(process)
        self.assertEqual(set(samples), {process.pid, child})
        for pid, count in samples.items():  # a busy machine may take some CPU time that no clock sees
            self.assertGreater(count, 0.7 * 999 * CPU_SECONDS, samples)
            self.assertLess(count, 1.3 * 999 * CPU_SECONDS, samples)
        report = self.report("recording.data")
        self.assertNotIn("tasks_left_out", quality_codes(report))
        self.assertEqual(report["totals"]["lost"], 0)

    def test_without_bpf_every_thread_has_its_events(self):
        require_root(self)
        process = self.start(PROGRAM)
        self.assertNotIn("BPF program", self.plan(process, "-e", "cpu-clock", "--no-bpf").split("missing")[0])
        child, samples = self.samples_by_process(process, "--no-bpf")
        self.assertEqual(set(samples), {process.pid, child})

    def report(self, name):
        return json.loads(run([NEUROPERF, "report", "--json", "-i", self.file(name)]).stdout)


if __name__ == "__main__":
    unittest.main()
