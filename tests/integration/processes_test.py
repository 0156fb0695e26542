# SPDX-License-Identifier: Apache-2.0
"""The instrumentation header when processes fork, exec, close descriptors, and when the recorder dies under them."""
import os
import shutil
import signal
import time

import support
from support import program, quality_codes


class Processes(support.IntegrationTest):
    def test_fork(self):
        recording = self.record(program("processes"), "fork")
        self.assert_exact_by_process(recording)
        pids = {layer.pid for layer in recording.told()}
        self.assertEqual(len(pids), 2)
        self.assertEqual(recording.stats()["threads_seen"], 2)

    def test_fork_while_threads_emit(self):
        recording = self.record(program("processes"), "fork_threads")
        self.assert_exact_by_process(recording)
        self.assertEqual(len(recording.told()), 21)

    def test_vfork_and_exec(self):
        recording = self.record(program("processes"), "vfork_exec")
        self.assert_exact_by_process(recording)
        self.assertEqual(sorted(layer.name for layer in recording.told()), ["emit", "parent"])

    def test_chain_of_execs(self):
        processes = program("processes")
        recording = self.record(processes, "exec", processes, "exec", processes, "emit")
        self.assert_exact(recording)
        self.assertEqual([layer.name for layer in recording.told()], ["exec", "exec", "emit"])
        self.assertEqual(len({layer.pid for layer in recording.told()}), 1)
        self.assertEqual(recording.stats()["threads_seen"], 3)  # one ring for each image
        self.assertEqual(recording.layers()["exec"]["calls"], 1000)

    def test_through_a_shell_with_pipes(self):
        processes = program("processes")
        recording = self.record("/bin/sh", "-c", f"{processes} emit | cat; {processes} fork & wait; {processes} emit")
        self.assert_exact_by_process(recording)
        self.assertEqual(len(recording.told()), 5)

    def test_program_that_closes_its_descriptors(self):
        self.assert_exact_by_process(self.record(program("processes"), "close_fds"))

    def test_child_started_without_our_descriptor(self):
        # subprocess closes everything from 3 on before it executes: the child finds the memory through /proc.
        python = shutil.which("python3")
        support.require(self, "python3", python, "no python3 in PATH")
        code = f"import subprocess; subprocess.run([{program('processes')!r}, 'fork'], close_fds=True, check=True)"
        recording = self.record(python, "-c", code)
        self.assert_exact_by_process(recording)

    def test_library_loaded_after_descriptors_were_closed(self):
        python = shutil.which("python3")
        support.require(self, "python3", python, "no python3 in PATH")
        code = ("import ctypes, os; os.closerange(3, 4096); "
                f"ctypes.CDLL({program('libloaded_c.so')!r}).library_run(ctypes.c_uint64(40))")
        recording = self.record(python, "-c", code)
        self.assert_recorded(recording)
        self.assertEqual({name: layer["calls"] for name, layer in recording.layers().items()},
                         {"common": 40, "loaded": 40})

    def test_set_user_id_program_does_not_take_our_memory(self):
        support.require_root(self)
        privileged = self.file("privileged")
        shutil.copy(program("plain_c"), privileged)
        os.chown(privileged, 1, 1)
        os.chmod(privileged, 0o6755)
        filesystem = os.statvfs(self.folder)
        support.require(self, "setuid", not filesystem.f_flag & os.ST_NOSUID, f"{self.folder} is mounted nosuid")
        recording = self.record(privileged, 100)
        self.assert_recorded(recording)
        self.assertEqual(len(recording.told()), 2)
        self.assertEqual(recording.summary.layer_calls, 0)


class RecorderGone(support.IntegrationTest):
    def test_killed_recorder_does_not_disturb_the_program(self):
        # The program goes on for a while, then writes more than a ring holds; nobody reads.
        process = self.start_record(program("processes"), "slow", 2)
        time.sleep(1.2)
        process.send_signal(signal.SIGKILL)
        started = time.monotonic()
        recording = self.finish_record(process)  # the program holds our pipes until it ends
        self.assertLess(time.monotonic() - started, 15)
        self.assertEqual(process.returncode, -signal.SIGKILL)
        told = recording.told()
        self.assertEqual([(layer.name, layer.calls) for layer in told], [("slow", 1200 + 600000)])
        report = recording.report()
        self.assertIn("not_finished", quality_codes(report))
        calls = {layer["name"]: layer["calls"] for layer in report["layers"]}["slow"]
        self.assertGreater(calls, 0)
        self.assertLess(calls, 1200)


if __name__ == "__main__":
    support.main()
