#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Workloads of Arm NN on its reference back end, compared with its own profile (IProfiler), in the same process."""
import collections
import os
import re

import runtime_support
import support

# RefConvolution2dWorkload_Execute_#8: the number is the event's place in one inference.
EXECUTED = re.compile(r"^(\w+)_Execute_#\d+$")
COPIES = "CopyMemGenericWorkload"


def measured(profile):
    """Workload type -> how often each workload of this type has run."""
    found = collections.defaultdict(list)
    for name, event in profile.items():
        if not isinstance(event, dict):
            continue
        match = EXECUTED.match(name)
        if match:
            (times,) = [value["raw"] for key, value in event.items() if re.match(r"Wall clock time_#\d+$", key)]
            found[match[1]].append(len(times))
        for inner, calls in measured(event).items():
            found[inner] += calls
    return dict(found)


class ArmNn(runtime_support.RuntimeTest):
    def record_net(self, inferences=50, options=()):
        program = support.program("armnn_net")
        support.require(self, "runtime", os.path.exists(program), "libarmnn-dev is not installed")
        recording, report = self.record_runtime(program, "--inferences", inferences, "--wait", runtime_support.WAIT_MS,
                                                options=(*runtime_support.EXACT, *options))
        told = self.told_places(report)
        self.assertEqual(sorted(re.match(r"Arm NN in (?:\S*/)?(\S+?\.so)", text)[1] for text in told),
                         ["Arm_CpuRef_backend.so", "libarmnn.so"], report["quality"])
        return self.told_by(recording), report

    @staticmethod
    def workloads(report):
        """Workload type as the profile names it -> calls of each, from the layers' kinds and names."""
        found = collections.defaultdict(list)
        for row in report["layers"]:
            name = re.sub(r"( \[[\dx]+\])?( #\d+)?$", "", row["name"])
            if name != COPIES:
                found[f"Ref{name}Workload"].append(row["calls"])
        return dict(found)

    def test_each_workload_has_its_kind_and_its_count(self):
        own, report = self.record_net()
        profile = measured(own["profile"])
        copies = profile.pop("CopyMemGeneric")
        self.assertEqual({kind: len(calls) for kind, calls in profile.items()},
                         {"RefConvolution2dWorkload": 2, "RefAdditionWorkload": 1, "RefActivationWorkload": 2,
                          "RefPooling2dWorkload": 1, "RefReshapeWorkload": 1, "RefFullyConnectedWorkload": 1,
                          "RefSoftmaxWorkload": 1})
        self.assertEqual(self.workloads(report), profile)
        self.assertEqual(self.calls(report)[COPIES], sum(copies))
        for row in report["layers"]:
            name = re.sub(r" #\d+$", "", row["name"])
            kind = {COPIES: "phase", "Addition": "armnn::RefElementwiseWorkload"}.get(name, f"armnn::Ref{name}Workload")
            self.assertEqual(row["kind"], kind)
        self.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]],
                         [("enqueue workload", own["inferences"])])
        self.assertEqual({name for name in (row["name"] for row in report["layers"])
                          if name.startswith(runtime_support.START_UP)}, set())
        self.assert_ends_were_seen(report["layers"], least=1)

    def test_shapes_are_those_of_the_outputs(self):
        own, report = self.record_net(options=("--per-shape",))
        self.assertEqual(self.workloads(report), {kind: calls for kind, calls in measured(own["profile"]).items()
                                                  if kind != "CopyMemGeneric"})
        self.assertEqual(sorted(row["name"] for row in report["layers"] if row["name"] != COPIES),
                         ["Activation [1x10]", "Activation [1x16x16x4]", "Addition [1x16x16x4]",
                          "Convolution2d [1x16x16x4]", "Convolution2d [1x16x16x4] #2", "FullyConnected [1x10]",
                          "Pooling2d [1x8x8x4]", "Reshape [1x256]", "Softmax [1x10]"])


if __name__ == "__main__":
    support.main()
