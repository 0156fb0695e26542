# SPDX-License-Identifier: Apache-2.0
"""The events of -e as they come out of a recording: counted exactly, beside perf's own count of the same work."""
import collections
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from support import NEUROPERF, require, require_root, run

CALLS = 1234
# Exactly CALLS times getppid, which nothing else here uses.
CALLER = ["--", sys.executable, "-c", f"import os\nfor _ in range({CALLS}): os.getppid()"]
BUSY = ["--", sys.executable, "-c", "import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: sum(range(1000))"]
TRACEPOINT = "syscalls:sys_enter_getppid"


def tracepoint_is_there():
    return any(os.path.isdir(os.path.join(root, "events", "syscalls", "sys_enter_getppid"))
               for root in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"))


class Events(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "run.data")

    def record(self, *options, status=0):
        done = run([NEUROPERF, "record", "-o", self.path, *options], timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def counts(self):
        """Samples of each event, by our own reading."""
        text = run([NEUROPERF, "script", "-i", self.path]).stdout
        return collections.Counter(re.findall(r"^\S+ \d+/\d+ (\S+)", text, re.M))

    def perf_script(self, *options):
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        done = run(["perf", "script", "-i", self.path, *options], stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def require_tracepoints(self):
        require_root(self)
        if not tracepoint_is_there():  # perf mounts tracefs when it is asked for a tracepoint
            run(["perf", "list", "tracepoint"], stdin=subprocess.DEVNULL)
        require(self, "tracepoints", tracepoint_is_there(), f"tracefs has no {TRACEPOINT}")

    def test_every_hit_of_a_tracepoint_is_there(self):
        self.require_tracepoints()
        self.record("-e", TRACEPOINT, *CALLER)
        self.assertEqual(self.counts()[TRACEPOINT], CALLS)

    def test_perf_beside_us_counts_the_same(self):
        self.require_tracepoints()
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        done = run(["perf", "stat", "-x,", "-e", TRACEPOINT, NEUROPERF, "record", "-q", "-o", self.path, "-e", TRACEPOINT,
                    *CALLER], stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        theirs = int(re.search(rf"^(\d+),.*{TRACEPOINT}", done.stderr, re.M).group(1))
        self.assertEqual(self.counts()[TRACEPOINT], CALLS)
        self.assertEqual(theirs, CALLS)

    def test_perf_records_beside_us(self):
        """What we ask of mappings must not get into the records of others: perf would abort."""
        require_root(self)
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        ours = subprocess.Popen([NEUROPERF, "record", "-q", "-a", "-o", self.path], stderr=subprocess.PIPE)
        self.addCleanup(ours.stderr.close)
        self.addCleanup(ours.wait)
        self.addCleanup(ours.terminate)
        while not os.path.exists(self.path) and ours.poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        for _ in range(3):
            done = run(["perf", "record", "-e", "cpu-clock", "-o", self.path + ".perf", "true"])
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_perf_around_us(self):
        require_root(self)
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        for _ in range(3):
            done = run(["perf", "record", "-e", "cpu-clock", "-o", self.path + ".perf", NEUROPERF, "record", "-q", "-o",
                        self.path, "true"])
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_perf_decodes_our_tracepoints(self):
        self.require_tracepoints()
        self.record("-e", "raw_syscalls:sys_exit", "-e", TRACEPOINT, *CALLER)
        text = self.perf_script("-F", "event,trace")
        self.assertEqual(len(re.findall(rf"{TRACEPOINT}:", text)), CALLS)
        exits = re.findall(r"raw_syscalls:sys_exit: NR (\d+) = (-?\d+)", text)
        self.assertEqual(sum(1 for number, _ in exits if int(number) == 110), CALLS)  # getppid on x86-64

    def test_tracepoints_of_a_system_by_pattern(self):
        self.require_tracepoints()
        self.record("-e", "sched:sched_process_*", "--", "sh", "-c", "true; /bin/true; /bin/true")
        counts = self.counts()
        self.assertEqual(counts["sched:sched_process_fork"], 2)
        self.assertEqual(counts["sched:sched_process_exec"], 3)

    def test_several_events_in_one_recording(self):
        self.record("-e", "cpu-clock", "-e", "page-faults,context-switches", *BUSY)
        counts = self.counts()
        self.assertGreater(counts["cpu-clock"], 200)
        self.assertGreater(counts["page-faults"], 0)
        self.assertEqual(counts["cpu-clock"], len(re.findall(r"cpu-clock:", self.perf_script("-F", "event"))))

    def test_group_is_read_with_its_leader(self):
        self.record("-e", "{cpu-clock,page-faults}:S", *BUSY)
        report = json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout)
        self.assertIn("page-faults", json.dumps(report))
        faults = sum(int(number) for number in
                     re.findall(r"^\s*(\d+)\s+page-faults:", self.perf_script("-F", "period,event"), re.M))
        self.assertGreater(faults, 0)

    def test_event_that_this_machine_lacks(self):
        missing = "missing   hardware counters" in run([NEUROPERF, "doctor"]).stdout
        self.record("-e", "cycles:u", "true", status=125 if missing else 0)
        self.assertEqual(os.path.exists(self.path), not missing)

    def test_names_that_are_wrong(self):
        for text, word in (("cycels", "did you mean cycles"), ("{cpu-clock", "{cpu-clock"), ("nopmu/event=1/", "nopmu"),
                           ("sched:no_such_event", "no_such_event"), ("cpu-clock:z", "z")):
            self.assertIn(word, self.record("-e", text, "true", status=125).stderr)

    def test_recording_of_many_tracepoints_and_layers(self):
        """The formats of so many do not fit beside the names of layers: the names give way, nothing else does."""
        self.require_tracepoints()
        example = os.path.join(os.environ["NEUROPERF_EXAMPLES"], "hello_layers")
        self.record("-e", "sched:*", "-e", "syscalls:sys_enter_*", "--", example)
        report = json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout)
        self.assertGreater(report["totals"]["layer_calls"], 0)
        self.assertTrue(all(row["name"] for row in report["layers"]))


if __name__ == "__main__":
    unittest.main()
