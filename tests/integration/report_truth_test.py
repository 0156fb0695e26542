# SPDX-License-Identifier: Apache-2.0
"""What the report says against what the program counted itself, and the numbers computed again by hand."""
import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import xml.etree.ElementTree

import support
from support import NEUROPERF, SOURCE_DIR, example, quality_codes, run

# The energy of analyzer/energy.hpp, computed again from what the program printed and the facts it told.
NEURONS = {"encoder": 64, "hidden1": 128, "hidden2": 64, "readout": 10}


def energy_by_hand(layer, costs, bound):
    """In pJ. Synaptic events and neuron updates; where no synaptic events were told, MACs instead."""
    updates = layer.calls * NEURONS[layer.name]
    picojoules = updates * costs["neuron_update"][bound]
    if layer.synops:
        return picojoules + layer.synops * costs["synaptic_event"][bound]
    return picojoules + layer.macs * costs["mac"][bound]


class ReportTest(support.IntegrationTest):
    def report_text(self, recording, *options):
        done = run([NEUROPERF, "report", "-i", recording.path, "--color", "never", *options])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def table(self, text, title):
        """Rows of a table of the terminal as lists of cells; the first is the heading."""
        lines = text.split(f"\n{title}\n", 1)[1].splitlines()
        rows = [re.split(r" {2,}", lines[0].strip())]
        for line in lines[2:]:
            if not line or line.startswith("measured: "):
                break
            rows.append(re.split(r" {2,}", line.strip()))
        return rows


class Counts(ReportTest):
    def check(self, *command):
        recording = self.record(*command)
        report = self.assert_exact(recording)
        told = recording.told()
        layers = {layer["name"]: layer for layer in report["layers"]}
        self.assertEqual(sorted(layers), sorted(NEURONS))
        for layer in told:
            reported = layers[layer.name]
            for key in ("calls", "spikes", "synops", "macs"):
                # What is 0 for the program was not told, or never happened.
                self.assertEqual(reported[key] or 0, getattr(layer, key), f"{key} of {layer.name}")
        totals = report["totals"]
        self.assertEqual(totals["layer_calls"], sum(layer.calls for layer in told))
        for key in ("spikes", "synops", "macs"):
            self.assertEqual(totals[key], sum(getattr(layer, key) for layer in told), key)
        self.assertEqual(totals["layer_self_ns"], sum(layer["self_ns"] for layer in report["layers"]))
        self.check_times(report)
        self.check_energy(report, told)
        return report

    def check_times(self, report):
        for layer in report["layers"]:
            ordered = [layer[key] for key in ("min_ns", "p50_ns", "p95_ns", "p99_ns", "max_ns")]
            self.assertEqual(ordered, sorted(ordered))
            self.assertGreaterEqual(layer["total_ns"], layer["self_ns"])
            self.assertGreaterEqual(layer["total_ns"], layer["calls"] * layer["min_ns"])
            self.assertLessEqual(layer["total_ns"], layer["calls"] * layer["max_ns"])
        self.assertAlmostEqual(sum(layer["share"] for layer in report["layers"]), 1, places=9)

    def check_energy(self, report, told):
        with open(os.path.join(SOURCE_DIR, "data/energy/horowitz-45nm.json")) as file:
            costs = json.load(file)["operations"]
        layers = {layer["name"]: layer["energy"] for layer in report["layers"]}
        for bound in ("pj", "low_pj", "high_pj"):
            total = 0
            for layer in told:
                expected = energy_by_hand(layer, costs, bound)
                total += expected
                self.assertAlmostEqual(layers[layer.name][bound] / expected, 1, delta=1e-9, msg=layer.name)
            self.assertAlmostEqual(report["totals"]["energy"][bound] / total, 1, delta=1e-9)
        for energy in layers.values():
            self.assertEqual(energy["provenance"], "modelled")

    def test_one_thread(self):
        self.check(example("spiking_digits"), "--repeat", 1)

    def test_several_threads(self):
        report = self.check(example("spiking_digits_parallel"), "--repeat", 1, "--threads", 5)
        # A row a thread; no thread has more than the whole.
        self.assertGreaterEqual(len(report["threads"]), 1)
        self.assertEqual(sum(thread["samples"] for thread in report["threads"]), report["totals"]["samples"])


class Views(ReportTest):
    COMMAND = (example("spiking_digits"), "--images", 40, "--repeat", 2)
    ADDITIVE = ("calls", "total_ns", "self_ns", "spikes", "synops")

    def setUp(self):
        super().setUp()
        self.recording = self.record(*self.COMMAND, options=["-g", "-F", "5000"])
        self.assert_exact(self.recording)

    def test_warm_up_and_steady_add_up(self):
        whole = {layer["name"]: layer for layer in self.recording.report()["layers"]}
        for skipped in (1, 7, 79):
            report = self.recording.report("--skip-first", str(skipped))
            steady = {layer["name"]: layer for layer in report["layers"]}
            warm_up = {layer["name"]: layer for layer in report["warm_up"]}
            self.assertEqual(set(steady), set(whole))
            for name, layer in whole.items():
                for key in self.ADDITIVE:
                    if layer[key] is not None:
                        self.assertEqual(steady[name][key] + warm_up[name][key], layer[key], f"{key} of {name}")
                self.assertEqual(warm_up[name]["calls"], 32 * skipped)  # time steps of an image
                self.assertEqual(min(steady[name]["min_ns"], warm_up[name]["min_ns"]), layer["min_ns"])
                self.assertEqual(max(steady[name]["max_ns"], warm_up[name]["max_ns"]), layer["max_ns"])
            self.assertEqual(report["inferences"][0]["calls"], 80 - skipped)

    def test_groups_add_up(self):
        whole = {layer["name"]: layer for layer in self.recording.report()["layers"]}
        report = self.recording.report("--group", "^(hidden)[0-9]$")
        layers = {layer["name"]: layer for layer in report["layers"]}
        self.assertEqual(set(layers), {"encoder", "hidden", "readout"})
        for key in self.ADDITIVE:
            self.assertEqual(layers["hidden"][key], whole["hidden1"][key] + whole["hidden2"][key], key)
        self.assertAlmostEqual(layers["hidden"]["energy"]["pj"],
                               whole["hidden1"]["energy"]["pj"] + whole["hidden2"]["energy"]["pj"], delta=1e-3)
        self.assertEqual(layers["encoder"], {**whole["encoder"], "share": layers["encoder"]["share"]})

    def test_others_line_makes_the_sums_right(self):
        report = self.recording.report()
        rows = self.table(self.report_text(self.recording, "--top", "2"), "Layers")
        heading, rows = rows[0], rows[1:]
        self.assertEqual([row[0] for row in rows][2:], ["others (2)"])
        calls, spikes = heading.index("calls"), heading.index("spikes")
        self.assertEqual(sum(int(row[calls].replace(",", "")) for row in self.aligned(rows, heading)),
                         report["totals"]["layer_calls"])
        self.assertEqual(sum(int(row[spikes].replace(",", "")) for row in self.aligned(rows, heading)),
                         report["totals"]["spikes"])
        # All rows: no others line.
        self.assertNotIn("others (", self.report_text(self.recording, "--top", "0"))

    def aligned(self, rows, heading):
        """The others line leaves columns empty that do not add up: put its cells under the headings again."""
        empty = {"kind", "mean", "min", "p50", "p95", "p99", "max", "spikes/s"}
        aligned = []
        for row in rows:
            if len(row) < len(heading):
                cells = iter(row)
                row = ["" if title in empty else next(cells) for title in heading]
            self.assertEqual(len(row), len(heading), row)
            aligned.append(row)
        return aligned

    def test_folded_stacks_sum_to_the_samples(self):
        samples = self.recording.report()["totals"]["samples"]
        self.assertGreater(samples, 10)
        done = run([NEUROPERF, "export", "-i", self.recording.path, "--format", "folded"])
        self.assertEqual(done.returncode, 0, done.stderr)
        counts = [int(line.rpartition(" ")[2]) for line in done.stdout.splitlines()]
        self.assertEqual(sum(counts), samples)
        self.assertTrue(any(";encoder;" in line for line in done.stdout.splitlines()))

    def test_svg_is_xml(self):
        path = self.file("flame.svg")
        done = run([NEUROPERF, "export", "-i", self.recording.path, "--format", "svg", "-o", path])
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        root = xml.etree.ElementTree.parse(path).getroot()
        self.assertTrue(root.tag.endswith("svg"))
        self.assertIn("encoder", "".join(root.itertext()))

    def test_json_follows_the_schema(self):
        try:
            import jsonschema
        except ImportError:
            jsonschema = None
        support.require(self, "jsonschema", jsonschema, "the Python module jsonschema is not installed")
        with open(os.path.join(SOURCE_DIR, "data/schema/neuroperf.report-1.schema.json")) as file:
            schema = json.load(file)
        for options in ((), ("--skip-first", "3"), ("--group", "hid"), ("--energy-model", "none")):
            jsonschema.validate(self.recording.report(*options), schema)

    def test_export_json_is_the_report(self):
        done = run([NEUROPERF, "export", "-i", self.recording.path, "--format", "json"])
        self.assertEqual(json.loads(done.stdout), self.recording.report())


class Gate(ReportTest):
    def report_file(self, name, *command, **options):
        recording = self.record(*command, name=name + ".data", **options)
        path = self.file(name + ".json")
        self.assertEqual(run([NEUROPERF, "report", "--json", "-o", path, "-i", recording.path]).returncode, 0)
        return path

    def gate(self, baseline, candidate):
        return run([NEUROPERF, "gate", "--baseline", baseline, "--candidate", candidate, "--color", "never"])

    def digits(self, name, images):
        return self.report_file(name, example("spiking_digits"), "--images", images, "--repeat", 1)

    def test_same_work_passes_and_other_work_does_not(self):
        first, again, more = self.digits("first", 50), self.digits("again", 50), self.digits("more", 51)
        for baseline, candidate, status in ((first, first, 0), (first, again, 0), (first, more, 3), (more, first, 3)):
            done = self.gate(baseline, candidate)
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn("encoder", self.gate(first, more).stdout)

    def test_lossy_or_cut_is_inconclusive(self):
        whole = self.digits("whole", 50)
        threads = support.program("threads")
        lossy = self.report_file("lossy", threads, 1100, 1100, 1, 0)
        self.assertEqual(self.gate(lossy, lossy).returncode, 4)
        with open(self.file("whole.data"), "rb") as file:
            contents = file.read()
        with open(self.file("cut.data"), "wb") as file:
            file.write(contents[:len(contents) * 2 // 3])
        done = run([NEUROPERF, "report", "--json", "-i", self.file("cut.data"), "-o", self.file("cut.json")])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.gate(whole, self.file("cut.json")).returncode, 4)
        self.assertEqual(self.gate(self.file("cut.json"), whole).returncode, 4)

    def test_garbage_is_a_failure_and_a_missing_option_a_mistake(self):
        whole, garbage = self.digits("whole", 2), self.file("garbage.json")
        for text in ("", "{", "[]", "null", '{"schema": "neuroperf.report/2"}', "\0" * 100):
            with open(garbage, "w") as file:
                file.write(text)
            done = self.gate(whole, garbage)
            self.assertEqual(done.returncode, 1, text)
            self.assertIn("garbage.json", done.stderr)
        self.assertEqual(self.gate(whole, self.file("missing.json")).returncode, 1)
        self.assertEqual(run([NEUROPERF, "gate", "--baseline", whole]).returncode, 2)
        self.assertEqual(run([NEUROPERF, "gate", "--no-such"]).returncode, 2)


class BadInput(ReportTest):
    def test_report_says_what_is_wrong(self):
        with open(self.file("garbage"), "wb") as file:
            file.write(b"not a recording" * 100)
        for command in ("report", "script", "export"):
            for path in (self.file("garbage"), self.file("missing"), self.folder, "/dev/null"):
                done = run([NEUROPERF, command, "-i", path])
                self.assertEqual(done.returncode, 1, f"{command} {path}: {done.stderr}")
                self.assertTrue(done.stderr.startswith("neuroperf: "), done.stderr)

    def test_closed_pipe_is_no_failure(self):
        recording = self.record(example("spiking_digits"), "--repeat", 1)
        command = f"set -o pipefail; {NEUROPERF} script -i {recording.path} | head -1"
        done = subprocess.run(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.stdout.count("\n"), 1)
        self.assertEqual(done.stderr, "")


class Options(ReportTest):
    """What of a recording is shown, and how."""

    def setUp(self):
        super().setUp()
        self.digits = self.record(example("spiking_digits"), "--repeat", "1", "--images", "300", options=("-g", "-F", "5000"))
        self.assert_recorded(self.digits)

    def json(self, *options):
        done = run([NEUROPERF, "report", "--json", "-i", self.digits.path, *options])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout)

    def test_layers_and_their_functions(self):
        whole, hidden = self.json(), self.json("--layer", "^hidden")
        self.assertEqual([layer["name"] for layer in hidden["layers"]],
                         [layer["name"] for layer in whole["layers"] if layer["name"].startswith("hidden")])
        inside = [row for row in whole["layer_functions"] if row["layer"].startswith("hidden")]
        self.assertEqual(sum(row["self_samples"] for row in inside), hidden["totals"]["samples"])
        self.assertEqual({row["layer"] for row in hidden["layer_functions"]}, {row["layer"] for row in inside})

    def test_two_halves_are_the_whole(self):
        whole = self.json()
        half = whole["meta"]["duration_ns"] // 2
        point = f"+{half // 10**9}.{half % 10**9:09}"
        after = f"+{(half + 1) // 10**9}.{(half + 1) % 10**9:09}"
        first, second = self.json("--time", f",{point}"), self.json("--time", f"{after},")
        for key in ("samples", "spikes", "synops"):
            self.assertGreater(first["totals"][key], 0, key)
            self.assertEqual(first["totals"][key] + second["totals"][key], whole["totals"][key], key)
        cut = whole["totals"]["layer_calls"] - first["totals"]["layer_calls"] - second["totals"]["layer_calls"]
        self.assertIn(cut, (0, 1))  # the call that ran across

    def test_processes_and_threads(self):
        whole = self.json()
        self.assertEqual(self.json("--process", "spiking_digits")["totals"]["samples"], whole["totals"]["samples"])
        self.assertEqual(self.json("--thread", str(whole["threads"][0]["tid"]))["totals"]["samples"],
                         whole["threads"][0]["samples"])
        self.assertEqual(self.json("--process", "spiking_digits")["meta"]["option_process"], "spiking_digits")
        none = self.json("--process", "nobody")
        self.assertEqual((none["totals"]["samples"], none["totals"]["layer_calls"]), (0, 0))

    def test_groups_callers_and_order(self):
        whole = self.json("--sort", "module,function", "--callers", "spiking_digits::Encoder::step")
        self.assertEqual(sum(row["self_samples"] for row in whole["groups"]), whole["totals"]["samples"])
        self.assertEqual([list(row)[:2] for row in whole["groups"]], [["module", "function"]] * len(whole["groups"]))
        encoder = next(row for row in whole["functions"] if row["symbol"] == "spiking_digits::Encoder::step")
        self.assertEqual(sum(row["samples"] for row in whole["callers"]), encoder["total_samples"])
        totals = [row["total_samples"] for row in self.json("--sort", "total_samples")["functions"]]
        self.assertEqual(totals, sorted(totals, reverse=True))
        self.assertNotEqual(totals, [row["total_samples"] for row in whole["functions"]])

    def test_senseless_options_are_refused(self):
        for options in (("--sort", "colour"), ("--sort", "module,colour"), ("--time", "1"), ("--layer", "("),
                        ("--event", "no-such")):
            with self.subTest(options=options):
                done = run([NEUROPERF, "report", "-i", self.digits.path, *options])
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, f"^neuroperf: {options[0]}: .*\n")


class Pager(ReportTest):
    def setUp(self):
        super().setUp()
        self.recording = self.record("true")

    def on_terminal(self, rows, *options, **variables):
        """What the report leaves on a terminal of this many rows."""
        terminal, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 100, 0, 0))
        environment = {name: value for name, value in os.environ.items() if name not in ("PAGER", "NEUROPERF_PAGER")}
        process = subprocess.Popen([NEUROPERF, "report", "-i", self.recording.path, "--color", "never", *options],
                                   stdin=subprocess.DEVNULL, stdout=inner, env={**environment, "TERM": "xterm", **variables})
        os.close(inner)
        text = b""
        try:
            while chunk := os.read(terminal, 4096):
                text += chunk
        except OSError:  # the other side has ended
            pass
        os.close(terminal)
        self.assertEqual(process.wait(timeout=30), 0)
        return text.decode()

    def test_takes_what_does_not_fit(self):
        prefix = "sed s/^/paged:/"
        self.assertTrue(self.on_terminal(10, PAGER=prefix).startswith("paged:Quality"))
        self.assertTrue(self.on_terminal(10, PAGER="sed s/^/other:/", NEUROPERF_PAGER=prefix).startswith("paged:Quality"))
        self.assertTrue(self.on_terminal(500, PAGER=prefix).startswith("Quality"), "it fits")
        self.assertTrue(self.on_terminal(10, "--no-pager", PAGER=prefix).startswith("Quality"))
        self.assertTrue(self.on_terminal(10, PAGER="no-such-program").startswith("Quality"))
        self.assertTrue(self.on_terminal(10, "--json", PAGER=prefix).startswith("{"))


class ReplacedProgram(ReportTest):
    def test_is_said_and_not_used_for_names(self):
        program = self.file("program")
        shutil.copy(example("spiking_digits"), program)
        recording = self.record(program, "--repeat", "1", "--images", "300", options=("-F", "5000"))
        home = dict(os.environ, HOME=self.file("home"))  # without a cache of perf's

        def report():
            return json.loads(run([NEUROPERF, "report", "--json", "-i", recording.path], env=home).stdout)

        self.assertIn("spiking_digits::Encoder::step", {row["symbol"] for row in report()["functions"]})
        shutil.copy(support.program("plain_cpp"), program)
        replaced = report()
        self.assertNotIn("spiking_digits::Encoder::step", {row["symbol"] for row in replaced["functions"]})
        self.assertIn("replaced", " ".join(item["text"] for item in replaced["quality"]))


if __name__ == "__main__":
    support.main()
