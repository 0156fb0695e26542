# SPDX-License-Identifier: Apache-2.0
"""Tracepoints by a BPF program: every event of the recorded processes and none of others, as perf itself decodes them."""
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

from support import NEUROPERF, IntegrationTest, best_of_three, program, require, require_root, run

TRACEPOINT = "syscalls:sys_enter_getppid"
BY_BPF = re.compile(r"ok +tracepoints: .*by a BPF program")
# getppid is called by nothing else here. A line on the standard input is code to run; "done" comes back.
SERVANT = """
import os, sys, subprocess, threading
def calls(count):
    for _ in range(count): os.getppid()
def in_thread(count):
    thread = threading.Thread(target=calls, args=(count,)); thread.start(); thread.join()
def in_child(count):
    child = os.fork()
    if child == 0:
        in_thread(count); os._exit(0)
    os.waitpid(child, 0)
def in_program(count):
    subprocess.run([sys.executable, "-c", f"import os\\nfor _ in range({count}): os.getppid()"], check=True)
for line in sys.stdin:
    exec(line); print("done", flush=True)
"""


def tracefs_is_there():
    return any(os.path.isdir(os.path.join(root, "events", "syscalls", "sys_enter_getppid"))
               for root in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"))


class Servant:
    def __init__(self, test):
        self.process = subprocess.Popen([sys.executable, "-c", SERVANT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        self.pid = self.process.pid
        test.addCleanup(self.end)
        self.run("pass")

    def run(self, code):
        self.process.stdin.write(code + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def end(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()


class TracepointsByBpf(IntegrationTest):
    def setUp(self):
        super().setUp()
        require_root(self)
        if not tracefs_is_there():  # perf mounts it when it is asked for a tracepoint
            run(["perf", "list", "tracepoint"])
        require(self, "tracepoints", tracefs_is_there(), f"tracefs has no {TRACEPOINT}")
        plan = run([NEUROPERF, "record", "--dry-run", "-e", TRACEPOINT, "true"]).stdout
        require(self, "bpf", BY_BPF.search(plan), f"the plan says: {plan}")

    def record_servant(self, code, *options):
        recording = self.record(sys.executable, "-c", SERVANT, options=("-e", TRACEPOINT, *options), input=code + "\n",
                                stdin=None)
        self.assert_recorded(recording)
        return recording

    def start_recording(self, *options):
        """A recorder without a command; begins when its file is there."""
        recorder = subprocess.Popen([NEUROPERF, "record", "-q", "-o", self.file("recording.data"), "-e", TRACEPOINT, *options],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(recorder.communicate)
        self.addCleanup(recorder.kill)
        for _ in range(200):
            if os.path.exists(self.file("recording.data")):
                break
            time.sleep(0.05)
        time.sleep(0.5)
        return recorder

    def end(self, recorder):
        recorder.send_signal(signal.SIGINT)
        _, errors = recorder.communicate(timeout=30)
        self.assertNotIn("cannot", errors)

    def hits(self, name="recording.data"):
        """Of TRACEPOINT, by process."""
        text = run([NEUROPERF, "script", "-i", self.file(name)]).stdout
        return collections.Counter(int(pid) for pid in re.findall(rf"^\S+ (\d+)/\d+ {TRACEPOINT}", text, re.M))

    def test_threads_children_and_programs_of_a_launched_program(self):
        recording = self.record_servant("calls(100); in_thread(200); in_child(300); in_program(400)")
        self.assertEqual(sum(self.hits().values()), 1000)
        self.assertEqual(sorted(self.hits().values()), [300, 300, 400])
        self.assertEqual(recording.summary.samples, 1000)
        self.assertEqual(recording.report()["totals"]["lost"], 0)

    def test_running_process_and_nobody_else(self):
        ours, other = Servant(self), Servant(self)
        ours.run("calls(50)")
        recorder = self.start_recording("-p", str(ours.pid))
        other.run("calls(1000)")
        ours.run("calls(100); in_thread(200); in_child(300); in_program(400)")
        other.run("in_child(1000)")
        self.end(recorder)
        ours.run("calls(50)")
        self.assertEqual(self.hits()[ours.pid], 300)
        self.assertEqual(sum(self.hits().values()), 1000)

    def test_whole_machine(self):
        one, two = Servant(self), Servant(self)
        recorder = self.start_recording("-a")
        one.run("calls(123)")
        two.run("calls(321)")
        self.end(recorder)
        self.assertEqual((self.hits()[one.pid], self.hits()[two.pid]), (123, 321))

    def test_delay(self):
        self.record_servant("calls(100); import time; time.sleep(1.5); calls(10)", "-D", "700")
        self.assertEqual(sum(self.hits().values()), 10)

    @best_of_three
    def test_bursts_wake_the_recorder_up(self):
        """Each is more than a ring holds, and comes while the recorder is asleep."""
        bursts, calls = 6, 100_000
        code = f"import os, time\nfor _ in range({bursts}):\n time.sleep(0.3)\n for _ in range({calls}): os.getppid()"
        recording = self.record(sys.executable, "-c", code, options=("-m", "4M", "-e", "syscalls:sys_enter_getppid"))
        self.assert_recorded(recording)
        self.assertEqual((recording.summary.samples, recording.summary.lost), (bursts * calls, 0))

    def test_what_a_full_ring_loses_is_counted(self):
        count = 200_000
        recording = self.record_servant(
            f"import signal; recorder = os.getppid(); os.kill(recorder, signal.SIGSTOP); calls({count}); "
            "os.kill(recorder, signal.SIGCONT)", "-m", "64K")
        report = recording.report()
        self.assertGreater(report["totals"]["lost"], 0)
        self.assertEqual(sum(self.hits().values()) + report["totals"]["lost"], count + 1)
        lost = [item for item in report["quality"] if item["code"] == "lost_samples"]
        self.assertIn("ring of tracepoints full", lost[0]["text"])
        self.assertIn("-m", lost[0]["remedy"])

    def test_events_are_those_that_perf_records(self):
        """Texts of any length, numbers, addresses, CPU, thread, process: all but the time."""
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        copy = self.file("a" * 150)
        shutil.copy("/bin/true", copy)
        events = ",".join(("sched:sched_process_exec", "sched:sched_process_fork", *(
            f"syscalls:sys_{side}_{call}" for call in ("openat", "mmap", "newfstatat", "close") for side in ("enter", "exit"))))
        # perf beside us, on the same program. It begins with the exec; we with perf, which may do what it likes.
        done = run([NEUROPERF, "record", "-q", "-o", self.file("recording.data"), "-e", events, "perf", "record", "-q",
                    "-N", "-o", self.file("theirs.data"), "-e", events, "sh", "-c",
                    f"{copy}; {copy[:-20]}; /bin/true"])
        self.assertEqual(done.returncode, 0, done.stderr)
        ours, theirs = self.tracepoints("recording.data"), self.tracepoints("theirs.data")
        threads = {line.split("/")[1].split()[0] for line in theirs}
        ours = [line for line in ours if line.split("/")[1].split()[0] in threads]
        self.assertGreater(len(theirs), 15)
        self.assertEqual(sum("a" * 150 in line for line in theirs), 1)
        self.assertEqual(ours[ours.index(theirs[0]):], theirs)

    def tracepoints(self, name):
        """All that a recording tells of each event but the time, in the order of time."""
        text = run([NEUROPERF, "script", "-i", self.file(name)]).stdout
        return re.findall(r"^\S+ (\d+/\d+ (?:sched|syscalls):.*)$", text, re.M)

    def test_calls_of_32_bits_are_not_taken_for_others(self):
        """162 sleeps in these, and is sync() elsewhere. The kernel has no tracepoints for them."""
        recording = self.record(program("calls_of_32_bits"), "5", options=("-e", "syscalls:sys_enter_sync,syscalls:sys_exit_sync"))
        require(self, "calls_of_32_bits", recording.status == 0, "this kernel has no system calls of 32 bits")
        self.assertEqual(recording.summary.samples, 0)

    def test_events_that_are_named_twice(self):
        """Each of them is told, as by perf."""
        events = f"{TRACEPOINT},{TRACEPOINT},syscalls:sys_exit_getppid,syscalls:sys_exit_getppid"
        recording = self.record(sys.executable, "-c", "import os\nfor _ in range(1000): os.getppid()", options=("-e", events))
        self.assert_recorded(recording)
        named = [row["samples"] for row in recording.report()["events"] if row["event"].endswith("getppid")]
        self.assertEqual(named, [1000] * 4)

    def test_interrupts_in_system_calls(self):
        """What they tell does not get into what the call is just telling. Nothing interrupts these themselves: one program
        of perf's runs at a time on a CPU, and others that come meanwhile are counted as lost."""
        calls = 1_000_000
        events = f"{TRACEPOINT},irq_vectors:local_timer_entry,timer:hrtimer_expire_entry"
        recording = self.record(sys.executable, "-c", f"import os\nfor _ in range({calls}): os.getppid()",
                                options=("-m", "64M", "-e", "cpu-clock", "-F", "9000", "-e", events))
        self.assert_recorded(recording)
        counts = {row["event"]: row["samples"] for row in recording.report()["events"]}
        self.assertEqual(recording.report()["totals"]["lost"], 0)
        self.assertEqual(counts.pop(TRACEPOINT), calls)
        self.assertGreater(counts["irq_vectors:local_timer_entry"], 1000)

    def test_call_chains_come_by_perf(self):
        self.record_servant("calls(100)", "-g")
        self.assertEqual(sum(self.hits().values()), 100)

    def test_nothing_is_left_when_the_recorder_is_killed(self):
        bpftool = shutil.which("bpftool", path="/usr/sbin:/sbin:/usr/bin:/bin")
        require(self, "bpftool", bpftool is not None, "bpftool is not installed")

        def programs():
            return set(re.findall(r"^(\d+):", run([bpftool, "prog", "show", "name", "np_tracepoint"]).stdout, re.M))
        others = programs()  # the kernel may still be letting go of an earlier recorder's
        recorder = self.start_recording("-a")
        ours = programs() - others
        self.assertTrue(ours)
        recorder.kill()
        recorder.communicate()
        for _ in range(200):
            if not ours & programs():
                return
            time.sleep(0.05)
        self.fail("the program is still loaded")


if __name__ == "__main__":
    unittest.main()
