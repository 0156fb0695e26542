# SPDX-License-Identifier: Apache-2.0
"""`neuroperf list events` and `list devices`: what is listed can be recorded, and what cannot is said to be n/a."""
import glob
import os
import re

import support
from support import NEUROPERF, NOBODY, run

KINDS = ["Hardware events", "Software events", "Cache events", "Events of PMUs, as the kernel names them",
         "Events of libpfm4, by the names of the CPU's vendor", "Tracepoints"]
SAMPLE = 10  # events of a kind


class ListTest(support.IntegrationTest):
    def listed(self, *words):
        done = run([NEUROPERF, "list", *words])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        return done.stdout

    def kinds(self, *words):
        """Heading -> its lines."""
        parts = [part.splitlines() for part in self.listed("events", *words).split("\n\n")]
        return {lines[0]: [line.strip() for line in lines[1:]] for lines in parts}


class Events(ListTest):
    def events(self, kind, pattern):
        """Those that are there, by the strings that are printed."""
        lines = self.kinds(pattern).get(kind, [])
        return [line.split("  ")[0] for line in lines if "n/a" not in line]

    def assert_recordable(self, events, least):
        step = max(1, len(events) // SAMPLE)
        sample = events[::step]
        self.assertGreaterEqual(len(sample), least)
        for event in sample:
            with self.subTest(event=event):
                done = run([NEUROPERF, "record", "-e", event, "--dry-run", "true"], cwd=self.folder)
                self.assertEqual(done.returncode, 0, done.stderr)

    def require_tracefs(self):
        support.require_root(self)
        there = any(os.path.isdir(folder + "/events/sched") for folder in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing"))
        support.require(self, "tracefs", there, "tracefs is not mounted")

    def test_software_events_are_taken(self):
        self.assert_recordable(self.events("Software events", "*"), 5)

    def test_tracepoints_are_taken(self):
        self.require_tracefs()
        self.assert_recordable(self.events("Tracepoints", "*"), SAMPLE)

    def test_events_of_other_kinds_are_taken(self):
        for kind in KINDS:
            self.assert_recordable(self.events(kind, "*"), 0)

    def test_a_listed_software_event_is_recorded(self):
        events = self.events("Software events", "cpu-clock")
        support.require(self, "perf", events == ["cpu-clock"], "perf events are not allowed here")
        recording = self.record("true", options=("-e", events[0]))
        self.assert_recorded(recording)

    def test_without_a_pattern_each_kind_is_there_and_short(self):
        kinds = self.kinds()
        self.assertEqual([heading for heading in kinds if heading in KINDS], KINDS)
        for heading, lines in kinds.items():
            if heading != "Tracepoints":
                self.assertLessEqual(len(lines), 40, heading)

    def test_tracepoints_are_counted_by_system(self):
        self.require_tracefs()
        counts = dict(line.split(": ") for line in self.kinds()["Tracepoints"])
        self.assertEqual(counts["sched"], f"{len(self.events('Tracepoints', 'sched:*'))} tracepoints")

    def test_patterns(self):
        for pattern in ("FAULT", "*-FAULTS", "page?faults"):
            self.assertIn("page-faults", [line.split()[0] for line in self.kinds(pattern)["Software events"]])
        self.assertNotIn("page-faults", self.listed("events", "fault-*"))
        self.assertIn("no event that this machine names matches no.such.event", self.listed("events", "no.such.event"))

    def test_hardware_events_are_n_a_where_doctor_says_so(self):
        missing = "missing   hardware counters" in run([NEUROPERF, "doctor"]).stdout
        (line,) = [line for line in self.kinds("cycles")["Hardware events"] if line.split()[0] == "cycles"]
        self.assertEqual("n/a" in line, missing, line)

    def test_tracefs_that_is_hidden(self):
        self.require_tracefs()
        before = ["setpriv", f"--reuid={NOBODY}", "--regid=65534", "--clear-groups"]
        done = run([*before, NEUROPERF, "list", "events", "sched"])
        self.assertEqual(done.returncode, 0, done.stderr)
        if run([*before, "ls", "/sys/kernel/tracing/events"]).returncode != 0:
            self.assertRegex(done.stdout, r"Tracepoints\n  n/a: tracefs .* \(.*(root|mount).*\)")

    def test_words_that_are_wrong(self):
        for words in (["list", "event"], ["list"], ["list", "drivers", "x"], ["list", "devices", "x"], ["list", "events", "a", "b"]):
            self.assertEqual(run([NEUROPERF, *words]).returncode, 2, words)


class Devices(ListTest):
    def test_every_node_is_there_and_nothing_else(self):
        text = self.listed("devices")
        nodes = sorted(glob.glob("/dev/accel/accel*") + glob.glob("/dev/dri/renderD*"))
        if nodes:
            self.assertEqual([node for node in re.findall(r"^/dev/\S+", text, re.M) if "video" not in node], nodes)
        elif not glob.glob("/dev/video*"):
            self.assertRegex(text, r"^this machine has no accelerator: .*\n$")

    def test_a_description_that_is_wrong(self):
        with open(self.file("wrong.json"), "w") as file:
            file.write("{}")
        self.assertEqual(run([NEUROPERF, "list", "devices", "--driver-file", self.file("wrong.json")]).returncode, 2)


if __name__ == "__main__":
    support.main()
