# SPDX-License-Identifier: Apache-2.0
"""How programs end, and children that do not end with them."""
import signal
import time

import support
from support import example, program, quality_codes, run


class Endings(support.IntegrationTest):
    def record_ending(self, *words, **options):
        return self.record(program("endings"), *words, **options)

    def test_crashes(self):
        for what, number in (("segv", signal.SIGSEGV), ("abort", signal.SIGABRT)):
            with self.subTest(crash=what):
                recording = self.record_ending(what)
                self.assert_recorded(recording, 128 + number)
                report = recording.report()
                self.assertEqual(recording.layers()["last words"]["calls"], 10)
                codes = quality_codes(report)
                self.assertIn("program_killed", codes)
                self.assertIn("begin_without_end", codes)  # the layer in which it crashed
                self.assertEqual(codes & {"not_finished", "lost_events", "file_damaged"}, set())
                begun = {event.fields["layer"] for event in recording.events()
                         if event.name == "neuroperf:layer_begin"}
                self.assertIn("crashes here", {recording.layer_names()[number] for number in begun})

    def test_shorter_than_a_millisecond(self):
        for attempt in range(20):
            recording = self.record_ending("exit", 0)
            self.assert_recorded(recording)
            self.assertEqual(recording.layers()["last words"]["calls"], 10)
            self.assertEqual(recording.summary.layer_calls, 10)

    def test_nothing_to_record(self):
        recording = self.record("true")
        self.assert_recorded(recording)
        report = recording.report()
        self.assertEqual(report["layers"], [])
        self.assertIn("absent_layers", quality_codes(report))

    def test_kills_its_group(self):
        # The recorder is in that group. SIGTERM it survives; SIGKILL nobody does, but the file does.
        process = self.start_record(program("endings"), "kill_group", int(signal.SIGTERM))
        recording = self.finish_record(process)
        self.assert_recorded(recording, 128 + signal.SIGTERM)
        self.assertEqual(recording.layers()["last words"]["calls"], 10)
        process = self.start_record(program("endings"), "kill_group", int(signal.SIGKILL))
        recording = self.finish_record(process)
        self.assertEqual(recording.status, -signal.SIGKILL)
        self.assertIn("not_finished", quality_codes(recording.report()))


class Children(support.IntegrationTest):
    def check_left_behind(self, what):
        started = time.monotonic()
        recording = self.record(program("endings"), what, 5, timeout=20)
        self.assert_recorded(recording)
        self.assertLess(time.monotonic() - started, 4, "the recording did not end with the program")
        self.assertRegex(recording.stderr, r"process \d+ \(endings\) is still running .*--follow")
        report = recording.report()
        notes = [item for item in report["quality"] if item["code"] == "child_left_running"]
        self.assertEqual(len(notes), 1)
        self.assertIn("--follow", notes[0]["remedy"])
        self.assertEqual(recording.layers()["last words"]["calls"], 10)

    def check_followed(self, what):
        started = time.monotonic()
        recording = self.record(program("endings"), what, 1, options=["--follow"])
        self.assertGreater(time.monotonic() - started, 0.9)
        self.assert_recorded(recording)
        self.assertEqual(recording.layers()["last words"]["calls"], 15)
        self.assertEqual(recording.summary.layer_calls, 15)
        self.assertNotIn("child_left_running", quality_codes(recording.report()))
        calls = sorted(calls for calls, _ in recording.counts_by_process().values())
        self.assertEqual(calls, [5, 10])

    def test_orphan_is_named(self):
        self.check_left_behind("orphan")

    def test_daemon_is_named(self):
        self.check_left_behind("setsid")

    def test_orphan_is_followed(self):
        self.check_followed("orphan")

    def test_daemon_is_followed(self):
        self.check_followed("setsid")

    def test_follow_gives_the_program_s_status(self):
        recording = self.record("/bin/sh", "-c", "(sleep 0.3; exit 9) & exit 5", options=["--follow"])
        self.assert_recorded(recording, 5)

    def test_target_that_execs_another(self):
        recording = self.record("/bin/sh", "-c", f"exec {example('spiking_digits')} --images 20 --repeat 1")
        self.assert_exact(recording)
        names = [event.fields["name"] for event in recording.events() if event.name == "comm" and " exec" in event.text]
        self.assertEqual(names[-1], '"spiking_digits"')

    def test_recording_inside_a_recording(self):
        # The inner recorder hands its own memory to its program; the outer one sees no layers, and neither is harmed.
        inner = self.file("inner.data")
        recording = self.record(support.NEUROPERF, "record", "-q", "-o", inner, program("plain_c"), 100)
        self.assert_recorded(recording)
        self.assertEqual(recording.summary.layer_calls, 0)
        done = run([support.NEUROPERF, "script", "-i", inner])
        self.assertEqual(done.stdout.count(" neuroperf:layer_end "), 200)


if __name__ == "__main__":
    support.main()
