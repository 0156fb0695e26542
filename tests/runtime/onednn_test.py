#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Primitives of oneDNN, compared with the lines that it prints for each execution (DNNL_VERBOSE=1), in one process."""
import collections
import os
import re
import unittest.mock

import runtime_support
import support

# onednn_verbose,exec,cpu,KIND,IMPLEMENTATION,...,PROBLEM,MILLISECONDS
EXECUTED = re.compile(
    r"^onednn_verbose,exec,cpu,(?P<description>(?P<kind>\w+),(?P<implementation>[^,]*),.*),[\d.e+-]+$", re.M)

PASSES = 50  # of 1 + 2 + ... + 14 executions


class OneDnn(runtime_support.RuntimeTest):
    def record_net(self, verbose, passes=PASSES, options=()):
        program = support.program("onednn_net")
        support.require(self, "runtime", os.path.exists(program), "libdnnl-dev is not installed")
        with unittest.mock.patch.dict(os.environ, {"DNNL_VERBOSE": str(verbose), "OMP_NUM_THREADS": "1"}):
            recording, report = self.record_runtime(program, "--passes", passes, "--wait", runtime_support.WAIT_MS,
                                                    options=(*runtime_support.EXACT, *options))
        self.assertEqual(["oneDNN" in text and "1 of 1 places found" in text
                          for text in self.told_places(report)], [True], report["quality"])
        return recording, report

    @staticmethod
    def rows(report):
        return sorted((row["kind"], row["calls"], row["name"]) for row in report["layers"])

    def test_each_primitive_has_its_kind_and_its_count(self):
        recording, report = self.record_net(verbose=1)
        executed = list(EXECUTED.finditer(recording.stdout))
        self.assertEqual(len(executed), PASSES * sum(range(1, 15)))
        # Primitives with the same description are one: oneDNN keeps them in a cache.
        calls = collections.Counter(line["description"] for line in executed)
        self.assertEqual(len(calls), 13)
        own = sorted((description.partition(",")[0], count) for description, count in calls.items())
        self.assertEqual([row[:2] for row in self.rows(report)], own)
        self.assertEqual(report["inferences"], [])
        self.assert_ends_were_seen(report["layers"], least=1)

    def test_names_are_the_classes_of_the_implementations(self):
        recording, report = self.record_net(verbose=1)
        implementations = collections.defaultdict(set)
        for line in EXECUTED.finditer(recording.stdout):
            implementations[line["kind"]].add(line["implementation"])
        names = collections.defaultdict(set)
        for kind, _, name in self.rows(report):
            self.assertRegex(name, r"^dnnl::impl::cpu::(\w+::)*\w+_t(<.+>)?( #\d+)?$")
            names[kind].add(re.sub(r" #\d+$", "", name))
        # As many classes as implementations; those whose name says what they are for are of the right kind.
        self.assertEqual({kind: len(known) for kind, known in names.items()},
                         {kind: len(known) for kind, known in implementations.items()})
        for kind in ("batch_normalization", "concat", "convolution", "eltwise", "inner_product", "matmul", "reorder",
                     "sum"):
            for name in names[kind]:
                self.assertIn(kind, name)

    def test_shapes_are_those_of_the_first_argument(self):
        """Of the map that the C++ interface goes through: the destination, or the weights where there is no bias."""
        recording, report = self.record_net(verbose=1, options=("--per-shape",))
        calls = collections.Counter(line["description"] for line in EXECUTED.finditer(recording.stdout))
        own = collections.Counter({(description.partition(",")[0], self.shape_in(description)): count
                                   for description, count in calls.items()})
        self.assertEqual(len(own), 13)
        shapes = {(row["kind"], row["name"].rpartition(" [")[2].rstrip("]")): row["calls"] for row in report["layers"]}
        self.assertEqual(shapes, dict(own))

    @staticmethod
    def shape_in(description):
        """By what the line's last word says: "mb1_ic3oc32_ih32oh32kh3...", or shapes with ":" between them."""
        kind, problem = description.partition(",")[0], description.rpartition(",")[2]
        size = {name: int(number) for name, number in re.findall(r"([a-z]+)(\d+)", problem)}
        if kind == "convolution":
            return "x".join(str(size[name]) for name in ("mb", "oc", "oh", "ow"))
        if kind == "pooling_v2":
            return "x".join(str(size[name]) for name in ("mb", "ic", "oh", "ow"))
        if kind == "inner_product":  # of the weights
            return "x".join(str(size[name]) for name in ("oc", "ic", "ih", "iw"))
        if kind == "batch_normalization":  # of the mean
            return str(size["ic"])
        shapes = problem.split(":")
        if kind == "matmul":
            return shapes[1]
        if kind == "concat":  # along the second dimension
            first, second = (shape.split("x") for shape in shapes)
            return "x".join([first[0], str(int(first[1]) + int(second[1])), *first[2:]])
        return shapes[0]

    def test_without_verbose_the_same_is_seen(self):
        recording, report = self.record_net(verbose=0)
        self.assertNotIn("onednn_verbose", recording.stdout)
        self.assertEqual(self.rows(report), self.rows(self.record_net(verbose=1)[1]))


if __name__ == "__main__":
    support.main()
