# SPDX-License-Identifier: Apache-2.0
"""The instrumentation header in real programs: languages, objects, libraries, threads. What the program counts itself
is the truth; nothing may be lost unless the test makes it so, and then the loss is counted."""
import os
import subprocess
import sys

import support
from support import program, quality_codes, run


class Languages(support.IntegrationTest):
    def test_c11_in_two_objects(self):
        recording = self.record(program("plain_c"), 5000)
        self.assert_exact(recording)
        self.assertEqual(recording.stats()["threads_seen"], 1)

    def test_cpp17_with_a_c_object(self):
        recording = self.record(program("plain_cpp"))
        report = self.assert_exact(recording)
        layers = {layer["name"]: layer for layer in report["layers"]}
        self.assertEqual(layers["inner"]["synops"], 500)
        self.assertEqual(layers["outer"]["macs"], 100 * 30)
        self.assertEqual([(i["name"], i["kind"], i["calls"]) for i in report["inferences"]],
                         [("step", "time step", 100)])
        names = [event.name for event in recording.events()]
        self.assertEqual(names.count("neuroperf:counter"), 100)
        self.assertEqual(names.count("neuroperf:mark"), 1)
        # Nesting: an outer layer's time holds its inner one's.
        self.assertGreaterEqual(layers["outer"]["total_ns"], layers["inner"]["total_ns"])

    def test_disabled_leaves_nothing(self):
        recording = self.record(program("disabled"))
        self.assert_recorded(recording)
        self.assertEqual(recording.stdout, "recording 0\n")
        self.assertEqual(recording.report()["layers"], [])
        with open(program("disabled"), "rb") as file:
            contents = file.read()
        self.assertNotIn(b"NEUROPERF_SHM", contents)
        with open(program("plain_c"), "rb") as file:
            self.assertIn(b"NEUROPERF_SHM", file.read())  # else the line above cannot fail


class Libraries(support.IntegrationTest):
    def check(self, library):
        threads, calls = 4, 500
        recording = self.record(program("libraries"), program(library), threads, calls)
        # The layers of the libraries fire now and then; only calls are told.
        self.assert_exact(recording)
        self.assertEqual(recording.stats()["threads_seen"], threads)  # one ring each, whatever objects emit
        names = list(recording.layer_names().values())
        self.assertEqual(sorted(names), ["common", "linked", "loaded", "program"])  # "common" has one number
        pids = {event.pid for event in recording.events() if event.name == "neuroperf:layer_end"}
        self.assertEqual(len(pids), 1)

    def test_linked_and_loaded_c(self):
        self.check("libloaded_c.so")

    def test_linked_and_loaded_cpp(self):
        self.check("libloaded_cpp.so")


class Threads(support.IntegrationTest):
    def test_200_at_once(self):
        recording = self.record(program("threads"), 200, 200, 200, 0)
        self.assert_exact(recording)
        self.assertEqual(recording.stats()["threads_seen"], 200)

    def test_5000_that_come_and_go(self):
        recording = self.record(program("threads"), 5000, 50, 4, 20000)
        self.assert_exact(recording)
        self.assertEqual(recording.stats()["threads_seen"], 5000)

    def test_held_up_in_the_middle_of_an_event(self):
        """Other programs take the CPUs, now and then while an event is written: it is read some rounds later."""
        others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(os.cpu_count() or 1)]
        try:
            for _ in range(3):
                self.assert_exact(self.record(program("threads"), 10000, 50, 40, 2000))
        finally:
            for other in others:
                other.kill()
                other.wait()

    def test_more_than_there_are_rings(self):
        threads, calls = 1200, 20
        recording = self.record(program("threads"), threads, threads, calls, 0)
        self.assert_recorded(recording)
        recorded = sum(1 for event in recording.events()
                       if event.name in ("neuroperf:layer_begin", "neuroperf:layer_end", "neuroperf:spikes"))
        lost = recording.summary.lost
        self.assertEqual(recorded + lost, 3 * threads * calls)
        self.assertEqual(lost, (threads - 1024) * 3 * calls)
        report = recording.report()
        self.assertEqual(report["totals"]["lost"], lost)
        self.assertIn("lost_events", quality_codes(report))
        self.assertEqual(recording.stats()["lost_without_ring"], lost)


class Signals(support.IntegrationTest):
    def test_events_from_a_handler(self):
        recording = self.record(program("signal_storm"), 4000)
        self.assert_recorded(recording)
        emitted = {layer.name: layer.spikes for layer in recording.told()}
        layers = recording.layers()
        recorded = {name: layers[name]["spikes"] for name in emitted}
        self.assertEqual(sum(recorded.values()) + recording.summary.lost, sum(emitted.values()))
        for name in emitted:
            self.assertLessEqual(recorded[name], emitted[name])
        self.assertGreaterEqual(emitted["handler"], 1000)  # else there was no storm
        # Only what interrupts another event is lost, and most of the time the program is outside of one.
        self.assertGreater(recorded["handler"], emitted["handler"] // 10)


class WithoutRecorder(support.IntegrationTest):
    def run_plain(self, **options):
        done = run([program("plain_c"), "1000"], **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "layer here pid 0 calls 1000 spikes 1500\n"
                                      "layer elsewhere pid 0 calls 1000 spikes 1500\n")

    def with_variable(self, value, **options):
        with self.subTest(value=value):
            self.run_plain(env={**os.environ, "NEUROPERF_SHM": value}, **options)

    def test_nothing_happens(self):
        self.run_plain()

    def test_text_that_is_no_memory(self):
        pid = os.getpid()
        for value in ("", "x", "::", "-1:1:0", f"-1:{pid}:0", "0:0:0", "1:1:1", f"99999:{pid}:ff", "2147483648:1:1",
                      "3:-5:1", "300:1:" + "f" * 4000, "%s%n:%s:%n", "9" * 100000):
            self.with_variable(value)

    def test_descriptors_of_something_else(self):
        with open("/dev/zero", "rb+") as zeros, open(self.file("ordinary"), "wb+") as ordinary:
            read_end, write_end = os.pipe()
            ordinary.write(b"neuroperf" * 1000)
            ordinary.flush()
            for fd in (zeros.fileno(), ordinary.fileno(), read_end, write_end):
                self.with_variable(f"{fd}:{os.getpid()}:0", pass_fds=[fd])
            os.close(read_end)
            os.close(write_end)

    def memory(self, contents):
        import fcntl
        fd = os.memfd_create("not a recorder's", os.MFD_ALLOW_SEALING)
        self.addCleanup(os.close, fd)
        os.write(fd, contents)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
        return fd

    def test_sealed_memory_of_somebody_else(self):
        # Other programs pass sealed memory around too; this one is empty, too short, or of another version.
        magic, cookie = 0x31307072656E7570, 0x1234
        header = magic.to_bytes(8, "little") + (1).to_bytes(4, "little") + (1).to_bytes(4, "little")
        header += cookie.to_bytes(8, "little") + (1 << 40).to_bytes(8, "little")
        other_version = header[:8] + (99).to_bytes(4, "little") + header[12:]
        for contents in (b"", b"\0" * 100, b"\xff" * 8192, header, header.ljust(4096, b"\0"),
                         other_version.ljust(8192, b"\0")):
            fd = self.memory(contents)
            self.with_variable(f"{fd}:{os.getpid()}:{cookie:x}", pass_fds=[fd])
            self.with_variable(f"{fd}:{os.getpid()}:{cookie:x}")  # closed there, reached through /proc


if __name__ == "__main__":
    support.main()
