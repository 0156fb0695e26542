# SPDX-License-Identifier: Apache-2.0
"""What Debian's perf says of a recording, sample by sample.

Two runs of `perf script`: one without call chains, which prints absolute addresses, with the mappings that say which file
and offset they are; one with the chains, where perf 6.1 prints addresses in files as offsets already, but for mappings
without a file.
"""
import collections
import os
import re
import shutil

from perf_truth.samples import Frame, Sample
from support import run

PERF = shutil.which("perf")
HEAD = re.compile(r"^\s*(-?\d+)/(-?\d+)\s+(?:\[(\d+)\]\s+)?(?:(\d+)\.(\d{9}):\s+)?(?:(\d+)\s+)?(\S+?):(?:\s+(.*))?$")
PLACE_AT_END = re.compile(r"^(.*?)\s+([0-9a-f]+ \S+ \([^()]*\))$")
PLACE = re.compile(r"^\s*([0-9a-f]+) (?:\[unknown\]|(.*?)(?:\+0x([0-9a-f]+))?) \((.*)\)$")
FORK = re.compile(r"PERF_RECORD_FORK\((\d+):(\d+)\):\((\d+):\d+\)$")
MAPPING = re.compile(r"(PERF_RECORD_MMAP2?) (-?\d+)/-?\d+: \[0x([0-9a-f]+)\(0x([0-9a-f]+)\) @ (0x[0-9a-f]+|0)[^\]]*\]: (\S+) (.*)$")
EXEC = re.compile(r"PERF_RECORD_COMM exec: ")
TASK = re.compile(r"PERF_RECORD_\w+")

# Field names of the kernel's formats where perf's text says them one to one.
TRACEPOINTS = {
    "sched:sched_switch": re.compile(r"prev_comm=(?P<prev_comm>.*) prev_pid=(?P<prev_pid>\d+) prev_prio=(?P<prev_prio>\d+) "
                                     r"prev_state=\S+ ==> next_comm=(?P<next_comm>.*) next_pid=(?P<next_pid>\d+) "
                                     r"next_prio=(?P<next_prio>\d+)$"),
    "sched:sched_wakeup": re.compile(r"comm=(?P<comm>.*) pid=(?P<pid>\d+) prio=(?P<prio>\d+) target_cpu=(?P<target_cpu>\d+)$"),
    "syscalls:sys_enter_write": re.compile(r"fd: (?P<fd>0x[0-9a-f]+), buf: (?P<buf>0x[0-9a-f]+), count: (?P<count>0x[0-9a-f]+)$"),
    "raw_syscalls:sys_enter": re.compile(r"NR (?P<id>-?\d+) "),
    "raw_syscalls:sys_exit": re.compile(r"NR (?P<id>-?\d+) = (?P<ret>-?\d+)$"),
}

Mapping = collections.namedtuple("Mapping", "start end offset path")
Event = collections.namedtuple("Event", "fields period is_tracepoint")
NO_EVENT = Event(set(), None, False)


def perf(*words, **options):
    environment = {**os.environ, "PERF_PAGER": "cat", "PERF_BUILDID_DIR": "/nonexistent", "DEBUGINFOD_URLS": "",
                   "LC_ALL": "C.UTF-8"}
    options.setdefault("timeout", 100)
    return run([PERF, *words], env=environment, **options)


def has_no_file(path):
    """Mappings whose addresses perf leaves alone."""
    return path.startswith(("//anon", "/dev/zero", "/anon_hugepage", "[stack", "/SYSV", "[heap]"))


def events_of(path):
    """Name -> what its samples hold."""
    events = {}
    for line in perf("evlist", "-v", "-i", path).stdout.splitlines():
        match = re.match(r"^(.+?): (?:type|size|config|\{)", line)
        if not match:
            continue
        sample_type = re.search(r"sample_type: ([^,]+)", line)
        period = re.search(r"\{ sample_period, sample_freq \}: (\d+)", line)
        events[match.group(1)] = Event(set(sample_type.group(1).split("|")) if sample_type else set(),
                                       int(period.group(1)) if period and "freq: 1" not in line else None,
                                       bool(re.search(r"type: 2,", line)))
    return events


def field_options(events):
    """perf refuses fields that were not recorded."""
    def all_have(name, of):
        return all(name in event.fields for event in of)

    options = []
    for kind in ("sw", "trace"):
        of = [event for name, event in events.items()
              if event.is_tracepoint == (kind == "trace") and not name.startswith("dummy")]
        if not of:
            continue
        fields = ["pid", "tid"] + [name.lower() for name in ("CPU", "TIME") if all_have(name, of)] + ["event"]
        fields += (["period"] if all_have("PERIOD", of) else []) + ["ip", "sym", "symoff", "dso"]
        if kind == "trace":
            fields += ["trace"]
        options += ["-F", f"{kind}:{','.join(fields)}"]
    return options


class PerfView:
    """samples: as perf orders them. not_understood: lines that are neither a sample nor a known record."""

    def __init__(self, events, without_chains, with_chains=None):
        self.events = events
        self.not_understood = []
        self.samples = []
        self._maps = collections.defaultdict(tuple)  # pid -> mappings, newest last
        self._maps_of_sample = []
        for line in without_chains.splitlines():
            self._line(line)
        if with_chains is not None:
            self._add_chains(with_chains)

    @classmethod
    def of(cls, path):
        events = events_of(path)
        options = ["script", "-i", path, "--ns", "--no-demangle", "--no-inline", *field_options(events)]
        plain = perf(*options, "-G", "--show-mmap-events", "--show-task-events")
        if plain.returncode != 0:
            raise AssertionError(f"perf script fails: {plain.stderr}")
        have_chains = any("CALLCHAIN" in event.fields for event in events.values())
        return cls(events, plain.stdout, perf(*options).stdout if have_chains else None)

    def _head(self, line):
        match = HEAD.match(line)
        if not match:
            return None
        pid, tid, cpu, seconds, ns, period, event, rest = match.groups()
        known = self.events.get(event)
        if period is None and known:
            period = known.period
        return Sample(event, int(seconds) * 10**9 + int(ns) if seconds else None, int(pid), int(tid),
                      int(cpu) if cpu else None, int(period) if period is not None else None, None, (), {}, line), rest

    def _line(self, line):
        if TASK.search(line):
            self._task(line)
            return
        head = self._head(line)
        if head is None:
            self.not_understood.append(line)
            return
        sample, rest = head
        maps, rest = self._maps[sample.pid], rest or ""
        # perf evlist cannot name tracepoints of a stream.
        if self.events.get(sample.event, self.events.get("unknown tracepoint", NO_EVENT)).is_tracepoint:
            split = PLACE_AT_END.match(rest)
            text, rest = split.groups() if split else (rest, "")
            sample = sample._replace(fields=self._tracepoint(sample.event, text))
        match = PLACE.match(rest)
        if not match:
            self.not_understood.append(line)
            return
        ip = int(match.group(1), 16)
        sample = sample._replace(ip=ip, frames=(self._frame(match, ip, match.group(4), maps, True),))
        self.samples.append(sample)
        self._maps_of_sample.append(maps)

    @staticmethod
    def _tracepoint(event, text):
        """Fields as numbers or texts; {} where perf's text is no list of fields."""
        pattern = TRACEPOINTS.get(event)
        match = pattern.search(text.strip()) if pattern else None
        return match.groupdict() if match else {}

    @staticmethod
    def _frame(match, address, dso, maps, is_absolute):
        _, symbol, symbol_offset, _ = match.groups()
        offset = int(symbol_offset, 16) if symbol_offset else (None if symbol is None else 0)
        module = None if dso == "[unknown]" else dso
        if address >= 1 << 63:  # the kernel
            return Frame(module, address, symbol, offset)
        if module is None:
            return Frame(module, address, symbol, offset, is_edge=any(mapping.end == address for mapping in maps))
        if dso.startswith("/tmp/perf-"):  # code without a file, whose names are there: by address
            return Frame(module, address, symbol, offset)
        if is_absolute or has_no_file(dso):
            for mapping in reversed(maps):
                if mapping.start <= address < mapping.end:
                    return Frame(mapping.path, address - mapping.start + mapping.offset, symbol, offset)
        # perf forgets no mapping at exec; then garbage in a chain may fall into one of the old program's.
        of_module = [mapping for mapping in maps if mapping.path == module]
        return Frame(module, address, symbol, offset, not of_module, any(mapping.offset == address for mapping in of_module))

    def _task(self, line):
        """Mappings come with a fork and go with exec."""
        fork, mapping = FORK.search(line), MAPPING.search(line)
        if fork:
            child, _, parent = map(int, fork.groups())
            if child != parent:
                self._maps[child] = self._maps[parent]
        elif mapping:
            kind, owner, start, length, offset, protection, path = mapping.groups()
            if "x" in protection:
                start = int(start, 16)
                self._maps[int(owner)] += (Mapping(start, start + int(length, 16), int(offset, 16), path),)
        elif EXEC.search(line):
            pid = re.search(r":(\d+)/(\d+)$", line)
            self._maps[int(pid.group(1))] = ()

    def _add_chains(self, text):
        """The second run has the same samples in the same order, each with its chain on lines of its own."""
        chains, frames = [], None
        for line in text.splitlines():
            if not line:
                continue
            if line.startswith("\t"):
                frames.append(line)
                continue
            frames = []
            chains.append((line, frames))
        if len(chains) != len(self.samples):
            raise AssertionError(f"perf prints {len(self.samples)} samples without and {len(chains)} with call chains")
        for at, (line, lines) in enumerate(chains):
            head = self._head(line)
            sample = self.samples[at]
            if head is None or head[0][:5] != sample[:5]:
                raise AssertionError(f"perf prints other samples with call chains:\n  {sample.line}\n  {line}")
            if not lines:
                continue
            chain = []
            for text_of_frame in lines:
                match = PLACE.match(text_of_frame)
                if not match:
                    self.not_understood.append(text_of_frame)
                    continue
                chain.append(self._frame(match, int(match.group(1), 16), match.group(4), self._maps_of_sample[at], False))
            self.samples[at] = sample._replace(frames=tuple(chain), line="\n".join([sample.line, *lines]))
