#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real recorder in guests: other kernels, another architecture, and hardware counters that count exactly.

usage: guest_test.py GUEST
       guest_test.py prepare    fetches and builds what guests need, as they would themselves

A guest runs all its checks in one start; each is then judged here as a test of its own. The checks are in checks.py.
"""
import os
import shlex
import shutil
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "integration"))

# pylint: disable=wrong-import-position
import checks
import fetch
import initramfs
import programs
import run_guest
import support

BUILD_DIR = os.environ["NEUROPERF_BUILD_DIR"]
CACHE = os.environ.get("NEUROPERF_GUEST_CACHE") or os.path.join(support.SOURCE_DIR, "build", "guest-cache")
KEPT_DIR = os.path.join(support.SOURCE_DIR, "build")  # what is built for guests, whatever this build is


def timed(what, function, *arguments):
    begin = time.monotonic()
    result = function(*arguments)
    print(f"{what}: {time.monotonic() - begin:.1f} s", flush=True)
    return result


def fill(test, guest, root):
    """Puts what the guest needs into the folder; its kernel. Skips where this machine cannot."""
    architecture = guest.architecture
    support.require(test, "guest", os.uname().machine == "x86_64", "the guests are made for x86-64 machines")
    for tool in (run_guest.MACHINES[architecture][0][0], *programs.TOOLS[architecture]):
        support.require(test, "guest", shutil.which(tool), f"{tool} is not installed")
    try:
        kernel = timed("kernel", fetch.kernel, CACHE, architecture, guest.kernel_package, guest.suite)
        timed("programs", programs.fill_root, root, architecture, kernel, support.NEUROPERF, CACHE, KEPT_DIR)
    except fetch.MirrorUnreachable as error:
        support.require(test, "guest", False, str(error))
    return kernel


class PrepareTest(support.IntegrationTest):
    def test_what_guests_need(self):
        for guest in checks.GUESTS.values():
            with self.subTest(guest.name):
                os.mkdir(self.file(guest.name))
                fill(self, guest, self.file(guest.name))


class GuestTest(support.IntegrationTest):
    # While the recorder looks whether a writer comes on, nobody else runs: one thread of the host is all CPUs.
    DISORDER = support.IntegrationTest.DISORDER - {"late_events"}
    guest = None  # set by main
    checks = ()

    @classmethod
    def setUpClass(cls):
        folder = os.path.join(BUILD_DIR, "guest", cls.guest.name)
        cls.root = os.path.join(folder, "root")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(cls.root)
        archive = os.path.join(folder, "initramfs")
        kernel = fill(cls(), cls.guest, cls.root)
        initramfs.add_text(cls.root, "/checks", "".join(
            f"check {check.name} {shlex.quote(check.command)}\n" for check in cls.checks))
        timed("initramfs", initramfs.write_cpio, cls.root, archive)
        console = timed("guest", run_guest.run_guest, cls.guest.architecture, kernel, archive, os.path.join(folder, "log"))
        cls.outputs = run_guest.outputs(console)

    def judge(self, check):
        output = self.outputs.get(check.name)
        self.assertIsNotNone(output, f"the guest did not report on {check.name}")
        self.assertEqual(output.status, 0, output.text)
        path = self.file("recording.data")
        recording = support.Recording(path, subprocess.CompletedProcess((), output.status, output.text, output.text))
        if "$DATA" in check.command:
            self.assertIsNotNone(output.recording, f"no recording came out of the guest: {output.text}")
            with open(path, "wb") as file:
                file.write(output.recording)
            self.assert_recorded(recording)
        for judge in check.judges:
            with self.subTest(judge.__name__):
                judge(self, recording)


def main():
    if sys.argv[1:] == ["prepare"]:
        unittest.main(argv=[sys.argv[0], "PrepareTest"], verbosity=2)
    if len(sys.argv) != 2 or sys.argv[1] not in checks.GUESTS:
        sys.exit(__doc__)
    GuestTest.guest = checks.GUESTS[sys.argv[1]]
    GuestTest.checks = [check for check in checks.CHECKS if GuestTest.guest.name in check.guests]
    for check in GuestTest.checks:
        setattr(GuestTest, f"test_{check.name}", lambda self, check=check: self.judge(check))
    unittest.main(argv=[sys.argv[0], "GuestTest"], verbosity=2)


main()
