# SPDX-License-Identifier: Apache-2.0
"""Where perf_event_open and bpf are denied altogether, as in most containers: in-process events alone, and complete."""
import re

import support
from support import NEUROPERF, example, program, run

CANNOT = 120  # of deny_perf: there are no seccomp filters here
# Who denies, and what the recorder makes of it: a reason and a remedy.
DENIALS = {
    "EPERM": r"missing +sampling: .*perf_event_open fails: .*does not allow.*\n.* +remedy: allow perf_event_open .*seccomp",
    "ENOSYS": r"missing +sampling: .*perf_event_open fails: .*\n.* +remedy: allow perf_event_open .*seccomp",
}
# What is missing for the same reason.
ON_CPU_TOO = (r"missing +on and off CPU: when threads run is not known: perf_event_open .*\n"
              r".* +remedy: allow perf_event_open .*seccomp")


class Denied(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        probe = run([program("deny_perf"), "EPERM", "true"])
        support.require(self, "seccomp", probe.returncode != CANNOT, probe.stderr)
        self.assertEqual(probe.returncode, 0)

    def record_denied(self, how, *command, options=()):
        path = self.file(f"{how}.data")
        words = [str(word) for word in command]
        return support.Recording(path, run([program("deny_perf"), how, NEUROPERF, "record", "-o", path, *options, "--",
                                            *words]))

    def check(self, *command, options=()):
        for how, sentence in DENIALS.items():
            with self.subTest(how=how):
                recording = self.record_denied(how, *command, options=options)
                report = self.assert_exact(recording)
                self.assertEqual(recording.summary.samples, 0)
                self.assertRegex(recording.stderr, sentence)
                said = [item for item in report["quality"] if item["code"] == "not_opened"]
                self.assertTrue(any("perf_event_open" in item["text"] + item["remedy"] for item in said), said)
                self.assertEqual(sum(thread["samples"] for thread in report["threads"]), 0)
                self.assertRegex(recording.stderr, ON_CPU_TOO)
                self.assertFalse(any("on_cpu_ns" in thread for thread in report["threads"]), report["threads"])

    def test_filter_denies(self):
        """Else everything below shows nothing."""
        code = ("import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); numbers = {'x86_64': (298, 321), "
                "'aarch64': (241, 280)}[os.uname().machine]; errors = []\n"
                "for number in numbers:\n libc.syscall(number, 0, 0, 0, 0, 0); errors.append(ctypes.get_errno())\n"
                "print(errors)")
        for how, number in (("EPERM", 1), ("ENOSYS", 38)):
            self.assertEqual(run([program("deny_perf"), how, "python3", "-c", code]).stdout, f"[{number}, {number}]\n")

    def test_network(self):
        self.check(example("spiking_digits"), "--repeat", 1)

    def test_threads_and_call_chains_asked_for(self):
        self.check(example("spiking_digits_parallel"), "--repeat", 1, options=["-g"])

    def test_many_threads(self):
        self.check(program("threads"), 24, 8, 100, 0)

    def test_statuses_are_the_programs(self):
        for how in DENIALS:
            for words, status in ((("exit", 7), 7), (("exit", 0), 0), (("signal", 15), 143), (("abort",), 134)):
                with self.subTest(how=how, words=words):
                    recording = self.record_denied(how, program("endings"), *words)
                    self.assert_recorded(recording, status)
                    calls = {name: layer["calls"] for name, layer in recording.layers().items()}
                    self.assertGreaterEqual(calls.get("last words", 0), 10, calls)

    def test_a_program_without_layers_says_what_can_be_done(self):
        recording = self.record_denied("EPERM", "true")
        self.assert_recorded(recording)
        self.assertRegex(recording.stderr, DENIALS["EPERM"])
        text = re.sub(r"\s+", " ", run([NEUROPERF, "report", "-i", recording.path]).stdout)
        self.assertIn("perf_event_open", text)


if __name__ == "__main__":
    support.main()
