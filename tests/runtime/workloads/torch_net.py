#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A small net of the layers that have weights, in PyTorch. Prints the profiler's counts as one line of JSON.

  /usr/bin/python3 torch_net.py [--passes N] [--size PIXELS] [--train] [--script]
"""
import argparse

import torch
from torch import nn

from torch_profile import run_profiled


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding="same", bias=False)
        self.norm2 = nn.GroupNorm(2, channels)

    def forward(self, images):
        inner = torch.relu(self.norm1(self.conv1(images)))
        return torch.relu(self.norm2(self.conv2(inner)) + images)


class Net(nn.Module):
    """Images to a sequence, which recurrent layers read; one layer is used twice."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.layer1 = nn.Sequential(Block(8), Block(8))
        self.up = nn.ConvTranspose2d(8, 4, 2)
        self.wave = nn.Conv1d(4, 6, 3)
        self.words = nn.Embedding(50, 6)
        self.norm = nn.LayerNorm(6)
        self.lstm = nn.LSTM(6, 12, batch_first=True)
        self.gru = nn.GRU(12, 12)
        self.twice = nn.Linear(12, 12)
        self.head = nn.Linear(12, 5, bias=False)

    def forward(self, images, words):
        features = self.up(self.layer1(self.stem(images)))
        sequence = self.wave(features.flatten(2)).transpose(1, 2)
        sequence = self.norm(torch.cat([sequence[:, :20], self.words(words)], 1))
        outputs, _ = self.lstm(sequence)
        outputs, _ = self.gru(outputs)
        return self.head(self.twice(torch.tanh(self.twice(outputs[:, -1]))))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--passes", type=int, default=6)
    arguments.add_argument("--size", type=int, default=32, help="of the images")
    arguments.add_argument("--train", action="store_true", help="with a backward pass and a step")
    arguments.add_argument("--script", action="store_true", help="as TorchScript")
    options = arguments.parse_args()

    def program():
        torch.manual_seed(1)
        net = Net().train(options.train)
        images, words = torch.randn(2, 3, options.size, options.size), torch.randint(50, (2, 7))
        called = torch.jit.script(net) if options.script else net
        optimizer = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
        with torch.set_grad_enabled(options.train):
            for _ in range(options.passes):
                output = called(images, words)
                if options.train:
                    optimizer.zero_grad()
                    output.pow(2).sum().backward()
                    optimizer.step()
        return {"passes": options.passes, "checksum": output.detach().sum().item(),
                "weights": {name: f"{tensor._cdata:#x}" for name, tensor in net.named_parameters()}}

    run_profiled(program)


main()
