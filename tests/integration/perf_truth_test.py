# SPDX-License-Identifier: Apache-2.0
"""What neuroperf reads of a perf.data file, sample by sample against Debian's perf, for every way of recording that there is.

Each test records with perf, prints the recording with `perf script` and `neuroperf script` and compares every sample: event,
time, thread, CPU, period, address, module and offset, symbol, call chain, fields of tracepoints. NEUROPERF_TRUTH_VERBOSE=1
prints what was compared. The ways are fixed: what perf refuses here fails, but for the two that say what they need.
"""
import glob
import os
import platform
import re
import struct
import subprocess
import sys
import time
import unittest

import support
from perf_truth.compare import Comparison
from perf_truth.perf_view import PERF, Event, PerfView, perf
from perf_truth.samples import our_samples
from support import NEUROPERF, SOURCE_DIR, program, require, require_root, run

VERBOSE = bool(os.environ.get("NEUROPERF_TRUTH_VERBOSE"))
CPU = ("-e", "cpu-clock")
MAX_UNWOUND_DIFFERENTLY = 0.02
ALL_SHAPES = {"even_steps", "by_low_byte", "compare_for_libc", "called_back", "shapes_library_enter", "variable_frame",
              "on_signal"}


def symbols_of(samples):
    return {frame.symbol for sample in samples for frame in sample.frames if frame.symbol}


class PerfTruth(support.IntegrationTest):
    def setUp(self):
        require(self, "perf", PERF is not None, "perf is not installed")
        require_root(self)
        super().setUp()

    def perf_record(self, *options, command=None, name="perf.data", to_pipe=False):
        """Records; the standard output of the program, if it is not the recording."""
        path = self.file(name)
        words = [PERF, "record", "-q", "-N", "-o", "-" if to_pipe else path, *options, "--",
                 *(command or (program("shapes"), "400"))]
        with open(path if to_pipe else os.devnull, "wb") as pipe:
            done = subprocess.run(words, stdout=pipe if to_pipe else subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                                  stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, f"perf record {' '.join(options)}: {done.stderr.decode()}")
        return "" if to_pipe else done.stdout.decode()

    def our_script(self, name="perf.data"):
        done = run([NEUROPERF, "script", "--no-demangle", "-i", self.file(name)])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def compare(self, name="perf.data", is_unwound=False, least=100, mapped_late=False, without_files=False,
                with_exec=False):
        """Fails on any difference. Returns what perf says, and the comparison."""
        view = PerfView.of(self.file(name))
        done = self.our_script(name)
        self.assertEqual(done.stderr, "")
        ours = our_samples(done.stdout)
        comparison = Comparison(is_unwound, mapped_late, without_files, with_exec).compare(view.samples, ours)
        if VERBOSE:
            print(f"{self.id().split('.', 1)[1]}: {comparison.summary()}", file=sys.stderr)
        self.assertEqual(view.not_understood, [])
        # Fewer come on a machine that is busy with other things.
        self.assertGreaterEqual(len(view.samples), least // 4, "too few samples to tell anything")
        told = f"recorded by {self.id()}: {comparison.summary()}\n{comparison.told()}"
        self.assertEqual(len(comparison.differences), 0, told)
        if is_unwound:
            self.assertLessEqual(len(comparison.chain_differences), MAX_UNWOUND_DIFFERENTLY * len(view.samples), told)
        return view, comparison

    def check(self, *options, command=None, to_pipe=False, **expected):
        self.perf_record(*options, command=command, to_pipe=to_pipe)
        return self.compare(**expected)

    def assert_events(self, view, *names):
        self.assertEqual({sample.event for sample in view.samples}, set(names))

    def assert_seen(self, view, names):
        seen = " ".join(symbols_of(view.samples))
        self.assertEqual([name for name in names if name not in seen], [])


class Sampling(PerfTruth):
    def test_plain(self):
        view, _ = self.check(*CPU)
        self.assert_events(view, "cpu-clock")

    def test_fixed_period(self):
        view, _ = self.check(*CPU, "-c", "500000")
        self.assertEqual({sample.period for sample in view.samples}, {500000})

    def test_at_fixed_addresses(self):
        view, _ = self.check(*CPU, command=(program("shapes_fixed"), "400"))
        self.assert_seen(view, ["leaf", "by_low_byte"])

    def test_readable_names(self):
        """Names of C++ as perf shows them: without parameters."""
        self.perf_record(*CPU)
        theirs = dict(re.findall(r"^\s*(\d+ +\d+\.\d{9}):\s+[0-9a-f]+ (.*)$",
                                 perf("script", "-i", self.file("perf.data"), "--ns", "-F", "tid,time,ip,sym").stdout, re.M))
        names = {" ".join(key.split()): name for key, name in theirs.items() if "::" in name}
        ours = re.findall(r'^(\d+\.\d{9}) \d+/(\d+) .* ip=0x[0-9a-f]+ "[^"]*"\+0x[0-9a-f]+ (.*)\+0x[0-9a-f]+$',
                          run([NEUROPERF, "script", "-i", self.file("perf.data")]).stdout, re.M)
        ours = {f"{tid} {seconds}": name for seconds, tid, name in ours}
        self.assertGreater(len(names), 200)
        self.assertEqual({key: ours.get(key) for key in names}, names)

    def test_several_events(self):
        view, _ = self.check(*CPU, "-e", "task-clock", "-e", "page-faults", "-e", "context-switches", least=1000)
        self.assert_events(view, "cpu-clock", "task-clock", "page-faults", "context-switches")

    def test_events_limited_to_user_code(self):
        view, _ = self.check("-e", "cpu-clock:u", "-e", "task-clock:k", least=100)
        self.assert_events(view, "cpu-clock:u", "task-clock:k")

    def test_events_laid_out_differently(self):
        view, _ = self.check("-e", "cpu-clock/call-graph=fp/", "-e", "task-clock/call-graph=no,period=500000,name=mine/",
                             least=1000)
        self.assert_events(view, "cpu-clock/call-graph=fp/", "mine")

    def test_started_late(self):
        self.check("-D", "100", *CPU)

    def test_group_read_by_its_leader(self):
        view, _ = self.check("-e", "{cpu-clock,task-clock,page-faults}:S", least=1000)
        self.assert_events(view, "cpu-clock", "task-clock", "page-faults")

    def test_group_with_running_times(self):
        view, _ = self.check("--running-time", "-e", "{cpu-clock,task-clock}:S", least=1000)
        self.assert_events(view, "cpu-clock", "task-clock")

    def test_programs_of_bpf(self):
        """The kernel names them one by one, where it has put them: here the recorder's own. Those that other tests load and
        unload meanwhile can be met before the kernel has told of them: not twice in three recordings."""
        work = (f"(sleep 0.3; echo run lif 150000 2; sleep 2; echo quit) | {program('puppet')} >/dev/null & "
                f"sleep 0.1; {NEUROPERF} record -q -d 1.5 -o {self.file('own.data')} -p $(pgrep -n puppet)")
        agreed = 0
        for _ in range(3):
            self.perf_record("-a", *CPU, "-g", command=("sh", "-c", work))
            try:
                view, _ = self.compare(least=500)
            except AssertionError as difference:
                print(difference)
                continue
            self.assert_seen(view, ["bpf_prog_"])
            agreed += 1
            if agreed == 2:
                return
        self.fail("two of three recordings differ from what perf sees")

    def test_whole_machine(self):
        view, _ = self.check("-a", *CPU, "-g", least=500)
        self.assertGreater(len({sample.pid for sample in view.samples}), 1)
        self.assertNotIn(None, {sample.cpu for sample in view.samples})

    def test_one_thread_without_times(self):
        view, _ = self.check("--per-thread", *CPU)
        self.assertEqual({sample.time_ns for sample in view.samples}, {None})

    def test_attached(self):
        with subprocess.Popen([program("shapes"), "0", "stay"], stdout=subprocess.PIPE, text=True) as process:
            try:
                self.assertEqual(process.stdout.readline(), "ready\n")
                self.perf_record(*CPU, "-g", "-p", str(process.pid), command=("sleep", "0.4"))
            finally:
                process.kill()
        view, _ = self.compare()
        self.assertEqual({sample.pid for sample in view.samples}, {process.pid})

    def test_other_programs(self):
        with open(self.file("zeros"), "wb") as file:
            file.write(os.urandom(8 << 20))
        self.check(*CPU, "-g", command=("gzip", "-k", "-1", self.file("zeros")), least=30)

    def test_interpreter(self):
        work = "sum(i * i for i in range(3000000)); sorted(str(i) for i in range(200000))"
        self.check(*CPU, "-g", command=(sys.executable, "-S", "-c", work))


class CallChains(PerfTruth):
    def test_frame_pointers(self):
        view, comparison = self.check(*CPU, "-g")
        self.assertGreater(comparison.frames, 5 * comparison.samples)
        self.assert_seen(view, ALL_SHAPES)

    def test_frame_pointers_of_several_events(self):
        view, _ = self.check("-g", *CPU, "-e", "page-faults", least=500)
        self.assert_events(view, "cpu-clock", "page-faults")

    def test_stack_copies(self):
        modes = "recursion", "sort", "virtual", "library", "exception", "alloca", "signal", "faults", "threads"
        view, comparison = self.check(*CPU, "-F", "1000", "--call-graph", "dwarf,8192",
                                      command=(program("shapes_no_frames"), "800", *modes), is_unwound=True)
        self.assertGreater(comparison.frames, 5 * comparison.samples)
        self.assert_seen(view, ALL_SHAPES | {"thrower"})  # which the runtime library, without frame pointers, unwinds

    def test_larger_stack_copies(self):
        """Also in a process that becomes another program: there perf 6.1 loses the outer frames now and then."""
        _, comparison = self.check(*CPU, "-F", "1000", "--call-graph", "dwarf,16384",
                                   command=(program("shapes_fixed"), "400"), is_unwound=True, with_exec=True)
        self.assertLess(comparison.ended_early_by_perf, 0.15 * comparison.samples)

    def test_stack_copies_of_an_interpreter(self):
        work = "sum(i * i for i in range(6000000)); sorted(str(i) for i in range(100000))"
        self.check(*CPU, "-F", "1000", "--call-graph", "dwarf,16384", command=(sys.executable, "-S", "-c", work),
                   is_unwound=True)

    def test_just_in_time_code(self):
        require(self, "x86-64", platform.machine() == "x86_64", "the program makes code for x86-64")
        before = set(glob.glob("/tmp/perf-*.map"))
        self.addCleanup(lambda: [os.unlink(path) for path in set(glob.glob("/tmp/perf-*.map")) - before])
        view, _ = self.check(*CPU, "-g", command=(program("shapes_jit"), "300"))
        self.assertTrue({"jit_outer", "jit middle with spaces", "jit_loop"} <= symbols_of(view.samples))


class Tracepoints(PerfTruth):
    EVENTS = ("sched:sched_switch", "sched:sched_wakeup", "syscalls:sys_enter_write", "raw_syscalls:sys_enter",
              "raw_syscalls:sys_exit")

    def check_tracepoints(self, *events, options=()):
        for event in events:
            path = f"/sys/kernel/tracing/events/{event.replace(':', '/')}"
            require(self, "tracepoints", os.path.isdir(path), f"{path} is not there")
        words = [word for event in events for word in ("-e", event)]
        work = f"for i in $(seq 300); do echo $i; done >{self.file('numbers')}; {program('shapes')} 50 threads faults"
        view, comparison = self.check(*options, *words, command=("bash", "-c", work))
        self.assertTrue(set(events) <= {sample.event for sample in view.samples})
        self.assertGreater(comparison.fields, comparison.samples)

    def test_of_the_whole_machine(self):
        self.check_tracepoints(*self.EVENTS, options=("-a",))

    def test_of_a_program(self):
        self.check_tracepoints(*self.EVENTS)

    def test_of_scheduling(self):
        """All that `perf sched record` wants, a dozen events."""
        done = perf("sched", "record", "-o", self.file("perf.data"), program("shapes"), "100", "threads")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.compare(least=50)

    def test_beside_sampling(self):
        view, _ = self.check("-e", "cpu-clock", "-e", "sched:*", "-g")
        self.assertIn("cpu-clock", {sample.event for sample in view.samples})

    def test_with_call_chains(self):
        self.check_tracepoints("sched:sched_switch", "syscalls:sys_enter_write", options=("-g",))


class Files(PerfTruth):
    """What the file may look like."""

    def test_compressed(self):
        self.check("-z", *CPU, "-g")

    def test_stream(self):
        view, _ = self.check(*CPU, "-g", to_pipe=True)
        self.assert_events(view, "cpu-clock")

    def test_compressed_stream(self):
        self.check("-z", *CPU, "-g", to_pipe=True)

    def test_stream_of_several_events_and_tracepoints(self):
        view, _ = self.check(*CPU, "-e", "page-faults", "-e", "sched:sched_switch", to_pipe=True)
        self.assertTrue({"cpu-clock", "page-faults"} <= {sample.event for sample in view.samples})

    def test_build_ids_in_mappings(self):
        self.check("--buildid-mmap", *CPU, "-g")

    def test_build_ids_injected(self):
        self.perf_record(*CPU, "-g", name="before.data")
        done = perf("inject", "-b", "-i", self.file("before.data"), "-o", self.file("perf.data"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.compare()

    def test_no_build_ids(self):
        self.check("--no-buildid", *CPU)

    def test_asynchronous_writing(self):
        self.check("--aio", *CPU)

    def test_mappings_at_the_end(self):
        self.check("--tail-synthesize", *CPU, mapped_late=True)

    def test_overwritten_rings(self):
        self.check("--overwrite", "--tail-synthesize", *CPU, mapped_late=True)

    def test_times_of_first_and_last(self):
        self.check("--timestamp-boundary", *CPU)

    def test_late_sample(self):
        """One that was written rounds after its time, which is passed on late, by perf too."""
        self.perf_record("-m", "1", "-e", "sched:sched_switch", "-e", "page-faults", "-c", "1")
        view = PerfView.of(self.file("perf.data"))
        times = [sample.time_ns for sample in view.samples]
        alone = [time_ns for time_ns in times[-200:] if times.count(time_ns) == 1]
        with open(self.file("perf.data"), "r+b") as file:
            contents = file.read()
            for time_ns in alone[::-1]:
                if contents.count(struct.pack("<Q", time_ns)) == 1:
                    file.seek(contents.index(struct.pack("<Q", time_ns)))
                    file.write(struct.pack("<Q", times[100] + 1))
                    break
        _, comparison = self.compare()
        self.assertEqual(comparison.late, 1)

    def check_cut(self, whole, cut, share):
        """Everything up to the cut, and nothing else."""
        with open(self.file(whole), "rb") as file:
            contents = file.read()
        begin, size = 0, len(contents)
        if contents[:8] == b"PERFILE2" and struct.unpack_from("<Q", contents, 8)[0] == 104:  # no stream
            begin, size = struct.unpack_from("<QQ", contents, 40)  # of the records: descriptions lie behind them
        with open(self.file(cut), "wb") as file:
            file.write(contents[:begin + int(size * share)])
        ours = our_samples(self.our_script(cut).stdout)
        all_of_them = our_samples(self.our_script(whole).stdout)
        self.assertGreater(len(ours), share * 0.7 * len(all_of_them))
        self.assertLess(len(ours), len(all_of_them))
        # The CPUs' rings lie one after the other in the file: behind the cut there may have been mappings of programs whose
        # samples stand before it. Such places are unknown; nothing else may differ.
        there = {sample[:7]: sample for sample in all_of_them}
        differing = []
        for sample in ours:
            known = there.get(sample[:7])
            if known is None or len(sample.frames) != len(known.frames) or any(
                    frame != same and frame.module is not None for frame, same in zip(sample.frames, known.frames)):
                differing.append((sample.line, known.line if known else None))
        self.assertEqual(differing[:3], [], f"{len(differing)} of {len(ours)}")

    def test_cut(self):
        self.perf_record(*CPU, "-g")
        self.check_cut("perf.data", "cut.data", 0.6)
        # Perf may refuse such a file. If it does not, it must see the same.
        if perf("script", "-F", "event", "-i", self.file("cut.data")).returncode == 0:
            view = PerfView.of(self.file("cut.data"))
            if view.samples:
                ours = our_samples(self.our_script("cut.data").stdout)
                comparison = Comparison().compare(view.samples, ours)
                self.assertEqual(len(comparison.differences), 0, comparison.told())

    def test_cut_stream(self):
        self.perf_record(*CPU, "-g", to_pipe=True)
        self.check_cut("perf.data", "cut.data", 0.6)

    def test_cut_compressed(self):
        self.perf_record("-z", *CPU, "-g", command=(program("shapes"), "1500"))
        self.check_cut("perf.data", "cut.data", 0.6)


class SmallRecordings(PerfTruth):
    """Those of the golden tests, whose program is gone: what is blessed there is what perf says."""

    FOLDER = os.path.join(SOURCE_DIR, "tests", "golden", "recordings")

    def test_all(self):
        paths = sorted(glob.glob(os.path.join(self.FOLDER, "perf_*.data")))
        self.assertEqual(len(paths), 12)
        for path in paths:
            with self.subTest(os.path.basename(path)):
                self.compare(path, is_unwound="stacks" in path, least=4, without_files=True)


class MoreRecords(PerfTruth):
    """Records and sample fields besides the ones that are compared: nothing else may change."""

    def test_switches(self):
        self.check("--switch-events", *CPU)

    def test_namespaces(self):
        self.check("--namespaces", *CPU)

    def test_cgroups(self):
        self.check("--all-cgroups", *CPU)

    def test_addresses_of_data(self):
        self.check("-d", "-e", "page-faults", "-c", "1", least=1000)

    def test_physical_addresses_and_page_sizes(self):
        self.check("-d", "--phys-data", "--data-page-size", "--code-page-size", "-e", "page-faults", "-c", "1", least=1000)

    def test_weights(self):
        self.check("-W", "--sample-identifier", *CPU)

    def test_counts_of_threads(self):
        view, _ = self.check("-s", *CPU, "-e", "task-clock", least=1000)
        self.assert_events(view, "cpu-clock", "task-clock")

    def test_registers_at_the_interrupt(self):
        self.check("--intr-regs", *CPU)

    def test_registers_of_the_user(self):
        self.check("--user-regs=ip,sp,bp", *CPU, "-g")

    def test_registers_both_with_stack_copies(self):
        self.check("--intr-regs=ax,bx", *CPU, "-F", "500", "--call-graph", "dwarf,4096",
                   command=(program("shapes_no_frames"), "400", "sort", "virtual", "library"), is_unwound=True)

    def test_monotonic_clock(self):
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        view, _ = self.check("-k", "CLOCK_MONOTONIC", *CPU)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.assertTrue(all(before < sample.time_ns < after for sample in view.samples))

    def test_children_left_out(self):
        view, _ = self.check("-i", *CPU)
        self.assertEqual(len({sample.tid for sample in view.samples}), 1)


class Comparer(unittest.TestCase):
    """The comparison itself: what is the same passes, one thing changed fails."""

    EVENTS = {"cpu-clock": Event({"IP", "TID", "TIME", "CPU", "PERIOD", "CALLCHAIN"}, None, False),
              "sched:sched_wakeup": Event({"IP", "TID", "TIME", "CPU", "PERIOD"}, 1, True)}
    PLAIN = """\
    7/7     [001]     0.000000000: PERF_RECORD_MMAP2 7/7: [0x401000(0x1000) @ 0x1000 fe:00 1 0]: r-xp /bin/a b
    7/8     [001]     5.000000001:     250000 cpu-clock:  ffffffff81000010 do_it+0x10 ([kernel.kallsyms])
    7/8     [001]     5.000000002:     250000 cpu-clock:            401234 main+0x4 (/bin/a b)
    7/8     [001]     5.000000003: 1 sched:sched_wakeup: comm=x y pid=9 prio=120 target_cpu=001 ffffffff81000020 wake+0x1 ([kernel.kallsyms])
"""
    CHAINS = """\
    7/8     [001]     5.000000001:     250000 cpu-clock: 
\tffffffff81000010 do_it+0x10 ([kernel.kallsyms])
\t            1234 main+0x4 (/bin/a b)
\t          401999 [unknown] ([unknown])

    7/8     [001]     5.000000002:     250000 cpu-clock: 
\t            1234 main+0x4 (/bin/a b)

    7/8     [001]     5.000000003: 1 sched:sched_wakeup: comm=x y pid=9 prio=120 target_cpu=001
\tffffffff81000020 wake+0x1 ([kernel.kallsyms])
"""
    OURS = """\
0.000000000 7/7 mmap2 pid=7 start=0x401000 length=0x1000 offset=0x1000 executable=1 file="/bin/a b"
5.000000001 7/8 cpu-clock cpu=1 period=250000 ip=0xffffffff81000010 "[kernel.kallsyms]"+0xffffffff81000010 do_it+0x10 < \
"/bin/a b"+0x1234 main+0x4 < [unknown]+0x401999 [unknown]
5.000000002 7/8 cpu-clock cpu=1 period=250000 ip=0x401234 "/bin/a b"+0x1234 main+0x4
5.000000003 7/8 sched:sched_wakeup cpu=1 comm="x y" pid=9 prio=120 target_cpu=1 period=1 ip=0xffffffff81000020 \
"[kernel.kallsyms]"+0xffffffff81000020 wake+0x1
"""

    def differences(self, ours, is_unwound=False):
        view = PerfView(self.EVENTS, self.PLAIN, self.CHAINS)
        self.assertEqual(view.not_understood, [])
        self.assertEqual(len(view.samples), 3)
        comparison = Comparison(is_unwound).compare(view.samples, our_samples(ours))
        return comparison.differences + comparison.chain_differences

    def test_same(self):
        self.assertEqual(self.differences(self.OURS), [])

    def test_changed(self):
        changes = [("cpu-clock", "task-clock"), ("5.000000001", "5.000000000"), ("7/8 cpu", "7/9 cpu"), ("7/8 cpu", "6/8 cpu"),
                   ("cpu=1 period", "cpu=0 period"), ("=250000", "=250001"), ("ip=0x401234", "ip=0x401235"),
                   ('"/bin/a b"', '"/bin/a c"'), ("+0x1234", "+0x1235"), ("main+0x4", "main+0x5"), ("main+", "niam+"),
                   ("do_it+0x10", "[unknown]"), ("[unknown]+0x401999 [unknown]", "[unknown]+0x401999 f+0x1"),
                   ("0x401999", "0x40199a"), (" < [unknown]+0x401999 [unknown]", ""), ('"x y"', '"x"'), ("prio=120", "prio=0"),
                   ("pid=9 prio", "prio"), ("period=1 ", "period=2 "), ("wake+0x1", "wake+0x2"), ("[kernel.kallsyms]", "[other]"), ("+0xffffffff81000010", "+0xffffffff81000011")]
        for before, after in changes:
            changed = self.OURS.replace(before, after, 1) if before != '"/bin/a b"' else self.OURS.replace(before + "+", after + "+", 1)
            self.assertNotEqual(changed, self.OURS, before)
            self.assertNotEqual(self.differences(changed), [], f"{before} -> {after} was not seen")

    def test_line_missing_or_twice(self):
        lines = self.OURS.splitlines(keepends=True)
        for number in range(1, len(lines)):
            self.assertEqual([d.kind for d in self.differences("".join(lines[:number] + lines[number + 1:]))], ["missing"])
            self.assertEqual([d.kind for d in self.differences("".join(lines[:number] + lines[number - 0:number + 1] * 2
                                                                       + lines[number + 1:]))], ["extra"])

    def test_order(self):
        lines = self.OURS.splitlines(keepends=True)
        self.assertEqual([d.kind for d in self.differences("".join([lines[2], lines[1], lines[3]]))], ["order"])

    def test_unwound_callers_stand_where_perf_has_them(self):
        self.assertEqual(self.differences(self.OURS, is_unwound=True), [])
        moved = self.OURS.replace("< [unknown]+0x401999", "< [unknown]+0x40199a")
        self.assertNotEqual(self.differences(moved, is_unwound=True), [])

    def test_other_names_need_the_file_to_say_so(self):
        file, names = program("shapes"), []
        for theirs, ours in (("__data_start", "data_start"), ("__data_start", "_start"), ("__data_start", "no_such")):
            perf_says = [self.PLAIN.replace("/bin/a b", file).replace("main+0x4", f"{theirs}+0x0"),
                         self.CHAINS.replace("/bin/a b", file).replace("main+0x4", f"{theirs}+0x0")]
            view = PerfView(self.EVENTS, *perf_says)
            we_say = self.OURS.replace("/bin/a b", file).replace("main+0x4", f"{ours}+0x0")
            comparison = Comparison().compare(view.samples, our_samples(we_say))
            names.append((ours, len(comparison.differences), sum(comparison.same_address.values())))
        self.assertEqual(names, [("data_start", 0, 2), ("_start", 2, 0), ("no_such", 2, 0)])

    def test_difference_shows_both_lines(self):
        found, = self.differences(self.OURS.replace("niam", "").replace("ip=0x401234", "ip=0x401235"))
        self.assertIn("401234 main+0x4", found.perf_line)
        self.assertIn("ip=0x401235", found.our_line)


if __name__ == "__main__":
    support.main()
