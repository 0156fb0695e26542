# SPDX-License-Identifier: Apache-2.0
"""A disk that fills ends the recording, not the program, and leaves a file that both tools read."""
import os
import resource
import subprocess
import time
import unittest

import support

# In a mount namespace of its own, so that nothing is left mounted; the file is copied out before it ends.
IN_SMALL_TMPFS = """
set -e
mount -t tmpfs -o size=$1,mode=755 none "$2"
shift
cd "$1"; shift
status=0
"$@" || status=$?
cp full.data ../full.data
exit $status
"""


class FullDisk(support.RobustnessTest):
    def command(self, path, seconds="1.2", calls_per_ms="20"):
        return [support.NEUROPERF, "record", "-g", "-o", path, "--", support.program("steady_program"),
                self.file("diary"), seconds, calls_per_ms]

    def check(self, done, path):
        text = done.stderr.decode()
        self.assertEqual(done.returncode, 125, text)
        self.assertIn("cannot write", text)
        self.assertIn("can be read", text)
        self.assertIn("status was 0", text, "the program runs to its own end")
        self.assertGreater(os.path.getsize(self.file("diary")), 16 * 200, "the program was held up")
        report = self.report(path)
        codes = self.quality_codes(report)
        self.assertTrue("recording_cut" in codes or "not_finished" in codes, codes)
        layers = support.layers_of(report)
        self.assertEqual(sorted(layers), ["steady_conv", "steady_lif"])
        self.assertGreater(layers["steady_lif"]["calls"], 1000)
        script = self.perf_script(path)
        if script is not None:
            self.assertIn("name=steady_conv", script)
        return codes

    @unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
    def test_small_tmpfs(self):
        for size in ("1200k", "2500k"):
            mountpoint = self.file(f"mount-{size}")
            os.mkdir(mountpoint)
            done = support.run("unshare", "-m", "sh", "-c", IN_SMALL_TMPFS, "sh", size, mountpoint,
                               *self.command("full.data"))
            self.check(done, self.file("full.data"))

    @unittest.skipUnless(os.geteuid() == 0, "mounting a tmpfs needs root")
    def test_no_room_at_all(self):
        mountpoint = self.file("mount")
        os.mkdir(mountpoint)
        script = 'mount -t tmpfs -o size=4k none "$1"; cd "$1"; shift; "$@"; status=$?; ls -A; exit $status'
        done = support.run("unshare", "-m", "sh", "-c", script, "sh", mountpoint, *self.command("full.data"))
        self.assertEqual(done.returncode, 125, done.stderr.decode())
        self.assertIn("No space left", done.stderr.decode())
        self.assertEqual(done.stdout, b"", "nothing unfinished is left behind")
        self.assertFalse(os.path.exists(self.file("diary")), "the program was not started")

    def test_file_size_limit(self):
        path = self.file("limited.data")
        with subprocess.Popen(self.command(path), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as recorder:
            while not os.path.exists(path):
                time.sleep(0.001)
            # From now on: the memory it shares with the program is a file to the kernel, too, and larger.
            resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
            output, text = recorder.communicate(timeout=60)
        self.check(subprocess.CompletedProcess([], recorder.returncode, output, text), path)


if __name__ == "__main__":
    unittest.main()
