# SPDX-License-Identifier: Apache-2.0
"""Starts QEMU on a kernel and an initramfs, and takes apart what comes over the serial console (see `init`).

Always emulated (TCG): stock kernels do not start under every nested KVM, and counted instructions need the emulator.
`,-cx16` because QEMU 7.2 computes wrong flags for cmpxchg16b now and then, on which x86 kernels die early.
`thread=single` because with a thread for each CPU one may still run an int3 by which another has just replaced an
instruction (attaching to sched_switch patches __schedule): "Oops: int3", once in a few runs. `noirqdebug` because
PREEMPT_RT otherwise takes the busy serial port for a stuck one ("Disabling IRQ #4"), and crawls; and unless told not to, it
ends the hurry of RCU after the boot, which makes each attaching to a tracepoint take half a second. QEMU exits with 0 even
after a panic of the guest: only the closing line "N passed, N failed" says that it came to its end.
"""
import base64
import collections
import gzip
import re
import subprocess
import time

LIMIT_S = 500  # of a guest on a machine that compiles meanwhile; alone the slowest takes a quarter of it
QUIET = ("quiet loglevel=3 panic=-1 nokaslr mitigations=off audit=0 apparmor=0 cryptomgr.notests "
         "rcupdate.rcu_expedited=1 rcupdate.rcu_normal_after_boot=0 random.trust_cpu=on noirqdebug")
COMMON = "-m 512 -nodefaults -no-user-config -display none -serial stdio -no-reboot".split()
MACHINES = {
    # With a disk that keeps nothing and takes 2 ms for each request: nobody's page cache is as slow.
    "amd64": ("qemu-system-x86_64 -accel tcg,thread=single -smp 2 -M pc -cpu max,-cx16 -blockdev driver=null-co,"
              "node-name=slow,size=16777216,latency-ns=2000000,read-zeroes=on -device virtio-blk-pci,drive=slow".split(),
              f"console=ttyS0 tsc=reliable no_timer_check {QUIET}"),
    # One instruction takes 2 ns of the guest's time: cycles and instructions are counted exactly, at any load.
    "arm64": ("qemu-system-aarch64 -accel tcg -icount shift=1 -M virt -cpu cortex-a57".split(),
              f"console=ttyAMA0 {QUIET}"),
}

CLOSING = re.compile(r"^@@ (\d+) passed, (\d+) failed$", re.M)
SECTION = re.compile(r"^@@ begin (\S+)\n(.*?)^@@ end \1 (\d+)$(?:\n@@ file \1\n(.*?)^@@ end file$)?", re.M | re.S)

Output = collections.namedtuple("Output", "status text recording")  # recording: bytes of the file, or None


class GuestFailed(Exception):
    """The guest did not come to its end."""


def run_guest(architecture, kernel, initramfs, log_path, limit_s=LIMIT_S):
    """The console's text. It is in the log file too."""
    machine, command_line = MACHINES[architecture]
    command = [*machine, *COMMON, "-kernel", kernel, "-initrd", initramfs, "-append", command_line]
    begin = time.monotonic()
    with open(log_path, "wb") as log:
        qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            status = qemu.wait(limit_s)
        except subprocess.TimeoutExpired:
            status = f"none within {limit_s} s"
        finally:
            qemu.kill()
            qemu.wait()
    with open(log_path, encoding="utf-8", errors="replace") as log:
        console = log.read().replace("\r", "")
    if not CLOSING.search(console):
        raise GuestFailed(f"the guest ended without a closing line after {time.monotonic() - begin:.0f} s (status of "
                          f"QEMU: {status}); {log_path} ends with:\n{console[-3000:]}")
    return console


def outputs(console):
    """What each check printed, by its name."""
    found = {}
    for name, text, status, encoded in SECTION.findall(console):
        recording = gzip.decompress(base64.b64decode(encoded)) if encoded else None
        found[name] = Output(int(status), text, recording)
    passed, failed = map(int, CLOSING.search(console).groups())
    if passed + failed != len(found):
        raise GuestFailed(f"the guest ran {passed + failed} checks, {len(found)} reported")
    return found
