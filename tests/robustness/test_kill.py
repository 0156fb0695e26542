# SPDX-License-Identifier: Apache-2.0
"""A recorder killed at any moment leaves a file that both tools read, up to about the last second."""
import concurrent.futures
import os
import random
import signal
import struct
import subprocess
import time
import unittest

import support

KILLS = int(os.environ.get("NEUROPERF_KILLS", "200"))
MISSING_S = 1.5
CALLS_PER_MS = 5


def diary(path):
    """(CLOCK_MONOTONIC, calls so far) of every millisecond the program wrote down."""
    with open(path, "rb") as file:
        content = file.read()
    return [struct.unpack_from("<QQ", content, at) for at in range(0, len(content) - 15, 16)]


class Kill(support.RobustnessTest):
    def record_and_kill(self, number, after_s):
        path, notes = self.file(f"{number}.data"), self.file(f"{number}.diary")
        command = [support.NEUROPERF, "record", "-q", "-g", "-F", "499", "-o", path, "--",
                   support.program("steady_program"), notes, "3", str(CALLS_PER_MS)]
        recorder = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(after_s)
        recorder.send_signal(signal.SIGKILL)
        killed_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        recorder.stderr.close()
        self.assertEqual(recorder.wait(), -signal.SIGKILL, "it ended by itself before it was killed")
        return path, notes, killed_ns

    def check(self, number, after_s):
        path, notes, killed_ns = self.record_and_kill(number, after_s)
        if not os.path.exists(path):
            return "before the file"  # which appears only once it can be read
        report = self.report(path)
        self.assertIn("not_finished", self.quality_codes(report))
        layers = support.layers_of(report)
        entries = diary(notes) if os.path.exists(notes) else []
        due = [calls for time_ns, calls in entries if time_ns < killed_ns - MISSING_S * 1e9]
        recorded = sum(layer["calls"] for layer in layers.values())
        self.assertGreaterEqual(recorded, due[-1] if due else 0, f"killed after {after_s:.3f} s: more than a second lost")
        script = self.perf_script(path)
        if recorded:
            self.assertEqual(sorted(layers), ["steady_conv", "steady_lif"])
            if script is not None:
                begins = [line for line in script.splitlines() if "neuroperf:layer_begin:" in line]
                self.assertGreaterEqual(len(begins), recorded)
                self.assertIn("name=steady_conv", begins[0] + begins[1])
        return "with events" if recorded else "before the first events"

    def test_killed_at_random_moments(self):
        random.seed(3)
        # Most of them early, around the first commits; some late enough for the bound of a second to mean something.
        moments = [random.uniform(0.003, 0.5) for _ in range(KILLS - KILLS // 20)]
        moments += [random.uniform(1.8, 2.6) for _ in range(KILLS // 20)]
        outcomes = {}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for outcome in pool.map(self.check, range(KILLS), moments):
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
        print(f"{KILLS} kills: {outcomes}, {'perf script on each' if support.PERF else 'no perf here'}")
        self.assertGreater(outcomes.get("with events", 0), KILLS // 4, "too few recordings held anything")


if __name__ == "__main__":
    unittest.main()
