# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: running neuroperf and the test programs, and reading what comes out.

The paths come from the environment that CTest sets. A test that cannot run here is skipped with the missing thing named;
NEUROPERF_REQUIRE=root,perf,... (a list, or "all") turns such a skip into a failure.
"""
import collections
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

NEUROPERF = os.environ["NEUROPERF_BINARY"]
PROGRAMS = os.environ["NEUROPERF_PROGRAMS"]
EXAMPLES = os.environ["NEUROPERF_EXAMPLES"]
SOURCE_DIR = os.environ["NEUROPERF_SOURCE_DIR"]
NOBODY = 65534
TICK_NS = 10_000_000  # of /proc/stat

EVENT_LINE = re.compile(r"^(\d+)\.(\d{9}) (-?\d+)/(-?\d+) (\S+)(.*)$")
FIELD = re.compile(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)')
LAYER_LINE = re.compile(r"^layer (.+?)(?: pid (\d+))? calls (\d+) spikes (\d+)(?: synops (\d+) macs (\d+))?$", re.M)
SUMMARY_LINE = re.compile(
    r"^neuroperf: (\d+) samples, (\d+) layer calls, (\d+) spikes, (\d+) lost; ([\d.]+ (?:B|kB|MB)) in (.+)$", re.M)

Event = collections.namedtuple("Event", "time_ns pid tid name fields text")
Told = collections.namedtuple("Told", "name pid calls spikes synops macs")
Summary = collections.namedtuple("Summary", "samples layer_calls spikes lost size file")


def stolen_ns():
    """Time that the machine below took away while a thread was on a CPU, of all CPUs: no CPU time of the thread."""
    with open("/proc/stat", encoding="ascii") as file:
        _, *fields = file.readline().split()
    hard_irq, soft_irq, stolen = (int(field) for field in fields[5:8])
    return (hard_irq + soft_irq + stolen) * TICK_NS


def program(name):
    return os.path.join(PROGRAMS, name)


def example(name):
    return os.path.join(EXAMPLES, name)


def require(test, word, present, missing):
    """Skips, or fails if the environment says that `word` must be there."""
    if present:
        return
    if {word, "all"} & set(os.environ.get("NEUROPERF_REQUIRE", "").split(",")):
        test.fail(f"NEUROPERF_REQUIRE wants {word}: {missing}")
    test.skipTest(f"needs {word}: {missing}")


def require_root(test):
    require(test, "root", os.geteuid() == 0, "this user is not root")


def told_layers(output):
    """What a program said it emitted."""
    return [Told(name, int(pid or 0), int(calls), int(spikes), int(synops or 0), int(macs or 0))
            for name, pid, calls, spikes, synops, macs in LAYER_LINE.findall(output)]


def sampled(options):
    """As often as tests count on, however much a sample costs here: without -F that decides."""
    return options if {"-F", "-c", "-e"} & set(options) else ("-F", "999", *options)


class Recording:
    """A finished `neuroperf record` and the file it wrote."""

    def __init__(self, path, result):
        self.path = path
        self.status = result.returncode
        self.stdout = result.stdout
        self.stderr = result.stderr
        found = SUMMARY_LINE.search(result.stderr)
        self.summary = Summary(*map(int, found.groups()[:4]), *found.groups()[4:]) if found else None

    def told(self):
        return told_layers(self.stdout)

    def report(self, *options):
        done = run([NEUROPERF, "report", "--json", "-i", self.path, *options])
        if done.returncode != 0:
            raise AssertionError(f"report of {self.path} fails with {done.returncode}: {done.stderr}")
        return json.loads(done.stdout)

    def layers(self):
        return {layer["name"]: layer for layer in self.report()["layers"]}

    def events(self):
        """The records of `neuroperf script` that have a time; fields are texts."""
        done = run([NEUROPERF, "script", "-i", self.path])
        if done.returncode != 0:
            raise AssertionError(f"script of {self.path} fails with {done.returncode}: {done.stderr}")
        for line in done.stdout.splitlines():
            match = EVENT_LINE.match(line)
            if match:
                seconds, ns, pid, tid, name, rest = match.groups()
                yield Event(int(seconds) * 10**9 + int(ns), int(pid), int(tid), name, dict(FIELD.findall(rest)), line)

    def layer_names(self):
        """Number -> name."""
        return {event.fields["layer"]: event.fields["name"].strip('"')
                for event in self.events() if event.name == "neuroperf:layer_def"}

    def counts_by_process(self):
        """(layer name, pid) -> [calls, spikes], from the events themselves."""
        names = self.layer_names()
        counts = collections.defaultdict(lambda: [0, 0])
        for event in self.events():
            if event.name == "neuroperf:layer_end":
                counts[names[event.fields["layer"]], event.pid][0] += 1
            elif event.name == "neuroperf:spikes":
                counts[names[event.fields["layer"]], event.pid][1] += int(event.fields["count"])
        return dict(counts)

    def stats(self):
        """What the recorder says about itself; the last word counts."""
        return {event.fields["name"].strip('"'): int(event.fields["value"])
                for event in self.events() if event.name == "neuroperf:recorder_stat"}


def quality_codes(report):
    return {item["code"] for item in report["quality"]}


def run(command, timeout=60, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout, text=True,
                          errors="replace", **options)


def best_of_three(check):
    """A test of times on a busy machine: others who want the CPU change what threads do, and when. What holds must hold once."""
    @functools.wraps(check)
    def repeated(self):
        for last in (False, False, True):
            self.stolen_before = stolen_ns()
            try:
                return check(self)
            except self.failureException:
                if last:
                    raise
    return repeated


class IntegrationTest(unittest.TestCase):
    # Codes that say something is wrong with the events themselves.
    DISORDER = {"end_without_begin", "begin_without_end", "bad_layer_number", "unnamed_layers", "late_events",
                "damaged_records", "file_damaged", "corrupt_rings", "not_finished", "lost_definitions"}

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="neuroperf-test.")
        os.chmod(self.folder, 0o755)
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        # An environment without what an outer recording or sudo would leave in it.
        for variable in ("NEUROPERF_SHM", "SUDO_UID", "SUDO_GID", "SUDO_USER"):
            os.environ.pop(variable, None)

    def file(self, name):
        return os.path.join(self.folder, name)

    def record(self, *command, options=(), name="recording.data", **run_options):
        path = self.file(name)
        words = [str(word) for word in command]
        return Recording(path, run([NEUROPERF, "record", "-o", path, *sampled(options), "--", *words], **run_options))

    def start_record(self, *command, options=(), name="recording.data", **popen_options):
        """A recorder in a process group of its own; finish_record() collects it."""
        popen_options.setdefault("start_new_session", True)
        words = [str(word) for word in command]
        process = subprocess.Popen([NEUROPERF, "record", "-o", self.file(name), *sampled(options), "--", *words],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   **popen_options)
        self.addCleanup(self._end, process)
        return process

    @staticmethod
    def _end(process):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdout, process.stderr):
            stream.close()

    def finish_record(self, process, name="recording.data", before="", timeout=30):
        stdout, stderr = process.communicate(timeout=timeout)
        return Recording(self.file(name),
                         subprocess.CompletedProcess(process.args, process.returncode, before + stdout, stderr))

    def record_whole(self, *command, options=(), tries=5, missing=None):
        """Some virtual machines hide threads of their own, and with them the moment in which ours come after these: the report
        says so, and the same is recorded again. `missing`: the status of a program that cannot do here what it is for."""
        for _ in range(tries):
            recording = self.record(*command, options=options)
            if recording.status == missing:
                return recording
            self.assert_recorded(recording)
            if "unknown_on_cpu" not in quality_codes(recording.report()):
                return recording
        self.fail(f"{tries} recordings in a row lack records of switches")

    def assert_recorded(self, recording, status=0):
        self.assertEqual(recording.status, status, recording.stderr + recording.stdout)
        self.assertIsNotNone(recording.summary, f"no summary line in: {recording.stderr}")

    def assert_exact(self, recording, status=0):
        """Every layer has the calls and spikes that the program said, nothing was lost, and the order is sane."""
        self.assert_recorded(recording, status)
        told = recording.told()
        self.assertTrue(told, "the program said nothing")
        report = recording.report()
        calls, spikes = collections.Counter(), collections.Counter()
        for layer in told:
            calls[layer.name] += layer.calls
            spikes[layer.name] += layer.spikes
        layers = {layer["name"]: layer for layer in report["layers"]}
        self.assertEqual({name: layer["calls"] for name, layer in layers.items()}, dict(calls))
        for name, count in spikes.items():
            if count:
                self.assertEqual(layers[name]["spikes"], count, name)
        self.assertEqual(recording.summary.layer_calls, sum(calls.values()))
        self.assertEqual(recording.summary.lost, 0)
        self.assertEqual(report["totals"]["lost"], 0)
        self.assertEqual(quality_codes(report) & self.DISORDER, set())
        return report

    def assert_exact_by_process(self, recording):
        """The same per process, from the events."""
        self.assert_exact(recording)
        told = {(layer.name, layer.pid): [layer.calls, layer.spikes] for layer in recording.told()}
        self.assertEqual(recording.counts_by_process(), told)


def main():
    unittest.main(verbosity=2)
