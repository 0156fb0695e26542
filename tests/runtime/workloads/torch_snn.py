#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two populations of leaky integrate-and-fire neurons in PyTorch. Prints their own spike sums, and the profiler's
counts, as one line of JSON.

  /usr/bin/python3 torch_snn.py [--steps N] [--compare ge|gt] [--threshold-tensor]
"""
import argparse

import torch
from torch import nn

from torch_profile import run_profiled


class Lif(nn.Module):
    """Neurons that spike where their potential compares with the threshold, and are reset by it."""

    def __init__(self, compare, threshold):
        super().__init__()
        self.compare, self.threshold = compare, threshold
        self.potential = 0.0
        self.spikes = 0

    def forward(self, current):
        self.potential = 0.9 * self.potential + current
        spikes = self.compare(self.potential, self.threshold)
        self.potential = self.potential - spikes * self.threshold
        self.spikes += int(spikes.sum())
        return spikes.float()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--steps", type=int, default=100)
    arguments.add_argument("--compare", choices=("ge", "gt"), default="ge")
    arguments.add_argument("--threshold-tensor", action="store_true")
    options = arguments.parse_args()

    def program():
        torch.manual_seed(2)
        threshold = torch.tensor(0.25) if options.threshold_tensor else 0.25
        compare = getattr(torch, options.compare)
        hidden, output = Lif(compare, threshold), Lif(compare, threshold)
        net = nn.Sequential(nn.Linear(64, 200), hidden, nn.Linear(200, 10), output)
        with torch.no_grad():
            for layer in (net[0], net[2]):  # the last neuron spikes too, and the first one
                layer.bias[0] += 1
                layer.bias[-1] += 1
            for _ in range(options.steps):
                net((torch.rand(4, 64) < 0.3).float())
        return {"steps": options.steps, "spikes": {"hidden": hidden.spikes, "output": output.spikes}}

    run_profiled(program)


main()
