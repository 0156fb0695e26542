#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is seen inside a network that Brian2 has written in C++, compared with what Brian2 counts itself."""
import glob
import json
import os
import re
import shutil
import struct
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import support  # pylint: disable=wrong-import-position

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's Brian2 is of Debian's Python
SCRIPT = os.path.join(HERE, "workloads", "brian2_net.py")
BRIAN2 = "/usr/lib/python3/dist-packages/brian2"
GROUPS = {"cells", "oscillators", "noise", "pulses"}
START_UP = "start-up: "
LONG_NS = 30_000       # what lasts as long hides what the probes cost
MOST_DIFFERENCE = 0.25 # of its time, from the runtime's own


def counts_of_files(folder):
    """What the built program has written: steps, spikes of each monitor, seconds of each code object."""
    def number(pattern, layout):
        (path,) = glob.glob(os.path.join(folder, "results", pattern + "_[0-9]*"))
        with open(path, "rb") as file:
            return struct.unpack(layout, file.read())[0]
    with open(os.path.join(folder, "results", "profiling_info.txt"), encoding="ascii") as file:
        seconds = dict(line.split("\t") for line in file.read().splitlines())
    return {
        "steps": number("_array_defaultclock_timestep", "<q"),
        "spikes": {group: number(f"_array_{group}_monitor_N", "<i") for group in GROUPS},
        "seconds": {name: float(text) for name, text in seconds.items()},
    }


def layer_of(code_object):
    return re.sub(r"_codeobject(_\d+)?$", "", code_object)


class Brian2(support.IntegrationTest):
    project = None

    @classmethod
    def setUpClass(cls):
        """Generated and compiled once: 10 to 25 s, most of it in the compiler."""
        if os.geteuid() != 0 or not os.path.isdir(BRIAN2):
            return
        if shutil.which("ccache"):
            os.environ.setdefault("CXX", "ccache g++")
        cls.project = tempfile.mkdtemp(prefix="neuroperf-brian2.")
        cls.addClassCleanup(shutil.rmtree, cls.project, ignore_errors=True)
        built = support.run([SYSTEM_PYTHON, SCRIPT, cls.project, "--build"], timeout=150)
        if built.returncode != 0:
            raise AssertionError(f"Brian2 cannot build its program: {built.stderr}")

    def setUp(self):
        super().setUp()
        support.require_root(self)
        support.require(self, "runtime", os.path.isdir(BRIAN2), "python3-brian is not installed")

    def report_of(self, recording):
        self.assert_recorded(recording)
        report = recording.report()
        (told,) = [item["text"] for item in report["quality"] if item["code"] == "runtime_places"]
        self.assertIn("Brian2", told)
        self.assertNotIn("missing", told)
        wrong = {"runtime_places_refused", "runtime_callers_not_probed", "runtime_memory_unreadable"}
        self.assertEqual(support.quality_codes(report) & wrong, set())
        self.assertEqual(recording.summary.lost, 0)
        return report

    @staticmethod
    def spikes(report):
        return {row["name"]: row["spikes"] for row in report["layers"] if row["spikes"] is not None}

    def assert_brian2(self, own, report):
        """Each code object has the name and the calls that Brian2 knows, each group the spikes of its monitor."""
        self.assertGreater(min(own["spikes"].values()), 0, own)
        self.assertEqual(self.spikes(report), own["spikes"])
        calls = {row["name"]: row["calls"] for row in report["layers"] if row["kind"] == "layer"}
        expected = {layer_of(name): own["steps"] for name in own["seconds"]}
        expected[START_UP + "excitation_synapses_create_array"] = 1
        self.assertEqual({name: calls.get(name) for name in expected}, expected)
        self.assertEqual(set(calls), set(expected))
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("network run", 1)])

    def assert_times(self, own, report):
        """Brian2 counts CPU time, the report all of it: the median of the calls hides who else ran here."""
        medians = {row["name"]: row["p50_ns"] for row in report["layers"]}
        means = {layer_of(name): seconds * 1e9 / own["steps"] for name, seconds in own["seconds"].items()}
        compared = [name for name, mean in means.items() if mean > LONG_NS]
        self.assertIn("oscillators_stateupdater", compared)
        for name in compared:
            self.assertAlmostEqual(medians[name] / means[name], 1, delta=MOST_DIFFERENCE, msg=name)

    def test_program(self):
        recording = self.record("./main", options=("--probe-budget", "100"), cwd=self.project)
        report = self.report_of(recording)
        own = counts_of_files(self.project)
        self.assert_brian2(own, report)
        self.assert_times(own, report)

    def test_script_that_builds_the_program_and_runs_it(self):
        os.unlink(os.path.join(self.project, "main"))  # it appears while it is recorded
        environment = {**os.environ, "BRIAN2_NET_STARTS_LATE": "1"}
        recording = self.record(SYSTEM_PYTHON, SCRIPT, self.project, options=("--probe-budget", "100"), timeout=90,
                                env=environment)
        self.assert_recorded(recording)
        own = json.loads(recording.stdout.strip().splitlines()[-1])
        self.assert_brian2(own, self.report_of(recording))

    def test_within_a_small_budget_spikes_are_whole(self):
        """Whether code objects are sampled then depends on what a hit costs on this machine."""
        recording = self.record("./main", options=("--probe-budget", "0.1"), cwd=self.project)
        report = self.report_of(recording)
        own = counts_of_files(self.project)
        self.assertEqual(self.spikes(report), own["spikes"])
        calls = {row["name"]: row["calls"] for row in report["layers"] if row["kind"] == "layer"}
        for name in own["seconds"]:
            self.assertIn(calls[layer_of(name)], range(1, own["steps"] + 1), name)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("network run", 1)])


if __name__ == "__main__":
    support.main()
