# SPDX-License-Identifier: Apache-2.0
"""Recording what runs already: processes, threads, CPUs, the whole machine; for how long, and from when on."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from support import NEUROPERF, NOBODY, example, program, require, require_root, run, told_layers

# Busy threads, one more each time a line comes in; tells their ids.
WORKER = """
import sys, threading
def work():
    while True: sum(range(1000))
def begin():
    thread = threading.Thread(target=work, daemon=True); thread.start()
    print(thread.native_id, flush=True)
begin()
begin()
for line in sys.stdin: begin()
"""


class Attach(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "run.data")
        self.worker = subprocess.Popen([sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.end_worker)
        self.threads = [int(self.worker.stdout.readline()) for _ in range(2)]

    def end_worker(self):
        self.worker.kill()
        self.worker.communicate()

    def record(self, *options, status=0):
        done = run([NEUROPERF, "record", "-o", self.path, *options], timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def samples(self):
        """(pid, tid, cpu-independent text) of each sample."""
        done = run([NEUROPERF, "script", "-i", self.path])
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.findall(r"^\S+ (\d+)/(\d+) (cpu-clock\S*) (.*)$", done.stdout, re.M)
        return [(int(pid), int(tid), text) for pid, tid, _, text in found]

    def report(self):
        return json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout)

    def test_process_with_all_threads_new_ones_too(self):
        recorder = subprocess.Popen([NEUROPERF, "record", "-p", str(self.worker.pid), "-d", "1.5", "-o", self.path],
                                    stderr=subprocess.PIPE, text=True)
        time.sleep(0.7)
        self.worker.stdin.write("\n")
        self.worker.stdin.flush()
        new = int(self.worker.stdout.readline())
        self.assertEqual(recorder.wait(20), 0, recorder.stderr.read())
        recorder.stderr.close()
        samples = self.samples()
        self.assertEqual({pid for pid, _, _ in samples}, {self.worker.pid})
        tids = {tid for _, tid, _ in samples}
        self.assertLessEqual({*self.threads, new}, tids)

    def test_functions_of_a_process_that_ran_before_have_names(self):
        self.record("-p", str(self.worker.pid), "-d", "2")
        report = self.report()
        modules = {row["module"] for row in report["functions"]}
        self.assertTrue(any(os.path.basename(os.path.realpath(sys.executable)) in module or "libpython" in module
                            for module in modules), modules)
        self.assertIn(f"process {self.worker.pid}", json.dumps(report))

    def test_one_thread(self):
        self.record("-t", str(self.threads[1]), "-d", "1.5")
        self.assertEqual({tid for _, tid, _ in self.samples()}, {self.threads[1]})

    def test_list_of_threads(self):
        self.record("-t", ",".join(map(str, self.threads)), "-d", "1.5")
        self.assertEqual({tid for _, tid, _ in self.samples()}, set(self.threads))

    def test_ends_when_the_process_ends(self):
        recorder = subprocess.Popen([NEUROPERF, "record", "-q", "-p", str(self.worker.pid), "-o", self.path])
        time.sleep(0.5)
        self.worker.kill()
        self.assertEqual(recorder.wait(10), 0)

    def test_control_c_is_a_good_end(self):
        recorder = subprocess.Popen([NEUROPERF, "record", "-q", "-F", "999", "-p", str(self.worker.pid), "-o", self.path])
        time.sleep(0.5)
        recorder.send_signal(signal.SIGINT)
        self.assertEqual(recorder.wait(10), 0)
        self.assertIsNone(self.worker.poll(), "the process is not ours to end")
        self.assertGreater(len(self.samples()), 50)

    def test_command_tells_how_long(self):
        begin = time.monotonic()
        self.record("-p", str(self.worker.pid), "--", "sh", "-c", "sleep 0.6; exit 5", status=5)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual({pid for pid, _, _ in self.samples()}, {self.worker.pid})

    def test_whole_machine(self):
        require_root(self)
        self.record("-a", "-d", "1.5")
        pids = {pid for pid, _, _ in self.samples()}
        self.assertIn(self.worker.pid, pids)
        names = run([NEUROPERF, "report", "--sort", "process", "--no-pager", "-i", self.path]).stdout
        self.assertIn("python", names)

    def test_one_cpu(self):
        require_root(self)
        os.sched_setaffinity(self.worker.pid, {0})
        for thread in self.threads:
            os.sched_setaffinity(thread, {0})
        other = max(os.sched_getaffinity(0))
        if other == 0:
            self.skipTest("needs two CPUs")
        self.record("-C", str(other), "-d", "1")
        self.assertNotIn(self.worker.pid, {pid for pid, _, _ in self.samples()})
        self.record("-C", "0", "-d", "1.5")
        self.assertIn(self.worker.pid, {pid for pid, _, _ in self.samples()})

    def test_no_such_process_or_thread(self):
        for option in ("-p", "-t"):
            done = self.record(option, "4194000", status=125)
            self.assertIn("4194000", done.stderr)

    def test_process_of_another_user(self):
        require_root(self)
        done = run(["setpriv", f"--reuid={NOBODY}", "--clear-groups", NEUROPERF, "record", "-o", "/dev/shm/unused.data", "-p",
                    str(self.worker.pid)])
        self.assertEqual(done.returncode, 125)
        self.assertIn("the user whose process it is", done.stderr)

    def test_process_is_not_a_thread(self):
        done = self.record("-p", str(self.threads[1]), status=125)
        self.assertIn("no process", done.stderr)

    def test_options_that_make_no_sense(self):
        for options, word in ((["-p", "x"], "-p"), (["-p", "1,"], "-p"), (["-p", "-3"], "-p"), (["-C", "3-1"], "-C"),
                              (["--call-graph", "lbr", "true"], "--call-graph"),
                              (["--call-graph", "dwarf,99999999", "true"], "99999999"), (["-a", "-p", "1"], "-a"),
                              (["-c", "0", "true"], "-c")):
            done = self.record(*options, status=125)
            self.assertIn(word, done.stderr, options)


class AttachedLayers(unittest.TestCase):
    """Layers of a program that runs already, exactly those of its calls that came while it was recorded."""

    def setUp(self):
        require_root(self)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "run.data")
        self.puppet = subprocess.Popen([program("puppet")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end_puppet)
        self.assertIn("ready", self.puppet.stdout.readline())

    def end_puppet(self):
        self.puppet.kill()
        self.puppet.communicate()

    def tell(self, line):
        self.puppet.stdin.write(line + "\n")
        self.puppet.stdin.flush()
        return self.puppet.stdout.readline()

    def listeners(self):
        return int(re.search(r"listeners (\d+)", self.tell("site")).group(1))

    def attach(self, *options):
        return self.attach_to("-p", str(self.puppet.pid), *options)

    def attach_to(self, *options):
        recorder = subprocess.Popen([NEUROPERF, "record", "-o", self.path, *options], stderr=subprocess.PIPE, text=True)
        self.addCleanup(recorder.stderr.close)
        for _ in range(100):
            if self.listeners() > 0:
                return recorder
            time.sleep(0.05)
        recorder.kill()
        self.fail("did not attach: " + recorder.stderr.read())

    def end(self, recorder):
        recorder.send_signal(signal.SIGINT)
        self.assertEqual(recorder.wait(20), 0, recorder.stderr and recorder.stderr.read())
        return json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout)

    def calls(self, report):
        return {row["name"]: row["calls"] for row in report["layers"]}

    def test_exact_calls_of_all_threads(self):
        self.tell("run before 100 1")
        recorder = self.attach()
        self.tell("run lif 5000 3")
        self.tell("run before 70 2")
        report = self.end(recorder)
        self.assertEqual(self.calls(report), {"lif": 15000, "before": 140})
        self.assertEqual(report["totals"]["lost"], 0)
        self.assertEqual(self.listeners(), 0, "nothing stays in the program")
        self.tell("run after 10 1")

    def wait_for_listeners(self):
        for _ in range(250):
            if self.listeners() > 0:
                return
            time.sleep(0.02)
        self.fail("nobody has attached")

    def test_children_forked_while_recorded(self):
        recorder = self.attach()
        self.tell("run parent 1000 2")
        for _ in range(3):
            self.tell("become")
            time.sleep(0.3)  # what the child has inherited looks like being attached to
            self.assertEqual(self.listeners(), 1)
            self.tell("run child 500 2")
            self.assertIn("hits corrupted 0 ", self.tell("hits 1000"))
        report = self.end(recorder)
        self.assertEqual(self.calls(report), {"parent": 2000, "child": 3000, "hits": 0})
        self.assertEqual(report["totals"]["lost"], 0)
        notes = [item["text"] for item in report["quality"] if item["code"] == "children_attached"]
        self.assertRegex(notes[0], "3 forked children")
        self.assertEqual(self.listeners(), 0, "nothing stays in the child")
        self.assertEqual(self.tell("run after 1000 2"), "ran\n")

    def test_program_that_a_child_starts(self):
        copy = os.path.join(os.path.dirname(self.path), "other")  # a file that nothing is known of
        shutil.copy(program("puppet"), copy)
        recorder = self.attach()
        self.tell("become")
        self.tell("exec " + copy)
        self.wait_for_listeners()
        self.tell("run other 500 2")
        self.assertEqual(self.calls(self.end(recorder)), {"other": 1000})
        self.assertEqual(self.listeners(), 0)

    def test_child_that_outlives_its_parent(self):
        recorder = self.attach()
        self.tell("run parent 100 1")
        self.tell("leave")
        self.assertEqual(recorder.wait(20), 0, "who was named has ended")
        self.assertEqual(self.listeners(), 0)
        self.assertEqual(self.tell("run after 100 1"), "ran\n")

    def test_follow_waits_for_the_child(self):
        recorder = self.attach("--follow")
        self.tell("run parent 100 1")
        time.sleep(0.2)  # names are read while the process is there
        self.tell("leave")
        time.sleep(1.5)
        self.assertIsNone(recorder.poll())
        self.tell("run child 500 2")
        time.sleep(0.2)
        self.assertEqual(self.tell("quit"), "bye\n")
        self.assertEqual(recorder.wait(20), 0)
        report = json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout)
        self.assertEqual(self.calls(report), {"parent": 100, "child": 1000})

    def test_child_from_before_is_left_alone(self):
        self.tell("become")  # the parent only waits from now on
        recorder = subprocess.Popen([NEUROPERF, "record", "-q", "-p", str(self.puppet.pid), "-o", self.path])
        time.sleep(1.5)
        self.assertEqual(self.listeners(), 0)
        self.tell("run unseen 100 1")
        self.assertEqual(self.calls(self.end(recorder)), {})

    def test_killed_recorder_leaves_children_alone(self):
        recorder = self.attach()
        self.tell("run parent 100 2")
        self.tell("become")
        time.sleep(0.3)
        self.tell("run child 100 2")
        recorder.kill()
        recorder.wait()
        self.assertEqual(self.listeners(), 0)
        self.assertIn("hits corrupted 0 ", self.tell("hits 1000"))

    def test_children_that_may_not_be_mended_are_left_alone(self):
        rights = "+perfmon,+bpf,+sys_ptrace"  # to attach to others' processes, but not to write to them
        path = f"/dev/shm/neuroperf-test-{os.getpid()}.data"
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        recorder = subprocess.Popen(
            ["setpriv", f"--reuid={NOBODY}", "--clear-groups", "--inh-caps=" + rights, "--ambient-caps=" + rights,
             NEUROPERF, "record", "-q", "-o", path, "-p", str(self.puppet.pid)])
        self.addCleanup(recorder.kill)
        self.wait_for_listeners()
        self.tell("run parent 500 2")
        is_call = "90e8" in self.tell("site")
        self.tell("become")
        time.sleep(0.3)
        during = self.tell("site")
        self.assertIn("hits corrupted 0 ", self.tell("hits 1000"))
        self.tell("run child 500 2")
        recorder.send_signal(signal.SIGINT)
        self.assertEqual(recorder.wait(20), 0)
        report = json.loads(run([NEUROPERF, "report", "--json", "-i", path]).stdout)
        self.assertEqual(self.calls(report).get("child"), None if is_call else 1000)
        if is_call:
            self.assertEqual(self.tell("site"), during, "nobody has put a breakpoint into half a call")
            self.assertIn("children_not_attached", {item["code"] for item in report["quality"]})
        self.assertIn("hits corrupted 0 ", self.tell("hits 1000"))

    def test_layers_of_the_whole_machine(self):
        recorder = self.attach_to("-a")
        self.tell("run before 500 2")
        later = subprocess.Popen([program("puppet")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(later.communicate)
        first, self.puppet = self.puppet, later
        later.stdout.readline()
        self.wait_for_listeners()
        self.tell("run later 500 2")
        self.tell("become")
        time.sleep(0.3)
        self.tell("run child 500 2")
        calls = self.calls(self.end(recorder))
        self.assertEqual({name: calls.get(name) for name in ("before", "later", "child")},
                         {"before": 1000, "later": 1000, "child": 1000})
        self.assertEqual(self.listeners(), 0)
        self.tell("quit")
        self.puppet = first
        self.assertEqual(self.listeners(), 0)

    def control_group(self):
        """A new group in the hierarchy of perf events, and its name."""
        hierarchy = re.search(r"^perf_event\s+(\d+)", pathlib.Path("/proc/cgroups").read_text(), re.M)
        kind, option = ("cgroup2", "") if not hierarchy or hierarchy.group(1) == "0" else ("cgroup", "perf_event")
        mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
        mounted = next((mount[1] for mount in mounts if mount[2] == kind and option in mount[3]), None)
        require(self, "cgroups", mounted is not None, f"no {kind} {option} is mounted")
        name = f"neuroperf-test-{os.getpid()}"
        group = os.path.join(mounted, name)
        os.mkdir(group)
        self.addCleanup(os.rmdir, group)
        self.addCleanup(self.empty, os.path.join(mounted, "cgroup.procs"), group)
        return name, os.path.join(group, "cgroup.procs")

    @staticmethod
    def empty(root_processes, group):
        for pid in pathlib.Path(group, "cgroup.procs").read_text().split():
            try:
                pathlib.Path(root_processes).write_text(pid)
            except OSError:
                pass  # it has ended

    def test_layers_of_a_control_group(self):
        name, members = self.control_group()
        recorder = subprocess.Popen([NEUROPERF, "record", "-q", "-G", name, "-o", self.path])
        self.addCleanup(recorder.kill)
        time.sleep(0.5)
        self.tell("run outside 100 1")
        pathlib.Path(members).write_text(str(self.puppet.pid))  # found by looking once a second
        self.wait_for_listeners()
        self.tell("run inside 500 2")
        self.tell("become")
        time.sleep(0.3)
        self.tell("run child 500 2")
        self.assertEqual(self.calls(self.end(recorder)), {"inside": 1000, "child": 1000})
        self.assertEqual(self.listeners(), 0)

    def test_perf_reads_what_was_attached_to(self):
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        recorder = self.attach()
        self.tell("run lif 500 2")
        self.end(recorder)
        text = run(["perf", "script", "-i", self.path, "-F", "event,trace"], stdin=subprocess.DEVNULL).stdout
        self.assertEqual(len(re.findall(r"neuroperf:layer_end: .*name=lif", text)), 1000)

    def test_without_bpf_there_are_samples_alone(self):
        recorder = subprocess.Popen([NEUROPERF, "record", "--no-bpf", "-p", str(self.puppet.pid), "-o", self.path],
                                    stderr=subprocess.PIPE, text=True)
        self.addCleanup(recorder.stderr.close)
        time.sleep(0.5)
        self.assertEqual(self.listeners(), 0)
        self.tell("run lif 100000 2")
        report = self.end(recorder)
        self.assertEqual(report["layers"], [])
        self.assertTrue(any("--no-bpf" in item["text"] for item in report["quality"]))

    def test_killed_recorder_leaves_the_program_alone(self):
        recorder = self.attach()
        self.tell("run lif 1000 2")
        time.sleep(0.6)
        recorder.kill()
        recorder.wait()
        self.assertEqual(self.listeners(), 0)
        self.assertEqual(self.tell("run lif 1000 2"), "ran\n")
        report = json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout)
        self.assertEqual(self.calls(report), {"lif": 2000})


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def record(self, name, *options, status=0):
        done = run([NEUROPERF, "record", "-o", os.path.join(self.folder, name), *options], timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def report(self, name):
        return json.loads(run([NEUROPERF, "report", "--json", "-i", os.path.join(self.folder, name)]).stdout)

    def test_switched_files_add_up(self):
        done = self.record("run.data", "--switch-output=40M", "--", example("spiking_digits"))
        names = sorted(os.listdir(self.folder))
        self.assertGreater(len(names), 2, names)
        told = sum(layer.calls for layer in told_layers(done.stdout))
        reports = [self.report(name) for name in names]
        cut = sum(item["value"] or 0 for report in reports for item in report["quality"]
                  if item["code"] == "begin_without_end")
        found = sum(report["totals"]["layer_calls"] for report in reports)
        self.assertLessEqual(found, told)
        self.assertGreaterEqual(found + cut, told)  # `cut` counts inferences too
        for report in reports:
            self.assertTrue(all(row["name"] for row in report["layers"]), "each file has the names")
            for item in report["quality"]:
                if item["code"] == "end_without_begin":
                    self.assertIn("under way when the recording began", item["text"])

    def test_largest_size_ends_the_recording(self):
        done = self.record("run.data", "--max-size=1M", "--", example("spiking_digits"))
        self.assertIn("goes on", done.stderr)
        self.assertLess(os.path.getsize(os.path.join(self.folder, "run.data")), 40 << 20)

    def test_compressed_recording_is_the_same_to_perf_and_to_us(self):
        require(self, "perf", shutil.which("perf") is not None, "perf is not installed")
        for level in ("-z", "-z9", "--compression-level=3"):
            self.record("z.data", level, "-g", "-e", "cpu-clock", "-F", "5000", "--", example("spiking_digits"))
            path = os.path.join(self.folder, "z.data")
            ours = self.report("z.data")["totals"]["samples"]
            theirs = run(["perf", "script", "-i", path, "-F", "event"], stdin=subprocess.DEVNULL)
            self.assertEqual(theirs.returncode, 0, theirs.stderr)
            self.assertGreater(ours, 500)
            self.assertEqual(theirs.stdout.count("cpu-clock:"), ours)

    def test_placeholders_in_names(self):
        self.record("a.%h.%p.data", "true")
        self.assertRegex(os.listdir(self.folder)[0], rf"^a\.{re.escape(os.uname().nodename)}\.\d+\.data$")
        self.assertIn("%r", self.record("a.%r", "true", status=125).stderr)

    def test_program_keeps_its_limit_of_open_files(self):
        told = self.record("a.data", "sh", "-c", "ulimit -n; ulimit -Hn").stdout
        self.assertEqual(told, run(["sh", "-c", "ulimit -n; ulimit -Hn"]).stdout)


class Launched(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "run.data")

    def record(self, *options, status=0):
        done = run([NEUROPERF, "record", "-o", self.path, *options], timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(run([NEUROPERF, "report", "--json", "-i", self.path]).stdout), done

    def busy(self, seconds):
        return ["--", sys.executable, "-c",
                f"import time\nend = time.process_time() + {seconds}\nwhile time.process_time() < end: sum(range(1000))"]

    def test_period_of_the_clock(self):
        report, _ = self.record("-c", "10000000", *self.busy(1))  # cpu-clock counts nanoseconds
        self.assertAlmostEqual(report["totals"]["samples"], 100, delta=15)

    def test_delay_leaves_out_the_beginning(self):
        late, _ = self.record("-F", "499", "-D", "500", *self.busy(1))
        lines = run([NEUROPERF, "script", "-i", self.path]).stdout
        began = float(re.search(r"^(\S+) \S+ comm .* exec$", lines, re.M).group(1))
        times = [float(time) for time in re.findall(r"^(\S+) \S+ cpu-clock", lines, re.M)]
        self.assertGreater(len(times), 50)
        self.assertGreater(min(times), began + 0.45)
        self.assertTrue(any("python" in row["module"] for row in late["functions"]), "what was mapped before has names")

    def test_duration_lets_the_program_go_on(self):
        marker = self.path + ".ended"
        report, done = self.record("-d", "0.3", "--", "sh", "-c", f"exec >/dev/null 2>&1; sleep 1; touch {marker}")
        self.assertIn("goes on", done.stderr)
        self.assertFalse(os.path.exists(marker))
        for _ in range(100):
            if os.path.exists(marker):
                return
            time.sleep(0.1)
        self.fail("the program did not reach its end")

    def test_stacks_are_copied_and_unwound(self):
        _, _ = self.record("--call-graph", "dwarf,16384", *self.busy(0.5))
        folded = run([NEUROPERF, "export", "--format", "folded", "-i", self.path]).stdout
        deepest = max(line.count(";") for line in folded.splitlines())
        self.assertGreater(deepest, 5)

    def test_user_only(self):
        require_root(self)
        report, _ = self.record("--user-only", "--", "dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=3000")
        self.assertFalse([row for row in report["functions"] if "kernel" in row["module"]])


if __name__ == "__main__":
    unittest.main()
