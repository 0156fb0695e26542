# SPDX-License-Identifier: Apache-2.0
"""What the robustness tests share: the programs' places, and reading a recording with both tools."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

NEUROPERF = os.environ["NEUROPERF_BINARY"]
PROGRAMS = os.environ["NEUROPERF_TEST_PROGRAMS"]
PERF = shutil.which("perf")


def program(name):
    return os.path.join(PROGRAMS, name)


def run(*command, timeout=60, **options):
    return subprocess.run(command, capture_output=True, timeout=timeout, check=False, **options)


class RobustnessTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="neuroperf-robustness-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def file(self, name):
        return os.path.join(self.folder, name)

    def report(self, path):
        """The report of a recording, which must be readable."""
        done = run(NEUROPERF, "report", "--json", "-i", path)
        self.assertEqual(done.returncode, 0, f"{path}: {done.stderr.decode(errors='replace')}")
        return json.loads(done.stdout)

    def perf_script(self, path):
        """What perf makes of it, or None where there is no perf."""
        if not PERF:
            return None
        done = run(PERF, "script", "-F", "comm,tid,time,event,trace", "-i", path, env={**os.environ, "PAGER": "cat"})
        text = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, 0, f"perf script {path}: {done.stderr.decode(errors='replace')[-500:]}")
        return text

    def quality_codes(self, report):
        return [item["code"] for item in report["quality"]]


def layers_of(report):
    return {layer["name"]: layer for layer in report["layers"]}
