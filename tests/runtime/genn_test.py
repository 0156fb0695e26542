#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The description of GeNN held against a library of our own of the same names and shapes, which GeNN would generate.

This tests that it matches, and that what it describes is counted exactly: not GeNN itself.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import support  # pylint: disable=wrong-import-position

STEPS = 500
LIBRARY = os.path.join("generated", "librunner.so")
DELAYED = "_ZL34mergedNeuronSpikeQueueUpdateGroup1: its elements have 16 bytes, not 8: they hold something else than described"


class Genn(support.IntegrationTest):
    def test_populations_are_found_by_the_arrays_of_their_groups(self):
        result = support.run([support.NEUROPERF, "list", "runtimes", "--in", support.program(LIBRARY)])
        self.assertIn("GeNN in", result.stdout)
        self.assertIn(": 4 of 4 places found", result.stdout)
        self.assertIn(f"uncounted  {DELAYED}", result.stdout)

    def test_spikes_of_each_population_are_counted_exactly(self):
        support.require_root(self)
        recording = self.record(support.program("generated_net_app"), support.program(LIBRARY), STEPS, timeout=60)
        self.assert_recorded(recording)
        self.assertEqual(recording.summary.lost, 0)
        own, report = json.loads(recording.stdout), recording.report()
        rows = {row["name"]: row for row in report["layers"]}
        self.assertGreater(min(own["spikes"].values()), 0)
        self.assertEqual({name: row["spikes"] for name, row in rows.items() if row["spikes"]}, own["spikes"])
        self.assertEqual({row["name"]: row["calls"] for row in report["inferences"]}, {"time step": own["steps"]})
        self.assertGreater(own["delayed"], 0)
        (told,) = [item["text"] for item in report["quality"] if item["code"] == "runtime_arrays_uncounted"]
        self.assertEqual(told, f"1 array of GeNN cannot be counted, the contents are missing; the first: {DELAYED}")


if __name__ == "__main__":
    support.main()
