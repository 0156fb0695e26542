# SPDX-License-Identifier: Apache-2.0
"""The guests, and what is checked in them: one line a check.

A check is a command that the guest runs and judges that look, on the host, at its output and its recording ($DATA).
"""
import collections
import re
import shutil

import npu_checks as npu
import support

Guest = collections.namedtuple("Guest", "name architecture kernel_package suite")
GUESTS = {guest.name: guest for guest in (
    Guest("x86_6_12", "amd64", "linux-image-amd64", "bookworm-backports"),
    Guest("x86_6_1_rt", "amd64", "linux-image-rt-amd64", "bookworm"),
    Guest("arm64_6_12", "arm64", "linux-image-arm64", "bookworm-backports"),
)}
X86 = ("x86_6_12", "x86_6_1_rt")
ARM = ("arm64_6_12",)
ALL = X86 + ARM
NEW = ("x86_6_12", "arm64_6_12")


# What must be true of a check's output and recording. Each is called with the test and the recording.

def exact_layers(test, recording):
    test.assertEqual({layer.name for layer in recording.told()}, {"heavy", "light"})
    test.assert_exact(recording)


def exact_by_process(test, recording):
    test.assertEqual(len({layer.pid for layer in recording.told()}), 2)
    test.assert_exact_by_process(recording)


def no_samples(test, recording):
    test.assertEqual(recording.summary.samples, 0)
    test.assertIn("sampling", " ".join(item["text"] for item in recording.report()["quality"]))


def samples(test, recording):
    """Enough to see the work by, and its shares: "heavy" does three times what "light" does."""
    report = recording.report("--symfs", test.root)
    found = {row["symbol"]: row["self_samples"] for row in report["functions"]}
    test.assertEqual(report["totals"]["samples"], recording.summary.samples)
    test.assertGreater(found.get("heavy_loop", 0), 10, found)  # of a guest that has little of a busy machine
    few = found["heavy_loop"] + found.get("light_loop", 0) < 60
    test.assertAlmostEqual(found["heavy_loop"] / (found["heavy_loop"] + found.get("light_loop", 0)), 0.75,
                           delta=0.25 if few else 0.2)


def layers_by_functions(test, recording):
    rows = recording.report("--symfs", test.root)["layer_functions"]
    for layer in ("heavy", "light"):
        first = max((row for row in rows if row["layer"] == layer), key=lambda row: row["self_samples"])
        test.assertEqual(first["symbol"], f"{layer}_loop")


def read_by_perf(test, recording):
    support.require(test, "perf", shutil.which("perf"), "perf is not installed")
    done = support.run(["perf", "script", "-i", recording.path, "-F", "comm,event"])
    test.assertEqual(done.returncode, 0, done.stderr)
    events = collections.Counter(line.split()[-1] for line in done.stdout.splitlines() if line.strip())
    test.assertEqual(events["neuroperf:layer_end:"], recording.summary.layer_calls)


def sampled_with(event):
    return lambda test, recording: test.assertEqual(recording.report()["meta"]["sampling"], event)


def says(*texts):
    def judge(test, recording):
        for text in texts:
            test.assertIn(text, recording.stdout)
    return judge


def refuses(*texts):
    return says(*texts, "status 125\nno file\n")


def quality_tells(text):
    def judge(test, recording):
        told = [item["text"] for item in recording.report()["quality"]]
        test.assertTrue(any(text in item for item in told), told)
    return judge


def cycles_of_the_work(test, recording):
    """One instruction is two cycles there: the samples' periods add up to the work, and to little more."""
    (instructions,) = map(int, re.findall(r"^instructions (\d+)$", recording.stdout, re.M))
    periods = [int(event.fields["period"]) for event in recording.events()
               if event.name.startswith("cycles")]
    test.assertEqual(len(periods), recording.summary.samples)
    test.assertAlmostEqual(sum(periods) / (2 * instructions), 1, delta=0.03)


FOUND_FIRST = {}  # samples by function, by guest


def samples_exactly(test, recording):
    """One of every million cycles of user code, by whatever name: the loops take a whole number of them; libc's start,
    the events and the output not another one. Where they fall moves with the compiler, but not from run to run."""
    (instructions,) = map(int, re.findall(r"^instructions (\d+)$", recording.stdout, re.M))
    found = {row["symbol"]: row["self_samples"] for row in recording.report("--symfs", test.root)["functions"]}
    test.assertEqual(recording.summary.samples, 2 * instructions // 1000000)
    test.assertEqual(sum(found.values()), recording.summary.samples)
    test.assertAlmostEqual(found["heavy_loop"], 0.75 * recording.summary.samples, delta=4)
    test.assertEqual(found, FOUND_FIRST.setdefault(test.guest.name, found), "another run found something else")


def whole_chains(test, recording):
    """Unwound here, from registers and stacks of another machine: each sample of a loop has all of its callers."""
    done = support.run([support.NEUROPERF, "export", "--format", "folded", "-i", recording.path, "--symfs", test.root])
    test.assertEqual(done.returncode, 0, done.stderr)
    chains = [line.rsplit(" ", 1)[0] for line in done.stdout.splitlines() if "_loop" in line]
    for layer in ("heavy", "light"):
        whole = re.compile(rf"{layer};_start;.*;main;call_layer;{layer}_loop(;|$)")
        of_layer = [chain for chain in chains if f"{layer}_loop" in chain]
        test.assertTrue(of_layer)
        test.assertEqual([chain for chain in of_layer if not whole.search(chain)], [])


def instructions_with_the_leader(test, recording):
    """Each sample of cycles reads both counters: twice as many cycles as instructions, to the digit."""
    cycles, instructions = ([int(event.fields["period"]) for event in recording.events() if event.name == name]
                            for name in ("cycles:u", "instructions:u"))
    test.assertEqual(cycles, [2 * count for count in instructions])
    test.assertEqual(len(cycles), recording.summary.samples)


def counted_in_turns(test, recording):
    """More events than counters: none was counted all the time, and together they filled the counters (7 there)."""
    shares = dict(re.findall(r"^event (\S+) was counted ([\d.]+) % of the time",
                             "\n".join(item["text"] for item in recording.report()["quality"]
                                       if item["code"] == "multiplexed" and item["remedy"]), re.M))
    test.assertEqual(set(shares), set(MORE_THAN_COUNTERS.split(",")), recording.report()["quality"])
    shares = [float(share) / 100 for share in shares.values()]
    test.assertTrue(all(0 < share < 1 for share in shares), shares)
    test.assertTrue(5 < sum(shares) < 7.1, shares)


def counted_all_the_time(test, recording):
    test.assertEqual(support.quality_codes(recording.report()) & {"multiplexed", "never_counted"}, set())


def calls_and_switches(test, recording):
    """Each call of getppid, and in between each time that the CPU was given up, with their fields."""
    told = dict(re.findall(r"^(getppid|switches) (\d+)$", recording.stdout, re.M))
    events = list(recording.events())
    calls = [event for event in events if event.name == "syscalls:sys_enter_getppid"]
    switches = [event.fields for event in events if event.name == "sched:sched_switch"
                and calls[0].time_ns < event.time_ns < calls[-1].time_ns]
    test.assertEqual(len(calls), int(told["getppid"]))
    test.assertEqual({event.fields["__syscall_nr"] for event in calls}, {"110" if test.guest.name in X86 else "173"})
    test.assertEqual({(fields["prev_comm"], int(fields["prev_pid"])) for fields in switches},
                     {('"known_work"', calls[0].tid)})
    idle = [fields for fields in switches if fields["next_pid"] == "0"]
    test.assertGreater(len(idle), 0)
    test.assertEqual({fields["next_comm"] for fields in idle}, {f'"swapper/{fields["cpu"]}"' for fields in idle})
    preempted = 0x100
    given_up = [fields for fields in switches if int(fields["prev_state"]) not in (0, preempted)]
    test.assertEqual(len(given_up), int(told["switches"]))


def copied_by_bpf(test, recording):
    """The program was loaded and followed the process, or perf events would have taken its place."""
    test.assertIn("each time, by a BPF program", recording.stdout)
    told = [item["text"] for item in recording.report()["quality"] if item["code"] == "tracepoints_by_perf"]
    test.assertEqual(told, [])


def on_cpu_of_known_work(recording):
    (thread,) = [thread for thread in recording.report()["threads"] if thread["name"] == "known_work"]
    return thread


def waits_as_told(test, recording):
    """As often as the kernel counted in the pauses; the program's start may have waited, too."""
    told = dict(re.findall(r"^(switches) (\d+)$", recording.stdout, re.M))
    thread = on_cpu_of_known_work(recording)
    test.assertIn(thread["switches"] - thread["preempted"] - int(told["switches"]), range(6), thread)


def on_cpu_for_its_instructions(test, recording):
    """Of 2 ns each; and a little for its start and its system calls."""
    (instructions,) = map(int, re.findall(r"^instructions (\d+)$", recording.stdout, re.M))
    on_cpu_ns = on_cpu_of_known_work(recording)["on_cpu_ns"]
    test.assertGreaterEqual(on_cpu_ns, 2 * instructions)
    test.assertLess(on_cpu_ns, 2 * instructions * 1.1 + 10_000_000)


def whole_machine(test, recording):
    """What ran before the recording began, and the recorder itself. The kernel has no names, though that of this machine
    may lie at the same address: without KASLR they all do."""
    found = {row["symbol"]: row["self_samples"] for row in recording.report("--symfs", test.root)["functions"]}
    test.assertGreater(found.get("heavy_loop", 0), 3, found)  # an emulated machine that is busy takes few samples
    kernel = [row for row in recording.report("--symfs", test.root)["functions"] if row["module"].startswith("[kernel")]
    test.assertEqual([row for row in kernel if not row["symbol"].startswith("[")], [])
    quality_tells("under another kernel")(test, recording)
    names = {event.fields["name"] for event in recording.events() if event.name == "comm"}
    test.assertLessEqual({'"init"', '"known_work"', '"neuroperf"'}, names)


def every_event_hit(test, recording):
    """The kernel's histogram of the probe: what each type of event (enum np_event_type) came to."""
    begin, end, spikes = 1, 2, 3
    hits = {int(kind): (int(hits), int(value)) for kind, hits, value in re.findall(
        r"^{ type: +(\d+) } hitcount: +(\d+) +value: +(\d+)", recording.stdout, re.M)}
    calls = sum(layer.calls for layer in recording.told())
    fired = sum(layer.spikes for layer in recording.told())
    test.assertEqual(hits, {begin: (calls, 0), end: (calls, 0), spikes: (calls, fired)}, recording.stdout)


def faults_as_fentry_says(test, recording):
    """Time off a CPU in the function that handles page faults, seen by BPF programs at its entry and its exit: what the
    anatomy has for waits for pages, and for the CPU behind them."""
    waits, waited_ns = map(int, re.findall(r"^fault_waits (\d+) waited_ns (\d+)$", recording.stdout, re.M)[0])
    rows = {row["name"]: row for row in recording.report()["anatomy"]}
    (told,) = re.findall(r"^layer faults calls (\d+) wall_ns (\d+) cpu_ns \d+ helper_cpu_ns \d+ major_faults (\d+)$",
                         recording.stdout, re.M)
    calls, wall_ns, major_faults = map(int, told)
    found, within = rows["faults"], max(0.02 * waited_ns, 50_000 * waits)
    test.assertGreaterEqual(major_faults, 20 * calls)
    test.assertGreaterEqual(waits, major_faults)
    test.assertGreater(waited_ns, 2_000_000 * major_faults, "the disk takes so long for each")
    test.assertAlmostEqual(found["fault_ns"] + found["runnable_ns"], waited_ns, delta=within)
    test.assertLess(found["fault_ns"], waited_ns + within)
    test.assertGreater(found["fault_ns"], 0.9 * waited_ns)
    test.assertAlmostEqual(found["wall_ns"], wall_ns, delta=max(0.02 * wall_ns, 50_000 * calls))
    test.assertGreater(rows["fsync"]["io_ns"], 2_000_000 * calls)
    test.assertEqual(sum(rows[name]["fault_ns"] for name in rows if name not in ("faults", "round")), 0)


def runtime_exactly(test, recording):
    """What tiny_app's runtime did in 100 steps. The memory of one layer means another one from step 50 on."""
    report = recording.report()
    layers = {row["name"]: row["calls"] for row in report["layers"] if row["calls"] and "start-up" not in row["name"]}
    long_name = "/model/layers.0/a name that does not fit into a small string"
    test.assertEqual(layers, {long_name: 100, "spiking": 100, "block": 100, "inner": 50, "other inner": 50})
    test.assertEqual([(row["name"], row["calls"]) for row in report["inferences"]], [("step", 100)])
    test.assertEqual([row["spikes"] for row in report["layers"] if row["name"] == "population"], [100 * 99 // 2])
    test.assertEqual(recording.summary.lost, 0)


Check = collections.namedtuple("Check", "name guests command judges")
RECORD = "neuroperf record -o $DATA"
SAMPLED = f"{RECORD} -F 999"  # however much a sample costs
AS_NOBODY = "su -s /bin/sh nobody -c"
PARANOID = "echo {} >/proc/sys/kernel/perf_event_paranoid"
IN_TRACEFS = "cd /sys/kernel/tracing"
PROBE = "cat /etc/known_work.probe >>uprobe_events"
WATCH = ("cd events/uprobes/event; echo hist:keys=type:values=value >trigger; echo 1 >enable; known_work; cat hist;"
         "echo 0 >enable; echo '!hist:keys=type:values=value' >trigger; echo >/sys/kernel/tracing/uprobe_events")
SWITCHES_AND_CALLS = "-e sched:sched_switch -e syscalls:sys_enter_getppid"
# The last ones count nothing there, but each takes a counter.
MORE_THAN_COUNTERS = ",".join(["cycles:u", "instructions:u", *(f"r{number:x}:u" for number in range(0x12, 0x1a))])
# With a remedy, before anything is written or run.
REFUSED = "neuroperf record -o /tmp/refused {}; echo status $?; [ -e /tmp/refused ] || echo no file"
# Events of drivers come from interrupts and kernel threads. The pause: the kernel frees the last job when it gets to it.
# Few of them by BPF under 6.1, which takes some tenths of a second to attach each tracepoint.
NPU_EVENTS = "-e 'vnpu:*'"
DRM_EVENTS = "-e 'gpu_scheduler:*' -e 'dma_fence:*'"
RECORD_NPU = f"{RECORD} --driver none {{}} -a {{}} -- sh -c '{{}}; sleep 0.2'"
HOTPLUG = "; ".join(f"echo {online} >/sys/devices/system/cpu/cpu1/online || exit 1; sleep 0.1" for online in (0, 1, 0, 1))
BY_PROBES = "--driver-file /etc/vnpu_calls.json --driver-file /etc/vnpu_functions.json"
UNDER_WAY = "npu_work -n 6 -t 3 -d 3 -u 300 -m 7 -l 5 -f vnpu & npu_work -n 8 -t 2 -d 4 -a vdrm; wait"
NPU_TOTALS = ("for file in *_total queue_depth; do echo $file $(cat $file); done;"
              "while read -r line; do echo neuron_activity $line; done <neuron_activity")
CHECKS = (
    Check("layers", ALL, f"{SAMPLED} known_work", (exact_layers, samples, layers_by_functions, read_by_perf)),
    Check("call_chains", ALL, f"{SAMPLED} -g known_work", (exact_layers, samples, read_by_perf)),
    Check("processes", ALL, f"{RECORD} --follow sh -c 'known_work 50 & known_work 50; wait'", (exact_by_process,)),
    Check("software_clocks", X86, f"{SAMPLED} known_work 100",
          (exact_layers, sampled_with("cpu-clock"), says("stamped by clock_gettime"),
           quality_tells("hardware counters: this machine offers none"))),
    Check("hardware_cycles", ARM, f"{RECORD} known_work", (sampled_with("cycles"), cycles_of_the_work)),
    # Debian's kernels know a level above perf's own: 3 allows nothing to those without privilege.
    Check("no_perf_events", ALL, f"{PARANOID.format(3)}; {AS_NOBODY} '{RECORD} known_work'",
          (exact_layers, no_samples, says("perf_event_paranoid (now 3)"))),
    Check("user_only", X86, f"{PARANOID.format(2)}; {AS_NOBODY} '{SAMPLED} known_work'",
          (exact_layers, samples, sampled_with("cpu-clock:u"), says("missing   kernel samples"))),
    Check("user_only_cycles", ARM, f"{PARANOID.format(2)}; {AS_NOBODY} '{RECORD} known_work'",
          (exact_layers, samples, sampled_with("cycles:u"), cycles_of_the_work, says("missing   kernel samples"))),
    # The same counter by each of its names.
    *(Check(f"exact_{name}", ARM, f"{RECORD} -e {event} -c 1000000 known_work", (samples_exactly,)) for name, event in (
        ("cycles", "cycles:u"), ("cycles_again", "cycles:u"), ("libpfm4", "arm_ac57::CPU_CYCLES:u"), ("raw", "r11:u"),
        ("pmu", "armv8_pmuv3/cpu_cycles/u"))),
    Check("group", ARM, f"{RECORD} -e '{{cycles:u,instructions:u}}:S' -c 1000000 known_work",
          (instructions_with_the_leader, counted_all_the_time)),
    Check("more_events_than_counters", ARM, f"{RECORD} -c 1000000 -e {MORE_THAN_COUNTERS} known_work 1000",
          (exact_layers, counted_in_turns, read_by_perf)),
    Check("group_that_does_not_fit", ARM, REFUSED.format(f"-e '{{{MORE_THAN_COUNTERS}}}' known_work"),
          (says("status 125\nno file\n"),)),
    Check("weak_group", ARM, f"{RECORD} -c 1000000 -e '{{{MORE_THAN_COUNTERS}}}:W' known_work 1000",
          (exact_layers, counted_in_turns)),
    Check("as_precise_as_it_gets", ARM, f"{RECORD} -e cycles:P known_work", (exact_layers, samples)),
    Check("one_counter", ARM, f"{RECORD} -c 1000000 -e cycles:u known_work", (counted_all_the_time,)),
    Check("two_counters", ARM, f"{RECORD} -c 1000000 -e cycles:u,instructions:u known_work", (counted_all_the_time,)),
    Check("no_such_counter", ARM, REFUSED.format("-e branch-misses known_work"), (refuses("branch-misses"),)),
    Check("dwarf", ALL, f"{SAMPLED} --call-graph dwarf known_work", (exact_layers, samples, whole_chains, read_by_perf)),
    Check("tracepoints", ALL, f"{RECORD} -v {SWITCHES_AND_CALLS} known_work 10 50", (calls_and_switches, copied_by_bpf)),
    Check("tracepoints_by_perf", X86, f"{RECORD} --no-bpf {SWITCHES_AND_CALLS} known_work 10 50", (calls_and_switches,)),
    Check("a_cpu_goes_and_comes", X86, f"{RECORD} --follow sh -c 'known_work 100 & {HOTPLUG}; wait'",
          (exact_layers, read_by_perf)),
    Check("on_and_off_cpu", X86, f"{SAMPLED} known_work 100 50", (waits_as_told,)),
    Check("on_and_off_cpu_exactly", ARM, f"{RECORD} known_work 300 50", (waits_as_told, on_cpu_for_its_instructions)),
    Check("no_tracefs", ALL, f"umount /sys/kernel/tracing; {REFUSED.format('-e sched:sched_switch known_work')}; "
          "mount -t tracefs tracefs /sys/kernel/tracing",
          (refuses("tracefs is not mounted", "as root: mount -t tracefs tracefs /sys/kernel/tracing"),)),
    Check("whole_machine", X86, f"known_work 100000 & {RECORD} -a -d 3; kill $!", (whole_machine,)),
    # The pauses: perf events (before 6.6) raise the semaphore a moment before the program behind them is there.
    Check("running_process", ALL, f"known_work 1000 300 wait & {SAMPLED} -p $!", (exact_layers, samples)),
    Check("compressed", ALL, f"{SAMPLED} -z known_work", (exact_layers, samples, read_by_perf)),
    Check("doctor", X86, "neuroperf doctor",
          (says("ok        sampling: cpu-clock at ", " Hz on 2 CPUs", "missing   hardware counters: this machine",
                "degraded  in-process events", "ok        tracepoints", "ok        layers of running programs"),)),
    Check("doctor_of_counters", ARM, "neuroperf doctor",
          (says("ok        sampling: cycles at 999 Hz on 1 CPU", "ok        in-process events", "ok        tracepoints",
                "ok        layers of running programs"),)),
    # The site that the ELF note names, as any tool attaches to it, where no uprobe becomes a call (before 6.18).
    Check("usdt", ALL, f"{IN_TRACEFS}; {PROBE}; {WATCH}", (every_event_hit,)),
    # By uprobes that are perf events before 6.6.
    Check("runtime", ALL, f"{RECORD} --probe-budget 100 --runtime-file /etc/tiny.json -- tiny_app /lib/libtiny_runtime.so 100",
          (runtime_exactly,)),
    # The virtual NPUs, see npu_checks.py. From here on they are there, and records have their events unless told otherwise.
    Check("no_devices", ALL, "neuroperf list devices", (says("this machine has no accelerator: there is no /dev/accel/accel*"),)),
    Check("npu_modules", ALL, "while read -r module; do insmod $module || exit 1; done </etc/modules", ()),
    Check("npu_jobs", NEW, RECORD_NPU.format("-v", NPU_EVENTS, "npu_work vnpu"),
          (npu.jobs_of_vnpu, npu.one_after_the_other, npu.layers_take_their_time, copied_by_bpf)),
    Check("npu_jobs_uncounted", ("x86_6_1_rt",), RECORD_NPU.format("-v", NPU_EVENTS, "npu_work vnpu"),
          (npu.nearly_all_there, npu.layers_take_their_time, copied_by_bpf)),
    Check("npu_jobs_under_way", NEW, RECORD_NPU.format("-v", f"{NPU_EVENTS} {DRM_EVENTS}", UNDER_WAY),
          (npu.there_or_lost, copied_by_bpf)),
    Check("npu_jobs_by_perf", ALL, RECORD_NPU.format("--no-bpf", f"{NPU_EVENTS} {DRM_EVENTS}", UNDER_WAY),
          (npu.jobs_of_vnpu, npu.one_after_the_other, npu.last_jobs_fail, npu.jobs_of_scheduler,
           npu.waits_for_jobs_before, npu.fences_of_jobs, npu.engines_were_busy)),
    Check("drm_jobs", ALL, RECORD_NPU.format("--no-bpf", DRM_EVENTS, "npu_work -n 5 vdrm"),
          (npu.jobs_of_scheduler, npu.waits_for_nothing, npu.fences_of_jobs, npu.engines_were_busy)),
    # Without a word about events: the drivers are found, and the report has their jobs.
    Check("npu_report", ALL, f"{RECORD} -v --driver vnpu -- npu_work -n 5 -d 3 -f vnpu",
          (npu.vnpu_in_report, npu.texts_of_the_kernel, npu.layers_of_the_engine, npu.power_of_the_engine)),
    Check("npu_report_of_one", NEW, f"npu_work -n 99999 -u 200 vnpu >/dev/null & {RECORD} npu_work -n 6 -u 300 vnpu;"
          "status=$?; kill $!; wait; [ $status = 0 ]", (npu.others_are_left_out,)),
    Check("npu_probes", ALL, f"{RECORD} -v {BY_PROBES} --driver none npu_work -n 5 -d 3 -f vnpu", (npu.vnpu_by_probes,)),
    Check("npu_anatomy", ALL, f"{RECORD} --driver vnpu npu_work -n 4 -t 2 -i vnpu", (npu.waits_for_the_npu,)),
    Check("npu_anatomy_without_driver", ALL, f"{RECORD} --driver none npu_work -n 4 -t 2 -i vnpu",
          (npu.waits_for_the_device,)),
    Check("drm_report", NEW, f"{RECORD} npu_work -n 6 -d 2 vdrm", (npu.vdrm_in_report,)),
    Check("npu_stuck_job", ALL, RECORD_NPU.format("--no-bpf", NPU_EVENTS, "npu_work -s -t 2 vnpu"),
          (npu.jobs_of_vnpu, npu.stuck_until_closed)),
    Check("npu_killed", ALL, "npu_work -d 4 -u 200000 vnpu & vnpu=$!; npu_work -d 4 -u 200000 vdrm & vdrm=$!; sleep 0.2;"
          "kill -9 $vnpu $vdrm; wait $vnpu $vdrm; cd /sys/devices/neuromorphic/npu0; echo depth $(cat queue_depth);"
          "npu_work vnpu && npu_work vdrm", (says("depth 0\n"), npu.all_succeeded)),
    Check("npu_totals", ALL, f"cd /sys/devices/neuromorphic/npu0; {NPU_TOTALS}; echo --; npu_work -c -n 5 -t 2 vnpu && "
          f"{NPU_TOTALS}", (npu.totals_grow,)),
    # Such a PMU refuses to leave guests out, which is the default.
    Check("npu_counters", ALL, f"{RECORD} --driver none --no-bpf -a -e '{{cpu-clock,vnpu/spikes/,vnpu/jobs/}}:S' -- sh -c "
          "'npu_work -n 5 vnpu; sleep 0.1'", (npu.counted_with_samples,)),
    Check("npu_cannot_be_sampled", ALL, REFUSED.format("-a --driver none -e vnpu/spikes/ known_work"),
          (refuses("this machine cannot sample vnpu/spikes/"),)),
    Check("npu_devices", ALL, "neuroperf list devices", (npu.devices_are_listed,)),
    Check("npu_events", ALL, "neuroperf list events vnpu",
          (says("  vnpu/spikes/ ", "it counts, but takes no samples", "\n  vnpu:vnpu_job_queue\n"),)),
    Check("accel_node", ("x86_6_12",), "npu_work vdrm", (npu.node_is("/dev/accel"),)),
    Check("render_node", ("x86_6_1_rt", "arm64_6_12"), "npu_work vdrm", (npu.node_is("/dev/dri"),)),
    Check("disk", ("x86_6_12",), "while read -r module; do insmod $module || exit 1; done </etc/disk_modules; mkdir -p /dev/pts;"
          "mount -t devpts devpts /dev/pts; [ -b /dev/vda ]", ()),
    Check("faults", ("x86_6_12",), f"fault_timer waiting_layers {RECORD} --driver none waiting_layers 5 /dev/vda",
          (faults_as_fentry_says,)),
    # BPF programs at the probe, on the same kernels.
    Check("attach", X86, "NEUROPERF_REQUIRE=all privileged_attach_test --gtest_color=no --gtest_filter="
          "*ThreadsFromBefore*:*LoadedLater*", (says("[  PASSED  ] 2 tests."),)),
    Check("attach_and_leave", ("x86_6_12",), "NEUROPERF_REQUIRE=all privileged_attach_test --gtest_color=no --gtest_filter="
          "*LeavesTheProgram*:*ParentAndForked*", (says("[  PASSED  ] 2 tests."),)),
    Check("hard_limit", ("x86_6_12",), "open_file_limit_test --gtest_color=no", (says("[  PASSED  ] 4 tests."),)),
    # After all others.
    Check("kernel_had_no_complaint", ALL, "rmmod vdrm vnpu && ! dmesg | grep -A20 -E 'WARNING:|BUG:|Oops'", ()),
)
