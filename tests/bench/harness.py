# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: running programs with their time and memory, and the rows of the table."""
import collections
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time

# What a finished program cost. MiB; the anonymous part is sampled while it runs.
Cost = collections.namedtuple("Cost", "seconds peak_mib anonymous_mib")
Row = collections.namedtuple("Row", "what ours peer ratio reach")


def has(tool):
    return shutil.which(tool) is not None


class Bench:
    def __init__(self, build, work):
        self.neuroperf = os.path.join(build, "viewer", "neuroperf")
        self.build = build
        self.programs = os.path.join(build, "tests", "bench")
        self.work = work
        self.sections = {}  # title -> rows
        self._rows = None

    def section(self, title):
        self._rows = self.sections.setdefault(title, [])

    def path(self, name):
        return os.path.join(self.work, name)

    def remove(self, path):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)

    def program(self, name):
        return os.path.join(self.programs, name)

    def run(self, *command, env=None):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=env,
                              cwd=self.work)
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return done.stdout

    def wall(self, *command):
        start = time.monotonic()
        self.run(*command)
        return time.monotonic() - start

    def cost(self, *command, watch_anonymous=False):
        """Runs it with its output thrown away. A text instead of the cost if it fails."""
        with open(self.path("stderr"), "w+", errors="replace") as stderr:
            start = time.monotonic()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                                       cwd=self.work, env={**os.environ, "PERF_PAGER": "cat", "DEBUGINFOD_URLS": ""})
            anonymous = AnonymousMemory(process.pid) if watch_anonymous else None
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.monotonic() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                stderr.seek(0)
                return f"{os.path.basename(command[0])} fails: " + (stderr.readline().strip() or str(process.returncode))
        return Cost(seconds, usage.ru_maxrss / 1024, anonymous.peak_mib() if anonymous else None)

    def report(self, recording):
        return json.loads(self.run(self.neuroperf, "report", "--json", "-i", recording))

    def row(self, what, ours, peer, reach, unit, peer_name):
        ratio = f"{ours / peer:.2f}" if peer and ours is not None else "n/a"
        told = f"{peer:.3g} {unit} ({peer_name})" if peer else peer_name
        self._rows.append(Row(what, f"{ours:.3g} {unit}", told, ratio, reach))
        print(f"{what}: {ours:.3g} {unit}, peer {told}, ratio {ratio}, reach {reach}", flush=True)

    def no_row(self, what, reason, reach):
        """What could not be measured is said in the table."""
        self._rows.append(Row(what, "n/a", reason, "n/a", reach))
        print(f"{what}: n/a, {reason}, reach {reach}", flush=True)

    def compare(self, what, ours, peer, reach, peer_name, times=5, watch_anonymous=False):
        """Medians of interleaved runs of two commands, as a row. ours: a command; peer: a command, or a text that says why
        there is none. Returns our largest cost, or None if it fails."""
        of_ours, of_peer = [], []
        for _ in range(times):
            cost = self.cost(*ours, watch_anonymous=watch_anonymous)
            if isinstance(cost, str):
                self.no_row(what, cost, reach)
                return None
            of_ours.append(cost)
            if not isinstance(peer, str):
                cost = self.cost(*peer)
                if isinstance(cost, str):
                    peer = cost
                else:
                    of_peer.append(cost.seconds)
        self.row(what, statistics.median(cost.seconds for cost in of_ours),
                 statistics.median(of_peer) if of_peer and not isinstance(peer, str) else None, reach, "s",
                 peer if isinstance(peer, str) else peer_name)
        return Cost(max(cost.seconds for cost in of_ours), max(cost.peak_mib for cost in of_ours),
                    max(cost.anonymous_mib for cost in of_ours) if watch_anonymous else None)


class AnonymousMemory:
    """Looks at a child's RssAnon every few milliseconds, until it is gone."""

    def __init__(self, pid):
        self._path = f"/proc/{pid}/status"
        self._peak_kib = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while True:
            try:
                with open(self._path) as file:
                    line = next((line for line in file if line.startswith("RssAnon:")), None)
            except OSError:
                return
            if line is None:  # it has ended and waits to be collected
                return
            self._peak_kib = max(self._peak_kib, int(line.split()[1]))
            time.sleep(0.005)

    def peak_mib(self):
        self._thread.join()
        return self._peak_kib / 1024
