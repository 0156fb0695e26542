# SPDX-License-Identifier: Apache-2.0
"""The instrumentation header's USDT probe as the kernel's own uprobe_events takes it: any kernel must hit its site.

    p:event /bin/known_work:0x2520(0xc4b02) type=%di:u32 id=%si:u32 value=%dx:u64
            file    offset of the site, of the semaphore
"""
import re
import subprocess

NOTE = re.compile(r"Provider: neuroperf\s+Name: event\s+Location: 0x(\w+), Base: 0x\w+, Semaphore: 0x(\w+)\s+"
                  r"Arguments: (.*)")
SEGMENT = re.compile(r"^\s+LOAD\s+0x(\w+) 0x(\w+) 0x\w+ 0x(\w+) ", re.M)
# What the note's arguments, "4@%edi 4@%esi 8@%rdx" and "4@x0 4@x1 8@x2", are called there.
REGISTERS = {"%edi": "%di", "%esi": "%si", "%rdx": "%dx", "x0": "%x0", "x1": "%x1", "x2": "%x2"}


def kernel_probe(binary, path_in_guest):
    told = subprocess.run(["readelf", "--wide", "--notes", "--segments", binary], stdout=subprocess.PIPE, check=True,
                          text=True).stdout
    ((location, semaphore, arguments),) = NOTE.findall(told)
    segments = [tuple(int(number, 16) for number in found) for found in SEGMENT.findall(told)]

    def file_offset(address):
        (found,) = [offset + address - begin for offset, begin, size in segments if begin <= address < begin + size]
        return found

    fetched = []
    for name, argument in zip(("type", "id", "value"), arguments.split()):
        size, register = argument.split("@")
        fetched.append(f"{name}={REGISTERS[register]}:u{8 * int(size)}")
    site, counter = file_offset(int(location, 16)), file_offset(int(semaphore, 16))
    return f"p:event {path_in_guest}:{site:#x}({counter:#x}) {' '.join(fetched)}\n"
