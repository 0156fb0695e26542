#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Descriptions of runtimes whose hardware is not here, held against libraries of our own that export the same names.

This tests that the descriptions match, and that what they describe is counted: not the real runtimes.
"""
import json
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
import support  # pylint: disable=wrong-import-position

DESCRIPTIONS = os.path.join(support.SOURCE_DIR, "data", "runtimes")
CALLS = 40
WORK_NS = 500_000    # npu_api_doubles.cpp: how long an inference takes
LATE_NS = 2_000_000  # npu_app.cpp: how long after its begin a request is waited for, at least
# File of the library -> who describes it, and how many places that names.
LIBRARIES = {
    "libopenvino.so.2520": ("openvino", 3),
    "libopenvino_c.so.2520": (None, 0),  # calls the one above, where it is seen
    "libtensorflowlite_c.so": ("tflite", 1),
    "libtensorflowlite.so": ("tflite-cpp", 1),
    "librknnrt.so": ("rknn", 1),
    "librknn_api.so": ("rknn", 1),
    "libhailort.so.5.2.0": ("hailort", 3),
    "libxrt_coreutil.so.2": ("xrt", 4),
    "libze_loader.so.1": ("level-zero", 5),
}
DESCRIBED = sorted({described for described, _ in LIBRARIES.values() if described})


def description(name):
    return os.path.join(DESCRIPTIONS, f"{name}.json")


def read_description(name):
    with open(description(name), encoding="utf-8") as file:
        return json.load(file)


def by_name(rows):
    """Calls of each object, whose names differ by a number: {"run": [80, 40]}."""
    calls = {}
    for row in rows:
        calls.setdefault(re.sub(r"^start-up: | #\d+$", "", row["name"]), []).append(row["calls"])
    return {name: sorted(of_objects) for name, of_objects in calls.items()}


class NpuApis(support.IntegrationTest):
    def test_each_library_is_known_by_its_description_alone_and_every_place_is_found(self):
        files = [word for name in DESCRIBED for word in ("--runtime-file", description(name))]
        for name, (described, places) in LIBRARIES.items():
            with self.subTest(library=name):
                result = support.run([support.NEUROPERF, "list", "runtimes", "--in",
                                      support.program(os.path.join("npu", name)), *files])
                found = re.findall(r"^(.+) in \S+: (\d+) of (\d+) places found", result.stdout, re.M)
                expected = [(read_description(described)["title"], str(places), str(places))] if described else []
                self.assertEqual(found, expected, result.stdout + result.stderr)

    def test_hardware_is_not_claimed(self):
        for name in DESCRIBED:
            self.assertTrue(read_description(name)["tested"].startswith("untested on hardware: names of "), name)

    def record_double(self, described, program):
        support.require_root(self)
        recording = self.record(support.program(os.path.join("npu", f"npu_app_{program or described}")), CALLS,
                                options=("--runtime-file", description(described)), timeout=60)
        self.assert_recorded(recording)
        self.assertEqual(recording.summary.lost, 0)
        report = recording.report()
        # Whether the program was held does not matter: it sleeps first.
        self.assertNotIn("runtime_callers_not_probed", support.quality_codes(report))
        return json.loads(recording.stdout.strip().splitlines()[-1]), report

    def assert_counted(self, described, program=None, requests=(), waits=0, without_end=0):
        """`requests`: what one thread submits and another one waits for, at `waits` places in the program each;
        of `without_end` more the description sees the begin only."""
        own, report = self.record_double(described, program)
        seen = by_name(report["inferences"] + report["layers"])
        self.assertEqual(set(seen), set(own))
        for name in set(own) - set(requests):
            self.assertEqual(seen[name], sorted(own[name]), name)
        for row in report["inferences"]:
            self.assertGreaterEqual(row["min_ns"], LATE_NS if row["name"] in requests else WORK_NS, row["name"])
        # The first wait at a place in the program may be left out, and is told then.
        left_out = 0
        for name in requests:
            left_out_here = sum(own[name]) - sum(seen[name])
            self.assertIn(left_out_here, range(waits + 1), name)
            left_out += left_out_here
        told = [int(item["text"].split()[0]) for item in report["quality"] if item["code"] == "begin_without_end"]
        self.assertEqual(sum(told), left_out + without_end, report["quality"])

    def test_openvino(self):
        self.assert_counted("openvino", requests=["request"], waits=1)

    def test_openvino_by_its_c_interface_is_counted_once(self):
        self.assert_counted("openvino", "openvino_c", requests=["request"], waits=1)

    def test_tflite(self):
        self.assert_counted("tflite")

    def test_tflite_by_its_cpp_interface(self):
        self.assert_counted("tflite-cpp")

    def test_rknn(self):
        self.assert_counted("rknn")

    def test_hailort(self):
        self.assert_counted("hailort")

    def test_xrt_by_both_interfaces(self):
        self.assert_counted("xrt", requests=["run"], waits=4)

    def test_level_zero(self):
        # What is waited for by its fence is not waited for by its queue, and the other way round.
        self.assert_counted("level-zero", requests=["command lists (queue)", "command lists (fence)"], waits=1,
                            without_end=2 * CALLS)


if __name__ == "__main__":
    support.main()
