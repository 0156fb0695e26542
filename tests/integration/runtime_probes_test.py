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
with open(os.path.join(support.SOURCE_DIR, "tests", "data", "runtimes", "tiny.json"), encoding="utf-8") as given:
    DESCRIPTION = json.load(given)

SIZES = (0, 1, 7, 8, 9, 129, 65536, 65537)  # of tiny_threshold, in turn
TOO_LARGE = 65537
SPIKESPACE = 'u32(*(data("tiny::_array_{1}__spikespace")) + 4*file_u32("tiny::_num__array_{1}__spikespace") - 4)'


def fired(size):
    """How many cells of tiny_threshold have fired: each third, of the 8 all, 255 times."""
    return 8 * 255 if size == 8 else (size + 2) // 3


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

    def test_what_is_called_first_after_probes_were_taken_off_is_seen(self):
        """Both places share a link: the second one's probe is another one by then, and counts."""
        with open(self.file("late.json"), "w", encoding="utf-8") as file:
            json.dump({"schema": "neuroperf.runtime/1", "name": "late", "title": "Late", "tested": "here",
                       "match": {"files": ["late_runtime"]},
                       "places": [{"name": name, "means": "layer", "find": {"symbol": f"late_{name}"}}
                                  for name in ("always", "second")]}, file)
        report = self.record(support.program("late_runtime"),
                             options=("--runtime-file", self.file("late.json"), "--probe-budget", "5")).report()
        self.assertIn("runtime_sampled", support.quality_codes(report))
        self.assertNotIn("runtime_not_put_back", support.quality_codes(report))
        calls = {row["name"]: row["calls"] for row in report["layers"]}
        self.assertGreater(calls["second"], 100)
        self.assertGreater(calls["always"], calls["second"])

    def test_a_budget_that_what_is_recorded_whole_exceeds(self):
        """Then what costs little is left where it is, and the report says that the budget was not kept."""
        def change(description):
            description["places"][1] = {"name": "load", "means": "phase", "find": {"exported": "tiny_load"}}
        recording = self.record(support.program("tiny_app"), LIBRARY, "40000",
                                options=("--runtime-file", self.describe(change)))
        report = recording.report()
        codes = support.quality_codes(report)
        self.assertIn("runtime_over_budget", codes)
        self.assertNotIn("runtime_sampled", codes)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("step", 40000)])
        self.assertIn(f"spikes {sum(row['spikes'] or 0 for row in report['layers'])}", recording.stdout)

    def test_calls_that_an_exception_ends_nest_still(self):
        report = self.record_app(100).report()
        by_name = {row["name"]: row for row in report["layers"]}
        def measured(row):  # before what probes cost was taken out of it
            return row["total_ns"] + row["probe_cost_ns"]
        self.assertGreaterEqual(measured(by_name["block"]), measured(by_name["inner"]))
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

    def test_names_on_pages_that_nobody_has_touched(self):
        report = self.record_app(20, description=self.with_places(
            {"name": "lookup", "means": "layer", "find": {"exported": "tiny_lookup"}, "identity": "arg2",
             "layer": "c_string(arg2)", "kind": "type_name(arg3)"})).report()
        (row,) = [row for row in report["layers"] if row["name"] == "a name that nobody has read"]
        self.assertEqual((row["kind"], row["calls"]), ("tiny::Lookup", 20))

    def with_places(self, *places, **more):
        def change(description):
            description["places"] += places
            description.update(more)
        return self.describe(change)

    @staticmethod
    def spikes_of(recording, name):
        """The count of each hit, in order."""
        names = recording.layer_names()
        return [int(event.fields["count"]) for event in recording.events()
                if event.name == "neuroperf:spikes" and names[event.fields["layer"]] == name]

    def test_bytes_that_a_function_returns_are_summed_at_its_exit(self):
        recording = self.record_app(80, description=self.with_places(
            {"name": "fired", "means": "spikes", "find": {"exported": "tiny_threshold"}, "at": "exit",
             "count": "sum_u8(*(result), u64(result+8))"}))
        self.assertEqual(self.spikes_of(recording, "fired"),
                         [fired(size) for size in SIZES if size != TOO_LARGE] * 10)
        report = recording.report()
        (left_out,) = [item for item in report["quality"] if item["code"] == "runtime_sums_too_large"]
        self.assertIn("10 times a runtime's description names more than 65536 bytes", left_out["text"])
        self.assertEqual(left_out["severity"], "data_loss")
        self.assertNotIn("runtime_memory_unreadable", support.quality_codes(report))
        (spikes,) = [row["spikes"] for row in report["layers"] if row["name"] == "fired"]
        self.assertEqual(spikes, 10 * sum(fired(size) for size in SIZES if size != TOO_LARGE))

    def test_sums_that_fit_are_not_told(self):
        report = self.record_app(7, description=self.with_places(
            {"name": "fired", "means": "spikes", "find": {"exported": "tiny_threshold"}, "at": "exit",
             "count": "sum_u8(*(result), u64(result+8))"})).report()
        self.assertNotIn("runtime_sums_too_large", support.quality_codes(report))

    def test_elements_of_a_vector_are_counted(self):
        recording = self.record_app(30, description=self.with_places(
            {"name": "events", "means": "spikes", "find": {"exported": "tiny_threshold"}, "at": "exit",
             "count": "vector_size(result+16, 4)"}))
        self.assertEqual(self.spikes_of(recording, "events"), [step * 7 % 50 for step in range(30)])

    def test_a_vector_that_ends_before_it_begins_is_none(self):
        recording = self.record_app(30, description=self.with_places(  # a pointer, and a number behind it
            {"name": "events", "means": "spikes", "find": {"exported": "tiny_threshold"}, "at": "exit",
             "count": "vector_size(result, 4)"}))
        self.assertEqual(self.spikes_of(recording, "events"), [])
        self.assertIn("runtime_memory_unreadable", support.quality_codes(recording.report()))

    def test_bytes_that_are_not_there_are_no_spikes(self):
        recording = self.record_app(8, description=self.with_places(  # one more than there are, behind which is nothing
            {"name": "fired", "means": "spikes", "find": {"exported": "tiny_threshold"}, "at": "exit",
             "count": "sum_u8(*(result), u64(result+8)+1)"}))
        self.assertEqual(self.spikes_of(recording, "fired"), [])
        codes = support.quality_codes(recording.report())
        self.assertIn("runtime_memory_unreadable", codes)
        self.assertIn("runtime_sums_too_large", codes)

    def test_spikes_stand_in_data_of_the_file(self):
        place = {"name": "spikes of {1}", "means": "spikes", "find": {"exported": "_run_*_thresholder_codeobject(int)"},
                 "count": SPIKESPACE}
        at_exit = self.record_app(50, description=self.with_places({**place, "at": "exit"}))
        self.assertEqual(self.spikes_of(at_exit, "spikes of cells"), list(range(50)))
        self.assertEqual(self.spikes_of(at_exit, "spikes of axons"), list(range(0, 50000, 1000)))
        at_entry = self.record_app(50, description=self.with_places(place))
        self.assertEqual(self.spikes_of(at_entry, "spikes of cells"), [0, *range(49)])
        self.assertEqual(self.spikes_of(at_entry, "spikes of axons"), [0, *range(0, 49000, 1000)])

    def test_functions_whose_data_the_file_has_not_are_not_meant(self):
        report = self.record_app(5, description=self.with_places(
            {"name": "spikes of {1}", "means": "spikes", "find": {"exported": "_run_*_thresholder_codeobject(int)"},
             "count": 'u32(data("tiny::missing_{1}"))'})).report()
        (places,) = [item for item in report["quality"] if item["code"] == "runtime_places"]
        self.assertIn("3 of 4 places found; missing: spikes of {1}", places["text"])

    def test_functions_in_tables(self):
        description = self.with_places({"name": "api step", "means": "phase",
                                        "find": {"table": "tiny_api_base", "slots": [0, 2]}})
        report = self.record_app(40, description=description).report()
        self.assertEqual([row["calls"] for row in report["layers"] if row["name"] == "api step"], [40])
        listed = support.run([support.NEUROPERF, "list", "runtimes", "--in", LIBRARY, "--runtime-file", description])
        self.assertIn("4 of 4 places found", listed.stdout)

    def inner_layers(self, names_stay_us, *places):
        """Calls by name of the layer whose memory means another one from step 50 on."""
        def change(description):
            description["places"][1]["names_stay_us"] = names_stay_us
            description["places"] += places
        report = self.record_app(100, description=self.describe(change)).report()
        rows = {row["name"]: row["calls"] for row in report["layers"] if row["calls"]}
        self.assertEqual((rows[LONG_NAME], rows["spiking"], rows["block"]), (100, 100, 100))
        return {name: calls for name, calls in rows.items() if "inner" in name}

    def test_names_that_stay_are_not_read_again_until_they_are_renewed(self):
        renewal = {"name": "rename", "means": "renewal", "find": {"exported": "tiny_rename"}}
        self.assertEqual(self.inner_layers(1_000_000), {"inner": 100}, "the description promises too much")
        self.assertEqual(self.inner_layers(1_000_000, renewal), {"inner": 50, "other inner": 50})

    def test_names_stay_no_longer_than_described(self):
        self.assertEqual(self.inner_layers(1), {"inner": 50, "other inner": 50})

    def test_kinds_by_number(self):
        def change(description):
            description["places"][1].update(kind="u64(*(arg1+8))", kinds=["undef", "lif", "conv"])
        report = self.record_app(10, description=self.describe(change)).report()
        kinds = {row["name"]: row["kind"] for row in report["layers"] if row["calls"]}
        self.assertEqual(kinds, {LONG_NAME: "undef", f"start-up: {LONG_NAME}": "undef", "spiking": "lif", "inner": "conv",
                                 "block": "3"})

    def test_classes_name_layers(self):
        def change(description):
            description["places"][1].update(identity="arg1", layer="type_name(arg1)", kind="type_name(arg1)")
        report = self.record_app(10, description=self.describe(change)).report()
        layers = {row["name"]: (row["kind"], row["calls"]) for row in report["layers"] if row["calls"]}
        scope = "tiny::(anonymous namespace)::"
        self.assertEqual(layers, {f"start-up: {scope}Dense": (f"{scope}Dense", 1), f"{scope}Dense": (f"{scope}Dense", 10),
                                  f"{scope}Dense #2": (f"{scope}Dense", 10), f"{scope}Spiking": (f"{scope}Spiking", 10),
                                  f"{scope}Block": (f"{scope}Block", 10)})

    def test_shapes_are_in_the_name(self):
        def change(description):
            description["places"][1]["shape"] = {"sizes": "*(arg1+8)+80", "count": "u64(*(arg1+8)+72)", "bytes": 4}
        report = self.record_app(10, "--per-shape", description=self.describe(change)).report()
        self.assertEqual({row["name"]: row["calls"] for row in report["layers"] if row["calls"]},
                         {f"start-up: {LONG_NAME} [3x4]": 1, f"{LONG_NAME} [3x4]": 10, "spiking [5]": 10, "inner": 10,
                          "block [65536x4294967295]": 10})
        report = self.record_app(10, description=self.describe(change)).report()
        self.assertIn("spiking", {row["name"] for row in report["layers"]})

    def test_a_program_that_is_a_runtime_is_seen_from_its_first_call_on(self):
        """Its steps are over before anybody could be told that it has started."""
        with open(self.file("early.json"), "w", encoding="utf-8") as file:
            json.dump({"schema": "neuroperf.runtime/1", "name": "early", "title": "Early", "tested": "here",
                       "match": {"files": ["early_runtime"], "exports": "early_run"},
                       "places": [{"name": "run", "means": "inference", "find": {"symbol": "early_run"}},
                                  {"name": "step", "means": "layer", "find": {"symbol": "early_step"}}]}, file)
        for _ in range(5):
            report = self.record(support.program("early_runtime"), options=("--runtime-file", self.file("early.json"))).report()
            self.assertEqual([(row["name"], row["calls"]) for row in report["layers"] if row["calls"]], [("step", 100)])
            self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("run", 1)])

    def test_known_callers_show_even_the_first_end(self):
        def ends(description):
            recording = self.record_app(20, description=description)
            names, counts = recording.layer_names(), {}
            for event in recording.events():
                is_end = event.name in ("neuroperf:layer_end", "neuroperf:probed_end")
                if (is_end or event.name == "neuroperf:layer_begin") and event.fields["layer"] in names:
                    counts.setdefault(names[event.fields["layer"]], [0, 0])[is_end] += 1
            return {name: counts[name] for name in (LONG_NAME, "spiking")}
        self.assertEqual(ends(self.with_places(callers=["tiny_run"])), {LONG_NAME: [20, 20], "spiking": [20, 20]})
        for begins, seen in ends(self.describe()).values():
            self.assertEqual(begins, 20)
            self.assertLess(seen, 20, "the first call's end is not seen where nobody names its caller")

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

    def test_list_says_what_descriptions_see(self):
        listed = support.run([support.NEUROPERF, "list", "runtimes"]).stdout
        old = listed[listed.index("onnxruntime-old ONNX Runtime (1.14 to 1.16)"):]
        self.assertIn("sees     session run (inference), node (operator)\n", old[:old.index("tested")])
        self.assertNotIn("renewal", listed)

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

    def record_running(self, *before):
        process = subprocess.Popen([support.program("tiny_app"), LIBRARY, "20000000"], stdout=subprocess.PIPE, text=True)
        try:
            time.sleep(0.3)
            result = support.run([*before, support.NEUROPERF, "record", "-o", self.file("run.data"), "-p", str(process.pid), "-d",
                                  "0.5", "--probe-budget", "100", "--runtime-file", self.describe()])
            self.assertEqual(result.returncode, 0, result.stderr)
        finally:
            process.kill()
            process.communicate()
        report = support.Recording(self.file("run.data"), result).report()
        calls = {row["name"]: row["calls"] for row in report["layers"] if row["calls"]}
        self.assertEqual(set(calls), {LONG_NAME, "spiking", "other inner", "block"})
        self.assertGreater(calls["spiking"], 100)
        calls["step"] = sum(row["calls"] for row in report["inferences"])
        self.assertLessEqual(max(calls.values()) - min(calls.values()), 2 + 2 * int(re.search(
            r", (\d+) lost", result.stderr).group(1)))

    def test_running_process(self):
        self.record_running()

    def test_running_process_without_perf_events(self):
        """Where a container may use bpf, but not perf_event_open."""
        self.record_running(support.program("deny_perf"), "EPERM-but-bpf")


if __name__ == "__main__":
    support.main()
