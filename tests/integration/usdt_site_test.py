# SPDX-License-Identifier: Apache-2.0
"""The USDT probe of the instrumentation header: that every way to compile a program gives one site an object, which
other tools find and use, and that handles mean the same in all objects."""
import os
import re
import shutil
import struct

import support
from support import program, require, require_root, run

SOURCES = os.path.join(support.SOURCE_DIR, "tests", "programs")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-pthread",
          "-I" + os.path.join(support.SOURCE_DIR, "include")]
NOTE = re.compile(r"Provider: (\S+)\s+Name: (\S+)\s+Location: 0x([0-9a-f]+), Base: 0x([0-9a-f]+), "
                  r"Semaphore: 0x([0-9a-f]+)\s+Arguments: (.*)")
SECTION = re.compile(r"\]\s+(\S+)\s+(\S+)\s+([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) [0-9a-f]+\s+([A-Z]*)\s")
SITES = {"x86_64": (bytes.fromhex("900f1f440000c3"), "4@%edi 4@%esi 8@%rdx"),
         "aarch64": (bytes.fromhex("1f2003d5c0035fd6"), "4@x0 4@x1 8@x2")}


class SiteTest(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        require(self, "readelf", shutil.which("readelf") is not None, "no readelf (Debian package binutils)")
        if os.uname().machine not in SITES:
            self.skipTest(f"no site is written for {os.uname().machine}")

    def sections(self, path):
        done = run(["readelf", "-SW", path])
        return {name: (kind, int(address, 16), int(offset, 16), int(size, 16), flags)
                for name, kind, address, offset, size, flags in SECTION.findall(done.stdout)}

    def notes(self, path):
        return [note for note in NOTE.findall(run(["readelf", "-nW", path]).stdout) if note[0] == "neuroperf"]

    def check_site(self, path):
        """One note; its site is nops on one page; the semaphore is in struct np_probe, in a file-backed section."""
        notes = self.notes(path)
        self.assertEqual(len(notes), 1, notes)
        _, name, location, base, semaphore, arguments = notes[0]
        code, registers = SITES[os.uname().machine]
        self.assertEqual((name, arguments.strip()), ("event", registers))
        sections = self.sections(path)
        self.assertEqual(sections[".stapsdt.base"][1], int(base, 16))
        kind, address, offset, size, flags = sections[".probes"]
        self.assertEqual((kind, flags), ("PROGBITS", "WA"))
        probe = int(semaphore, 16) - 2
        self.assertTrue(address <= probe and probe + 128 <= address + size)
        with open(path, "rb") as file:
            contents = file.read()
        at = probe - address + offset
        self.assertEqual(struct.unpack_from("<IIQ", contents, at), (0, 1, 0x65626F7270706E01))
        text_address, text_offset = sections[".text"][1:3]
        at = int(location, 16) - text_address + text_offset
        self.assertEqual(contents[at:at + len(code)], code)
        self.assertLessEqual(int(location, 16) % 4096 + len(code), 4096)

    def compile(self, compiler, *options, other="handles_other.c", name="compiled"):
        require(self, compiler, shutil.which(compiler) is not None, f"no {compiler}")
        path = self.file(name)
        linker = {"gcc": "g++", "clang-14": "clang++-14"}.get(compiler, compiler) if other.endswith("cpp") else compiler
        options = [*options, *(["-Wno-unused-command-line-argument"] if compiler.startswith("clang") else [])]
        objects = []
        for source in ("handles.c", other):
            objects.append(self.file(source + ".o"))
            standard = ["-std=c++17"] if source.endswith("cpp") else []
            done = run([linker if standard else compiler, *STRICT, *standard,
                        *[o for o in options if not o.startswith("-Wl")], "-c", "-o", objects[-1],
                        os.path.join(SOURCES if source == "handles.c" or not standard else self.folder, source)])
            self.assertEqual((done.returncode, done.stderr), (0, ""), options)
        done = run([linker, *STRICT, *options, "-o", path, *objects])
        self.assertEqual((done.returncode, done.stderr), (0, ""), options)
        return path

    def check_handles(self, path, *arguments):
        done = run([path, *arguments])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        *lines, tally = done.stdout.splitlines()
        handles = dict(line.split() for line in lines)
        self.assertEqual(handles["same"], handles["elsewhere"])
        self.assertEqual(handles["same"], handles["again"])
        self.assertEqual(len({handles[name] for name in ("same", "other", "facts", "kind", "what")}), 5)
        self.assertTrue(all(int(handle, 16) >> 31 for handle in handles.values()), handles)
        return handles, [int(number) for number in tally.split()[1::2]]


class Compilations(SiteTest):
    def test_ways_to_compile(self):
        seen = set()
        for compiler in ("gcc", "clang-14"):
            if not shutil.which(compiler):
                continue  # test_a_compiler_is_there names it
            for options in (["-O0"], ["-O2", "-std=c11", "-D_GNU_SOURCE"], ["-O2", "-std=c11"], ["-O2", "-fPIC"],
                            ["-O2", "-fno-pie", "-no-pie"], ["-O2", "-fno-asynchronous-unwind-tables"],
                            ["-O2", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections"],
                            ["-O2", "-static-pie", "-fPIE"], ["-O2", "-static"], ["-Os", "-g", "-Wl,-z,now"]):
                with self.subTest(compiler=compiler, options=options):
                    path = self.compile(compiler, *options)
                    self.check_site(path)
                    seen.add(self.check_handles(path)[0]["same"])
        self.assertEqual(len(seen), 1, "a handle is a hash over what is defined, however compiled")

    def test_a_compiler_is_there(self):
        require(self, "gcc", shutil.which("gcc") is not None, "no gcc")

    def test_link_time_optimisation(self):
        path = self.compile("gcc", "-O2", "-flto")
        self.check_site(path)
        self.check_handles(path)

    def test_c_and_cpp_in_one_program(self):
        shutil.copy(os.path.join(SOURCES, "handles_other.c"), self.file("handles_other.cpp"))
        path = self.compile("gcc", "-O2", other="handles_other.cpp")
        self.check_site(path)
        self.check_handles(path)

    def test_stripped(self):
        path = self.compile("gcc", "-O2", "-s")
        self.check_site(path)

    def test_program_and_libraries_have_one_each(self):
        for name in ("libraries", "liblinked.so", "libloaded_c.so", "libloaded_cpp.so", "plain_cpp"):
            with self.subTest(name=name):
                self.check_site(program(name))
        self.assertEqual(self.notes(program("disabled")), [])


class Definitions(SiteTest):
    def test_many_from_two_threads(self):
        path = self.compile("gcc", "-O2")
        _, tally = self.check_handles(path, "20000")
        self.assertEqual(tally, [20000, 0, 0])

    def test_more_than_there_is_room_for(self):
        path = self.compile("gcc", "-O2")
        _, (count, differ, without) = self.check_handles(path, "80000")
        self.assertEqual((count, differ), (80000, 0))
        self.assertGreaterEqual(without, 80000 - 65472)


class OtherTools(SiteTest):
    def test_perf_records_the_probe(self):
        require_root(self)
        require(self, "perf", shutil.which("perf") is not None, "no perf (Debian package linux-perf)")
        path = self.compile("gcc", "-O2")
        environment = {**os.environ, "HOME": self.folder}
        probe, data = "sdt_neuroperf:event", self.file("perf.data")
        self.assertEqual(run(["perf", "buildid-cache", "--add", path], env=environment).returncode, 0)
        done = run(["perf", "probe", "--add", probe], env=environment)
        if "Permission denied" in done.stderr or "No such file" in done.stderr:
            require(self, "uprobe_events", False, done.stderr.strip())
        self.addCleanup(run, ["perf", "probe", "--del", probe], env=environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        done = run(["perf", "record", "-o", data, "-e", probe, path], env=environment)
        handles = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
        text = run(["perf", "script", "-i", data, "-F", "event,trace"], env=environment).stdout
        events = re.findall(r"arg1=(\d+) arg2=(\d+) arg3=(\d+)", text)
        same = str(int(handles["same"], 16))
        self.assertEqual(events[:2], [("1", same, "0"), ("2", same, "0")])  # begin and end, in handles_other.c
        self.assertEqual([event[0] for event in events[2:]], ["8"])         # the mark


if __name__ == "__main__":
    support.main()
