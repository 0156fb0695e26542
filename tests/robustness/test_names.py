# SPDX-License-Identifier: Apache-2.0
"""Names that try to break out: recorded for real, then through every way out of the program."""
import json
import os
import re
import unittest
import xml.etree.ElementTree

import support

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
NAMES = 15  # in hostile_names.c


class HostileNames(support.RobustnessTest):
    def setUp(self):
        super().setUp()
        self.path = self.file("names.data")
        done = support.run(support.NEUROPERF, "record", "-q", "-o", self.path, support.program("hostile_names"))
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))

    def output(self, *arguments):
        done = support.run(support.NEUROPERF, *arguments, "-i", self.path, env={**os.environ, "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        return done.stdout

    def test_terminal(self):
        for colour, ascii_only in (("never", []), ("never", ["--ascii"])):
            text = self.output("report", "--top", "0", "--color", colour, *ascii_only)
            self.assertEqual(CONTROL.findall(text.decode("utf-8")), [], "raw control characters")
            self.assertIn(b"script", text)
            if ascii_only:
                text.decode("ascii")

    def test_json(self):
        for command in (("report", "--json"), ("export", "--format", "json")):
            report = json.loads(self.output(*command).decode("utf-8"))
            names = [layer["name"] for layer in report["layers"]]
            self.assertEqual(len(names), NAMES)
            self.assertIn("</script><script>alert(1)</script>", names)
            self.assertIn("two\nlines\r\ttab", names)
            self.assertIn("%s%n%d%%", names)
            self.assertEqual(sum(layer["calls"] for layer in report["layers"]), 20 * NAMES)

    def test_script(self):
        lines = self.output("script").decode("utf-8").splitlines()
        self.assertEqual([line for line in lines if CONTROL.search(line)], [])
        definitions = [line for line in lines if " neuroperf:layer_def " in line]
        self.assertEqual(len(definitions), NAMES, "a name with a newline is still one line")

    def test_folded(self):
        for line in self.output("export", "--format", "folded").split(b"\n")[:-1]:
            self.assertRegex(line, rb"^[^\x00-\x1f\x7f]+ \d+$")
            line.decode("utf-8")

    def test_svg(self):
        text = self.output("export", "--format", "svg").decode("utf-8")
        xml.etree.ElementTree.fromstring(text)
        self.assertNotIn("<script>alert", text)
        self.assertNotIn("\x1b", text)

    @unittest.skipUnless(support.PERF, "perf is not here")
    def test_perf_script_reads_the_format_texts(self):
        text = self.perf_script(self.path)
        begins = [line for line in text.splitlines() if "neuroperf:layer_begin:" in line]
        self.assertEqual(len(begins), 20 * NAMES)
        # perf prints the strings of layer_def as they are; the names beside every event come from our format texts.
        self.assertEqual([line for line in begins if CONTROL.search(line)], [])
        for expected in ("name=%s%n%d%%", "name=</script><script>alert(1)</script>", "name=two_lines__tab"):
            self.assertTrue(any(expected in line for line in begins), expected)


if __name__ == "__main__":
    unittest.main()
