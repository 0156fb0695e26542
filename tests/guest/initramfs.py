# SPDX-License-Identifier: Apache-2.0
"""What a guest starts with: a folder filled with programs and the libraries they need, written as a cpio archive.

The folder stays, so that a recording's files are found below it (`neuroperf report --symfs`). The archive is the
kernel's "newc" format, uncompressed, since the guest is slower than the disk; the same folder gives the same bytes.
"""
import os
import re
import shutil
import stat
import subprocess

INTERPRETER = re.compile(r"Requesting program interpreter: (/[^\]]+)\]")
NEEDED = re.compile(r"\(NEEDED\).*\[([^\]]+)\]")


def add_file(root, source, target):
    path = os.path.join(root, target.lstrip("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, path)
    os.chmod(path, 0o755)


def add_text(root, target, text):
    path = os.path.join(root, target.lstrip("/"))
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def add_libraries(root, binary, library_dirs):
    """Copies what the binary needs, and what that needs; works for any architecture, as ldd does not."""
    told = subprocess.run(["readelf", "--wide", "--program-headers", "--dynamic", binary], stdout=subprocess.PIPE,
                          check=True, text=True).stdout
    wanted = [(name, f"/lib/{name}") for name in NEEDED.findall(told)]
    wanted += [(os.path.basename(path), path) for path in INTERPRETER.findall(told)]
    for name, target in wanted:
        if os.path.exists(os.path.join(root, target.lstrip("/"))):
            continue
        found = [path for path in (os.path.join(folder, name) for folder in library_dirs) if os.path.exists(path)]
        if not found:
            raise RuntimeError(f"{binary} needs {name}, which is in none of {', '.join(library_dirs)}")
        add_file(root, found[0], target)
        add_libraries(root, found[0], library_dirs)


def _padded(data):
    return data + b"\0" * (-len(data) % 4)


def _entry(name, mode, number, content):
    # inode, mode, uid, gid, links, time, size, device (2), of a device node (2), length of the name, check sum
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    header = b"070701" + b"".join(b"%08x" % field for field in fields)
    return _padded(header + name.encode() + b"\0") + _padded(content)


def write_cpio(root, path):
    names = []
    for folder, folders, files in os.walk(root):
        names += [os.path.relpath(os.path.join(folder, name), root) for name in folders + files]
    with open(path, "wb") as archive:
        for number, name in enumerate(sorted(names), start=1):
            source = os.path.join(root, name)
            if os.path.isdir(source):
                archive.write(_entry(name, stat.S_IFDIR | 0o755, number, b""))
            else:
                with open(source, "rb") as file:
                    archive.write(_entry(name, stat.S_IFREG | 0o755, number, file.read()))
        archive.write(_entry("TRAILER!!!", 0, 0, b""))
