#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Host-wide events of drivers: of the ranks on a host one recorder has them, and another one when that one ends.

What stands in for a device is a thread of this test that changes its name, which any kernel has a tracepoint of.
"""
import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import threading
import time

import support

STATES = ("np_on", "np_off")
DEVICE = {
    "schema": "neuroperf.driver/1", "name": "renamed", "title": "Renamed", "seen": "here", "knows": "the state of a thread",
    "sources": [{"name": "renames", "confidence": "exact", "events": [
        {"event": "task:task_rename", "means": "state", "of": "power", "state": "newcomm", "where": {"newcomm": state}}
        for state in STATES]}]}
LOCKS = "/run/neuroperf/host-events.*"
# A rank as a shell, which tells its recorder's pid and outlives it: mpirun ends all ranks when one is killed.
RANK = ['sh', '-c', '[ "$OMPI_COMM_WORLD_RANK" = 0 ] || sleep 1; "$@" & echo "$OMPI_COMM_WORLD_RANK $!"; wait $!; exit 0', 'sh']
# The first rank begins first, and ends last.
FIRST_TO_LAST = ["sh", "-c", "[ $OMPI_COMM_WORLD_RANK = 0 ] && sleep 3.5 || sleep 1"]
# No folder is fit for a lock in here.
NO_FOLDERS = ['unshare', '--mount', 'sh', '-c',
              'mount -t tmpfs none /run && mkdir -m 755 /run/neuroperf && mkdir -p -m 700 /tmp/neuroperf-0 && '
              'mount -t tmpfs -o mode=755 none /tmp/neuroperf-0 && exec "$@"', 'sh']


class Device:
    """Changes its state until it is told to stop; remembers when, before and after, and to what."""

    def __init__(self):
        self.changes = []
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        with open("/proc/thread-self/comm", "w", encoding="ascii", buffering=1) as name:
            while not self.is_over.wait(0.003):
                before, state = time.monotonic_ns(), STATES[len(self.changes) % 2]
                name.write(state)
                name.flush()
                self.changes.append((before, time.monotonic_ns(), state))

    def between(self, begin_ns, end_ns):
        return [state for before, after, state in self.changes if after >= begin_ns and before <= end_ns]


@contextlib.contextmanager
def device():
    made = Device()
    made.thread.start()
    try:
        yield made
    finally:
        made.is_over.set()
        made.thread.join()


class HostEvents(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        support.require(self, "runtime", shutil.which("mpirun"), "mpirun is not installed")
        os.environ["OMPI_ALLOW_RUN_AS_ROOT"] = os.environ["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
        self.description = self.file("renamed.json")
        with open(self.description, "w", encoding="utf-8") as file:
            json.dump(DEVICE, file)
        self.files = [self.file(f"run.{rank}.data") for rank in range(2)]

    def changes_in(self, file):
        """(time, state) of the device in a recording."""
        recording = support.Recording(file, subprocess.CompletedProcess([], 0, "", ""))
        events = [event for event in recording.events() if event.name == "task:task_rename"]
        return [(event.time_ns, event.fields["newcomm"].strip('"')) for event in events]

    def of_device(self, file):
        return [(time_ns, state) for time_ns, state in self.changes_in(file) if state in STATES]

    def report(self, *files):
        done = support.run([support.NEUROPERF, "report", "--json", "--driver-file", self.description, *files])
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def said(self, report):
        return [(item["severity"], item["text"]) for item in report["quality"] if item["code"] == "host_events"]

    def assert_all_changes(self, made, recorded):
        """Nothing is missing from the first to the last."""
        self.assertEqual([state for _, state in recorded], made.between(recorded[0][0], recorded[-1][0]))

    def assert_merged(self, recorded):
        """`recorded`: of each file. Each change once, and each moment, from the first change that a recorder saw."""
        rows = self.report(*self.files)["device_states"]
        self.assertEqual(sorted(row["state"] for row in rows), sorted(STATES))
        for row in rows:
            self.assertEqual(row["times"], sum(state == row["state"] for changes in recorded for _, state in changes))
        seen_ns = sum(changes[-1][0] - changes[0][0] for changes in recorded if changes)
        known_ns = sum(row["total_ns"] for row in rows)
        self.assertGreaterEqual(known_ns, seen_ns)
        self.assertLess(known_ns, seen_ns + 200_000_000)

    def start_ranks(self, *command, ranks=2, wrapper=()):
        """mpirun, and the recorders' pids by rank. The first one begins before the others."""
        words = [*RANK, *wrapper, support.NEUROPERF, "record", "--driver", "none", "--driver-file", self.description, "-o",
                 self.file("run.%r.data"), *command]
        process = subprocess.Popen(["mpirun", "--oversubscribe", "-n", str(ranks), *words], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        pids = dict(tuple(map(int, process.stdout.readline().split())) for _ in range(ranks))
        return process, pids

    def elected(self, pids):
        """(rank, pid), as the lock says."""
        for path in glob.glob(LOCKS):
            with contextlib.suppress(OSError, ValueError), open(path, encoding="ascii") as file:
                rank, pid = map(int, file.read().split())
                if pids.get(rank) == pid:
                    return rank, pid
        return None

    def test_one_of_two_ranks_has_them(self):
        with device() as made:
            process, pids = self.start_ranks(*FIRST_TO_LAST)
            process.wait(timeout=30)
        recorded = self.of_device(self.files[0])
        self.assertEqual(self.changes_in(self.files[1]), [])
        self.assertGreater(recorded[-1][0] - recorded[0][0], 1_500_000_000)
        self.assert_all_changes(made, recorded)
        self.assert_merged([recorded, []])
        merged, first, second = self.report(*self.files), self.report(self.files[0]), self.report(self.files[1])
        self.assertEqual({row["rank"] for row in merged["device_states"]}, {0})
        ((severity, text),) = self.said(merged)
        self.assertEqual(severity, "info", text)
        self.assertRegex(text, r"^host-wide events of \S+ are in the recording of rank 0$")
        self.assertEqual(self.said(first), [("info", "host-wide events of this host are in this recording, for all ranks on it")])
        self.assertEqual(self.said(second),
                         [("info", f"host-wide events of this host are in the recording of rank 0 (pid {pids[0]})")])
        self.assertNotIn("device_states", second)
        self.assertNotIn("driver_silent", support.quality_codes(second))

    def wait_until_elected(self, rank, pids):
        end = time.monotonic() + 10
        while self.elected(pids) != (rank, pids[rank]):
            self.assertLess(time.monotonic(), end, f"rank {rank} is not elected")
            time.sleep(0.01)

    def test_another_one_takes_over_from_one_that_is_killed(self):
        with device() as made:
            process, pids = self.start_ranks("sleep", "5")
            self.wait_until_elected(0, pids)
            time.sleep(2)
            os.kill(pids[0], signal.SIGKILL)
            killed_ns = time.monotonic_ns()
            self.wait_until_elected(1, pids)
            process.wait(timeout=30)
        self.assertIsNone(self.elected(pids), "who ends takes the lock's file away")
        before, after = map(self.of_device, self.files)
        self.assertLess(before[-1][0], killed_ns)
        self.assertGreater(after[0][0], killed_ns)
        self.assertLess(after[0][0], killed_ns + 500_000_000, "about a round, on a busy machine too")
        self.assertGreater(after[-1][0], killed_ns + 1_000_000_000)
        self.assert_all_changes(made, before)
        self.assert_all_changes(made, after)
        self.assert_merged([before, after])
        ((severity, text),) = self.said(self.report(*self.files))
        self.assertEqual(severity, "data_loss", text) # of the last moments of the one that was killed
        self.assertRegex(text, r"are in the recording of rank 0, from \S+ s on in that of rank 1; nobody has those of \S+ to \S+ s$")
        ((_, text),) = self.said(self.report(self.files[1]))
        self.assertRegex(text, r"in this recording from \d\.\d+ s on, for all ranks on it; before, in the recording of rank 0 "
                               fr"\(pid {pids[0]}\)$")

    def test_another_one_takes_over_from_one_that_ends(self):
        with device() as made:
            process, _ = self.start_ranks("sh", "-c", "sleep $((2 + OMPI_COMM_WORLD_RANK))")
            process.wait(timeout=30)
        before, after = map(self.of_device, self.files)
        self.assertLess(before[-1][0], after[0][0])
        self.assertLess(after[0][0] - before[-1][0], 500_000_000)
        self.assert_all_changes(made, before)
        self.assert_all_changes(made, after)
        self.assert_merged([before, after])
        ((_, text),) = self.said(self.report(*self.files))
        self.assertRegex(text, r"are in the recording of rank 0, from \S+ s on in that of rank 1")

    def test_a_report_without_the_recording_that_has_them_says_so(self):
        with device():
            process, _ = self.start_ranks(*FIRST_TO_LAST, ranks=3)
            process.wait(timeout=30)
        ((severity, text),) = self.said(self.report(self.file("run.1.data"), self.file("run.2.data")))
        self.assertEqual(severity, "data_loss")
        self.assertRegex(text, r"are in none of these recordings$")

    def test_without_a_launcher_each_has_them(self):
        with device() as made:
            recorders = [self.start_record("sleep", "1", options=("--driver", "none", "--driver-file", self.description),
                                           name=f"run.{rank}.data") for rank in range(2)]
            for rank, recorder in enumerate(recorders):
                self.finish_record(recorder, name=f"run.{rank}.data")
        for file in self.files:
            self.assert_all_changes(made, self.of_device(file))
            self.assertEqual(self.said(self.report(file)), [])

    def test_without_a_place_for_the_lock_each_has_them_and_says_so(self):
        with device() as made:
            process, _ = self.start_ranks("sleep", "1", wrapper=NO_FOLDERS)
            process.wait(timeout=30)
        for file in self.files:
            self.assert_all_changes(made, self.of_device(file))
            told = [item["text"] for item in self.report(file)["quality"] if item["code"] == "host_events_of_each"]
            self.assertEqual(told, ["each rank records the host-wide events for itself: /tmp/neuroperf-0 cannot be used: "
                                    "others may look into it"])
        merged = self.report(*self.files)
        (first,) = {row["rank"] for row in merged["device_states"]}
        self.assertEqual(sum(row["times"] for row in merged["device_states"]), len(self.of_device(self.files[first])))


if __name__ == "__main__":
    support.main()
