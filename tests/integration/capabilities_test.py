# SPDX-License-Identifier: Apache-2.0
"""neuroperf with file capabilities, as the manual says, run by a user who is nobody: what it may do, that the program it
runs may do no more than its user, and that the environment is not believed."""
import fcntl
import json
import os
import pty
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import threading
import time

import support
from support import NEUROPERF, NOBODY, program

CAPABILITIES = "cap_perfmon,cap_bpf,cap_sys_ptrace+ep"
AS_NOBODY = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]


class Capabilities(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        paths = os.environ["PATH"] + ":/usr/sbin:/sbin"
        self.setcap = shutil.which("setcap", path=paths)
        support.require(self, "setcap", self.setcap is not None, "setcap (libcap2-bin) is not installed")
        support.require(self, "setpriv", shutil.which("setpriv") is not None, "setpriv (util-linux) is not installed")
        self.plain = self.copy(NEUROPERF, "neuroperf_plain")
        self.neuroperf = self.copy(NEUROPERF, "neuroperf")
        done = support.run([self.setcap, CAPABILITIES, self.neuroperf])
        support.require(self, "setcap", done.returncode == 0,
                        f"{self.folder} takes no file capabilities: {done.stderr.strip()}")
        self.out = self.file("out")
        os.mkdir(self.out)
        os.chown(self.out, NOBODY, NOBODY)
        self.path = os.path.join(self.out, "recording.data")
        # Nothing there that is not said.
        self.environment = {"PATH": paths, "HOME": self.out, "LC_ALL": "C.UTF-8"}

    def copy(self, path, name=None):
        """Where everybody may execute it, wherever the build folder is."""
        copy = self.file(name or os.path.basename(path))
        shutil.copy(path, copy)
        os.chmod(copy, 0o755)
        return copy

    def run_as_nobody(self, *words, trusted=False, variables=None, **options):
        command = [*AS_NOBODY, self.plain if trusted else self.neuroperf, *map(str, words)]
        return support.run(command, cwd=self.out, env={**self.environment, **(variables or {})}, **options)

    def record(self, *words, status=0, **options):
        result = self.run_as_nobody("record", "-o", self.path, *words, **options)
        recording = support.Recording(self.path, result)
        self.assertEqual(recording.status, status, recording.stderr)
        return recording


class Rights(Capabilities):
    def test_the_kernel_is_sampled(self):
        with open("/proc/sys/kernel/perf_event_paranoid") as file:
            paranoid = int(file.read())
        recording = self.record("dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=4000")
        self.assertNotIn("kernel samples", recording.stderr)
        report = recording.report()
        self.assertFalse(report["meta"]["sampling"].endswith(":u"), report["meta"]["sampling"])
        self.assertTrue(any("kernel" in row["module"] for row in report["functions"]), report["functions"])
        if paranoid >= 2:  # else the comparison says nothing
            self.assertIn("kernel samples", self.record("true", trusted=True).stderr)

    def test_functions_of_the_kernel_have_names_with_one_more(self):
        work = ("dd", "if=/dev/zero", "of=/dev/null", "bs=1M", "count=4000")
        names = {}
        for capabilities in (CAPABILITIES, CAPABILITIES.replace("+", ",cap_syslog+")):
            self.assertEqual(support.run([self.setcap, capabilities, self.neuroperf]).returncode, 0)
            told = self.record(*work).stderr
            self.assertEqual("kernel addresses have no names" in told, "syslog" not in capabilities, told)
            report = self.run_as_nobody("report", "--json", "-i", self.path)
            self.assertEqual(report.returncode, 0, report.stderr)
            names[capabilities] = {row["symbol"] for row in json.loads(report.stdout)["functions"]
                                   if "kernel" in row["module"] and not row["symbol"].startswith(("0x", "["))}
        self.assertFalse(names[CAPABILITIES])
        self.assertTrue(names.popitem()[1])

    def test_the_whole_machine(self):
        recording = self.record("-a", "-d", "1")
        pids = {event.pid for event in recording.events() if event.name.startswith(("cpu-clock", "cycles"))}
        self.assertTrue(pids)

    def test_layers_of_a_running_process(self):
        puppet = subprocess.Popen([*AS_NOBODY, self.copy(program("puppet"))], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, puppet)

        def tell(line):
            puppet.stdin.write(line + "\n")
            puppet.stdin.flush()
            return puppet.stdout.readline()

        pid = int(re.match(r"ready (\d+)", puppet.stdout.readline()).group(1))
        recorder = subprocess.Popen([*AS_NOBODY, self.neuroperf, "record", "-o", self.path, "-p", str(pid)],
                                    stderr=subprocess.PIPE, text=True, env=self.environment)
        self.addCleanup(self.end, recorder)
        for _ in range(600):
            if "listeners 0" not in tell("site"):
                break
            self.assertIsNone(recorder.poll(), "the recorder ended")
            time.sleep(0.05)
        self.assertEqual(tell("run lif 4000 2"), "ran\n")
        recorder.send_signal(signal.SIGINT)
        stderr = recorder.communicate(timeout=60)[1]
        self.assertEqual(recorder.returncode, 0, stderr)
        recording = support.Recording(self.path, subprocess.CompletedProcess([], 0, "", stderr))
        self.assertEqual(recording.counts_by_process(), {("lif", pid): [8000, 12000]})
        self.assertIn("listeners 0", tell("site"))

    @staticmethod
    def end(process):
        process.kill()
        process.communicate()

    def test_doctor_says_so(self):
        def states(**options):
            done = self.run_as_nobody("doctor", "--json", **options)
            self.assertEqual(done.returncode, 0, done.stderr)
            return {item["what"]: item["state"] for item in json.loads(done.stdout)["capabilities"]}

        with_them, without = states(), states(trusted=True)
        for what in ("whole machine (-a, -C)", "BPF", "layers of running programs (-p)"):
            self.assertEqual(with_them[what], "ok", what)
            self.assertEqual(without[what], "missing", what)


class Program(Capabilities):
    """What is launched."""

    def test_has_the_rights_of_its_user_alone(self):
        recording = self.record("sh", "-c", "cat /proc/self/status; id -u; id -g; ls -l /proc/self/fd")
        sets = dict(re.findall(r"^(Cap(?:Inh|Prm|Eff|Amb)):\s+([0-9a-f]+)$", recording.stdout, re.M))
        self.assertEqual(sets, {name: "0" * 16 for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")})
        self.assertIn(f"\n{NOBODY}\n{NOBODY}\n", recording.stdout)
        self.assertNotRegex(recording.stdout, r"anon_inode|/proc/kallsyms|recording\.data")

    def test_layers_are_complete(self):
        self.assert_exact(self.record(self.copy(program("plain_c")), 100))

    def test_has_the_whole_environment_of_its_user(self):
        variables = {"LIBPFM_FORCE_PMU": "skx", "PAGER": "cat", "MY_OWN": "a b=c", "SUDO_UID": "1"}
        recording = self.record("env", variables=variables)
        for name, value in {**self.environment, **variables}.items():
            self.assertIn(f"{name}={value}\n", recording.stdout)

    def test_file_belongs_to_the_user(self):
        self.record("true")
        info = os.stat(self.path)
        self.assertEqual((info.st_uid, info.st_gid), (NOBODY, NOBODY))
        result = self.run_as_nobody("record", "-o", self.file("not_here.data"), "true")
        self.assertEqual(result.returncode, 125, "the folder is root's")
        self.assertFalse(os.path.exists(self.file("not_here.data")))

    def test_set_user_id_is_refused(self):
        os.chmod(self.plain, 0o4755)
        result = self.run_as_nobody("record", "-o", self.path, "id", trusted=True)
        self.assertEqual(result.returncode, 125)
        self.assertIn("setcap", result.stderr)
        self.assertEqual(result.stdout, "")


class Environment(Capabilities):
    """Each is believed without capabilities, or the test would show nothing."""

    def test_who_called_sudo(self):
        recording = self.record("id", "-u", variables={"SUDO_UID": "0", "SUDO_GID": "0", "SUDO_USER": "root"})
        self.assertEqual(recording.stdout, f"{NOBODY}\n")
        self.assertEqual(os.stat(self.path).st_uid, NOBODY)

    def test_cpus_that_libpfm_shall_take_for_ours(self):
        for trusted, status in ((True, 0), (False, 125)):
            with self.subTest(trusted=trusted):
                self.record("--dry-run", "-e", "skx::INST_RETIRED:ANY_P", "true", trusted=trusted, status=status,
                            variables={"LIBPFM_FORCE_PMU": "skx"})

    def test_messages_of_libpfm(self):
        for trusted in (True, False):
            done = self.run_as_nobody("record", "--dry-run", "-e", "skx::INST_RETIRED", "true", trusted=trusted,
                                      variables={"LIBPFM_DEBUG": "1"})
            self.assertEqual("pfmlib" in done.stderr, trusted, done.stderr)

    def test_temporary_folder(self):
        self.record("true")
        for trusted, status in ((True, 1), (False, 0)):
            with self.subTest(trusted=trusted), open(self.path, "rb") as file:
                cat = subprocess.Popen(["cat"], stdin=file, stdout=subprocess.PIPE)
                done = self.run_as_nobody("script", "-", trusted=trusted, stdin=cat.stdout,
                                          variables={"TMPDIR": "/nonexistent"})
                cat.stdout.close()
                cat.wait()
                self.assertEqual(done.returncode, status, done.stderr)

    def test_pagers(self):
        self.record("true")
        for variable in ("PAGER", "NEUROPERF_PAGER"):
            for trusted in (True, False):
                with self.subTest(variable=variable, trusted=trusted):
                    marker = os.path.join(self.out, f"{variable}.{trusted}")
                    self.report_on_terminal(trusted, {variable: f"tee {marker}"})
                    self.assertEqual(os.path.exists(marker), trusted)

    def report_on_terminal(self, trusted, variables):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 80, 0, 0))
        drained = threading.Thread(target=self.drain, args=(ours,))
        drained.start()
        process = subprocess.Popen([*AS_NOBODY, self.plain if trusted else self.neuroperf, "report", self.path],
                                   stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs,
                                   env={**self.environment, "TERM": "dumb", **variables}, start_new_session=True)
        os.close(theirs)
        for _ in range(300):  # the pager of those who say nothing waits for a key
            if process.poll() is not None:
                break
            os.write(ours, b"q")
            time.sleep(0.2)
        self.assertEqual(process.poll(), 0)
        drained.join()
        os.close(ours)

    @staticmethod
    def drain(terminal):
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:  # nobody has the other end any more
            pass

    def test_places_of_symbols(self):
        """A program that is gone, and another one of its build id in the cache of HOME."""
        shapes = self.copy(program("shapes"))
        self.record(shapes, 500, "recursion")
        build_id = self.build_id(shapes)
        folder = os.path.join(self.out, ".debug/.build-id", build_id[:2], build_id[2:])
        os.makedirs(folder)
        os.rename(shapes, os.path.join(folder, "elf"))
        for trusted in (True, False):
            done = self.run_as_nobody("report", "--json", self.path, trusted=trusted)
            self.assertEqual("::leaf" in done.stdout, trusted)

    def build_id(self, path):
        text = support.run(["readelf", "-n", path]).stdout
        return re.search(r"Build ID: ([0-9a-f]+)", text).group(1)

    def test_servers_for_debug_files(self):
        support.require(self, "libdebuginfod", "libdebuginfod" in support.run(["/sbin/ldconfig", "-p"]).stdout,
                        "libdebuginfod1 is not installed")
        shapes = self.copy(program("shapes"))
        self.record(shapes, 300, "recursion")
        os.unlink(shapes)
        for trusted in (True, False):
            with self.subTest(trusted=trusted), socket.create_server(("127.0.0.1", 0)) as server:
                asked = threading.Event()
                answering = threading.Thread(target=self.answer, args=(server, asked), daemon=True)
                answering.start()
                cache = tempfile.mkdtemp(dir=self.out)
                os.chown(cache, NOBODY, NOBODY)
                done = self.run_as_nobody(
                    "report", "--json", "--debuginfod", self.path, trusted=trusted,
                    variables={"DEBUGINFOD_URLS": f"http://127.0.0.1:{server.getsockname()[1]}",
                               "DEBUGINFOD_CACHE_PATH": cache, "DEBUGINFOD_TIMEOUT": "20", "no_proxy": "*"})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(asked.is_set(), trusted)
                self.assertEqual(bool(os.listdir(cache)), trusted)
                server.shutdown(socket.SHUT_RDWR)
                answering.join(20)

    @staticmethod
    def answer(server, asked):
        try:
            while True:
                connection, _ = server.accept()
                asked.set()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        except OSError:  # closed
            pass


if __name__ == "__main__":
    support.main()
