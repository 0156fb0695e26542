# SPDX-License-Identifier: Apache-2.0
"""`neuroperf record` under sudo, and as a user who may do little. Needs root, to become others."""
import os
import pwd
import shutil

import support
from support import NEUROPERF, NOBODY, program

# Prints who runs the program and with what, then becomes the program of its arguments.
WHO = "import os, sys; print(os.getuid(), os.getgid(), sorted(os.getgroups()), os.environ['HOME']); " \
      "sys.stdout.flush(); os.execv(sys.argv[1], sys.argv[1:])"


class Privileges(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        self.assertTrue(shutil.which("python3"))

    def copy(self, path):
        """Where everybody may execute it, wherever the build folder is."""
        copy = self.file(os.path.basename(path))
        shutil.copy(path, copy)
        os.chmod(copy, 0o755)
        return copy


class Sudo(Privileges):
    def sudo(self, *options, home="/root"):
        environment = {**os.environ, "SUDO_UID": str(NOBODY), "SUDO_GID": str(NOBODY), "SUDO_USER": "nobody",
                       "HOME": home}
        return self.record("python3", "-c", WHO, self.copy(program("plain_c")), 100, options=options, env=environment)

    def test_runs_and_owns_as_the_invoking_user(self):
        recording = self.sudo()
        self.assert_exact(recording)
        nobody = pwd.getpwuid(NOBODY)
        self.assertEqual(recording.stdout.splitlines()[0],
                         f"{NOBODY} {NOBODY} {sorted(os.getgrouplist(nobody.pw_name, NOBODY))} {nobody.pw_dir}")
        info = os.stat(recording.path)
        self.assertEqual((info.st_uid, info.st_gid), (NOBODY, NOBODY))

    def test_as_root_stays_root(self):
        recording = self.sudo("--as-root")
        self.assert_exact(recording)
        self.assertTrue(recording.stdout.startswith("0 0 "), recording.stdout)
        self.assertIn(" /root\n", recording.stdout)
        self.assertEqual(os.stat(recording.path).st_uid, NOBODY)  # the file is the caller's in any case

    def test_variables_of_nonsense_change_nothing(self):
        for uid in ("", "x", "-1", "0", "99999999999999999999", "1 2"):
            with self.subTest(uid=uid):
                environment = {**os.environ, "SUDO_UID": uid, "SUDO_GID": "0"}
                recording = self.record(program("plain_c"), 10, env=environment)
                self.assert_exact(recording)
                self.assertEqual(os.stat(recording.path).st_uid, 0)


class PlainUser(Privileges):
    def record_as_nobody(self, *command, options=()):
        def become_nobody():
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)

        os.mkdir(self.file("out"))
        os.chown(self.file("out"), NOBODY, NOBODY)
        path = self.file("out/recording.data")
        words = [self.copy(NEUROPERF), "record", "-o", path, "-F", "999", *options, *map(str, command)]
        return support.Recording(path, support.run(words, preexec_fn=become_nobody))

    def test_layers_are_complete_and_samples_user_only(self):
        with open("/proc/sys/kernel/perf_event_paranoid") as file:
            paranoid = int(file.read())
        support.require(self, "paranoid2", paranoid == 2, f"kernel.perf_event_paranoid is {paranoid}, not 2")
        digits = self.copy(support.example("spiking_digits"))
        recording = self.record_as_nobody(digits, "--repeat", 2, options=["-g"])
        self.assert_exact(recording)
        self.assertRegex(recording.stderr, r"missing +kernel samples: .*\nneuroperf: +remedy: .*perf_event_paranoid")
        report = recording.report()
        self.assertTrue(report["meta"]["sampling"].endswith(":u"), report["meta"]["sampling"])
        self.assertGreater(report["totals"]["samples"], 50)
        texts = [item["text"] for item in report["quality"] if item["code"] == "not_opened"]
        self.assertTrue(any(text.startswith("kernel samples: ") for text in texts), texts)
        self.assertFalse(any(function["module"] == "[kernel]" for function in report["functions"]))
        self.assertEqual(os.stat(recording.path).st_uid, NOBODY)

    def test_dry_run_says_so(self):
        done = self.record_as_nobody("true", options=["--dry-run"])
        self.assertEqual(done.status, 0)
        with open("/proc/sys/kernel/perf_event_paranoid") as file:
            if int(file.read()) >= 2:
                self.assertRegex(done.stdout, r"missing +kernel samples: ")


if __name__ == "__main__":
    support.main()
