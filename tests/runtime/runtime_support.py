# SPDX-License-Identifier: Apache-2.0
"""What the tests of real runtimes share: recording a program that tells its runtime's own counts, and the report."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import support  # pylint: disable=wrong-import-position

START_UP = "start-up: "
EXACT = ("--probe-budget", "100")  # no layer is left out for a while
# Programs that are counted wait so long before their first call. On a busy machine the probes may be there some
# milliseconds late, even where the recorder says that it held the thread, and the first calls would be missing.
WAIT_MS = 500


class RuntimeTest(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)

    def record_runtime(self, *command, options=EXACT):
        """The recording and its report."""
        recording = self.record(*command, options=options, timeout=90)
        self.assert_recorded(recording)
        report = recording.report()
        self.assertEqual(support.quality_codes(report) & {"runtime_not_held", "runtime_callers_not_probed"}, set())
        self.assertEqual(recording.summary.lost, 0)
        return recording, report

    def record_workload(self, *command, runtime, options=EXACT):
        """What the runtime says, in the last line of the program, and the report."""
        recording, report = self.record_runtime(*command, options=options)
        told = self.told_places(report)
        self.assertEqual(len(told), 1, report["quality"])
        self.assertIn(runtime, told[0])
        self.assertNotIn("missing", told[0])
        return self.told_by(recording), report

    @staticmethod
    def told_by(recording):
        return json.loads(recording.stdout.strip().splitlines()[-1])

    @staticmethod
    def told_places(report):
        """A text for each file of a runtime that was mapped."""
        return [item["text"] for item in report["quality"] if item["code"] == "runtime_places"]

    @staticmethod
    def calls(report):
        return {row["name"]: row["calls"] for row in report["layers"] if not row["name"].startswith(START_UP)}

    def assert_ends_were_seen(self, rows, least=0.5):
        """Calls whose end was not seen have no duration."""
        timed = [row for row in rows if row["total_ns"]]
        self.assertGreaterEqual(len(timed), least * len(rows), "the ends of their calls were not seen")
