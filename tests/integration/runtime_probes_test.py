#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A runtime that nobody rebuilt, by a description of it: names and counts exactly, and what a wrong description does."""
import json
import os
import re
import subprocess
import time
import unittest

import support

LIBRARY = support.program("libtiny_runtime.so")
LONG_NAME = "/model/layers.0/a name that does not fit into a small string"
DESCRIPTION = {
    "schema": "neuroperf.runtime/1", "name": "tiny", "title": "Tiny", "tested": "here",
    "match": {"files": ["libtiny_runtime.so*"], "exports": "tiny_run", "class": "N4tiny5LayerE"},
    "places": [
        {"name": "step", "means": "inference", "find": {"exported": "tiny_run"}},
        {"name": "layer", "means": "layer", "find": {"class": "N4tiny5LayerE", "slot": 2}, "identity": "*(arg1+8)",
         "layer": "std_string(*(arg1+8)+8)", "kind": "std_string(*(arg1+8)+40)"},
        {"name": "population", "means": "spikes", "find": {"exported": "tiny_spikes"}, "count": "arg2"},
    ],
}


class RuntimeProbes(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)

    def describe(self, change=lambda description: None):
        description = json.loads(json.dumps(DESCRIPTION))
        change(description)
        with open(self.file("tiny.json"), "w", encoding="utf-8") as file:
            json.dump(description, file)
        return self.file("tiny.json")

    def record_app(self, steps, *options, description=None):
        recording = self.record(support.program("tiny_app"), LIBRARY, str(steps),
                                options=("--probe-budget", "100", "--runtime-file", description or self.describe(),
                                         *options))
        self.assert_recorded(recording)
        return recording

    def test_layers_with_names_types_and_exact_counts(self):
        recording = self.record_app(100)
        report = recording.report()
        layers = {row["name"]: (row["kind"], row["calls"]) for row in report["layers"] if row["calls"]}
        self.assertEqual(layers, {LONG_NAME: ("Dense", 100), "spiking": ("Lif", 100), "inner": ("Dense", 50),
                                  "other inner": ("Dense", 50),
                                  "block": ("Block", 100), f"start-up: {LONG_NAME}": ("Dense", 1)})
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("step", 100)])
        (spikes,) = [row["spikes"] for row in report["layers"] if row["name"] == "population"]
        self.assertEqual(spikes, 100 * 99 // 2)
        self.assertIn("steps 100 thrown 10 spikes 4950", recording.stdout)
        (places,) = [item for item in report["quality"] if item["code"] == "runtime_places"]
        self.assertIn("3 of 3 places found", places["text"])
        self.assertEqual(recording.summary.lost, 0)

    def test_calls_that_an_exception_ends_nest_still(self):
        report = self.record_app(100).report()
        by_name = {row["name"]: row for row in report["layers"]}
        self.assertGreaterEqual(by_name["block"]["total_ns"], by_name["inner"]["total_ns"])
        self.assertLessEqual(by_name["block"]["self_ns"], by_name["block"]["total_ns"])
        self.assertNotIn("unbalanced_layers", support.quality_codes(report))

    def test_the_program_is_the_same_without_us(self):
        plain = support.run([support.program("tiny_app"), LIBRARY, "50"])
        self.assertIn(plain.stdout, self.record_app(50).stdout)

    def test_none_and_other_names_leave_it_alone(self):
        for name in ("none", "neuron"):
            recording = self.record(support.program("tiny_app"), LIBRARY, "10", options=("--runtime", name))
            self.assertEqual(recording.report()["layers"], [])

    def test_places_that_are_not_there_are_told(self):
        def change(description):
            description["places"][0]["find"] = {"exported": "tiny_walk"}
        report = self.record_app(10, description=self.describe(change)).report()
        (places,) = [item for item in report["quality"] if item["code"] == "runtime_places"]
        self.assertIn("2 of 3 places found; missing: step", places["text"])
        self.assertEqual(places["severity"], "warning")

    def test_memory_that_is_not_there_is_counted_and_names_nothing(self):
        def change(description):
            description["places"][1]["identity"] = "*(*(*(arg1+8)))"  # by way of the index, which points nowhere
            description["places"][1]["layer"] = "std_string(*(*(*(arg1+8)))+8)"
            del description["places"][1]["kind"]
        report = self.record_app(20, description=self.describe(change)).report()
        self.assertIn("runtime_memory_unreadable", support.quality_codes(report))
        names = {row["name"] for row in report["layers"]}
        self.assertLessEqual(names, {"layer", "start-up: layer", "population"})

    def test_mistakes_are_refused_before_anything_runs(self):
        def change(description):
            description["places"][1]["identity"] = "*(arg9)"
        result = support.run([support.NEUROPERF, "record", "-o", self.file("none.data"), "--runtime-file",
                              self.describe(change), "touch", self.file("ran")])
        self.assertEqual(result.returncode, 125)
        self.assertIn("places[1].identity", result.stderr)
        self.assertFalse(os.path.exists(self.file("ran")))

    def test_list_says_what_is_there(self):
        result = support.run([support.NEUROPERF, "list", "runtimes", "--in", LIBRARY, "--runtime-file", self.describe()])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Tiny in ", result.stdout)
        self.assertIn("3 of 3 places found", result.stdout)
        self.assertRegex(result.stdout, r"layer +layer: 3 functions")

    def test_files_that_are_no_files_of_that_kind(self):
        for name, content in (("empty", b""), ("text", b"hello"), ("cut", b"\x7fELF\x02\x01\x01")):
            with open(self.file(name), "wb") as file:
                file.write(content)
            result = support.run([support.NEUROPERF, "list", "runtimes", "--in", self.file(name)], timeout=10)
            self.assertEqual(result.returncode, 1, name)
            self.assertIn(f"cannot look into {self.file(name)}: ", result.stderr)
        os.mkfifo(self.file("pipe"))
        for option in ("--in", "--runtime-file"):
            result = support.run([support.NEUROPERF, "list", "runtimes", option, self.file("pipe")], timeout=10)
            self.assertIn(result.returncode, (1, 2))
            self.assertIn(self.file("pipe"), result.stderr)

    def test_running_process(self):
        process = subprocess.Popen([support.program("tiny_app"), LIBRARY, "20000000"], stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(0.3)
            result = support.run([support.NEUROPERF, "record", "-o", self.file("run.data"), "-p", str(process.pid), "-d",
                                  "0.5", "--probe-budget", "100", "--runtime-file", self.describe()])
            self.assertEqual(result.returncode, 0, result.stderr)
        finally:
            process.kill()
            process.communicate()
        report = support.Recording(self.file("run.data"), result).report()
        calls = {row["name"]: row["calls"] for row in report["layers"] if row["calls"]}
        self.assertEqual(set(calls), {LONG_NAME, "spiking", "other inner", "block"})
        self.assertGreater(calls["spiking"], 100)
        self.assertLessEqual(max(calls.values()) - min(calls.values()), 2 + 2 * int(re.search(
            r", (\d+) lost", result.stderr).group(1)))


if __name__ == "__main__":
    support.main()
