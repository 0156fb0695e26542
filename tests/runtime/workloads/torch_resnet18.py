#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ResNet-18 (He et al. 2015, table 1) with random weights in PyTorch, on one thread, an image of 224 x 224. Prints how
long the passes took as one line of JSON.

  /usr/bin/python3 torch_resnet18.py [--passes N]
"""
import argparse
import json
import time

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, value):
        inner = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(value)))))
        return torch.relu(inner + self.shortcut(value))


def resnet18():
    layers = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    inputs = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers.append(nn.Sequential(Block(inputs, outputs, stride), Block(outputs, outputs, 1)))
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--passes", type=int, default=20)
    options = arguments.parse_args()
    torch.manual_seed(1)
    torch.set_num_threads(1)
    net, image = resnet18().eval(), torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        net(image)
        begin = time.perf_counter()
        for _ in range(options.passes):
            net(image)
        taken = time.perf_counter() - begin
    print(json.dumps({"runtime": "PyTorch " + torch.__version__, "passes": options.passes, "milliseconds": 1e3 * taken}))


main()
