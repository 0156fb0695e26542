# SPDX-License-Identifier: Apache-2.0
"""Programs in mount, pid and user namespaces of their own: recorded from outside, launched into them, and neuroperf
itself inside. The namespaces are made here; inside, the program lies at a path that exists nowhere outside."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import support
from support import NEUROPERF, example, program

INSIDE = "/work_inside"  # in the box only
NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
# $1: a folder that is there inside too; $2: an empty one below it, for the root of the box; $3: files, copied to
# /work_inside; then the command.
ENTER = r"""
set -e
shared=$1 root=$2 files=$3
shift 3
mount -t tmpfs none "$root"
cd "$root"
mkdir proc dev sys tmp outside work_inside
for folder in bin sbin lib lib32 lib64 libx32 usr etc; do
    if [ -L /$folder ]; then
        ln -s "$(readlink /$folder)" $folder
    elif [ -d /$folder ]; then
        mkdir $folder
        mount --rbind /$folder $folder
    fi
done
for folder in dev sys; do mount --rbind /$folder $folder; done
mount --move /proc proc
for file in $files; do cp "$file" work_inside; done
pivot_root . outside
cd /
mkdir -p "$shared"
mount --bind "/outside$shared" "$shared"
umount -l /outside
exec "$@"
"""

def parents():
    """pid -> parent."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", errors="replace") as file:
                found[int(pid)] = int(file.read().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            pass
    return found


class Box(support.IntegrationTest):
    def setUp(self):
        super().setUp()
        support.require_root(self)
        # perf may have copied the programs into the cache of build ids that lies there.
        self.addCleanup(os.environ.update, HOME=os.environ.get("HOME", "/"))
        os.environ["HOME"] = self.folder
        for tool in ("unshare", "pivot_root", "mount"):
            support.require(self, tool, shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is not None,
                            f"{tool} (util-linux) is not installed")
        works = support.run([*NAMESPACES, "true"])
        support.require(self, "namespaces", works.returncode == 0,
                        f"user, pid and mount namespaces cannot be made: {works.stderr.strip()}")

    def boxed(self, files, *command):
        """The words that run the command in a box with copies of these files."""
        root = tempfile.mkdtemp(prefix="root.", dir=self.folder)
        return [*NAMESPACES, "sh", "-c", ENTER, "sh", self.folder, root, " ".join(files), *map(str, command)]

    def start(self, files, *command):
        """Starts it, waits until it runs, and returns the process and the pid that it has outside."""
        process = subprocess.Popen(self.boxed(files, *command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        self.addCleanup(self.stop, process)
        target = INSIDE + "/" + os.path.basename(command[0])
        for _ in range(600):
            for pid, parent in parents().items():
                try:
                    if parent == process.pid and os.readlink(f"/proc/{pid}/exe") == target:
                        return process, pid
                except OSError:
                    pass
            self.assertIsNone(process.poll(), "the program in the box ended")
            time.sleep(0.05)
        self.fail(f"{target} does not start in the box")

    def start_shapes(self):
        process, pid = self.start([program("shapes"), program("libshapes_loaded.so")], f"{INSIDE}/shapes", 0, "stay")
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process, pid

    def start_puppet(self, file=program("puppet")):
        process, pid = self.start([file], f"{INSIDE}/{os.path.basename(file)}")
        self.assertIn("ready", process.stdout.readline())
        return process, pid

    @staticmethod
    def stop(process):
        process.kill()  # and, by --kill-child, all that runs in the box
        process.communicate()

    @staticmethod
    def tell(process, line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return process.stdout.readline()

    def attach(self, *pids):
        path = self.file("recording.data")
        words = [NEUROPERF, "record", "-o", path, "-g", "-d", "1", "-p", ",".join(map(str, pids))]
        recording = support.Recording(path, support.run(words))
        self.assert_recorded(recording)
        return recording

    def functions(self, recording, path, *options):
        """Names -> samples of the functions of the file at this path."""
        self.assertFalse(os.path.exists(INSIDE), "what exists outside too proves nothing")
        return {row["symbol"].replace("(anonymous namespace)::", ""): row["self_samples"]
                for row in recording.report("--top", "0", *options)["functions"] if row["module"] == path}

    @staticmethod
    def samples(recording):
        return [event for event in recording.events() if event.name.startswith(("cpu-clock", "cycles"))]


class Attached(Box):
    def test_samples_have_outside_pids_and_names_of_the_file_inside(self):
        _, pid = self.start_shapes()
        recording = self.attach(pid)
        self.assertEqual({event.pid for event in self.samples(recording)}, {pid})
        functions = self.functions(recording, f"{INSIDE}/shapes")
        self.assertGreater(functions["leaf"], 0.5 * sum(functions.values()), functions)
        self.assertTrue({"leaf", "faults", "by_low_byte", "thrower"} & set(functions), functions)
        library = self.functions(recording, f"{INSIDE}/libshapes_loaded.so")
        self.assertFalse(any(name.startswith("0x") for name in {**functions, **library}), (functions, library))

    def test_when_the_box_is_gone_names_are_missing_and_not_guessed(self):
        process, pid = self.start_shapes()
        recording = self.attach(pid)
        self.stop(process)
        for _ in range(600):  # the kernel ends what is inside in its own time
            if not os.path.exists(f"/proc/{pid}/root/"):
                break
            time.sleep(0.05)
        functions = self.functions(recording, f"{INSIDE}/shapes")
        self.assertFalse({"leaf", "faults", "recursion"} & set(functions), functions)
        text = " ".join(item["text"] for item in recording.report()["quality"])
        self.assertRegex(text, rf"{INSIDE}/shapes: .*no file with its build id [0-9a-f]+")

    def test_layers_by_probes_are_exact(self):
        process, pid = self.start_puppet()
        self.tell(process, "run before 100 1")
        path = self.file("recording.data")
        recorder = subprocess.Popen([NEUROPERF, "record", "-o", path, "-p", str(pid)], stderr=subprocess.PIPE,
                                    text=True)
        self.addCleanup(self._end_recorder, recorder)
        for _ in range(600):
            if "listeners 0" not in self.tell(process, "site"):
                break
            self.assertIsNone(recorder.poll(), "the recorder ended")
            time.sleep(0.05)
        self.assertEqual(self.tell(process, "run lif 5000 3"), "ran\n")
        self.assertEqual(self.tell(process, "run before 70 2"), "ran\n")
        recorder.send_signal(signal.SIGINT)
        stderr = recorder.communicate(timeout=60)[1]
        recording = support.Recording(path, subprocess.CompletedProcess([], recorder.returncode, "", stderr))
        self.assert_recorded(recording)
        self.assertEqual(recording.counts_by_process(), {("lif", pid): [15000, 3 * 7500], ("before", pid): [140, 206]})
        self.assertEqual(recording.summary.lost, 0)
        self.assertIn("listeners 0", self.tell(process, "site"))

    @staticmethod
    def _end_recorder(recorder):
        recorder.kill()
        recorder.communicate()

    def test_same_path_in_two_boxes_is_two_files(self):
        files = {}
        for name in ("shapes", "puppet"):
            os.mkdir(self.file(name))
            files[name] = self.file(f"{name}/app")
            shutil.copy(program(name), files[name])
        puppet, puppet_pid = self.start_puppet(files["puppet"])
        shapes, shapes_pid = self.start([files["shapes"], program("libshapes_loaded.so")], f"{INSIDE}/app", 0, "stay")
        self.assertEqual(shapes.stdout.readline(), "ready\n")
        puppet.stdin.write("hits 4000000000\n")  # works until it is killed
        puppet.stdin.flush()
        recording = self.attach(puppet_pid, shapes_pid)
        for pid, own, others in ((puppet_pid, "check_values", "leaf"), (shapes_pid, "leaf", "check_values")):
            functions = self.functions(recording, f"{INSIDE}/app", "--process", str(pid))
            self.assertIn(own, functions)
            self.assertNotIn(others, functions)


class Launched(Box):
    def test_a_program_that_is_launched_into_a_box(self):
        command = f"{INSIDE}/plain_c 300 && {INSIDE}/shapes 600 recursion"
        files = [program(name) for name in ("plain_c", "shapes")]
        recording = self.record(*self.boxed(files, "sh", "-c", command), options=["-g"])
        self.assert_exact(recording)

    def test_its_functions_have_names_while_it_runs(self):
        files = [program(name) for name in ("plain_c", "shapes", "libshapes_loaded.so")]
        command = f"{INSIDE}/plain_c 300; exec {INSIDE}/shapes 0 stay"
        path = self.file("recording.data")
        # The program keeps its standard output: a pipe would not end with the recorder.
        with open(self.file("stdout"), "w+") as stdout, open(self.file("stderr"), "w+") as stderr:
            recorder = subprocess.Popen([NEUROPERF, "record", "-o", path, "-g", "-d", "5", "--",
                                         *self.boxed(files, "sh", "-c", command)], stdin=subprocess.DEVNULL,
                                        stdout=stdout, stderr=stderr, start_new_session=True)
            self.addCleanup(os.killpg, recorder.pid, signal.SIGKILL)
            recorder.wait(60)
            stdout.seek(0)
            stderr.seek(0)
            recording = support.Recording(
                path, subprocess.CompletedProcess([], recorder.returncode, stdout.read(), stderr.read()))
        self.assert_exact(recording)
        self.assertIn("the program goes on", recording.stderr)
        self.assertIn("leaf", self.functions(recording, f"{INSIDE}/shapes"))

    def test_events_have_the_numbers_that_the_kernel_tells_outside(self):
        command = f"{{ echo hits 3000; sleep 1; echo fork 1; }} | {INSIDE}/puppet"
        recording = self.record(*self.boxed([program("puppet")], "sh", "-c", command))
        self.assert_recorded(recording)
        inside = int(re.search(r"ready (\d+)", recording.stdout).group(1))
        events = list(recording.events())
        kernel = {(event.pid, event.tid) for event in events if event.name == "comm" and '"puppet"' in event.text}
        found = {(event.pid, event.tid) for event in events
                 if event.name == "neuroperf:spikes" and event.fields["count"] == "1"}
        self.assertNotIn((inside, inside), kernel)
        self.assertTrue(found and found <= kernel, (found, kernel))

    def test_numbers_of_what_ended_too_soon_are_said_to_be_of_inside(self):
        command = "for i in 1 2 3 4 5 6 7 8; do " + f"{INSIDE}/plain_c 10; done"
        recording = self.record(*self.boxed([program("plain_c")], "sh", "-c", command))
        self.assert_exact(recording)
        processes = {event.pid for event in recording.events() if event.name == "comm" and '"plain_c"' in event.text}
        layers = {event.pid for event in recording.events() if event.name == "neuroperf:layer_end"}
        said = "unknown_numbers" in support.quality_codes(recording.report())
        self.assertEqual(said, not layers <= processes)

    def test_exit_status_of_the_box(self):
        recording = self.record(*self.boxed([program("plain_c")], "sh", "-c", f"{INSIDE}/plain_c 10; exit 7"))
        self.assert_exact(recording, status=7)


class Inside(Box):
    """neuroperf runs inside."""

    def inside(self, *options, status=0):
        path = self.file("recording.data")
        files = [NEUROPERF, example("hello_layers")]
        words = self.boxed(files, f"{INSIDE}/neuroperf", "record", "-o", path, *options)
        recording = support.Recording(path, support.run(words))
        self.assertEqual(recording.status, status, recording.stderr)
        return recording

    def test_layers_are_complete(self):
        recording = self.inside(f"{INSIDE}/hello_layers")
        self.assertIsNotNone(recording.summary, recording.stderr)
        report = recording.report()
        inferences, spikes = map(int, re.search(r"inferences (\d+) spikes (\d+)", recording.stdout).groups())
        self.assertEqual({layer["name"]: layer["calls"] for layer in report["layers"]},
                         {"input": inferences, "output": inferences})
        self.assertEqual(sum(layer["spikes"] or 0 for layer in report["layers"]), spikes)
        self.assertEqual(recording.summary.lost, 0)
        self.assertEqual(support.quality_codes(report) & self.DISORDER, set())

    def test_remedies_are_those_of_a_container(self):
        """Whoever is root inside is not told to become root."""
        with open("/proc/sys/kernel/perf_event_paranoid") as file:
            paranoid = int(file.read())
        support.require(self, "paranoid2", paranoid == 2, f"kernel.perf_event_paranoid is {paranoid}, not 2")
        outside = "as root outside of this container"
        for recording in (self.inside(f"{INSIDE}/hello_layers"), self.inside("-a", "-d", "1", status=125)):
            self.assertRegex(recording.stderr, rf"kernel samples: .*\n.*remedy: run neuroperf {outside} .*, or set kernel")
            self.assertNotIn("run as root", recording.stderr)
        doctor = support.run(self.boxed([NEUROPERF], f"{INSIDE}/neuroperf", "doctor"))
        self.assertEqual(doctor.returncode, 0, doctor.stderr)
        self.assertRegex(doctor.stdout, rf"missing +BPF: .*\n +remedy: run neuroperf {outside}")
        self.assertNotRegex(doctor.stdout, "run as root|setcap")

    def test_status_of_the_program(self):
        self.inside("sh", "-c", "exit 9", status=9)
        self.inside(f"{INSIDE}/no_such_program", status=127)


if __name__ == "__main__":
    support.main()
