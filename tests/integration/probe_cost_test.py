#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What probes in runtimes cost: told, and taken out of the times of layers, so that these come near those without us."""
import json
import os
import re
import unittest

import support

LIBRARY = support.program("libnested_runtime.so")
CALLS, INNER_CALLS = 2000, 20  # of nest_outer; of nest_inner in each (tests/programs/nested_runtime.c)
DESCRIPTION = {
    "schema": "neuroperf.runtime/1", "name": "nested", "title": "Nested", "tested": "here",
    "match": {"files": ["libnested_runtime.so*"], "exports": "nest_outer"},
    "places": [
        {"name": "outer", "means": "layer", "find": {"exported": "nest_outer"}},
        {"name": "inner", "means": "operator", "find": {"exported": "nest_inner"}},
    ],
}


def median_ns(output):
    return int(re.search(r"median (\d+) ns", output).group(1))


class ProbeCost(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        with open(self.file("nested.json"), "w", encoding="utf-8") as file:
            json.dump(DESCRIPTION, file)

    def record_nested(self, *options):
        recording = self.record(support.program("nested_app"), LIBRARY, str(CALLS),
                                options=("--runtime-file", self.file("nested.json"), "--probe-budget", "100", *options))
        self.assert_recorded(recording)
        return recording

    def test_layers_come_nearer_to_what_they_take_without_us(self):
        plain = support.run([support.program("nested_app"), LIBRARY, str(CALLS)])
        plain_ns = median_ns(plain.stdout)
        report = self.record_nested().report()
        rows = {row["name"]: row for row in report["layers"]}
        outer, inner = rows["outer"], rows["inner"]
        cost_ns = outer["probe_cost_ns"] / outer["calls"]
        raw_ns = outer["p50_ns"] + cost_ns
        self.assertGreater(cost_ns, 2 * plain_ns, "else this shows nothing")
        # Machines change their speed between a trial and a run: half of the cost gone is what any of them does.
        self.assertLess(abs(outer["p50_ns"] - plain_ns), (raw_ns - plain_ns) / 2)
        # Nearly all of plain_ns is the outer layer's own work.
        self_cost_ns = outer["self_probe_cost_ns"] / outer["calls"]
        own_ns = outer["p50_ns"] - max(0, inner["p50_ns"]) * INNER_CALLS
        self.assertGreater(self_cost_ns, plain_ns)
        self.assertLess(abs(own_ns - plain_ns), abs(own_ns + self_cost_ns - plain_ns))
        self.assertLess(outer["self_probe_cost_ns"], outer["probe_cost_ns"])
        self.assertGreater(inner["probe_cost_ns"], 0)

    def test_the_report_says_what_was_found_and_what_it_cost(self):
        recording = self.record_nested()
        report = recording.report()
        (runtime,) = report["runtimes"]
        self.assertEqual((runtime["name"], runtime["title"], runtime["file"]), ("nested", "Nested", LIBRARY))
        self.assertEqual((runtime["places_found"], runtime["places"]), (2, 2))
        self.assertEqual((runtime["functions_attached"], runtime["functions"]), (2, 2))
        entries = CALLS * (1 + INNER_CALLS)
        self.assertGreater(runtime["hits"], 1.9 * entries)
        self.assertLessEqual(runtime["hits"], 2 * entries)
        each = [cost for key, cost in runtime.items() if re.fullmatch(r"\w+_(entry|return)_ns", key)]
        self.assertGreaterEqual(len(each), 2)
        self.assertTrue(all(50 < cost < 100_000 for cost in each), runtime)
        self.assertGreaterEqual(runtime["cost_ns"], min(each) * runtime["hits"])
        self.assertLessEqual(runtime["cost_ns"], max(each) * runtime["hits"])
        self.assertGreater(runtime["share_of_cpu"], 0.1)
        self.assertEqual(report["metrics"]["runtimes"]["cost_ns"]["provenance"], "derived")
        self.assertEqual(report["metrics"]["layers"]["probe_cost_ns"]["provenance"], "derived")
        (cost,) = [item for item in report["quality"] if item["code"] == "runtime_probe_cost"]
        self.assertEqual(cost["value"], runtime["cost_ns"])
        # What layers lost is part of it, but not all: entries and returns of the outermost lie outside.
        (outer,) = [row for row in report["layers"] if row["name"] == "outer"]
        self.assertLessEqual(outer["probe_cost_ns"], runtime["cost_ns"])
        self.assertGreater(outer["probe_cost_ns"], runtime["cost_ns"] / 2)
        # The recording says so itself: a report can be made again, and other tools can read it.
        again = recording.report()
        self.assertEqual((again["runtimes"], again["layers"]), (report["runtimes"], report["layers"]))
        script = support.run([support.NEUROPERF, "script", "-i", recording.path]).stdout
        self.assertRegex(script, r'neuroperf:runtime runtime=0 places=2 places_found=2 .*title="Nested"')
        self.assertRegex(script, r"neuroperf:runtime_probes runtime=0 hits=\d+ before_ns=[1-9]\d* after_ns=[1-9]\d* ")
        self.assertRegex(script, r"neuroperf:probed_end .*probe_ns=[1-9]")

    @support.best_of_three
    def test_ends_that_are_known_without_probes_go_first(self):
        """Where begins alone keep the budget, and ends too would not."""
        description = json.loads(json.dumps(DESCRIPTION))
        outer, inner = description["places"]
        outer["means"], inner["means"], inner["successive"] = "inference", "layer", True
        with open(self.file("nested.json"), "w", encoding="utf-8") as file:
            json.dump(description, file)
        calls, work = 4500, "400000"

        def record(percent):
            recording = self.record(support.program("nested_app"), LIBRARY, str(calls), work, options=(
                "--runtime-file", self.file("nested.json"), "--probe-budget", f"{percent:.2f}"))
            self.assert_recorded(recording)
            report = recording.report()
            return report, report["runtimes"][0], {item["code"]: item["text"] for item in report["quality"]}
        _, whole, told = record(100)
        self.assertNotIn("runtime_ends_derived", told)
        # Of what the recorder takes hits to cost this program.
        percent = 1.2 * 100 * whole["share_of_cpu"] * 0.75
        report, without, told = record(percent)
        self.assertNotIn("runtime_sampled", told)
        self.assertEqual([row["calls"] for row in report["layers"]], [calls * INNER_CALLS])
        self.assertIn("the probe budget", told.get("runtime_ends_derived", ""))
        self.assertLess(without["hits"], 0.75 * whole["hits"])
        # Layers lie in inferences one after the other.
        (inference,) = report["inferences"]
        self.assertLess(report["layers"][0]["total_ns"], 1.05 * inference["total_ns"])
        self.assertGreater(report["layers"][0]["total_ns"], 0.3 * inference["total_ns"])
        # A third of that is not enough for begins: then these are taken off now and then, and have their ends.
        _, _, told = record(percent / 3)
        self.assertIn("runtime_sampled", told)
        self.assertNotIn("runtime_ends_derived", told)

    @support.best_of_three
    def test_hits_are_dearer_where_the_program_fills_caches(self):
        def in_place(*work):
            recording = self.record(support.program("nested_app"), LIBRARY, "100", *work, options=(
                "--runtime-file", self.file("nested.json"), "--probe-budget", "100"))
            percent = recording.stats()["runtime_probe_in_place_percent"]
            (cost,) = [item for item in recording.report()["quality"] if item["code"] == "runtime_probe_cost"]
            self.assertIn(f"{percent / 100:.1f} times as long where the program has filled the caches", cost["text"])
            (runtime,) = recording.report()["runtimes"]
            return percent, runtime["cost_ns"] / runtime["hits"]
        (small, small_ns), (large, large_ns) = in_place("4000"), in_place("4000", "8")
        self.assertGreaterEqual(small, 100)
        self.assertLessEqual(large, 400)
        self.assertGreater(large, 1.2 * small)
        # As much is taken out, once enough hits have told; trials differ a little.
        self.assertGreater(large_ns, 0.8 * large / small * small_ns)
        self.assertLess(large_ns, 1.2 * large / small * small_ns)

    def test_the_trial_is_short_and_hits_of_it_are_nobodys(self):
        recording = self.record_nested()
        script = support.run([support.NEUROPERF, "script", "-i", recording.path]).stdout
        took_ns = int(re.findall(r'name="runtime_probe_trial_ns" value=(\d+)', script)[-1])
        self.assertGreater(took_ns, 0)
        self.assertLess(took_ns, 120_000_000)
        hits = int(re.findall(r'name="runtime_hits" value=(\d+)', script)[-1])
        self.assertLessEqual(hits, 2 * CALLS * (1 + INNER_CALLS))
        self.assertEqual(int(re.findall(r'name="runtime_hits_of_others" value=(\d+)', script)[-1]), 0)
        self.assertEqual(recording.summary.lost, 0)

    def test_json_follows_the_schema(self):
        try:
            import jsonschema
        except ImportError:
            jsonschema = None
        support.require(self, "jsonschema", jsonschema, "the Python module jsonschema is not installed")
        with open(os.path.join(support.SOURCE_DIR, "data/schema/neuroperf.report-1.schema.json"),
                  encoding="utf-8") as file:
            jsonschema.validate(self.record_nested().report(), json.load(file))

    def test_text_report(self):
        recording = self.record_nested()
        text = support.run([support.NEUROPERF, "report", "-i", recording.path]).stdout
        self.assertRegex(text, r"(?m)^Runtimes$")
        self.assertRegex(text, r"(?m)^nested +Nested +\S+ +2 +2 +2 +2 ")
        self.assertRegex(text, r"probes in runtimes cost the program [\d.]+ ms in \d+ hits")

    def test_without_runtimes_nothing_of_it_is_told(self):
        recording = self.record(support.program("nested_app"), LIBRARY, "10", options=("--runtime", "none"))
        report = recording.report()
        self.assertNotIn("runtimes", report)
        self.assertNotIn("probe_cost_ns", report["metrics"]["layers"])


if __name__ == "__main__":
    support.main()
