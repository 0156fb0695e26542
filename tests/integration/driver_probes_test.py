#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Jobs of drivers that have no tracepoints: by system calls on their device files, as descriptions of the user's say."""
import collections
import json
import os
import re
import signal
import struct
import subprocess
import sys
import unittest.mock

import support
from support import program

FOLDER = os.path.join(support.SOURCE_DIR, "tests", "data", "drivers")
PROGRAMS = os.path.join(support.SOURCE_DIR, "tests", "programs")
NULL, TERMINAL = (os.path.join(FOLDER, f"{name}_calls.json") for name in ("device", "terminal"))
TOLD = re.compile(r"^(\w+) (\d+) (\d+) (\d+)$", re.M)
ROUNDS = 25
RAN_NS = 1_500_000  # as the program says

Told = collections.namedtuple("Told", "begin_ns end_ns core")


Call = collections.namedtuple("Call", "request argument pointed pointer_at", defaults=(None, 0))


def rknpu_submit(core_mask, ran_ns):
    """struct rknpu_submit: flags, timeout, task start, number and counter, priority, objects, domain, base, time, cores, ..."""
    return Call(0xc0686441, struct.pack("<5IiQ2IQqIi10I", 5, 6000, 0, 12, 0, 0, 1, 0, 0, 0, ran_ns, core_mask, -1, *[0] * 10))


def hl_submit(sequence):
    """union hl_cs_args, as the driver leaves it."""
    return Call(0xc0306442, struct.pack("<Q", sequence).ljust(48, b"\0"))


def hl_wait(sequence):
    """union hl_wait_cs_args: the number, over which the driver writes its status; here the number's lower half is that."""
    return Call(0xc0386443, struct.pack("<2Q", sequence, 1000).ljust(56, b"\0"))


def hailo_launch(engine, channel):
    """Packed: engine, channel, handle, first descriptor, bind, count, 8 buffers of 16 bytes, two domains, debug."""
    return Call(0x8099760f, struct.pack("<2BQI2B", engine, channel, 1, 0, 1, 1).ljust(153, b"\0"))


def hailo_wait(*channels):
    """Packed: three masks, how many, and of each engine, channel and how many transfers are over."""
    told = b"".join(struct.pack("<3B", *channel) for channel in channels)
    return Call(0xc12d7602, (struct.pack("<3IB", 1, 0, 0, len(channels)) + told).ljust(301, b"\0"))


def hailo10_launch(engine, channel):
    return Call(0x808d760c, bytes([channel]).ljust(139, b"\0") + bytes([engine, 0]))


def hailo10_wait(*channels):
    told = b"".join(struct.pack("<3B", *channel) for channel in channels)
    return Call(0xc1817602, (struct.pack("<3QB", 1, 0, 0, len(channels)) + told).ljust(385, b"\0"))


def aipu_schedule(job, partition, core):
    """struct aipu_job_desc: 19 numbers, then profile's file and address, and the job's number."""
    return Call(0x40904106, struct.pack("<19I4xqQQ", 0, 0, core, partition, *[0] * 15, -1, 0, job).ljust(144, b"\0"))


def aipu_status(job, state, ran_ns, count=1):
    """struct aipu_job_status_query, and the first struct aipu_job_status_desc that it points to."""
    return Call(0xc0184107, struct.pack("<2IQI4x", 8, 0, 0, count), struct.pack("<Q2IQq24x", job, 99, state, 0, ran_ns), 8)


def apex(request, address):
    return Call(request, struct.pack("<4Q", 0, 4096, address, 0).ljust(request >> 16 & 0x3fff, b"\0"))


def qaic_execute(channel):
    return Call(0x40106444, struct.pack("<2IQ", 2, channel, 0))


def qaic_wait(channel):
    return Call(0x40106446, struct.pack("<4I", 17, 1000, channel, 0))


# What programs hand to drivers, by the drivers' own headers, and what is to come out: jobs and failed ones of engines. The
# null device refuses all of it, and does not answer: what a driver would write is there already.
DRIVERS = {
    "rknpu": ([rknpu_submit(1, 70), rknpu_submit(7, 50), rknpu_submit(1, 30)], {"1": (2, 2, 100), "7": (1, 1, 50)}),
    "habanalabs": ([hl_submit(1 << 32), hl_submit(2 << 32), hl_wait(2 << 32), hl_wait(1 << 32), hl_wait(3 << 32)],
                   {"/dev/null": (2, 0, None)}),
    "hailo8": ([hailo_launch(0, 3), hailo_launch(0, 3), hailo_launch(0, 3), hailo_launch(1, 16), hailo_wait((0, 3, 1)),
                hailo_wait((1, 16, 1), (0, 3, 2)), hailo_wait()], {"0 3": (3, 0, None), "1 16": (1, 0, None)}),
    "hailo10": ([hailo10_launch(2, 5), hailo10_launch(2, 6), hailo10_launch(1, 7), hailo10_launch(0, 8),
                 hailo10_wait((2, 6, 1), (1, 7, 1), (2, 5, 1), (0, 8, 1)), hailo10_wait((2, 5, 255))],
                {"2 5": (1, 0, None), "2 6": (1, 0, None), "1 7": (1, 0, None), "0 8": (1, 0, None)}),
    "armchina": ([aipu_schedule(7, 0, 2), aipu_schedule(8, 0, 2), aipu_status(7, 1, 0, count=0), aipu_status(7, 1, 900),
                  aipu_status(8, 2, 100)], {"0 2": (2, 1, 1000)}),
    "apex": ([apex(0x4020dc08, 4096), apex(0x4028dc0c, 8192), apex(0x4020dc09, 8192), apex(0x4020dc09, 4096)],
             {"buffers": (2, 0, None)}),
    "qaic": ([qaic_execute(4), qaic_execute(4), qaic_execute(5), qaic_wait(4), qaic_wait(5), qaic_wait(4), qaic_wait(4)],
             {"4": (2, 0, None), "5": (1, 0, None)}),
    "tenstorrent": ([Call(0xfa00, b""), Call(0xfa07, b"")], {"ioctls": (2, 0, None)}),
}


def told_jobs(recording):
    jobs = collections.defaultdict(list)
    for device, *numbers in TOLD.findall(recording.stdout):
        jobs[device].append(Told(*map(int, numbers)))
    return jobs


class DriverProbes(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)  # for BPF programs, and for tracefs
        support.require(self, "syscalls", os.path.isdir("/sys/kernel/tracing/events/syscalls"),
                        "tracefs has no events of system calls")

    def described(self, path=NULL, **changed):
        """A file of the user's: the description with other members."""
        with open(path, encoding="utf-8") as file:
            description = json.load(file)
        description.update(changed)
        written = self.file(f"described{len(os.listdir(self.folder))}.json")
        with open(written, "w", encoding="utf-8") as file:
            json.dump(description, file)
        return written

    def record_calls(self, *files, options=()):
        words = [word for path in files for word in ("--driver-file", path)]
        recording = self.record(program("device_calls"), ROUNDS, options=(*words, *options))
        self.assert_recorded(recording)
        return recording

    @staticmethod
    def engines(report):
        return {(device["driver"], device["name"], engine["name"]): engine
                for device in report["devices"] for engine in device["engines"]}

    def test_calls_with_what_they_point_to(self):
        """The number of a job is behind a pointer in the ioctl's argument, how long it ran is told by the one that waits."""
        recording = self.record_calls(NULL)
        told = told_jobs(recording)["null"]
        self.assertEqual(len(told), ROUNDS)
        report = recording.report("--driver-file", NULL)
        engines = self.engines(report)
        self.assertEqual(set(engines), {("Null device", "/dev/null", core) for core in ("0", "1")})
        for core in range(2):
            engine = engines["Null device", "/dev/null", str(core)]
            jobs = [job for job in told if job.core == core]
            self.assertEqual(engine["jobs"], len(jobs))
            self.assertEqual(engine["run_total_ns"], RAN_NS * len(jobs))
            around = sum(job.end_ns - job.begin_ns for job in jobs)
            whole = engine["queue_total_ns"] + engine["run_total_ns"]
            self.assertLess(whole, around)
            self.assertGreater(whole, around - 200_000 * len(jobs))
            self.assertEqual(engine["failed"], 1 - core, "the first job failed")
            self.assertEqual(engine["in_flight"], 0, "what points to nothing is no job")
        of_layers = [row for row in report["jobs"] if row["layer"] == "request"]
        self.assertEqual(sum(row["jobs"] for row in of_layers), ROUNDS)
        events = [event for event in recording.events() if event.name.startswith("null:")]
        self.assertEqual(collections.Counter(event.name for event in events),
                         {"null:submit_begin": ROUNDS + 1, "null:wait_end": ROUNDS}, "one pointed to nothing")
        self.assertTrue(all(event.fields["node"] == '"/dev/null"' for event in events))

    def test_what_a_device_answers(self):
        """What the kernel wrote for the program is in the event of the call's end; reads and writes are calls too."""
        recording = self.record_calls(TERMINAL)
        told = told_jobs(recording)
        engines = self.engines(recording.report("--driver-file", TERMINAL))
        self.assertEqual(len(engines), 2)
        for (_, device, _), engine in engines.items():
            jobs = told["echo" if device == "/dev/ptmx" else "terminal"]
            self.assertEqual(engine["jobs"], ROUNDS)
            self.assertLess(engine["run_total_ns"], sum(job.end_ns - job.begin_ns for job in jobs))
            self.assertGreater(engine["run_total_ns"], ROUNDS * 1_000_000)
        numbers = [(int(event.fields["asked"]), int(event.fields["number"])) for event in recording.events()
                   if event.name == "terminal:number_end"]
        self.assertEqual(numbers, [(i + 7, job.core) for i, job in enumerate(told["terminal"])])

    def test_two_descriptions_and_what_others_call(self):
        """Each has its own events; the same calls of a process that is not recorded have none."""
        with subprocess.Popen([program("device_calls"), "100000"], stdout=subprocess.DEVNULL) as other:
            try:
                recording = self.record_calls(NULL, TERMINAL)
            finally:
                other.kill()
        events = collections.Counter(event.name for event in recording.events()
                                     if event.name.startswith(("null:", "terminal:")))
        self.assertEqual(events, {"null:submit_begin": ROUNDS + 1, "null:wait_end": ROUNDS, **{
            f"terminal:{name}": ROUNDS for name in ("unlock_end", "number_end", "write_begin", "read_end")}})
        self.assertTrue(all(event.pid == event.tid for event in recording.events()
                            if event.name.startswith("null:")))
        report = recording.report("--driver-file", NULL, "--driver-file", TERMINAL)
        self.assertEqual(len(self.engines(report)), 4)

    def test_two_descriptions_of_one_call(self):
        """The first one has it, and that the other one sees nothing is told."""
        with open(NULL, encoding="utf-8") as file:
            second = file.read().replace("null:", "other:")
        other = self.file("other.json")
        with open(other, "w", encoding="utf-8") as file:
            json.dump({**json.loads(second), "name": "other", "title": "Other"}, file)
        report = self.record_calls(NULL, other).report("--driver-file", NULL, "--driver-file", other)
        self.assertEqual({driver for driver, _, _ in self.engines(report)}, {"Null device"})
        told = [item["text"] for item in report["quality"] if item["code"] == "driver_probe_unattached"]
        self.assertTrue(any("another probe has this call already" in text for text in told), report["quality"])

    def test_states_of_a_device_are_there_once_for_all_ranks_of_a_host(self):
        with open(NULL, encoding="utf-8") as file:
            sources = json.load(file)["sources"]
        sources[0]["events"].append({"event": "null:submit_begin", "means": "state", "state": "core", "of": "power",
                                     "device": "node"})
        described = self.described(sources=sources)
        alone = self.record_calls(described).report("--driver-file", described)["device_states"]
        self.assertEqual([row["state"] for row in alone], ["0", "1"])
        paths = []
        for rank in range(2):
            paths.append(self.file(f"run.{rank}.data"))
            with unittest.mock.patch.dict(os.environ, {"OMPI_COMM_WORLD_RANK": str(rank), "OMPI_COMM_WORLD_SIZE": "2"}):
                self.assert_recorded(self.record(program("device_calls"), ROUNDS, options=("--driver-file", described),
                                                 name=f"run.{rank}.data"))
        done = support.run([support.NEUROPERF, "report", "--json", "--driver-file", described, *paths])
        self.assertEqual(done.returncode, 0, done.stderr)
        merged = json.loads(done.stdout)
        self.assertEqual([(row["rank"], row["state"]) for row in merged["device_states"]], [(0, "0"), (0, "1")])
        self.assertEqual({row["rank"] for row in merged["jobs"]}, {0, 1})

    def test_a_wrong_description_costs_a_report(self):
        """The argument is in the recording whole: a field that was wrong, or missing, is put right afterwards."""
        with open(NULL, encoding="utf-8") as file:
            probes = json.load(file)["probes"]
        probes["submit"]["fields"]["core"] = {"at": 4, "type": "u32"}
        wrong = self.described(probes=probes)
        recording = self.record_calls(wrong)
        self.assertEqual({engine for *_, engine in self.engines(recording.report("--driver-file", wrong))}, {"1"})
        self.assertEqual({engine for *_, engine in self.engines(recording.report("--driver-file", NULL))}, {"0", "1"})
        self.assertIn("driver_unknown", support.quality_codes(recording.report()))

    def test_sources_that_cannot_be_had(self):
        """Of functions where the kernel has none of that name, of devices that are not there: the next source, or why not."""
        with open(NULL, encoding="utf-8") as file:
            whole = json.load(file)
        probes = {**whole["probes"], "queue": {"function": "no_function_of_any_kernel", "fields": {"job": {"argument": 1}}}}
        sources = [{"name": "functions", "confidence": "exact", "events": [
            {"event": "null:queue_begin", "means": "job_queued", "key": ["job"]}]}, *whole["sources"]]
        falls_back = self.described(probes=probes, sources=sources)
        recording = self.record_calls(falls_back)
        report = recording.report("--driver-file", falls_back)
        self.assertEqual(sum(engine["jobs"] for engine in self.engines(report).values()), ROUNDS)
        absent = self.described(match={"nodes": ["/dev/no_device_of_any_machine*"]})
        recording = self.record_calls(absent)
        self.assertIn("there is no /dev/no_device_of_any_machine*", recording.stderr)
        self.assertNotIn("null:", {event.name[:5] for event in recording.events()})

    def test_descriptions_of_drivers_that_are_not_here(self):
        """With the null device in place of theirs, which knows none of the calls: each field is found where the headers say."""
        for name, (calls, expected) in DRIVERS.items():
            with self.subTest(name):
                with open(os.path.join(support.SOURCE_DIR, "data", "drivers", f"{name}.json"), encoding="utf-8") as file:
                    sources = json.load(file)["sources"]
                for rule in sources[0]["events"]:
                    if rule.get("where", {}).pop("result", None) and not rule["where"]:
                        del rule["where"]
                file = self.described(os.path.join(support.SOURCE_DIR, "data", "drivers", f"{name}.json"),
                                      match={"nodes": ["/dev/null"]}, sources=sources)
                lines = "".join(f"{call.request:x} {call.argument.hex() or '00'} "
                                f"{call.pointed.hex() if call.pointed else '-'} {call.pointer_at}\n" for call in calls)
                recording = self.record(sys.executable, os.path.join(PROGRAMS, "device_calls.py"), "/dev/null",
                                        options=("--driver-file", file), stdin=None, input=lines)
                self.assert_recorded(recording)
                found = {key[-1]: engine for key, engine in
                         self.engines(recording.report("--driver-file", file)).items()}
                self.assertEqual({engine: (row["jobs"], row["failed"], expected.get(engine, (0, 0, None))[2] and
                                           row["run_total_ns"]) for engine, row in found.items()}, expected)

    def test_texts_that_a_field_points_to(self):
        """Of a system call they are the program's."""
        paths = self.described(name="paths", probes={"unused": {"call": "read"}}, sources=[
            {"name": "paths", "confidence": "inferred", "events": [
                {"event": "syscalls:sys_enter_openat", "means": "job_queued", "key": ["filename"]},
                {"event": "paths:unused_end", "means": "job_done", "key": ["thread"]}]}])
        recording = self.record_calls(paths)
        opened = [event.fields["filename"].strip('"') for event in recording.events()
                  if event.name == "syscalls:sys_enter_openat"]
        self.assertEqual(opened[-2:], ["/dev/null", "/dev/ptmx"])

    def test_more_devices_than_are_probed(self):
        """What is too much is told, and costs nothing else."""
        probes = {f"call{i}": {"ioctl": [f"0x{i:08x}"]} for i in range(60)}
        events = [{"event": f"null:call{i}_begin", "means": "job_queued", "key": ["thread"]} for i in range(60)]
        with open(NULL, encoding="utf-8") as file:
            whole = json.load(file)
        source = {**whole["sources"][0], "events": whole["sources"][0]["events"] + events}
        recording = self.record_calls(self.described(match={"nodes": ["/dev/*"]}, probes={**whole["probes"], **probes},
                                                     sources=[source]))
        codes = support.quality_codes(recording.report())
        self.assertIn("driver_probe_unattached", codes)
        self.assertNotIn("tracepoints_by_perf", codes)
        jobs = sum(engine["jobs"] for engine in self.engines(recording.report("--driver-file", NULL)).values())
        self.assertEqual(jobs, ROUNDS)

    def test_programs_that_are_killed(self):
        """A job without an end is in flight, and nothing else is wrong."""
        recording = self.record("timeout", "-s", "KILL", "0.4", program("device_calls"), 100000,
                                options=("--driver-file", NULL))
        self.assert_recorded(recording, 128 + signal.SIGKILL)
        report = recording.report("--driver-file", NULL)
        engines = self.engines(report).values()
        self.assertGreater(sum(engine["jobs"] for engine in engines), 20)
        self.assertLessEqual(sum(engine["in_flight"] for engine in engines), 1)
        self.assertEqual(sum(engine["stuck"] for engine in engines), 0)
        self.assertNotIn("jobs_never_done", support.quality_codes(report))


if __name__ == "__main__":
    support.main()
