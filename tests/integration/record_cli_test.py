# SPDX-License-Identifier: Apache-2.0
"""`neuroperf record` as a command: exit status, whose options are whose, the file, what it says, signals."""
import os
import signal
import stat
import subprocess
import time

import support
from support import NEUROPERF, SUMMARY_LINE, program, run


class ExitStatus(support.IntegrationTest):
    def test_is_the_program_s(self):
        for status in (0, 3, 125, 255):
            with self.subTest(status=status):
                self.assert_recorded(self.record(program("endings"), "exit", status), status)

    def test_is_128_and_the_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1):
            with self.subTest(signal=number):
                self.assert_recorded(self.record(program("endings"), "signal", int(number)), 128 + number)

    def assert_failure(self, result, status, text):
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertIn(text, result.stderr)
        self.assertNotIn("terminate called", result.stderr)

    def test_125_for_bad_options(self):
        for options, text in ((["--no-such-option"], "--no-such-option"), (["-F", "0"], "--freq"), (["-F", "x"], "--freq"),
                              (["-F"], "--freq"), (["-F", "-1"], "--freq"), (["-F", "99999999999"], "--freq"),
                              (["--probe-budget", "nan"], "--probe-budget"), (["--probe-budget", "0"], "--probe-budget")):
            with self.subTest(options=options):
                self.assert_failure(run([NEUROPERF, "record", *options, "true"], cwd=self.folder), 125, text)
        self.assert_failure(run([NEUROPERF, "record"], cwd=self.folder), 125, "nothing to record")
        self.assert_failure(run([NEUROPERF, "record", "--"], cwd=self.folder), 125, "nothing to record")
        self.assertEqual(os.listdir(self.folder), [])

    def test_125_for_output_that_cannot_be(self):
        os.mkdir(self.file("folder"))
        marker = self.file("ran")
        for output in (self.file("folder"), self.file("missing/x.data"), "/dev/null", "/proc/x.data", ""):
            with self.subTest(output=output):
                done = run([NEUROPERF, "record", "-o", output, "--", "touch", marker], cwd=self.folder)
                self.assertEqual(done.returncode, 125, done.stderr)
                self.assertTrue(done.stderr.strip())
                self.assertFalse(os.path.exists(marker), "the program ran although nothing could record it")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        self.assertEqual(os.listdir(self.folder), ["folder"])
        self.assertEqual(os.listdir(self.file("folder")), [])

    def test_126_and_127(self):
        plain = self.file("plain")
        with open(plain, "w") as file:
            file.write("not a program\n")
        os.chmod(plain, 0o644)
        self.assertEqual(self.record(plain).status, 126)
        self.assertEqual(self.record(self.folder).status, 126)
        self.assertEqual(self.record(self.file("missing")).status, 127)
        self.assertEqual(self.record("no-such-command-anywhere").status, 127)
        os.chmod(plain, 0o755)  # executable, but of no format the kernel knows; its interpreter missing
        with open(plain, "w") as file:
            file.write("#!/no/such/interpreter\n")
        self.assertIn(self.record(plain).status, (126, 127))
        self.assertFalse(os.path.exists(self.file("recording.data")))

    def test_failed_start_keeps_the_recording_of_before(self):
        good = self.record(program("endings"), "exit", 0)
        with open(good.path, "rb") as file:
            before = file.read()
        self.assertEqual(self.record(self.file("missing")).status, 127)
        with open(good.path, "rb") as file:
            self.assertEqual(file.read(), before)


class Words(support.IntegrationTest):
    def echo(self, *words):
        return run([NEUROPERF, "record", "-q", *words], cwd=self.folder)

    def test_the_program_s_words_are_its_own(self):
        words = ["-F", "5", "-o", "x", "--json", "--", "-g", "--help", "--version", "-h", "--follow", "record", "", "a b",
                 "[1,2]", "[]", "{}", "%%", "++", "@x", "-F=9", "*", "\\", "'", '"', "ä", "\x01[", "--output=y"]
        code = "import sys; print(sys.argv[1:])"
        for before in (["-F", "99", "python3"], ["-F", "99", "--", "python3"], ["-gqF99", "--", "python3"]):
            with self.subTest(before=before):
                done = self.echo(*before, "-c", code, *words)
                self.assertEqual((done.returncode, done.stdout), (0, f"{words}\n"), done.stderr)
        self.assertEqual([name for name in os.listdir(self.folder) if not name.startswith("neuroperf.data")], [])

    def test_program_named_like_a_command(self):
        os.symlink("/bin/echo", self.file("report"))
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        for dashes in ([], ["--"]):
            done = run([NEUROPERF, "record", "-q", *dashes, "report", "script"], cwd=self.folder, env=environment)
            self.assertEqual((done.returncode, done.stdout), (0, "script\n"), done.stderr)

    def test_standard_input_goes_to_the_program(self):
        done = run([NEUROPERF, "record", "-q", "cat"], cwd=self.folder, stdin=None, input="spikes\n")
        self.assertEqual(done.stdout, "spikes\n")

    def test_what_sampling_cost_is_told(self):
        """Of the software clock, where a sample's cost can be seen: times samples."""
        recording = self.record(program("on_off_cpu"), 1, 200, 1000, 10)
        report = recording.report()
        (told,) = [item["value"] for item in report["quality"] if item["code"] == "sampling_cost"] or [None]
        cost_ns = recording.stats().get("sample_cost_ns")
        clock = report["meta"]["sampling"].startswith("cpu-clock")
        self.assertEqual(told, cost_ns * report["totals"]["samples"] if clock and cost_ns else None)
        self.assertTrue(clock or cost_ns is None)

    def test_frequency_and_call_chains_are_taken(self):
        report = self.record(program("endings"), "exit", 0, options=["-F", "97", "-g"]).report()
        self.assertEqual(report["meta"]["frequency_hz"], 97)


class File(support.IntegrationTest):
    def test_default_name_and_old_one(self):
        def record(status):
            return run([NEUROPERF, "record", program("endings"), "exit", str(status)], cwd=self.folder)

        def status_in(name):
            report = support.Recording(self.file(name), record_result).report()
            return [item["value"] for item in report["quality"] if item["code"] == "program_failed"]

        record_result = record(1)
        self.assertEqual(os.listdir(self.folder), ["neuroperf.data"])
        record(2)
        record_result = record(3)
        self.assertEqual(sorted(os.listdir(self.folder)), ["neuroperf.data", "neuroperf.data.old"])
        self.assertEqual((status_in("neuroperf.data"), status_in("neuroperf.data.old")), ([3], [2]))
        self.assertEqual(stat.S_IMODE(os.stat(self.file("neuroperf.data")).st_mode), 0o600)

    def test_summary_line(self):
        recording = self.record(program("plain_c"), 1000)
        self.assert_exact(recording)
        summary = recording.summary
        self.assertEqual((summary.layer_calls, summary.spikes, summary.lost, summary.file),
                         (2000, 3000, 0, recording.path))
        self.assertEqual(recording.stderr.splitlines()[-1], SUMMARY_LINE.search(recording.stderr).group(0))
        size, unit = summary.size.split()
        actual = os.path.getsize(recording.path)
        self.assertAlmostEqual(float(size) * {"B": 1, "kB": 1e3, "MB": 1e6}[unit], actual, delta=actual * 0.02)
        samples = recording.report()["totals"]["samples"]
        self.assertEqual(summary.samples, samples)


class Saying(support.IntegrationTest):
    def test_quiet_is_silent(self):
        recording = self.record(program("endings"), "exit", 3, options=["-q"])
        self.assertEqual((recording.status, recording.stderr, recording.stdout), (3, "", ""))
        self.assertEqual(recording.layers()["last words"]["calls"], 10)

    def test_quiet_still_says_failures(self):
        self.assertIn("not found", self.record(self.file("missing"), options=["-q"]).stderr)

    def test_verbose_says_what_is_opened(self):
        recording = self.record(program("endings"), "exit", 0, options=["-v"])
        self.assertRegex(recording.stderr, r"ok +in-process events: ")
        self.assertNotRegex(self.record(program("endings"), "exit", 0).stderr, r"ok +in-process events: ")

    def test_dry_run_runs_nothing(self):
        done = run([NEUROPERF, "record", "--dry-run", "touch", "ran"], cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"(ok|degraded|missing) +sampling: ")
        self.assertRegex(done.stdout, r"(ok|degraded) +in-process events: ")
        self.assertEqual(os.listdir(self.folder), [])


class Signals(support.IntegrationTest):
    def start(self, *command, options=()):
        process = self.start_record(program("endings"), *command, options=options)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def test_interrupt_of_the_group_ends_program_and_recording(self):
        process = self.start_record(program("processes"), "slow", 20)
        while not os.path.exists(self.file("recording.data")):
            self.assertIsNone(process.poll())
        time.sleep(0.4)
        os.killpg(process.pid, signal.SIGINT)
        recording = self.finish_record(process)
        self.assert_recorded(recording, 128 + signal.SIGINT)
        report = recording.report()
        self.assertEqual(support.quality_codes(report) & {"not_finished", "file_damaged"}, set())
        self.assertIn("program_killed", support.quality_codes(report))
        self.assertGreater(report["totals"]["layer_calls"], 100)

    def test_terminate_is_passed_on_once(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            with self.subTest(signal=number):
                process = self.start("wait_for", int(number))
                process.send_signal(number)
                self.assert_recorded(self.finish_record(process), 0)

    def test_signal_of_the_program_to_its_group_is_not_passed_back(self):
        # The recorder is in that group and must not send on what the program has had already.
        for number in (signal.SIGUSR1, signal.SIGTERM) * 3:
            process = self.start_record(program("endings"), "kill_group_and_count", int(number))
            self.assert_recorded(self.finish_record(process), 0)

    def test_program_that_ignores_the_interrupt_goes_on(self):
        process = self.start("ignore_int", 4)
        os.killpg(process.pid, signal.SIGINT)
        stderr = process.stderr.read()  # ours: the program holds it too, until it ends
        process.wait(timeout=10)
        self.assertIn("still running", stderr)
        found = SUMMARY_LINE.search(stderr)
        self.assertEqual(int(found.group(2)), 10)
        report = support.Recording(self.file("recording.data"), self._result(stderr)).report()
        self.assertIn("child_left_running", support.quality_codes(report))

    @staticmethod
    def _result(stderr):
        return subprocess.CompletedProcess([], 0, "", stderr)

    def test_two_interrupts_at_once_are_one(self):
        # As from `timeout`: one to the recorder, one to the group. The program ends itself well within the grace.
        process = self.start("wait_for", int(signal.SIGINT))
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        recording = self.finish_record(process)
        self.assertIn(recording.status, (0, 3), recording.stderr)  # how often it came is not ours alone to say
        self.assertNotIn("still running", recording.stderr)


if __name__ == "__main__":
    support.main()
