# SPDX-License-Identifier: Apache-2.0
"""Threads' time on a CPU and their switches, against what the kernel counted for them and what perf reads."""
import collections
import os
import re
import shutil
import subprocess
import time

import support
from support import NEUROPERF, NOBODY, program, run

Told = collections.namedtuple("Told", "cpu_ns voluntary involuntary")
TOLD = re.compile(r"^thread (\d+) cpu_ns (\d+) voluntary (\d+) involuntary (\d+)$", re.M)
SWITCH = re.compile(r"(\d+)(?: +\[\d+\])? +[\d.]+: +PERF_RECORD_SWITCH(?:_CPU_WIDE)? (IN|OUT preempt|OUT)")
SCHEDULE = (4, 30, 500, 2000)  # threads, rounds, us of CPU time, us of sleep


def told_threads(output):
    return {int(tid): Told(*map(int, rest)) for tid, *rest in TOLD.findall(output)}


class SwitchTest(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        self.stolen_before = support.stolen_ns()

    def assert_as_told(self, recording):
        """A switch itself is CPU time of the thread that goes, and no time on a CPU; interrupts are the other way round."""
        told = told_threads(recording.stdout)
        self.assertEqual(len(told), SCHEDULE[0], recording.stdout)
        report = recording.report()
        self.assertNotIn("unknown_on_cpu", support.quality_codes(report))
        threads = {thread["tid"]: thread for thread in report["threads"]}
        stolen = support.stolen_ns() - self.stolen_before
        for tid, truth in told.items():
            found = threads[tid]
            allowed = max(truth.cpu_ns * 0.02, 2_000_000)
            self.assertGreater(found["on_cpu_ns"], truth.cpu_ns - allowed, truth)
            self.assertLess(found["on_cpu_ns"], truth.cpu_ns + allowed + (stolen + support.TICK_NS if stolen else 0), truth)
            # Between its last look and its end a thread may still be switched.
            self.assertIn(found["switches"] - found["preempted"] - truth.voluntary, (0, 1), (found, truth))
            self.assertIn(found["preempted"] - truth.involuntary, range(4), (found, truth))
        return threads

    def assert_as_perf_reads(self, path, threads, tids):
        support.require(self, "perf", shutil.which("perf"), "perf is not installed")
        done = run(["perf", "script", "-f", "--show-switch-events", "-i", path])
        self.assertEqual(done.returncode, 0, done.stderr)
        outs = collections.Counter(match.groups() for match in SWITCH.finditer(done.stdout))
        for tid in tids:
            found = threads[tid]
            self.assertEqual(outs[str(tid), "OUT preempt"], found["preempted"], found)
            self.assertEqual(outs[str(tid), "OUT"], found["switches"] - found["preempted"], found)

    def perf_record(self, *options):
        support.require(self, "perf", shutil.which("perf"), "perf is not installed")
        path = self.file("perf.data")
        return support.Recording(path, run(["perf", "record", "--switch-events", "-e", "cpu-clock", "-o", path, *options,
                                            program("on_off_cpu"), *map(str, SCHEDULE)]))


class OnCpu(SwitchTest):
    def test_a_schedule(self):
        self.assert_as_told(self.record_whole(program("on_off_cpu"), *SCHEDULE))

    def test_a_schedule_by_the_kernels_own_records(self):
        recording = self.record(program("on_off_cpu"), *SCHEDULE, options=("--no-anatomy",))
        self.assert_recorded(recording)
        threads = self.assert_as_told(recording)
        self.assert_as_perf_reads(recording.path, threads, told_threads(recording.stdout))

    def test_what_a_hypervisor_took_is_told(self):
        before = stolen_by_hypervisor_ns()
        recording = self.record(program("on_off_cpu"), *SCHEDULE)
        self.assert_recorded(recording)
        self.assertIn(recording.stats()["stolen_ns"], range(stolen_by_hypervisor_ns() - before + 1))

    def test_parts_of_the_time_add_up(self):
        recording = self.record(program("on_off_cpu"), *SCHEDULE)
        whole, first, rest = ({thread["tid"]: thread for thread in recording.report(*options)["threads"]}
                              for options in ((), ("--time", ",+0.05"), ("--time", "+0.05,")))
        for tid in told_threads(recording.stdout):
            self.assertEqual(first[tid]["on_cpu_ns"] + rest[tid]["on_cpu_ns"], whole[tid]["on_cpu_ns"])
            self.assertEqual(first[tid]["switches"] + rest[tid]["switches"], whole[tid]["switches"])
        for part in (first, rest):
            self.assertGreater(sum(thread["on_cpu_ns"] for thread in part.values()), 0)

    def test_recordings_of_perf(self):
        recording = self.perf_record()
        threads = self.assert_as_told(recording)
        self.assert_as_perf_reads(recording.path, threads, told_threads(recording.stdout))

    def test_recordings_of_perf_of_the_whole_machine(self):
        """What others do there is not known, nor whether perf saw where they were when it began."""
        support.require_root(self)
        recording = self.perf_record("-a")
        told = told_threads(recording.stdout)
        threads = {thread["tid"]: thread for thread in recording.report()["threads"]}
        self.assert_as_perf_reads(recording.path, threads, told)
        for tid, truth in told.items():
            self.assertGreater(threads[tid]["on_cpu_ns"], truth.cpu_ns - max(truth.cpu_ns * 0.02, 2_000_000))
        self.assertTrue(all(thread["on_cpu_ns"] is None for tid, thread in threads.items() if tid == 0))

    def test_recordings_without_switches_have_no_such_columns(self):
        support.require(self, "perf", shutil.which("perf"), "perf is not installed")
        path = self.file("perf.data")
        self.assertEqual(run(["perf", "record", "-e", "cpu-clock", "-o", path, "true"]).returncode, 0)
        report = support.Recording(path, run(["true"])).report()
        self.assertFalse(any("on_cpu_ns" in thread for thread in report["threads"]))

    @support.best_of_three
    def test_attached(self):
        """It is on a CPU all the time when it is let: as long as the samples say, and never longer than the kernel."""
        burner = subprocess.Popen([program("on_off_cpu"), "2", "20000", "1000", "1000"], stdout=subprocess.DEVNULL)
        self.addCleanup(burner.wait)
        self.addCleanup(burner.kill)
        time.sleep(0.1)
        path = self.file("attached.data")
        for _ in range(5):  # as record_whole() does
            before = running_ns(burner.pid)
            recording = support.Recording(path, run([NEUROPERF, "record", "-F", "999", "-o", path, "-d", "0.6",
                                                     "-p", str(burner.pid)]))
            after = running_ns(burner.pid)
            self.assert_recorded(recording)
            report = recording.report()
            if "unknown_on_cpu" not in support.quality_codes(report):
                break
        self.assertNotIn("unknown_on_cpu", support.quality_codes(report))
        threads = {thread["tid"]: thread for thread in report["threads"]}
        self.assertEqual(len(after), 3, "main and two workers")
        for tid in sorted(after)[1:]:
            found = threads[tid]
            self.assertLess(found["on_cpu_ns"], (after[tid] - before[tid]) * 1.02 + 2_000_000 + support.stolen_ns()
                            - self.stolen_before)
            self.assertGreater(found["on_cpu_ns"], 0)
        first = threads[sorted(after)[1]]
        self.assertAlmostEqual(first["on_cpu_ns"], first["samples"] * 1e9 / 999, delta=first["on_cpu_ns"] * 0.1 + 1e7)


class OnCpuOfAPlainUser(SwitchTest):
    """The ladder's middle step needs no privilege: the same figures."""

    def test_a_schedule(self):
        support.require_root(self)  # to become another
        with open("/proc/sys/kernel/perf_event_paranoid", encoding="ascii") as file:
            paranoid = int(file.read())
        support.require(self, "paranoid2", paranoid <= 2, f"kernel.perf_event_paranoid is {paranoid}")
        os.mkdir(self.file("out"))
        os.chown(self.file("out"), NOBODY, NOBODY)
        words = []
        for binary in (NEUROPERF, program("on_off_cpu")):
            words.append(shutil.copy(binary, self.file(os.path.basename(binary))))
            os.chmod(words[-1], 0o755)

        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        path = self.file("out/recording.data")
        recording = support.Recording(path, run([words[0], "record", "-o", path, words[1], *map(str, SCHEDULE)],
                                                preexec_fn=become_nobody))
        self.assert_recorded(recording)
        self.assertEqual(os.stat(path).st_uid, NOBODY)
        threads = self.assert_as_told(recording)
        self.assert_as_perf_reads(path, threads, told_threads(recording.stdout))


class Plan(support.IntegrationTest):
    def dry_run(self, *options):
        done = run([NEUROPERF, "record", "--dry-run", *options])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_programs_and_tasks_have_them(self):
        self.assertRegex(self.dry_run("--no-anatomy", "true"), r"ok +on and off CPU: .*context-switch records")
        if os.geteuid() == 0:
            self.assertRegex(self.dry_run("true"), r"ok +on and off CPU: .*with what it waits for")
        self.assertRegex(self.dry_run("-p", str(os.getpid())), r"ok +on and off CPU: ")

    def test_the_whole_machine_says_what_else_to_do(self):
        support.require_root(self)
        self.assertRegex(self.dry_run("-a"), r"missing +on and off CPU: .*\n +remedy: .*-p")


def stolen_by_hypervisor_ns():
    with open("/proc/stat", encoding="ascii") as file:
        return int(file.readline().split()[8]) * support.TICK_NS


def running_ns(process):
    """What the kernel counted for each thread so far."""
    times = {}
    for tid in os.listdir(f"/proc/{process}/task"):
        with open(f"/proc/{process}/task/{tid}/schedstat", encoding="ascii") as file:
            times[int(tid)] = int(file.read().split()[0])
    return times


if __name__ == "__main__":
    support.main()
