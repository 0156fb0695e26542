# SPDX-License-Identifier: Apache-2.0
"""Symbols of a file by binutils, to judge whether two names of one address can both be right."""
import collections
import functools
import os
import re

from support import run


def debug_file(path):
    """The file of a -dbg package that goes with it, if it is installed."""
    found = re.search(r"Build ID: ([0-9a-f]+)", run(["readelf", "-nW", path]).stdout)
    if found:
        number = found.group(1)
        file = f"/usr/lib/debug/.build-id/{number[:2]}/{number[2:]}.debug"
        if os.path.exists(file):
            yield file


class ElfSymbols:
    def __init__(self, path):
        self.path = path
        self.ranges = collections.defaultdict(list)  # name without version -> (address, end)
        if path == "[kernel.kallsyms]":
            self._read_kallsyms()
            return
        for file in [path, *debug_file(path)]:
            self._read_elf(file)

    def _read_elf(self, path):
        for line in run(["readelf", "-sW", path]).stdout.splitlines():
            cells = line.split()
            if len(cells) < 8 or not cells[0].rstrip(":").isdigit() or cells[6] == "UND":
                continue
            if cells[3] in ("FUNC", "NOTYPE", "IFUNC", "OBJECT"):
                start, size = int(cells[1], 16), int(cells[2], 16 if cells[2].startswith("0x") else 10)
                self.ranges[cells[7].split("@")[0]].append((start, start + max(size, 1)))

    def _read_kallsyms(self):
        with open("/proc/kallsyms") as file:
            for line in file:
                address, _, name = line.split()[:3]
                self.ranges[name].append((int(address, 16), int(address, 16) + 1))

    def covers(self, address):
        return any(start <= address < end for ranges in self.ranges.values() for start, end in ranges)

    def starts(self, name):
        return [start for start, _ in self.ranges[name.split("@")[0]]]

    def share(self, one, other):
        """Whether a symbol of the one name has an address in common with one of the other."""
        return any(start < other_end and other_start < end
                   for start, end in self.ranges[one.split("@")[0]]
                   for other_start, other_end in self.ranges[other.split("@")[0]])

    def is_plt_entry(self, symbol, file_offset, symbol_offset):
        """Whether the disassembler says that this place is in the PLT entry of that name."""
        address = next((file_offset + bias for start, end, bias in self._segments if start <= file_offset < end), None)
        if address is None:
            return False
        # Of an entry for a function that is chosen at load time, the disassembler knows the address of what chooses.
        name, chooser = self._plt.get(address - symbol_offset, ("", None))
        return name == symbol or chooser in self.starts(symbol[:-len("@plt")])

    def in_plt(self, file_offset):
        return any(start <= file_offset < end for start, end in self._plt_sections)

    @functools.cached_property
    def _plt_sections(self):
        """(file offset, end)."""
        found = re.findall(r"\] \.plt\S* +\S+ +[0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+)", run(["readelf", "-SW", self.path]).stdout)
        return [(int(offset, 16), int(offset, 16) + int(size, 16)) for offset, size in found]

    @functools.cached_property
    def _segments(self):
        """(file offset, end, address - offset) of what is loaded."""
        found = re.findall(r"^ +LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+)",
                           run(["readelf", "-lW", self.path]).stdout, re.M)
        numbers = [[int(text, 16) for text in texts] for texts in found]
        return [(offset, offset + size, address - offset) for offset, address, size in numbers]

    @functools.cached_property
    def _plt(self):
        text = run(["objdump", "-d", "-j", ".plt", "-j", ".plt.sec", "-j", ".plt.got", self.path]).stdout
        entries = {}
        for address, name in re.findall(r"^([0-9a-f]+) <(.*@plt)(?:\+0x[0-9a-f]+)?>:$", text, re.M):
            chooser = re.match(r"\*ABS\*\+0x([0-9a-f]+)@plt", name)
            entries[int(address, 16)] = (name.split("@")[0] + "@plt", int(chooser.group(1), 16) if chooser else None)
        return entries

    def ends_at(self, name, distance, follower):
        """Whether a symbol of that name is that long or, where it has no length, the follower begins there."""
        starts = self.starts(follower) if follower else []
        return any(end - start == distance or start + distance in starts
                   for start, end in self.ranges[name.split("@")[0]])


@functools.lru_cache(maxsize=None)
def elf_symbols(path):
    return ElfSymbols(path)
