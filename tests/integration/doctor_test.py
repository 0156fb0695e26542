# SPDX-License-Identifier: Apache-2.0
"""neuroperf doctor against what the kernel says when tried from here."""
import json
import os
import unittest

from support import NEUROPERF, NOBODY, require_root, run


def capabilities(*before):
    done = run([*before, NEUROPERF, "doctor", "--json"])
    assert done.returncode == 0, done.stderr
    return {item["what"].split(" (")[0]: item for item in json.loads(done.stdout)["capabilities"]}


class Doctor(unittest.TestCase):
    def test_every_line_has_a_state_and_what_is_missing_a_reason(self):
        lines = run([NEUROPERF, "doctor"]).stdout.splitlines()
        items = [line for line in lines if not line.startswith("          remedy: ")]
        self.assertGreater(len(items), 8)
        for line in items:
            self.assertRegex(line, r"^(ok|degraded|missing) +\S.*: .+")

    def test_json_says_the_same(self):
        lines = [line for line in run([NEUROPERF, "doctor"]).stdout.splitlines() if "remedy: " not in line]
        found = json.loads(run([NEUROPERF, "doctor", "--json"]).stdout)
        self.assertEqual(found["schema"], "neuroperf.doctor/1")
        self.assertEqual([line.split()[0] for line in lines], [item["state"] for item in found["capabilities"]])

    def test_a_user_without_privilege_gets_remedies(self):
        require_root(self)
        paranoid = int(open("/proc/sys/kernel/perf_event_paranoid").read())
        found = capabilities("setpriv", f"--reuid={NOBODY}", "--clear-groups")
        self.assertEqual(found["BPF"]["state"], "missing")
        self.assertIn("setcap", found["BPF"]["remedy"])
        self.assertEqual(found["whole machine"]["state"], "missing" if paranoid > 0 else "ok")
        if paranoid > 0:
            self.assertIn(f"now {paranoid}", found["whole machine"]["remedy"])
        self.assertEqual(found["in-process events"]["state"], capabilities()["in-process events"]["state"])

    def test_limit_of_open_files(self):
        limited = capabilities("prlimit", "--nofile=100:100")["open files"]
        self.assertEqual(limited["state"], "degraded")
        self.assertIn(f"about {100 // os.cpu_count()} threads", limited["detail"])

    def test_root_can_record_the_whole_machine(self):
        require_root(self)
        self.assertEqual(capabilities()["whole machine"]["state"], "ok")


if __name__ == "__main__":
    unittest.main()
