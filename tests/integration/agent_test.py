#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent inside a launched program: every call is told once, whatever the program does, and it computes the same."""
import json
import os
import platform
import re
import signal
import subprocess
import time

import support

LONG_NAME = "a name that does not fit into a small string"
DESCRIPTION = {
    "schema": "neuroperf.runtime/1", "name": "nodes", "title": "Nodes", "tested": "here",
    "match": {"files": ["virtual_nodes"]},
    "places": [
        {"name": "pass", "means": "inference", "find": {"symbol": "nodes_pass"}},
        {"name": "node", "means": "operator", "successive": True, "find": {"class": "N5nodes4NodeE", "slot": 2},
         "identity": "arg2", "names_stay_us": 1000, "in_registers": True, "layer": "std_string(arg2+8)"},
    ],
}


def expected(passes):
    """Calls by name. Twice::run calls what it overrides, which is no node of its own."""
    return {"plain": passes, LONG_NAME: passes, "failing": passes, "block": passes, "inner": passes // 2,
            "other inner": (passes + 1) // 2, "odd": (passes + 1) // 2, "even": passes // 2}


def times(counts, factor):
    return {name: calls * factor for name, calls in counts.items()}


class Agent(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        support.require(self, "x86-64", platform.machine() == "x86_64", "there is no agent for this CPU")

    def record_nodes(self, *arguments, options=(), budget="100", command=None, description=None):
        with open(self.file("nodes.json"), "w", encoding="utf-8") as file:
            json.dump(description or DESCRIPTION, file)
        recording = self.record(*(command or [support.program("virtual_nodes")]), *map(str, arguments),
                                options=("--agent", "--probe-budget", budget, "--runtime-file", self.file("nodes.json"), *options))
        self.assert_recorded(recording)
        self.assertEqual(recording.summary.lost, 0)
        return recording

    def assert_calls(self, report, wanted):
        """Of all objects of that name, and outside of passes too."""
        calls = {}
        for row in report["layers"]:
            name = row["name"].removeprefix("start-up: ").partition(" #")[0]
            calls[name] = calls.get(name, 0) + row["calls"]
        self.assertEqual(calls, wanted)

    def hits(self, recording, probes):
        """Of the kind of probes that is so called: the last word counts."""
        return max((int(event.fields["hits"]) for event in recording.events()
                    if event.name == "neuroperf:runtime_probes" and event.fields["probes"].strip('"') == probes), default=0)

    def assert_same_output(self, recording, *arguments):
        plain = support.run([support.program("virtual_nodes"), *map(str, arguments)])
        self.assertIn(plain.stdout, recording.stdout)
        self.assertIn("sum ", plain.stdout)

    def test_every_call_is_told_once_and_the_program_computes_the_same(self):
        passes = 20000
        recording = self.record_nodes(passes)
        report = recording.report()
        self.assert_calls(report, expected(passes))
        self.assert_same_output(recording, passes)
        self.assertEqual([row["calls"] for row in report["inferences"]], [passes])
        told = self.hits(recording, "agent staying entry")
        # Names that change from pass to pass are read anew each time, by a probe.
        self.assertGreater(told, 0.8 * sum(calls for name, calls in expected(passes).items()
                                           if name not in ("odd", "even")))
        rows = {row["name"]: row for row in report["layers"]}
        self.assertGreaterEqual(rows["block"]["total_ns"] + rows["block"]["probe_cost_ns"],
                                rows["inner"]["total_ns"] + rows["inner"]["probe_cost_ns"])
        self.assertNotIn("unbalanced_layers", support.quality_codes(report))
        self.assertIn("agent", support.quality_codes(report))
        self.assertNotIn("agent_incomplete", support.quality_codes(report))
        (runtime,) = report["runtimes"]
        self.assertTrue(0 < runtime["agent_staying_entry_ns"] < runtime["emulated_staying_entry_ns"], runtime)

    def test_a_wrong_description_does_no_harm(self):
        """These take arguments on the stack, and the identity is another argument."""
        passes = 20000
        wrong = json.loads(json.dumps(DESCRIPTION))
        wrong["places"][1].update(find={"class": "N5nodes4NodeE", "slot": 3}, identity="arg1", layer="std_string(arg1+8)")
        recording = self.record_nodes(passes, description=wrong)
        self.assertGreater(self.hits(recording, "agent staying entry"), 0.5 * passes)
        self.assert_same_output(recording, passes)
        self.assertEqual([row["calls"] for row in recording.report()["layers"]], [passes])
        wrong["places"][1]["identity"] = "arg3"
        self.assert_same_output(self.record_nodes(passes, description=wrong), passes)

    def test_a_thread_each_and_more_threads_than_rings(self):
        for threads in (3, 80):
            with self.subTest(threads):
                passes = 60000 // threads
                recording = self.record_nodes(passes, "--threads", threads, options=("-m", "32M"))
                self.assert_calls(recording.report(), times(expected(passes), threads))
                self.assertGreater(self.hits(recording, "agent staying entry"), 0)
                self.assertIn(f"thrown {passes // 7 * threads} ", recording.stdout)

    def test_a_forked_child_is_recorded_by_probes(self):
        passes = 8000
        recording = self.record_nodes(passes, "--fork")
        self.assert_calls(recording.report(), times(expected(passes), 2))
        processes = {event.pid for event in recording.events() if event.name == "neuroperf:layer_begin"}
        self.assertEqual(len(processes), 2)
        self.assertGreater(self.hits(recording, "agent staying entry"), 0)

    @support.best_of_three
    def test_a_program_that_becomes_itself_again(self):
        passes = 8000
        recording = self.record_nodes(passes, "--exec", 2)
        self.assert_calls(recording.report(), times(expected(passes), 3))
        self.assertEqual(recording.stdout.count("sum "), 3)
        self.assertGreater(self.hits(recording, "agent staying entry"), 0.5 * 3 * passes)

    @support.best_of_three
    def test_children_of_a_shell(self):
        passes = 8000
        nodes = support.program("virtual_nodes")
        recording = self.record_nodes(command=["sh", "-c", f"{nodes} {passes}; sleep 0.3; {nodes} {passes}"])
        self.assert_calls(recording.report(), times(expected(passes), 2))
        self.assertGreater(self.hits(recording, "agent staying entry"), 0.5 * 2 * passes)

    def test_two_processes_at_a_time_are_recorded_by_probes(self):
        passes = 20000
        recording = self.record_nodes(passes, "--pair")
        report = recording.report()
        self.assert_calls(report, times(expected(passes), 2))
        self.assertIn("agent_given_back", support.quality_codes(report))

    @support.best_of_three
    def test_a_second_process_that_comes_later(self):
        nodes = support.program("virtual_nodes")
        recording = self.record_nodes(command=["sh", "-c", f"{nodes} 100000 & sleep 0.3; {nodes} 2000; wait"])
        report = recording.report()
        told = self.hits(recording, "agent staying entry")
        self.assertGreater(told, 10000)
        self.assertLess(told, 0.9 * 5 * 100000, "from then on by probes")
        self.assertIn("agent_given_back", support.quality_codes(report))
        self.assert_calls(report, {name: calls + expected(2000)[name] for name, calls in expected(100000).items()})

    def test_a_handler_that_interrupts_a_call(self):
        passes = 20000
        recording = self.record_nodes(passes, "--signals")
        handled = int(re.search(r"handled (\d+)", recording.stdout).group(1))
        self.assertGreater(handled, 1000)
        report = recording.report()
        # While ends are not seen yet, two in a row of the same object look like one that calls what it overrides.
        told = sum(row["calls"] for row in report["layers"] if row["name"].removeprefix("start-up: ") == "in handler")
        self.assertLessEqual(told, handled)
        self.assertGreater(told, 0.999 * handled)
        self.assert_calls(report, {**expected(passes), "in handler": told})

    def test_the_budget_is_kept(self):
        report = self.record_nodes(60000, budget="1").report()
        self.assertIn("runtime_sampled", support.quality_codes(report))

    @support.best_of_three
    def test_a_program_that_cannot_have_it_is_recorded_by_probes(self):
        passes = 5000
        nodes = support.program("virtual_nodes")
        recording = self.record_nodes(command=["env", "-u", "LD_PRELOAD", nodes, str(passes)])
        report = recording.report()
        self.assert_calls(report, expected(passes))
        (text,) = [item["text"] for item in report["quality"] if item["code"] == "agent_incomplete"]
        self.assertIn("not in the program", text)

    def test_its_environment_in_a_program_without_a_recorder(self):
        """Descriptors of others, or none, are left alone."""
        library = os.path.join(os.path.dirname(support.NEUROPERF), "neuroperf-agent.so")
        for given in ("", "1:2:abc", "999:998:0", "x", "0:0:0"):
            done = support.run([support.program("virtual_nodes"), "100"],
                               env={**os.environ, "LD_PRELOAD": library, "NEUROPERF_AGENT": given})
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_program_goes_on_when_the_recorder_is_killed(self):
        passes = 300_000
        with open(self.file("nodes.json"), "w", encoding="utf-8") as file:
            json.dump(DESCRIPTION, file)
        recorder = subprocess.Popen([support.NEUROPERF, "record", "-q", "--agent", "--probe-budget", "100",
                                     "--runtime-file", self.file("nodes.json"), "-o", self.file("killed.data"), "--",
                                     support.program("virtual_nodes"), str(passes)], stdout=subprocess.PIPE, text=True)
        time.sleep(1.5)
        recorder.send_signal(signal.SIGKILL)
        output = recorder.communicate()[0] # until the program, which has it too, has ended
        self.assertIn(f"thrown {passes // 7} ", output)
        report = support.Recording(self.file("killed.data"), subprocess.CompletedProcess([], 0, "", "")).report()
        self.assertGreater(sum(row["calls"] for row in report["layers"]), 1000)

    def test_a_program_that_runs_already_has_none(self):
        done = support.run([support.NEUROPERF, "record", "--agent", "-p", str(os.getpid())])
        self.assertEqual(done.returncode, 125)
        self.assertIn("launch it", done.stderr)

    def test_dry_run_says_what_it_does_to_the_program(self):
        done = support.run([support.NEUROPERF, "record", "--agent", "--dry-run", "--", "true"])
        self.assertIn("LD_PRELOAD", done.stdout + done.stderr)


if __name__ == "__main__":
    support.main()
