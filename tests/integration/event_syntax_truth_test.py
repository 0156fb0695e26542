# SPDX-License-Identifier: Apache-2.0
"""What the collector makes of the text of -e, against Debian's perf: `perf stat -vv` and `perf record -vv` print the
attributes that they try to open, refused or not. Each text is given to both, with the machine's own PMUs and, since few
machines have interesting ones, with made-up PMUs in a folder that both are told to take for /sys."""
import os
import re
import shutil
import unittest

import support
from support import program, require, require_root, run

PERF = shutil.which("perf")
COMPARED = ("type", "config", "config1", "config2", "exclude_user", "exclude_kernel", "exclude_hv", "exclude_host",
            "exclude_guest", "exclude_idle", "precise_ip", "pinned", "exclusive")
# perf names these by what one of the two means.
PERF_NAMES = {"{ bp_addr, config1 }": "config1", "{ bp_len, config2 }": "config2", "bp_addr": "config1",
              "bp_len": "config2"}
SHOWN_CONFIG = re.compile(r"0x[0-9a-f]+|\d+")

GENERIC = """cycles cpu-cycles instructions cache-references cache-misses branches branch-instructions branch-misses
bus-cycles stalled-cycles-frontend idle-cycles-frontend stalled-cycles-backend idle-cycles-backend ref-cycles cpu-clock
task-clock page-faults faults minor-faults major-faults context-switches cs cpu-migrations migrations alignment-faults
emulation-faults dummy bpf-output cgroup-switches""".split()
CACHES = """L1-dcache L1-dcache-loads L1-dcache-load-misses L1-dcache-stores L1-dcache-store-misses L1-dcache-prefetches
L1-dcache-prefetch-misses L1-icache-loads L1-icache-load-misses L1-icache-prefetches LLC LLC-loads LLC-load-misses
LLC-stores LLC-store-misses LLC-prefetches dTLB-loads dTLB-load-misses dTLB-stores dTLB-prefetches iTLB iTLB-loads
iTLB-load-misses branch branch-loads branch-load-misses node node-loads node-load-misses node-stores node-prefetches
l1d l1-d-read l1d-write-miss l1i-access l1-i-ops L1-data-refs L1-instruction-read L2-Reference L2-loads-misses
d-tlb-speculative-read Data-TLB-speculative-load-miss i-tlb-misses Instruction-TLB bpu-read btb-load-miss bpc
LLC-misses-loads LLC-speculative-read-refs""".split()
MODIFIERS = """cycles:u cycles:k cycles:h cycles:uk cycles:ku cycles:ukh cycles:uh cycles: cycles:G cycles:H cycles:GH cycles:uG
cycles:Gu cycles:uH cycles:kG cycles:p cycles:pp cycles:ppp cycles:up cycles:pu cycles:Gp cycles:kppp cycles:I cycles:D
cycles:e cycles:uDe cycles:S cycles:W cycles:uS faults:u cs:k cpu-clock:pp L1-dcache-loads:u LLC-load-misses:kpp
branch-loads:H""".split()
CODES = """r1a8 r1A8:u rea r0 r1ffffffffff rffffffffffffffff 1:2 1:0x2 1:2:u 4:0x1a8 4:0x1a8:kp 3:65536 0:1:G
cycles/config=5/ cycles/period=1000/ cycles/period=1000/u cycles/name=foo/ cycles/name='a,b'/ cycles//u cycles//
faults/name=foo/k r1a8/name=x/u 1:2/name=x/""".split()
TRACEPOINTS = ["sched:sched_switch", "sched:sched_switch:u", "sched:sched_switch:k", "sched:sched_process_*",
               "sched:sched_process_*:u", "sched:*_switch", "raw_syscalls:sys_enter", "sched:sched_[sw]*_new",
               "raw_*:sys_e?it", "irq:softirq_*:H"]
PMUS = ["software/config=1/", "software/config=0x3/u", "software/config=3,name=me/k", "uprobe/retprobe/",
        "uprobe/retprobe=0/", "uprobe/retprobe=1,config1=4096,config2=0x10/"]
LISTS = ["faults,cs", " faults", "faults ,cs", "faults,cs:u", "faults,sched:sched_switch,r12", "{faults,cs}",
         "{faults,cs}:u", "{faults:u,cs}:k", "{faults:H,cs}:G", "{faults:D,cs:D}", "{faults,cs}:D", "{faults:p,cs}:pp",
         "{faults,cs}:e", "{faults:u,cs:k},minor-faults", "g{faults,cs}:S", "g{faults,cs}:uk,{migrations}:h",
         "{faults,software/config=3/u}:k", "{faults/name='a,b'/,cs}", "{faults:ukh,cs}:u", "{faults:I,cs}:W"]
WRONG = ["cycels", "cycles:x", "cycles:uu", "cycles:u:k", "cycles:pppp", "cycles:GG", ":u", "cycles,,faults", ",cycles",
         "cycles,", "cycles}", "{}", "{cycles,{faults}}", "{cycles}u", "{cycles}:x", "{faults:pp}:pp",
         "L1-icache-stores", "iTLB-stores", "branch-stores", "branches-loads", "L1-dcache-", "L1-dcache-foo",
         "LLCloads", "r1ffffffffffffffff", "rxyz", "1:", "1:x", "sched:no_such_event", "no_such_system:event",
         "sched:no_such_*", "no_such_pmu/x/", "uprobe/retprobe=2/", "uprobe/no_such_term/", "uprobe/retprobe=x/",
         "software/config=", "software/", "cycles/no_such_term/", "cycles/config=99999999999999999999/"]

CPU_PMU = {
    "type": "4", "format/event": "config:0-7,32-35", "format/umask": "config:8-15", "format/edge": "config:18",
    "format/inv": "config:23", "format/cmask": "config:24-31", "format/ldlat": "config1:0-15",
    "format/offcore_rsp": "config1:0-63", "format/wide": "config2:60-63,0-3", "format/top": "config2:63",
    "events/cpu-cycles": "event=0x76", "events/mem-loads": "event=0xcd,umask=0x1,ldlat=3",
    "events/slots": "event=0x00,umask=0x4", "events/Upper-Case": "event=0x11,inv",
    "events/with-config": "config=0x1234,umask=0x3"}
CPU_TEXTS = """cpu/event=0x3c/ cpu/event=0x3c,umask=0x1/ cpu/event=60,umask=1/u cpu/event=0xfff/ cpu/event=0x123,edge/
cpu/event=0x3c,edge=1,inv=0,cmask=3/ppp cpu/edge/ cpu/config=0x12345/k cpu/config=0x100,event=0x3c/
cpu/event=0x3c,config=0x100/ cpu/ldlat=30/ cpu/offcore_rsp=0xffffffffffffffff/ cpu/config1=7,ldlat=0x10/ cpu/wide=0xab/
cpu/wide=255,top=1/ cpu/config2=0x10/ cpu/event=1,event=2/ cpu/mem-loads/ cpu/mem-loads,ldlat=0x30/ cpu/mem-loads/pp
cpu/event=mem-loads/ cpu/mem-loads=1/ cpu/slots/ cpu/SLOTS/ cpu/upper-case,umask=2/ cpu/with-config/
cpu/with-config,event=0x80/ cpu/cpu-cycles,name=foo/uk cpu// cpu//u cpu/name=me,event=0x3c/ mem-loads slots:u
cpu/event=0x3c,period=5/ {cpu/event=1/,cpu/event=2/u}:k cpu/event=0x3c,name='X.Y:c=1,Z'/
""".split()
CPU_WRONG = """cpu/umask=0x100/ cpu/event=0x1000/ cpu/edge=2/ cpu/nothing/ cpu/event=nothing/ cpu/ cpu/event=/
cpu/=3/ cpu/event=1/x cpu/event=1/uu cpu/event=1/2/ cpu/event=18446744073709551616/""".split()

UNCORE = {"format/event": "config:0-7", "format/umask": "config:8-15", "events/reads": "event=0x4,umask=0x3",
          "events/reads.scale": "6.103515625e-5", "events/reads.unit": "MiB", "cpumask": "0"}
UNCORE_TEXTS = """uncore_imc_0/event=4/ uncore_imc/event=4/ imc/event=4/u uncore_imc_1/reads/ imc_0/reads/
uncore_imc/reads,umask=4/ uncore_cha/event=3/ reads""".split()
HYBRID_TEXTS = """cycles instructions:u faults r1a8 cpu_core/event=0x3c/ cpu_atom/event=0x3c/u
cycles,faults""".split()


def attributes(text):
    """The attributes that perf printed, each as a name -> number without zeros."""
    shown = text.split("\nperf_event_attr:\n")
    for before, block in zip(shown, shown[1:]):
        # What the kernel calls invalid, perf tries again with less, and says so when it gives up.
        if "sys_perf_event_open failed, error -22" in before and "Warning:" not in before:
            continue
        fields = dict(line.strip().rsplit(None, 1) for line in block[:block.index("\n---")].splitlines())
        fields = {PERF_NAMES.get(name, name): value for name, value in fields.items()}
        if fields.get("watermark") == "1":
            continue  # an event that perf opens for itself
        yield {name: int(fields[name], 0) for name in COMPARED if int(fields.get(name, "0"), 0)}


def sorted_items(event):
    return sorted(event.items())


class EventSyntaxTruth(support.IntegrationTest):
    def setUp(self):
        require(self, "perf", PERF is not None, "perf is not installed")
        require_root(self)
        super().setUp()
        self.compared = 0
        self.environment = {**os.environ, "LC_ALL": "C"}
        self.pmus = ""

    def ours(self, texts):
        """text -> list of attributes, or None for an error."""
        tracefs = next((path for path in ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")
                        if os.path.isdir(path + "/events")), "")
        done = run([program("print_events"), self.pmus, tracefs, *texts])
        self.assertEqual(done.returncode, 0, done.stderr)
        events, errors = {}, {}
        for line in done.stdout.splitlines():
            if line.startswith("= "):
                text = line[2:]
                events[text] = []
            elif line.startswith("error"):
                errors[text] = line
            else:
                fields = dict(field.split("=") for field in line.split(" name=")[0].split()[1:])
                events[text].append({name: int(value, 16) for name, value in fields.items()})
        for text in errors:
            events[text] = None
        self.assertEqual(set(events), set(texts))
        return events, errors

    def perf(self, command, text):
        """What perf would open: a list, or None if it does not understand the text; and whether it gave up halfway."""
        done = run([PERF, command, "-vv", "-o", "/dev/null", "-e", text, "--", "true"], env=self.environment)
        if "Run 'perf list' for a list of valid events" in done.stderr:
            return None, False
        before, fell_back, _ = done.stderr.partition("trying to fall back")
        return list(attributes(before)), bool(fell_back) or done.returncode != 0

    def compare(self, texts, commands=("stat",), in_order=False):
        ours, errors = self.ours(texts)
        for text in texts:
            for command in commands:
                with self.subTest(text=text, command=command):
                    theirs, gave_up = self.perf(command, text)
                    self.assertIsNotNone(theirs, f"perf does not know {text}")
                    self.assertIsNotNone(ours[text], errors.get(text))
                    self.assertTrue(theirs, f"perf tried to open nothing for {text}")
                    wanted = ours[text]
                    if gave_up:  # at an event that this machine lacks, maybe after trying it in other ways
                        wanted, theirs = wanted[:len(theirs)], theirs[:len(wanted)]
                    if not in_order:  # what a pattern matches comes in any
                        wanted, theirs = sorted(wanted, key=sorted_items), sorted(theirs, key=sorted_items)
                    self.assertEqual(wanted, theirs, text)
                    self.compared += len(theirs)

    def refuse(self, texts):
        ours, errors = self.ours(texts)
        for text in texts:
            with self.subTest(text=text):
                self.assertIsNone(self.perf("stat", text)[0], f"perf knows {text}")
                self.assertIsNone(ours[text], f"{text} is no event, yet: {ours[text]}")
                self.assertGreater(len(errors[text]), 20)

    def made_up_sys(self, pmus):
        """A /sys with the machine's own contents but for the PMUs."""
        root = self.file("sys")
        os.makedirs(root + "/bus/event_source/devices")
        for name in ("devices", "kernel", "fs", "module"):
            if os.path.exists("/sys/" + name):
                os.symlink("/sys/" + name, f"{root}/{name}")
        for pmu, files in pmus.items():
            for name, contents in files.items():
                path = f"{root}/bus/event_source/devices/{pmu}/{name}"
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "w", encoding="ascii") as file:
                    file.write(contents + "\n")
        self.environment["SYSFS_PATH"] = root
        self.pmus = root + "/bus/event_source/devices"

    def test_generic(self):
        self.compare(GENERIC + CACHES)
        self.assertGreaterEqual(self.compared, 75)

    def test_modifiers(self):
        self.compare(MODIFIERS, commands=("stat", "record"))
        self.compare(["cycles:P", "cycles:uP", "cpu-clock:GP"], commands=("record",))
        self.assertGreaterEqual(self.compared, 2 * len(MODIFIERS))

    def test_codes(self):
        self.compare(CODES)
        self.compare(["instructions/freq=99/pp", "faults/freq=99/u", "software/config=3,freq=7/k"], commands=("record",))

    def test_tracepoints(self):
        run([PERF, "list", "tracepoint"])  # mounts tracefs if nobody has
        self.compare(TRACEPOINTS)
        self.assertGreaterEqual(self.compared, 20)

    def test_pmus(self):
        self.compare(PMUS)

    def test_lists_and_groups(self):
        self.compare(LISTS, in_order=True)
        self.assertGreaterEqual(self.compared, 2 * len(LISTS) - 3)

    def test_wrong(self):
        self.refuse(WRONG)

    def test_libpfm_names(self):
        # Debian's perf is built without libpfm4: that calls the same events CYCLES, the modifiers are perf's.
        for modifiers in ("", ":u", ":k", ":uk", ":pp", ":G", ":uD", ":I"):
            names = [f"{name}{modifiers}" for name in ("cycles", "perf::CYCLES", "perf::PERF_COUNT_HW_CPU_CYCLES")]
            events, errors = self.ours(names)
            self.assertEqual(errors, {})
            self.assertEqual(events[names[0]], events[names[1]], modifiers)
            self.assertEqual(events[names[0]], events[names[2]], modifiers)

    def test_cpu_pmu(self):
        self.made_up_sys({"cpu": CPU_PMU})
        self.compare(CPU_TEXTS)
        self.refuse(CPU_WRONG)

    def test_uncore_pmus(self):
        self.made_up_sys({f"uncore_{name}": {"type": str(number), **UNCORE}
                          for number, name in enumerate(("imc_0", "imc_1", "cha_0", "cha_11", "imcx"), 20)})
        self.compare(UNCORE_TEXTS)

    def test_hybrid(self):
        self.made_up_sys({"cpu_core": {"type": "4", "cpus": "0", "format/event": "config:0-7"},
                          "cpu_atom": {"type": "10", "cpus": "0", "format/event": "config:0-7"}})
        self.compare(HYBRID_TEXTS)


if __name__ == "__main__":
    support.main()
