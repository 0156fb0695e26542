# SPDX-License-Identifier: Apache-2.0
"""Tells neuroperf the names of PyTorch's modules ("layer1.0.conv1") from inside an unedited program.

Python runs this file at its start when the folder is on PYTHONPATH. It prints nothing, leaves the program alone when
anything fails, and then runs the sitecustomize that is hidden by this one.

When torch.nn has been imported, the first call of a network writes a line for each parameter of its modules, before
the call goes on, to the file or pipe whose path is in NEUROPERF_PYTHON_NAMES. Five fields, separated by tabs:

  process  time  address  name  kind

The process is as os.getpid() has it, the time as time.monotonic_ns(), the address of the tensor (a TensorImpl *) has 0x in front, the name is that of
the module, and the kind its class. Of what is no printable character, and of "\\", Python's escape is written. A line
replaces, from its time on, what was said of its process and address before. Lines are written whole, 4096 bytes at most at once, and
never wait for a reader.
"""
import os
import sys
import time

VARIABLE = "NEUROPERF_PYTHON_NAMES"
MODULE = "torch.nn.modules.module"
MOST_AT_ONCE = 4096  # a pipe takes so much at once without cutting it (PIPE_BUF)
MOST_CHARACTERS = 200  # of a name


class ImportWatcher:
    """Calls `then` with MODULE when that has been imported."""

    def __init__(self, then):
        self._then = then
        sys.meta_path.insert(0, self)

    def find_spec(self, name, path=None, target=None):
        if name != MODULE:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            if spec is not None:
                self._watch(spec.loader)
                return spec
        return None

    def _watch(self, loader):
        execute = loader.exec_module

        def execute_and_tell(module):
            execute(module)
            try:
                if module.__name__ == MODULE:
                    self._then(module)
            except Exception:
                pass

        try:
            loader.exec_module = execute_and_tell
        except Exception:  # a loader that cannot be changed: no names
            pass


class ModuleNames:
    """Names each module when the outermost one that holds it is called for the first time.

    A hook sees each call of a module while there are modules without a name, and is removed when there are none. New
    modules are seen in Module.__init__ and __setstate__ (copies, and modules from files).
    """

    def __init__(self, torch_module, path):
        import threading
        import weakref

        self._torch, self._path = torch_module, path
        self._make_ref, self._make_lock = weakref.ref, threading.RLock
        self._stopped = False
        self._start()
        self._watch_new_modules()
        os.register_at_fork(after_in_child=self._safely(self._start_in_child))

    def _start(self):
        self._lock = self._make_lock()
        self._hook = None
        self._new, self._named, self._roots = {}, {}, {}  # id -> weak reference

    def _start_in_child(self):
        """Its parent's names are those of another process."""
        known = [reference() for table in (self._new, self._named) for reference in list(table.values())]
        hook, self._hook = self._hook, None
        if hook is not None:
            hook.remove()
        self._start()
        for module in known:
            if module is not None:
                self._add(module)

    def _safely(self, function):
        """`function`, whose failure ends the naming and nothing else."""
        def safe(*arguments):
            if self._stopped:
                return
            try:
                function(*arguments)
            except Exception:
                self._stop()
        return safe

    def _stop(self):
        self._stopped = True
        self._new, self._named, self._roots = {}, {}, {}
        try:
            if self._hook is not None:
                self._hook.remove()
        except Exception:
            pass

    def _watch_new_modules(self):
        import functools

        add = self._safely(self._add)

        def watched(method):
            @functools.wraps(method)
            def watching(module, *arguments, **named_arguments):
                result = method(module, *arguments, **named_arguments)
                add(module)
                return result
            return watching

        kind = self._torch.Module
        kind.__init__ = watched(kind.__init__)
        kind.__setstate__ = watched(kind.__setstate__)

    def _keep(self, table, module):
        number = id(module)
        table[number] = self._make_ref(module, lambda _: table.pop(number, None))

    def _add(self, module):
        with self._lock:
            self._named.pop(id(module), None)
            self._keep(self._new, module)
            if self._hook is None:
                call = self._safely(self._called)
                self._hook = self._torch.register_module_forward_pre_hook(lambda module, inputs: call(module))

    def _called(self, module):
        if id(module) in self._named:
            return
        with self._lock:
            if id(module) not in self._named:
                has_any = next(self._torch.Module.parameters(module), None) is not None
                self._name(self._root_of(module) if has_any else module)
            if not self._new and self._hook is not None:
                self._hook.remove()
                self._hook = None

    def _root_of(self, module):
        """A module that was put into a network after its first call has its name there."""
        for reference in list(self._roots.values()):
            root = reference()
            if root is not None and any(one is module for _, one in self._modules_of(root)):
                return root
        if module._modules:
            self._keep(self._roots, module)
        return module

    def _modules_of(self, root):
        return self._torch.Module.named_modules(root)

    def _name(self, root):
        lines, seen = [], set()
        for name, module in self._modules_of(root):
            is_named = id(module) in self._named
            kind = str(getattr(module, "original_name", type(module).__name__))  # TorchScript's say what they were
            for _, parameter in self._torch.Module.named_parameters(module, recurse=False):
                address = parameter._cdata
                if not is_named and address not in seen:
                    lines.append(line_of(address, name or kind, kind))
                seen.add(address)  # modules that share it: the first one's name, as named_parameters() has it
            if not is_named:
                self._new.pop(id(module), None)
                self._keep(self._named, module)
        if lines:
            write_whole(self._path, lines)


def line_of(address, name, kind):
    fields = os.getpid(), time.monotonic_ns(), address, printable(name), printable(kind)
    return ("%d\t%d\t%#x\t%s\t%s\n" % fields).encode("ascii")


def printable(text):
    return text[:MOST_CHARACTERS].encode("unicode_escape").decode("ascii")


def write_whole(path, lines):
    """Opens the file each time, since a program may close descriptors that it does not know."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        part = b""
        for line in lines:
            if len(part) + len(line) > MOST_AT_ONCE:
                write_without_signal(file, part)
                part = b""
            part += line
        write_without_signal(file, part)
    finally:
        os.close(file)


def write_without_signal(file, part):
    """A reader that is gone would end a program that has set SIGPIPE to its default."""
    import signal

    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        os.write(file, part)
    except BrokenPipeError:
        signal.sigtimedwait({signal.SIGPIPE}, 0)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def run_hidden_sitecustomize():
    """As without this file: the interpreter tells what it raises."""
    own = os.path.realpath(os.path.dirname(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.realpath(folder) != own]
    this = sys.modules.pop(__name__)
    try:
        __import__(__name__)
    except ImportError as error:
        if error.name != __name__:
            raise
        sys.modules[__name__] = this


def main():
    try:
        path = os.environ.get(VARIABLE)
        if path:
            ImportWatcher(lambda torch_module: ModuleNames(torch_module, path))
    except Exception:
        pass
    run_hidden_sitecustomize()


main()
