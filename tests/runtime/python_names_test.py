#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names of PyTorch's modules, as data/python/neuroperf_names/sitecustomize.py tells them. Records nothing."""
import collections
import os
import shutil
import subprocess
import tempfile
import textwrap
import unittest

SOURCE_DIR = os.environ.get("NEUROPERF_SOURCE_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
FOLDER = os.path.join(os.path.realpath(SOURCE_DIR), "data", "python", "neuroperf_names")
SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's PyTorch is of Debian's Python
Line = collections.namedtuple("Line", "process time address name kind")

# A program prints the names and addresses that it knows itself; "net" is what they are of.
BEGIN = """
import os, sys, torch
from torch import nn
def tell(net, prefix=""):
    for name, tensor in net.named_parameters():
        print(os.getpid(), hex(tensor._cdata), prefix + name.rpartition(".")[0], flush=True)
"""
NET = BEGIN + """
net = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.ReLU(), nn.Linear(3, 3)), nn.BatchNorm1d(3))
tell(net)
"""


def has_torch():
    return subprocess.run([SYSTEM_PYTHON, "-c", "import torch"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode == 0


class PythonNames(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="neuroperf-test.")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.names = self.file("names", "")

    def file(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(text))
        return path

    def run_program(self, text, status=0, before=(), arguments=("-B", "-W", "ignore"), **variables):
        """What the program printed; it must say nothing else. `before` is on PYTHONPATH behind the folder."""
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([FOLDER, *before]),
                       "NEUROPERF_PYTHON_NAMES": self.names, **variables}
        done = subprocess.run([SYSTEM_PYTHON, *arguments, self.file("program.py", text)], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return done.stdout

    def lines(self):
        with open(self.names, encoding="ascii") as file:
            return [Line(*line.rstrip("\n").split("\t")) for line in file]

    def told(self):
        """As the programs print it; the last line of an address counts."""
        return sorted({(line.process, line.address): f"{line.process} {line.address} {line.name}"
                       for line in self.lines()}.values())


class WithoutTorch(PythonNames):
    def test_a_program_without_torch_is_as_it_was(self):
        self.assertEqual(self.run_program("import json, sys; print('torch' in sys.modules, len(sys.argv))"), "False 1\n")
        self.assertEqual(self.lines(), [])

    def test_the_folder_is_not_left_in_the_path(self):
        self.assertEqual(self.run_program(f"import sys; print({FOLDER!r} in sys.path)"), "False\n")

    def test_a_sitecustomize_that_was_there_runs(self):
        self.file("site/sitecustomize.py", "import builtins\nbuiltins.was_there = __file__, __name__\n")
        site = os.path.join(self.folder, "site")
        printed = self.run_program("import sitecustomize; print(was_there, sitecustomize.__file__)", before=[site])
        path = os.path.join(site, "sitecustomize.py")
        self.assertEqual(printed, f"{(path, 'sitecustomize')} {path}\n")

    def test_without_the_variable_it_does_nothing_but_that(self):
        self.file("site/sitecustomize.py", "import builtins\nbuiltins.was_there = 1\n")
        printed = self.run_program("import sys; print(was_there, [str(one) for one in sys.meta_path if 'Watcher' in str(one)])",
                                   before=[os.path.join(self.folder, "site")], NEUROPERF_PYTHON_NAMES="")
        self.assertEqual(printed, "1 []\n")

    def test_what_the_other_sitecustomize_raises_is_told_as_ever(self):
        self.file("site/sitecustomize.py", "import a_module_that_is_missing\n")
        site = os.path.join(self.folder, "site")
        program = self.file("program.py", "print('runs')")
        told = []
        for path in (site, FOLDER + os.pathsep + site):
            done = subprocess.run([SYSTEM_PYTHON, "-B", program], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  env={**os.environ, "PYTHONPATH": path, "NEUROPERF_PYTHON_NAMES": self.names})
            told.append((done.returncode, done.stdout, done.stderr))
        self.assertIn("a_module_that_is_missing", told[0][2])
        self.assertEqual(told[0], told[1])

    def test_modules_of_the_name_of_torch_nn_that_are_none(self):
        for empty in ("torch/__init__.py", "torch/nn/__init__.py", "torch/nn/modules/__init__.py"):
            self.file("fake/" + empty, "")
        self.file("fake/torch/nn/modules/module.py", "value = 7\n")
        printed = self.run_program("import torch.nn.modules.module as found; print(found.value)",
                                   before=[os.path.join(self.folder, "fake")])
        self.assertEqual(printed, "7\n")


class WithTorch(PythonNames):
    @classmethod
    def setUpClass(cls):
        if not has_torch():
            if {"runtime", "all"} & set(os.environ.get("NEUROPERF_REQUIRE", "").split(",")):
                raise AssertionError("NEUROPERF_REQUIRE wants runtime: python3-torch is not installed")
            raise unittest.SkipTest("needs runtime: python3-torch is not installed")

    def assert_told(self, printed, least=1):
        own = sorted(printed.splitlines())
        self.assertGreaterEqual(len(own), least)
        self.assertEqual(self.told(), own)

    def test_every_parameter_has_the_name_of_its_module(self):
        self.assert_told(self.run_program(NET + "net(torch.ones(2, 4))"), least=6)
        self.assertEqual([(line.name, line.kind) for line in self.lines()],
                         [("0", "Linear")] * 2 + [("1.1", "Linear")] * 2 + [("2", "BatchNorm1d")] * 2)

    def test_names_are_there_before_the_call_goes_on(self):
        printed = self.run_program(BEGIN + f"""
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(1, 1, bias=False)
    def forward(self, value):
        print(open({self.names!r}).read().count("inner"))
        return self.inner(value)
net = Net()
for _ in range(2):
    net(torch.ones(1))
""")
        self.assertEqual(printed, "1\n1\n")

    def test_the_hook_goes_when_all_modules_have_names_and_comes_back(self):
        printed = self.run_program(NET + """
from torch.nn.modules import module
hooks = lambda: print("#", len(module._global_forward_pre_hooks))
hooks(); net(torch.ones(2, 4)); hooks()
import copy
other = copy.deepcopy(net); hooks(); other(torch.ones(2, 4)); hooks(); tell(other)
net[1].append(nn.Linear(3, 3)); hooks(); net(torch.ones(2, 4)); hooks(); tell(net[1][2], "1.2")
""")
        own = [line for line in printed.splitlines() if not line.startswith("#")]
        self.assertEqual([line[2:] for line in printed.splitlines() if line not in own], ["1", "0"] * 3)
        self.assert_told("\n".join(own), least=14)

    def test_every_call_gives_the_same_result(self):
        text = NET.replace("tell(net)", "torch.manual_seed(3)") + """
net[0].register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))
for parameter in net.parameters():
    nn.init.normal_(parameter)
print([net(torch.ones(2, 4)).sum().item() for _ in range(3)], sorted(net.state_dict()), len(vars(net)))
"""
        with_names = self.run_program(text)
        self.assertNotEqual(self.lines(), [])
        self.assertEqual(with_names, self.run_program(text, NEUROPERF_PYTHON_NAMES=""))

    def test_torchscript_and_shared_weights(self):
        printed = self.run_program(NET + """
scripted = torch.jit.script(net)
scripted(torch.ones(2, 4))
tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
tied[1].weight = tied[0].weight
tell(tied)
tied(torch.ones(2))
""")
        self.assert_told(printed, least=7)
        self.assertEqual({line.kind for line in self.lines()}, {"Linear", "BatchNorm1d"})

    def test_a_module_without_children_has_the_name_of_its_class(self):
        self.run_program(BEGIN + "net = nn.Linear(2, 2, bias=False); net(torch.ones(2))")
        self.assertEqual([(line.name, line.kind) for line in self.lines()], [("Linear", "Linear")])

    def test_names_that_would_break_a_line(self):
        self.run_program(BEGIN + r"""
net = nn.Module()
net.add_module("a\tb\n\\ \u00e9" + "x" * 5000, nn.Linear(1, 1, bias=False))
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = net
    def forward(self, value):
        return value
Net()(torch.ones(1))
""")
        (line,) = self.lines()
        self.assertEqual(line.name[:20], r"net.a\tb\n\\ \xe9xxxx"[:20])
        self.assertLess(len(line.name), 300)

    def test_a_child_process_has_names_of_its_own(self):
        printed = self.run_program(NET + """
net(torch.ones(2, 4))
child = os.fork()
if child == 0:
    tell(net)
    net(torch.ones(2, 4))
    os._exit(0)
os.waitpid(child, 0)
""")
        self.assert_told(printed, least=12)
        self.assertEqual(len({line.process for line in self.lines()}), 2)

    def test_threads(self):
        printed = self.run_program(NET + """
import threading
nets = [nn.Sequential(nn.Linear(1, 1), nn.Sequential(nn.Linear(1, 1))) for _ in range(50)]
threads = [threading.Thread(target=lambda: [net(torch.ones(1)) for net in nets]) for _ in range(4)]
[thread.start() for thread in threads]; [thread.join() for thread in threads]
[tell(net) for net in nets]
net(torch.ones(2, 4))
""")
        self.assert_told(printed, least=206)
        self.assertEqual(len(self.lines()), len(self.told()))

    def test_an_exception_of_the_program_passes(self):
        printed = self.run_program(NET + """
try:
    net(torch.ones(2, 5))
except RuntimeError:
    net(torch.ones(2, 4))
""")
        self.assert_told(printed, least=6)

    def test_an_exception_inside_the_hook_ends_the_naming_alone(self):
        printed = self.run_program(BEGIN + """
from torch.nn.modules import module
class Net(nn.Linear):
    @property
    def original_name(self):
        raise OSError("not for anybody")
net = Net(1, 1)
print(net(torch.ones(1)).shape, len(module._global_forward_pre_hooks))
print(nn.Linear(1, 1)(torch.ones(1)).shape, len(module._global_forward_pre_hooks))
""")
        self.assertEqual(printed, "torch.Size([1]) 0\ntorch.Size([1]) 0\n")
        self.assertEqual(self.lines(), [])

    def runs_without_names(self, path, more=""):
        printed = self.run_program(BEGIN + "import signal\n" + more + """
from torch.nn.modules import module
net = nn.Sequential(*[nn.Linear(1, 1) for _ in range(3000)])
print(net(torch.ones(1)).shape, len(module._global_forward_pre_hooks), signal.sigpending())
""", NEUROPERF_PYTHON_NAMES=path)
        self.assertEqual(printed, "torch.Size([1]) 0 set()\n")

    def test_a_file_that_is_missing_or_may_not_be_written(self):
        self.runs_without_names(os.path.join(self.folder, "missing"))
        self.assertFalse(os.path.exists(os.path.join(self.folder, "missing")))
        self.runs_without_names(self.folder)
        self.runs_without_names("/proc/version")

    def test_a_full_disk(self):
        self.runs_without_names("/dev/full")

    def test_pipes(self):
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        self.runs_without_names(pipe)  # nobody reads
        # Nobody reads what is more than a pipe takes.
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        self.runs_without_names(pipe)
        text = b"".join(iter(lambda: os.read(reader, 65536), b""))
        self.assertGreater(len(text), 60000)
        self.assertTrue(text.endswith(b"\n"))
        self.assertEqual({line.count(b"\t") for line in text.splitlines()}, {4})

    def test_a_reader_that_is_gone(self):
        """It goes between open and write, where the program has SIGPIPE at its default, which would end it."""
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        self.runs_without_names(pipe, more=f"""
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
reader = os.open({pipe!r}, os.O_RDONLY | os.O_NONBLOCK)
really_open = os.open
def open_and_go(*arguments):
    opened = really_open(*arguments)
    os.close(reader)
    return opened
os.open = open_and_go
""")


if __name__ == "__main__":
    unittest.main()
