#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall time of layers by what their thread did, against the thread's own clocks."""
import collections
import json
import os
import re
import subprocess
import time

import support
from support import best_of_three, program

ROUNDS = 20
TOLD = re.compile(r"^layer (\w+) calls (\d+) wall_ns (\d+) cpu_ns (\d+)$", re.M)
SWITCHES_OF_A_CALL, SWITCH_NS = {"ping_pong": 20, "fsync": 8, "faults": 32}, 15_000
SWITCHED = ("on_cpu_ns", "runnable_ns", "blocked_ns", "unknown_ns")  # what the kernel's own records tell apart
STATES = (*SWITCHED, "interrupts_ns", "device_ns", "io_ns", "fault_ns", "workers_run_ns", "workers_wait_ns", "others_ns",
          "peers_ns", "sleep_ns")  # no events of a driver were recorded
WAITING = re.compile(r"^layer (\w+) calls (\d+) wall_ns (\d+) cpu_ns (\d+) helper_cpu_ns (\d+) major_faults (\d+)$", re.M)
STATE_FRAMES = {"[runnable]": "runnable_ns", "[I/O]": "io_ns", "[faults]": "fault_ns", "[sleep]": "sleep_ns",
                "[workers run]": "workers_run_ns", "[workers wait]": "workers_wait_ns", "[others]": "others_ns",
                "[peers]": "peers_ns", "[blocked]": "blocked_ns", "[device]": "device_ns"}
Waiting = collections.namedtuple("Waiting", "calls wall cpu helper faults")


class Anatomy(support.IntegrationTest):
    recording = None
    stolen_before = 0

    def record_layers(self, *options):
        self.recording = recording = self.record_whole(program("scripted_layers"), ROUNDS, options=options)
        told = {name: (int(calls), int(wall), int(cpu)) for name, calls, wall, cpu in TOLD.findall(recording.stdout)}
        report = recording.report()
        return told, report, {row["name"]: row for row in report["anatomy"]}

    def assert_sums(self, report, rows, states=STATES):
        """To the nanosecond, and to the time that the layers' own table has."""
        layers = {row["name"]: row for row in report["layers"] + report["inferences"]}
        self.assertEqual(set(rows), set(layers))
        for name, row in rows.items():
            self.assertEqual({key for key in row if key.endswith("_ns")}, {*states, "wall_ns", "user_ns", "kernel_ns"})
            self.assertEqual(sum(row[state] for state in states), row["wall_ns"], name)
            self.assertEqual((row["wall_ns"], row["calls"]), (layers[name]["total_ns"], layers[name]["calls"]), name)
            if row["user_ns"] is not None:
                self.assertEqual(row["user_ns"] + row["kernel_ns"], row["on_cpu_ns"], name)

    def assert_cpu_time(self, found, told, allowed, message):
        """What the machine below takes away is in time on a CPU, and in no thread's CPU time."""
        stolen = support.stolen_ns() - self.stolen_before
        self.assertGreater(found, told - allowed, message)
        self.assertLess(found, told + allowed + (stolen + support.TICK_NS if stolen else 0), message)

    def assert_clocks(self, told, rows):
        for name, (calls, wall, cpu) in told.items():
            row = rows[name]
            self.assertAlmostEqual(row["wall_ns"], wall, delta=max(0.02 * wall, 50_000 * calls), msg=name)
            # The kernel counts a switch itself as CPU time of the thread that goes: it is no time on a CPU.
            switches_ns = SWITCH_NS * SWITCHES_OF_A_CALL.get(name, 0) * calls
            on_cpu = row["on_cpu_ns"] + row.get("interrupts_ns", 0)
            allowed = max(0.02 * wall, 50_000 * calls) + switches_ns
            self.assert_cpu_time(on_cpu, cpu, allowed, name)
            self.assertLessEqual(row["unknown_ns"], 0.01 * row["wall_ns"], name)

    @best_of_three
    def test_states_are_as_the_threads_clocks_say(self):
        support.require_root(self)
        told, report, rows = self.record_layers()
        self.assert_sums(report, rows)
        self.assert_clocks(told, rows)
        self.assertGreater(rows["contend"]["runnable_ns"], 0.3 * rows["contend"]["wall_ns"])
        self.assertGreater(rows["contend"]["interrupts_ns"], 0, "the clock ticks meanwhile")
        self.assertGreater(rows["sleep"]["sleep_ns"] + rows["sleep"]["runnable_ns"], 0.9 * rows["sleep"]["wall_ns"])
        self.assertGreater(rows["ping_pong"]["others_ns"], 0.5 * rows["ping_pong"]["wall_ns"])
        for name in told:
            self.assertLess(rows[name]["blocked_ns"], 0.01 * rows[name]["wall_ns"], name)

    @best_of_three
    def test_the_kernels_own_records_say_less(self):
        told, report, rows = self.record_layers("--no-anatomy")
        self.assert_sums(report, rows, SWITCHED)
        self.assert_clocks(told, rows)
        self.assertGreater(rows["contend"]["runnable_ns"], 0.3 * rows["contend"]["wall_ns"])
        self.assertGreater(rows["sleep"]["blocked_ns"], 0.9 * rows["sleep"]["wall_ns"])
        self.assertGreater(rows["ping_pong"]["blocked_ns"], 0.5 * rows["ping_pong"]["wall_ns"])
        self.assertLess(rows["compute"]["blocked_ns"], 0.01 * rows["compute"]["wall_ns"])
        self.assertLess(rows["contend"]["blocked_ns"], 0.05 * rows["contend"]["wall_ns"])

    @best_of_three
    def test_what_threads_wait_for(self):
        support.require_root(self)
        recording = self.record_whole(program("waiting_layers"), ROUNDS, self.file("pages"))
        told = {name: Waiting(*map(int, numbers)) for name, *numbers in WAITING.findall(recording.stdout)}
        report = recording.report()
        rows = {row["name"]: row for row in report["anatomy"]}
        self.assert_sums(report, rows)
        self.assert_clocks({name: one[:3] for name, one in told.items()}, rows)
        expected = {"sleep": "sleep", "timeout": "sleep", "poll_nothing": "sleep", "pipe": "others", "fsync": "io",
                    "terminal": "io", "faults": "fault"}
        for name, state in expected.items():
            row, one = rows[name], told[name]
            away = row["wall_ns"] - row["on_cpu_ns"] - row["interrupts_ns"]
            within = max(0.02 * one.wall, 50_000 * one.calls)
            self.assertAlmostEqual(row[f"{state}_ns"] + row["runnable_ns"], away, delta=within, msg=row)
            self.assertGreater(row[f"{state}_ns"], 0.2 * away, row)  # a busy machine makes it wait for a CPU as well
        if not told["faults"].faults:
            self.assertEqual(rows["faults"]["fault_ns"], 0)
        burns, sleeps = rows["worker_burns"], rows["worker_sleeps"]
        within = max(0.02 * told["worker_burns"].wall, 50_000 * ROUNDS)
        # The worker may get the caller's own CPU, before the caller has left it.
        self.assert_cpu_time(burns["workers_run_ns"] + burns["runnable_ns"], told["worker_burns"].helper,
                             within + 50_000 * ROUNDS, burns)
        self.assertGreater(burns["workers_run_ns"], 0.2 * burns["wall_ns"], burns)
        self.assert_cpu_time(sleeps["workers_run_ns"], told["worker_sleeps"].helper, within, sleeps)
        self.assertGreater(sleeps["workers_wait_ns"], 0.9 * sleeps["wall_ns"])
        cpu = {row["name"]: row for row in report["cpu_time"]}
        for name, row in cpu.items():
            self.assertEqual(row["caller_ns"], rows[name]["on_cpu_ns"] + rows[name]["interrupts_ns"])
            self.assertEqual(row["cpu_ns"], row["caller_ns"] + row["workers_ns"])
            if name in told:
                self.assert_cpu_time(row["workers_ns"], told[name].helper, within, row)
        self.assertGreater(cpu["worker_burns"]["workers_ns"], 50 * cpu["fsync"]["workers_ns"])
        for row in rows.values():
            self.assertLessEqual(row["peers_ns"] + row["blocked_ns"], 0.01 * row["wall_ns"] + 50_000 * row["calls"])

    def test_calls_of_32_bits_are_not_taken_for_others(self):
        support.require_root(self)
        recording = self.record_whole(program("calls_of_32_bits"), ROUNDS, missing=77)
        support.require(self, "calls_of_32_bits", recording.status == 0, "this kernel has no system calls of 32 bits")
        (row,) = recording.report()["anatomy"]
        self.assertEqual(sum(row[state] for state in STATES), row["wall_ns"])
        self.assertGreater(row["blocked_ns"] + row["runnable_ns"], 0.8 * row["wall_ns"], "for what it waits nobody knows")
        self.assertEqual((row["io_ns"], row["sleep_ns"]), (0, 0))

    @best_of_three
    def test_scheduling_latency_and_pace(self):
        support.require_root(self)
        _, report, rows = self.record_layers()
        latency = report["scheduling"][0]
        self.assertEqual(latency["name"], "scripted_layers")
        for row in report["scheduling"]:
            self.assertLessEqual(row["p50_ns"], row["p99_ns"])
            self.assertLessEqual(row["p99_ns"], row["max_ns"])
        # Each nanosleep and each answer by the pipe is a wake-up; what came of them is in "runnable".
        (own,) = [row for row in report["scheduling"] if row["tid"] == report["tail"][0]["tid"]]
        self.assertGreaterEqual(own["wakeups"], ROUNDS * (1 + 20))
        # Half of them took at least the median, and nearly all are inside of layers.
        self.assertLess(0.4 * own["wakeups"] * own["p50_ns"],
                        sum(row["runnable_ns"] for row in rows.values() if row["kind"] == "scripted"))
        (pace,) = report["pace"]
        self.assertEqual((pace["name"], pace["periods"]), ("round", 4 * ROUNDS - 1))
        # The last one begins no period, and on a busy machine may be the longest.
        self.assertGreaterEqual(pace["max_ns"], report["inferences"][0]["p50_ns"])
        self.assertEqual(pace["jitter_ns"], pace["p99_ns"] - pace["p50_ns"])

    def off_cpu(self, recording):
        """Nanoseconds by layer and state, of a flame graph of waits; and its lines."""
        done = support.run([support.NEUROPERF, "export", "-i", recording.path, "--format", "folded", "--metric", "off-cpu"])
        self.assertEqual(done.returncode, 0, done.stderr)
        waits, lines = collections.Counter(), done.stdout.splitlines()
        for line in lines:
            frames, ns = line.rsplit(" ", 1)
            frames = frames.split(";")
            (state,) = [frame for frame in frames if frame.startswith("[") and frame in STATE_FRAMES]
            waits[frames[2], state] += int(ns)
        return waits, lines

    def test_flame_graphs_of_waits_hold_what_the_table_holds(self):
        support.require_root(self)
        for options in ((), ("-g",)):
            recording = self.record(program("waiting_layers"), ROUNDS, self.file("pages"), options=options)
            self.assert_recorded(recording)
            rows = {row["name"]: row for row in recording.report()["anatomy"]}
            waits, lines = self.off_cpu(recording)
            for name, row in rows.items():
                if name == "round":
                    continue
                for frame, state in STATE_FRAMES.items():
                    self.assertEqual(waits[name, frame], row[state], (name, state))
            wakers = [line for line in lines if ";worker_burns;" in line and "woken by waiting_layers" in line]
            self.assertTrue(wakers, lines)
            in_fsync = [line for line in lines if ";fsync;" in line and "_[k];[I/O]" in line]
            self.assertEqual(bool(in_fsync), bool(options), "with call chains only")

    def test_flame_graphs_of_waits_need_switches(self):
        recording = self.record(program("scripted_layers"), 1, options=("--no-switches",))
        for form, hint in (("svg", "record without --no-switches"), ("json", "--format svg")):
            done = support.run([support.NEUROPERF, "export", "-i", recording.path, "--metric", "off-cpu", "--format", form])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(hint, done.stderr)

    def test_running_program(self):
        """What its threads were doing before nobody knows; then it is told as of one that was launched."""
        support.require_root(self)
        process = subprocess.Popen([program("scripted_layers"), "100000"], stdout=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        time.sleep(0.2)
        path = self.file("attached.data")
        recording = support.Recording(path, support.run([support.NEUROPERF, "record", "-o", path, "-d", "1", "-p", str(process.pid)]))
        self.assert_recorded(recording)
        rows = {row["name"]: row for row in recording.report()["anatomy"]}
        for name, state in (("sleep", "sleep_ns"), ("ping_pong", "others_ns")):
            self.assertEqual(sum(rows[name][key] for key in STATES), rows[name]["wall_ns"], name)
            self.assertGreater(rows[name][state], 0.5 * rows[name]["wall_ns"], name)

    def test_the_kernels_share_comes_from_samples_where_they_are_enough(self):
        _, report, rows = self.record_layers("-F", "499")
        support.require(self, "root", not any(item["code"] == "plan" and "kernel" in item["text"] for item in report["quality"]),
                        "the kernel is not sampled here")
        # Its clock is read by a system call.
        self.assertGreater(rows["contend"]["samples_inside"], 30)
        self.assertIsNotNone(rows["contend"]["kernel_ns"])
        self.assertLess(rows["sleep"]["samples_inside"], 30)
        self.assertIsNone(rows["sleep"]["kernel_ns"])

    def test_page_faults_are_a_part_of_the_kernels_share(self):
        """By call chains: of a layer that touches fresh memory most, of one that computes nothing."""
        support.require_root(self)
        recording = self.record(program("waiting_layers"), 2 * ROUNDS, self.file("pages"), options=("-g", "-F", "499"))
        self.assert_recorded(recording)
        rows = {row["name"]: row for row in recording.report()["anatomy"]}
        touch = rows["touch"]
        self.assertGreater(touch["samples_inside"], 30)
        self.assertGreater(touch["page_fault_ns"], 0.7 * touch["kernel_ns"], touch)
        self.assertGreater(touch["page_fault_ns"], 0.3 * touch["on_cpu_ns"], touch)
        for row in rows.values():
            if row["page_fault_ns"] is not None:
                self.assertLessEqual(row["page_fault_ns"], row["kernel_ns"])
        compute = self.record(program("scripted_layers"), ROUNDS, options=("-g",)).report()
        (row,) = [row for row in compute["anatomy"] if row["name"] == "contend"]
        self.assertLess(row["page_fault_ns"], 0.02 * row["on_cpu_ns"], row)

    @best_of_three
    def test_lost_switches_make_time_unknown(self):
        """The recorder is held up while the rings for switches are small: what is missing is unknown, and nothing else grows."""
        support.require_root(self)
        recording = self.record("sh", "-c", 'kill -STOP $PPID; "$0" 100; kill -CONT $PPID', program("scripted_layers"),
                                options=("-m", "64K"))
        self.assert_recorded(recording)
        report = recording.report()
        self.assertIn("lost_switches", support.quality_codes(report))
        rows = {row["name"]: row for row in report["anatomy"]}
        self.assert_sums(report, rows)
        told = {name: (int(calls), int(wall), int(cpu)) for name, calls, wall, cpu in TOLD.findall(recording.stdout)}
        self.assertGreater(sum(rows[name]["unknown_ns"] for name in told), 0)
        for name, (calls, wall, cpu) in told.items():
            row = rows[name]
            allowed = max(0.02 * wall, 50_000 * calls)
            known = row["on_cpu_ns"] + row["interrupts_ns"]
            stolen = support.stolen_ns() - self.stolen_before
            self.assertLess(known, cpu + allowed + (stolen + support.TICK_NS if stolen else 0), name)
            self.assertGreater(known + row["unknown_ns"], cpu - allowed, name)
            self.assertLess(row["blocked_ns"] + row["io_ns"] + row["fault_ns"] + row["device_ns"], allowed, name)
        sleep = rows["sleep"]
        self.assertGreater(sleep["sleep_ns"] + sleep["unknown_ns"], 0.9 * sleep["wall_ns"], sleep)

    def test_ranks(self):
        """Of several recordings the anatomy is that of all calls; what is of one thread or device says of which rank it is."""
        paths = []
        for rank in range(2):
            recording = self.record(program("scripted_layers"), ROUNDS * (rank + 1), name=f"{rank}.data")
            self.assert_recorded(recording)
            paths.append(recording)
        done = support.run([support.NEUROPERF, "report", "--json", *(recording.path for recording in paths)])
        self.assertEqual(done.returncode, 0, done.stderr)
        merged, single = json.loads(done.stdout), [recording.report() for recording in paths]
        for table in ("anatomy", "cpu_time"):
            rows = {row["name"]: row for row in merged[table]}
            parts = [{row["name"]: row for row in report[table]} for report in single]
            self.assertEqual(set(rows), set(parts[0]))
            for name, row in rows.items():
                for key, value in row.items():
                    if key.endswith("_ns") and key not in ("user_ns", "kernel_ns") or key == "calls":
                        self.assertEqual(value, sum(part[name][key] for part in parts), (name, key))
        self.assertEqual(collections.Counter(row["rank"] for row in merged["tail"]), {0: 20, 1: 20})
        self.assertEqual([row["wall_ns"] for row in merged["tail"] if row["rank"] == 1],
                         [row["wall_ns"] for row in single[1]["tail"]])

    def test_tail_and_deadline(self):
        told, report, _ = self.record_layers()
        self.assertEqual([row["wall_ns"] for row in report["tail"]], sorted((row["wall_ns"] for row in report["tail"]), reverse=True))
        self.assertEqual(len(report["tail"]), 20)
        self.assertEqual(report["tail"][0]["wall_ns"], report["inferences"][0]["max_ns"])
        for row in report["tail"]:
            self.assertEqual(sum(row[state] for state in STATES), row["wall_ns"])
        self.assertLessEqual({row["mostly"] for row in report["tail"]}, {"on CPU", "runnable"})
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
