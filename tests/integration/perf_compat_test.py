# SPDX-License-Identifier: Apache-2.0
"""Debian's perf reads our recordings and sees what we see: times, threads, addresses, modules, symbols, layer events."""
import collections
import os
import re
import shutil
import tempfile

import support
from support import NEUROPERF, example, run

PERF = shutil.which("perf")
# Perf's line of an event, and what follows for a sample: an address, the symbol there, the module.
PERF_EVENT = re.compile(r"^\s*(-?\d+)/(-?\d+)\s+(\d+)\.(\d{9}):\s+(\S+?):?(?:\s+(.*))?$")
PERF_PLACE = re.compile(r"^\s*([0-9a-f]+) (.*?)(?:\+0x([0-9a-f]+))? \((.*)\)$")
PERF_FORK = re.compile(r"^PERF_RECORD_FORK\((\d+):(\d+)\):\((\d+):\d+\)$")
PERF_MAPPING = re.compile(r"^(-?\d+)/-?\d+: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (0x[0-9a-f]+|0)[^\]]*\]: (\S+) (.*)$")
OUR_PLACE = re.compile(r'^(?:"(?!\[kernel)(.*?)"\+0x([0-9a-f]+)|"\[kernel.*?"\+0x[0-9a-f]+|\[unknown\]\+0x[0-9a-f]+) (.*?)(?:\+0x([0-9a-f]+))?$')

Sample = collections.namedtuple("Sample", "time_ns pid tid ip module offset symbol symbol_offset")


def perf(*words):
    return run([PERF, *words], env={**os.environ, "PERF_PAGER": "cat", "DEBUGINFOD_URLS": ""}, timeout=100)


class PerfView:
    """What `perf script` says of a recording. Module offsets are computed from the mappings that perf prints."""

    def __init__(self, path):
        # -G: the sample itself, not its call chain, of which perf 6.1 prints addresses relative to modules.
        done = perf("script", "-i", path, "-G", "--ns", "--no-demangle", "--no-inline", "--show-mmap-events",
                    "--show-task-events",
                    "-F", "sw:pid,tid,time,event,ip,sym,symoff,dso", "-F", "hw:pid,tid,time,event,ip,sym,symoff,dso",
                    "-F", "trace:pid,tid,time,event,trace")
        self.status, self.stderr = done.returncode, done.stderr
        self.samples, self.own_events, self.not_understood = [], [], []
        self._mappings = collections.defaultdict(list)  # pid -> (start, end, offset, path), newest last
        for line in done.stdout.splitlines():
            event = PERF_EVENT.match(line)
            if event:
                pid, tid, seconds, ns, name, rest = event.groups()
                self._event(int(seconds) * 10**9 + int(ns), int(pid), int(tid), name, rest)
            else:
                self.not_understood.append(line)

    def _event(self, time_ns, pid, tid, name, rest):
        if name.startswith("neuroperf:"):
            self.own_events.append(support.Event(time_ns, pid, tid, name, rest, None))
        elif name.startswith("PERF_RECORD_"):
            self._task(pid, name, rest or "")
        else:
            self._sample(time_ns, pid, tid, rest)

    def _task(self, pid, name, rest):
        """Mappings come with fork and go with exec."""
        fork = PERF_FORK.match(name)
        if fork and fork.group(1) != fork.group(3):
            self._mappings[int(fork.group(1))] = list(self._mappings[int(fork.group(3))])
        elif name == "PERF_RECORD_COMM" and rest.startswith("exec:"):
            self._mappings[pid] = []
        elif name.startswith("PERF_RECORD_MMAP"):
            owner, start, length, offset, protection, path = PERF_MAPPING.match(rest).groups()
            if "x" in protection:
                start = int(start, 16)
                self._mappings[int(owner)].append((start, start + int(length, 16), int(offset, 16), path))

    def _sample(self, time_ns, pid, tid, text):
        ip, symbol, symbol_offset, dso = PERF_PLACE.match(text).groups()
        ip, module, module_offset = int(ip, 16), None, None
        if not dso.startswith("[kernel"):
            for start, end, offset, path in reversed(self._mappings[pid]):
                if start <= ip < end:
                    module, module_offset = path, ip - start + offset
                    break
        self.samples.append(Sample(time_ns, pid, tid, ip, module, module_offset, symbol,
                                   int(symbol_offset or "0", 16)))


def our_samples(path):
    done = run([NEUROPERF, "script", "-i", path, "--no-demangle"])
    for line in done.stdout.splitlines():
        match = support.EVENT_LINE.match(line)
        if not match or match.group(5) not in ("cpu-clock", "cycles"):
            continue
        seconds, ns, pid, tid, _, rest = match.groups()
        ip, place = re.match(r" cpu=\d+ period=\d+ ip=0x([0-9a-f]+) (.*)$", rest).groups()
        module, offset, symbol, symbol_offset = OUR_PLACE.match(place.split(" < ")[0]).groups()
        yield Sample(int(seconds) * 10**9 + int(ns), int(pid), int(tid), int(ip, 16), module,
                     int(offset, 16) if offset else None, symbol, int(symbol_offset or "0", 16))


class ElfFile:
    """Symbols and PLT entries by binutils, to judge where perf and we differ."""

    def __init__(self, path):
        self.symbols = collections.defaultdict(list)  # name without version -> (address, end)
        for line in run(["readelf", "-sW", path]).stdout.splitlines():
            cells = line.split()
            if len(cells) >= 8 and cells[0].rstrip(":").isdigit() and cells[3] in ("FUNC", "NOTYPE", "IFUNC", "OBJECT"):
                start = int(cells[1], 16)
                size = int(cells[2], 16 if cells[2].startswith("0x") else 10)
                self.symbols[cells[7].split("@")[0]].append((start, start + max(size, 1)))
        self.plt = {}  # address -> name, from the disassembly
        for line in run(["objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", path]).stdout.splitlines():
            match = re.match(r"^([0-9a-f]+) <(.*)@plt(?:\+0x[0-9a-f]+)?>:$", line)
            if match:
                self.plt[int(match.group(1), 16)] = match.group(2).split("@")[0]
        self.plt_ranges = []
        self.code_bias = []  # (file offset, end, address - offset) of loaded segments
        for line in run(["readelf", "-SlW", path]).stdout.splitlines():
            section = re.match(r"^ +\[ *\d+\] (\.plt\S*|\.iplt) +\S+ +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)", line)
            if section:
                start = int(section.group(2), 16)
                self.plt_ranges.append((start, start + int(section.group(3), 16)))
            segment = re.match(r"^ +LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+)", line)
            if segment:
                offset, address, size = (int(text, 16) for text in segment.groups())
                self.code_bias.append((offset, offset + size, address - offset))

    def address(self, offset):
        for start, end, bias in self.code_bias:
            if start <= offset < end:
                return offset + bias
        return None

    def covers(self, symbol, address):
        """Whether one of the symbols of that name holds the address; assembly leaves sizes of 0, which reach on."""
        return any(start <= address < end or (end == start + 1 and start <= address)
                   for start, end in self.symbols[symbol.split("@")[0]])

    def in_plt(self, address):
        return any(start <= address < end for start, end in self.plt_ranges)


class Judge:
    """Sorts differences of symbol names into kinds that are explained and those that are not."""

    def __init__(self):
        self.kinds = collections.Counter()
        self.unexplained = []
        self._files = {}

    def compare(self, ours, theirs):
        if (ours.symbol, ours.symbol_offset) == (theirs.symbol, theirs.symbol_offset):
            self.kinds["equal"] += 1
            return
        kind = self._explain(ours, theirs)
        self.kinds[kind or "unexplained"] += 1
        if kind is None:
            self.unexplained.append((ours, theirs))

    def _explain(self, ours, theirs):
        if ours.symbol.split("@@")[0] == theirs.symbol.split("@@")[0] and \
                ours.symbol_offset == theirs.symbol_offset:
            return "version"
        if ours.module is None:
            return self._explain_kernel(ours, theirs)
        if not os.path.isfile(ours.module):
            return None
        if ours.module not in self._files:
            self._files[ours.module] = ElfFile(ours.module)
        elf = self._files[ours.module]
        address = elf.address(ours.offset)
        if address is None:
            return None
        if elf.in_plt(address):
            return self._explain_plt(elf, address, ours)
        if elf.covers(ours.symbol, address) and elf.covers(theirs.symbol, address):
            return "same place"
        return None

    @staticmethod
    def _explain_plt(elf, address, ours):
        """perf 6.1 takes the entries to stand in the order of .rela.plt and knows no .plt.got. We must be right."""
        if ours.symbol == "[unknown]":  # the stub before the entries calls the dynamic linker and has no name
            return "plt header" if any(start <= address < start + 16 for start, _ in elf.plt_ranges) else None
        entry = elf.plt.get(address - ours.symbol_offset, "")
        symbol = ours.symbol.removesuffix("@plt").split("@")[0]
        if entry.startswith("*ABS*+0x"):  # an IFUNC of the library itself, known by the address of its resolver
            right = any(start == int(entry[8:], 16) for start, _ in elf.symbols[symbol])
        else:
            right = symbol == entry
        return "plt" if right else None

    def _explain_kernel(self, ours, theirs):
        """Symbols of the same address in kallsyms."""
        if "kallsyms" not in self._files:
            with open("/proc/kallsyms") as file:
                addresses = collections.defaultdict(set)
                for line in file:
                    cells = line.split()
                    addresses[cells[2]].add(int(cells[0], 16))
                self._files["kallsyms"] = addresses
        addresses = self._files["kallsyms"]
        return "same place" if addresses[ours.symbol] & addresses[theirs.symbol] else None


LIBRARY_HEAVY = """
import json, re, zlib, hashlib
for i in range(150):
    text = json.dumps([{"layer": n, "spikes": [n * k for k in range(40)]} for n in range(60)])
    json.loads(text)
    re.findall(r"[0-9]+(?:, )?", text)
    hashlib.sha256(zlib.compress(text.encode())).hexdigest()
"""


class PerfReads(support.IntegrationTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp(prefix="neuroperf-test.")
        cls.addClassCleanup(shutil.rmtree, cls.shared, ignore_errors=True)

    def setUp(self):
        super().setUp()
        support.require(self, "perf", PERF and perf("--version").returncode == 0, "perf is not installed or cannot run")
        support.require(self, "binutils", shutil.which("readelf") and shutil.which("objdump"), "no readelf or objdump")

    def check(self, *command, options=(), least_samples):
        recording = self.record(*command, options=options)
        self.assert_recorded(recording)
        theirs = PerfView(recording.path)
        self.assertEqual((theirs.status, theirs.not_understood), (0, []), theirs.stderr)
        self.check_samples(recording, theirs, least_samples)
        return recording, theirs

    def check_commands(self, recording):
        """The other commands of perf, on a recording that is not too large."""
        for words in (["report", "--stdio"], ["report", "--stdio", "--no-children"], ["script"], ["evlist"],
                      ["evlist", "-v"], ["report", "--header-only"]):
            done = perf(*words, "-i", recording.path)
            self.assertEqual(done.returncode, 0, f"perf {words}: {done.stderr}")
            self.assertTrue(done.stdout.strip(), f"perf {words} says nothing")
            for complaint in ("incompatible", "non matching", "broken", "corrupt", "out of order", "expected type",
                              "unprocessable", "Unknown"):
                self.assertNotIn(complaint.lower(), done.stderr.lower(), f"perf {words}")
        events = perf("evlist", "-i", recording.path).stdout.split("\n")
        for name in ("neuroperf:layer_begin", "neuroperf:layer_end", "neuroperf:spikes"):
            self.assertIn(name, events)

    def check_samples(self, recording, theirs, least_samples):
        ours = list(our_samples(recording.path))
        self.assertEqual(len(ours), recording.summary.samples)
        self.assertGreater(len(ours), least_samples)

        def essence(samples):
            return sorted(sample[:4] for sample in samples)

        self.assertEqual(essence(ours), essence(theirs.samples))  # time, pid, tid, ip
        judge = Judge()
        for mine, perfs in zip(sorted(ours, key=lambda s: s[:4]), sorted(theirs.samples, key=lambda s: s[:4])):
            self.assertEqual((mine.module, mine.offset), (perfs.module, perfs.offset), mine)
            judge.compare(mine, perfs)
        print(f"[symbols: {dict(judge.kinds)}] ", end="", flush=True)
        self.assertEqual(judge.unexplained, [])
        # Differences that are explained are few, or the explanation is.
        self.assertGreater(judge.kinds["equal"] + judge.kinds["version"], 0.9 * len(ours), judge.kinds)

    def check_own_events(self, recording, theirs):
        """Names, times, threads and fields are what our own reader says; the layer's name stands beside its number."""
        names = recording.layer_names()
        ours = sorted((event.time_ns, event.pid, event.tid, event.name, event.fields)
                      for event in recording.events() if event.name.startswith("neuroperf:layer_") or
                      event.name in ("neuroperf:spikes", "neuroperf:synops"))
        perfs = sorted((event.time_ns, event.pid, event.tid, event.name, dict(support.FIELD.findall(event.fields)))
                       for event in theirs.own_events if event.name.startswith("neuroperf:layer_") or
                       event.name in ("neuroperf:spikes", "neuroperf:synops"))
        self.assertEqual(len(ours), len(perfs))
        for mine, other in zip(ours, perfs):
            fields = {key: value.strip('"') for key, value in mine[4].items()}
            fields.setdefault("name", names[fields["layer"]])
            if (*mine[:4], fields) != other:
                self.assertEqual((*mine[:4], fields), other)
        kinds = collections.Counter(event[3] for event in ours)
        self.assertEqual(kinds["neuroperf:layer_end"], recording.summary.layer_calls)
        self.assertEqual(kinds["neuroperf:layer_def"], len(names))
        return kinds

    def test_network(self):
        recording, theirs = self.check(example("spiking_digits"), "--repeat", 4, least_samples=100)
        told = recording.told()
        kinds = self.check_own_events(recording, theirs)
        self.assertEqual(kinds["neuroperf:layer_begin"], sum(layer.calls for layer in told))
        spikes = sum(int(dict(support.FIELD.findall(event.fields))["count"])
                     for event in theirs.own_events if event.name == "neuroperf:spikes")
        self.assertEqual(spikes, sum(layer.spikes for layer in told))

    def test_network_with_call_chains(self):
        recording, theirs = self.check(example("spiking_digits"), "--repeat", 1, "--images", 200, options=["-g"],
                                       least_samples=10)
        self.check_own_events(recording, theirs)
        self.check_commands(recording)
        self.assertIn("spiking_digits::", perf("report", "--stdio", "-i", recording.path, "--no-inline").stdout)

    def test_several_threads(self):
        recording, theirs = self.check(example("spiking_digits_parallel"), "--repeat", 1, "--images", 200,
                                       least_samples=10)
        self.check_own_events(recording, theirs)
        self.check_commands(recording)

    def test_libraries(self):
        python = shutil.which("python3")
        for options in ([], ["-g"]):
            self.check(python, "-c", LIBRARY_HEAVY, options=["-F", "9999", *options], least_samples=1000)

    def test_processes(self):
        self.check("/bin/sh", "-c", f"ls -lR /usr/share/doc >/dev/null; {support.program('processes')} fork_threads; "
                   f"sort /usr/share/dict/* /etc/services /etc/protocols | wc -l; (gzip -c /bin/bash | gunzip) >/dev/null",
                   least_samples=50)


if __name__ == "__main__":
    support.main()
