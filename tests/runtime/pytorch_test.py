#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Operators, layers and spikes of PyTorch, compared with its own profiler and with the network's own sums, in one
process."""
import collections
import json
import os

import runtime_support
import support

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's PyTorch is of Debian's Python
DESCRIPTION = os.path.join(support.SOURCE_DIR, "data", "runtimes", "pytorch.json")
# Of oneDNN, which PyTorch calls, nothing is asked here.
EXACT = ("--runtime", "pytorch", *runtime_support.EXACT)
# Modules of workloads/torch_net.py: operator of the module, calls in one pass.
MODULES = {
    "stem": ("conv2d", 1), "layer1.0.conv1": ("conv2d", 1), "layer1.0.norm1": ("batch_norm", 1),
    "layer1.0.conv2": ("conv2d", 1), "layer1.0.norm2": ("group_norm", 1), "layer1.1.conv1": ("conv2d", 1),
    "layer1.1.norm1": ("batch_norm", 1), "layer1.1.conv2": ("conv2d", 1), "layer1.1.norm2": ("group_norm", 1),
    "up": ("conv_transpose2d", 1), "wave": ("conv1d", 1), "words": ("embedding", 1), "norm": ("layer_norm", 1),
    "lstm": ("lstm", 1), "gru": ("gru", 1), "twice": ("linear", 2), "head": ("linear", 1),
}


class PyTorch(runtime_support.RuntimeTest):
    def command(self, script, *options):
        support.require(self, "runtime", os.path.exists("/usr/lib/python3/dist-packages/torch"),
                        "python3-torch is not installed")
        return SYSTEM_PYTHON, "-B", "-W", "ignore", os.path.join(runtime_support.HERE, "workloads", script), *options

    def record_torch(self, script, *options, recorder=EXACT):
        return self.record_workload(*self.command(script, *options), runtime="PyTorch", options=recorder)

    def assert_operators(self, own, report, least):
        """As many calls of each as PyTorch counts, and no other operators."""
        seen = collections.Counter()
        for row in report["layers"]:
            if row["kind"] == "operator":
                function = row["name"].partition("::")[2]
                self.assertIn(function, own["functions"])
                seen[own["functions"][function]] += row["calls"]
        self.assertGreaterEqual(len(seen), least)
        self.assertEqual(dict(seen), {name: operator["calls"] for name, operator in own["operators"].items()})

    def test_operators_of_a_net(self):
        recording, report = self.record_runtime(*self.command("torch_net.py", "--passes", 3), options=EXACT)
        self.assert_operators(self.told_by(recording), report, least=70)
        self.assert_kinds_are_operators(report)
        self.assert_operators_nest(recording)

    def assert_kinds_are_operators(self, report):
        rows = [row for row in report["layers"] if row["kind"] != "operator"]
        self.assertEqual({row["name"].partition(" ")[0] for row in rows}, {kind for kind, _ in MODULES.values()})
        self.assertTrue(all(row["name"].partition(" ")[0] == row["kind"] for row in rows), rows)

    def assert_operators_nest(self, recording):
        parents = collections.defaultdict(set)
        names, open_layers = recording.layer_names(), []
        for event in recording.events():
            if event.name == "neuroperf:layer_begin":
                name = names[event.fields["layer"]]
                parents[name].update(open_layers[-1:])
                open_layers.append(name)
            elif event.name == "neuroperf:layer_end":
                open_layers.pop()
        self.assertEqual(parents["aten::_convolution"], {"aten::convolution"})
        self.assertIn("aten::conv2d", parents["aten::convolution"] | parents["conv2d"])

    def test_operators_of_training(self):
        self.assert_operators(*self.record_torch("torch_net.py", "--train"), least=90)

    def test_operators_that_a_script_calls_itself_are_not_seen_and_what_they_call_is(self):
        own, report = self.record_torch("torch_net.py", "--script")
        calls = self.calls(report)
        self.assertNotIn("aten::conv2d", calls)
        for name in ("convolution", "_convolution", "addmm", "clamp_min", "native_batch_norm"):
            self.assertEqual(calls["aten::" + name], own["operators"]["aten::" + name]["calls"], name)

    @support.best_of_three
    def test_times(self):
        """The first call from each place in the code has no time here, and the slowest are among those: medians."""
        own, report = self.record_torch("torch_net.py", "--passes", 12, "--size", 128)
        rows = {row["name"]: row for row in report["layers"]}
        for name in ("aten::conv2d", "aten::_convolution", "aten::mkldnn_convolution"):
            microseconds = own["operators"][name]["p50_us"]
            self.assertGreater(microseconds, 100, name)
            self.assertAlmostEqual(rows[name]["p50_ns"] / 1e3, microseconds, delta=0.3 * microseconds, msg=name)

    def test_layers_by_weight(self):
        """Each weight is one layer, known by its address, which stands here where the type stands else."""
        with open(DESCRIPTION, encoding="utf-8") as file:
            description = json.load(file)
        description["places"] = [{**place, "kind": place["identity"], "kinds": ["none"]}
                                 for place in description["places"] if place["means"] == "layer"]
        path = self.file("addresses.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(description, file)
        own, report = self.record_torch("torch_net.py", "--passes", 3, recorder=("--runtime-file", path, *EXACT))
        names = {int(address, 16): name for name, address in own["weights"].items()}
        seen = {}
        for row in report["layers"]:
            seen[names[int(row["kind"])], row["name"].partition(" ")[0]] = row["calls"]
        self.assertEqual(len(seen), len(report["layers"]))
        for module, (kind, calls) in MODULES.items():
            weight = module + (".weight_ih_l0" if kind in ("lstm", "gru") else ".weight")
            self.assertEqual(seen.pop((weight, kind)), 3 * calls, module)
        # Recurrent layers use linear ones.
        self.assertEqual(set(seen), {(f"{name}.weight_{part}_l0", "linear") for name in ("lstm", "gru")
                                     for part in ("ih", "hh")})

    def test_layers_have_the_names_of_modules(self):
        _, report = self.record_torch("torch_net.py", "--passes", 3, recorder=("--python-names", *EXACT))
        calls = {(row["name"], row["kind"]): row["calls"] for row in report["layers"] if row["kind"] != "operator"}
        for module, (kind, in_a_pass) in MODULES.items():
            self.assertEqual(calls.pop((module, kind)), 3 * in_a_pass, module)
        # Recurrent layers use linear ones, with two of their weights each.
        self.assertEqual(set(calls), {(name, "linear") for name in ("lstm", "lstm #2", "gru", "gru #2")})
        told = [item["text"] for item in report["quality"] if item["code"] == "python_names"]
        self.assertRegex(told[0], r"^Python told \d+ names of parameters; 21 layers are named by them$")

    def assert_spikes(self, own, report):
        rows = [row["spikes"] for row in report["layers"] if row["kind"] == "spikes"]
        self.assertGreater(min(own["spikes"].values()), 0)
        self.assertEqual(sorted(rows), sorted(own["spikes"].values()))
        self.assert_operators(own, report, least=20)

    def test_spikes_of_a_comparison_with_a_tensor(self):
        self.assert_spikes(*self.record_torch("torch_snn.py", "--compare", "gt", "--threshold-tensor"))

    def test_populations_by_shape(self):
        own, report = self.record_torch("torch_snn.py", recorder=("--per-shape", *EXACT))
        self.assert_spikes(own, report)
        spikes = {row["name"]: row["spikes"] for row in report["layers"] if row["kind"] == "spikes"}
        self.assertEqual(spikes, {"spikes of aten::ge_Scalar [4x200]": own["spikes"]["hidden"],
                                  "spikes of aten::ge_Scalar [4x10]": own["spikes"]["output"]})


if __name__ == "__main__":
    support.main()
