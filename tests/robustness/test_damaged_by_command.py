# SPDX-License-Identifier: Apache-2.0
"""Every command on damaged recordings: exit 0, or 1 with a sentence; never a crash, a hang or much memory."""
import os
import random
import resource
import struct
import unittest

import support

MEMORY = 4 << 30  # address space; a sanitizer's shadow does not fit into any bound
SANITIZED = bool(os.environ.get("NEUROPERF_SANITIZE"))


def limit_memory():
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class DamagedRecording(support.RobustnessTest):
    def setUp(self):
        super().setUp()
        path = self.file("good.data")
        done = support.run(support.program("make_recording"), "--layers", "3", "--threads", "2", "--events", "60",
                           "--events-per-round", "20", "-o", path)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        with open(path, "rb") as file:
            self.good = file.read()
        self.statuses = {}

    def check(self, content):
        path = self.file("damaged.data")
        with open(path, "wb") as file:
            file.write(content)
        for command in (["report"], ["report", "--json"], ["script"], ["export", "--format", "svg"],
                        ["export", "--format", "folded"]):
            done = support.run(support.NEUROPERF, *command, "-i", path, timeout=20, preexec_fn=limit_memory)
            text = done.stderr.decode(errors="replace")
            self.assertIn(done.returncode, (0, 1), f"{command}: {text}")
            if done.returncode == 1:
                self.assertRegex(text, r"^neuroperf: .{10,}", command)
            self.statuses[done.returncode] = self.statuses.get(done.returncode, 0) + 1

    def test_cut(self):
        for size in [0, 1, 7, 8, 16, 50, 103, 104, *range(200, len(self.good), len(self.good) // 25)]:
            self.check(self.good[:size])
        self.assertEqual(set(self.statuses), {0, 1}, "early cuts fail, late ones are read")

    def test_bytes_changed(self):
        random.seed(1)
        for _ in range(25):
            content = bytearray(self.good)
            for _ in range(random.randrange(1, 20)):
                content[random.randrange(len(content))] = random.randrange(256)
            self.check(bytes(content))

    def test_sizes_of_four_gib_and_more(self):
        for at in range(8, 72, 8):
            for value in (1 << 32, 1 << 63, (1 << 64) - 1):
                self.check(self.good[:at] + struct.pack("<Q", value) + self.good[at + 8:])


if __name__ == "__main__":
    unittest.main()
