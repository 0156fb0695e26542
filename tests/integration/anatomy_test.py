#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall time of layers by what their thread did, against the thread's own clocks."""
import re

import support
from support import program

ROUNDS = 20
TOLD = re.compile(r"^layer (\w+) calls (\d+) wall_ns (\d+) cpu_ns (\d+)$", re.M)
SWITCHES_OF_A_CALL, SWITCH_NS = {"ping_pong": 20}, 15_000
STATES = ("on_cpu_ns", "runnable_ns", "blocked_ns", "unknown_ns")  # no events of a driver were recorded


class Anatomy(support.IntegrationTest):
    recording = None

    def record_layers(self, *options):
        self.recording = recording = self.record(program("scripted_layers"), ROUNDS, options=options)
        self.assert_recorded(recording)
        told = {name: (int(calls), int(wall), int(cpu)) for name, calls, wall, cpu in TOLD.findall(recording.stdout)}
        report = recording.report()
        return told, report, {row["name"]: row for row in report["anatomy"]}

    def assert_sums(self, report, rows):
        """To the nanosecond, and to the time that the layers' own table has."""
        layers = {row["name"]: row for row in report["layers"] + report["inferences"]}
        self.assertEqual(set(rows), set(layers))
        for name, row in rows.items():
            self.assertEqual(sum(row[state] for state in STATES), row["wall_ns"], name)
            self.assertEqual((row["wall_ns"], row["calls"]), (layers[name]["total_ns"], layers[name]["calls"]), name)
            if row["user_ns"] is not None:
                self.assertEqual(row["user_ns"] + row["kernel_ns"], row["on_cpu_ns"], name)

    def test_states_are_as_the_threads_clocks_say(self):
        told, report, rows = self.record_layers()
        self.assert_sums(report, rows)
        for name, (calls, wall, cpu) in told.items():
            row = rows[name]
            self.assertAlmostEqual(row["wall_ns"], wall, delta=max(0.02 * wall, 50_000 * calls), msg=name)
            # The kernel counts a switch itself as CPU time of the thread that goes: it is no time on a CPU.
            switches_ns = SWITCH_NS * SWITCHES_OF_A_CALL.get(name, 0) * calls
            self.assertAlmostEqual(row["on_cpu_ns"], cpu, delta=max(0.02 * wall, 50_000 * calls) + switches_ns, msg=name)
            self.assertLessEqual(row["unknown_ns"], 0.01 * row["wall_ns"], name)
        self.assertGreater(rows["sleep"]["blocked_ns"], 0.9 * rows["sleep"]["wall_ns"])
        self.assertGreater(rows["ping_pong"]["blocked_ns"], 0.5 * rows["ping_pong"]["wall_ns"])
        self.assertLess(rows["compute"]["blocked_ns"], 0.01 * rows["compute"]["wall_ns"])
        self.assertGreater(rows["contend"]["runnable_ns"], 0.3 * rows["contend"]["wall_ns"])
        self.assertLess(rows["contend"]["blocked_ns"], 0.05 * rows["contend"]["wall_ns"])

    def test_the_kernels_share_comes_from_samples_where_they_are_enough(self):
        _, report, rows = self.record_layers()
        support.require(self, "root", not any(item["code"] == "plan" and "kernel" in item["text"] for item in report["quality"]),
                        "the kernel is not sampled here")
        # Its clock is read by a system call.
        self.assertGreater(rows["contend"]["samples_inside"], 30)
        self.assertIsNotNone(rows["contend"]["kernel_ns"])
        self.assertLess(rows["sleep"]["samples_inside"], 30)
        self.assertIsNone(rows["sleep"]["kernel_ns"])

    def test_tail_and_deadline(self):
        told, report, _ = self.record_layers()
        self.assertEqual([row["wall_ns"] for row in report["tail"]], sorted((row["wall_ns"] for row in report["tail"]), reverse=True))
        self.assertEqual(len(report["tail"]), 20)
        self.assertEqual(report["tail"][0]["wall_ns"], report["inferences"][0]["max_ns"])
        for row in report["tail"]:
            self.assertEqual(sum(row[state] for state in STATES), row["wall_ns"])
        # Longest are those that contend for a CPU, with somebody who wants half of it.
        self.assertIn("runnable", {row["mostly"] for row in report["tail"]})
        self.assertNotIn("deadline", report)
        report = self.recording.report("--deadline", "10ms")
        (row,) = report["deadline"]
        self.assertEqual((row["calls"], row["deadline_ns"]), (4 * ROUNDS, 10_000_000))
        self.assertGreaterEqual(row["missed"], told["contend"][0])
        self.assertEqual(row["missed"], sum(row[f"by_{state[:-3]}"] for state in STATES))
        self.assertGreaterEqual(row["by_on_cpu"], told["contend"][0], "20 ms of CPU time are too much")
        done = support.run([support.NEUROPERF, "report", "-i", self.recording.path, "--deadline", "soon"])
        self.assertEqual(done.returncode, 2)

    def test_without_switches_there_is_none(self):
        recording = self.record(program("scripted_layers"), 3, options=("--no-switches",))
        self.assertNotIn("anatomy", recording.report())


if __name__ == "__main__":
    support.main()
