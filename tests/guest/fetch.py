# SPDX-License-Identifier: Apache-2.0
"""Kernels, and the libraries of another architecture, from Debian's archive into a cache folder. Nothing is installed.

apt does the work with a configuration of its own: the mirror that this machine uses (else deb.debian.org), package
lists and an empty package database in the cache. So versions are found, not written down, and signatures are checked as
always. What is in the cache is taken from there without a look at the network; delete the folder to renew it.

One entry of the cache is one folder, made aside and renamed when whole; a lock lets tests run side by side.
"""
import contextlib
import fcntl
import glob
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess

RELEASE = "bookworm"
BUILD_ARCHITECTURE = "amd64"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
TIME_LIMIT_S = 180  # of each call of apt


class MirrorUnreachable(Exception):
    """Debian's archive does not answer: the one thing that a test may skip for."""


def run(command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          timeout=TIME_LIMIT_S, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def machine_mirror():
    """Where this machine gets its own Debian packages from."""
    listed = run(["apt-get", "indextargets", "--no-release-info", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                  "Created-By: Packages"]).decode()
    for line in listed.splitlines():
        uri, release, component = line.split()
        if release == RELEASE and component == "main":
            return uri
    return "http://deb.debian.org/debian"


class Apt:
    """apt for one architecture, as on a machine of that architecture where nothing is installed."""

    def __init__(self, cache, architecture):
        self.folder = os.path.join(os.path.abspath(cache), f"apt-{architecture}")
        self.architecture = architecture
        for name in ("state/lists/partial", "cache/archives/partial"):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        signed_by = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
        suites = (RELEASE, f"{RELEASE}-backports")
        mirror = machine_mirror()
        self._write("sources.list", "".join(f"deb {signed_by}{mirror} {suite} main\n" for suite in suites))
        self._write("status", "")
        settings = {
            "Dir::Etc::sourcelist": self._path("sources.list"), "Dir::Etc::sourceparts": "-",
            "Dir::State": self._path("state"), "Dir::State::status": self._path("status"),
            "Dir::Cache": self._path("cache"), "APT::Architecture": architecture,
            "Acquire::http::Timeout": "20", "Acquire::Retries": "2", "Acquire::Languages": "none",
            "APT::Update::Error-Mode": "any", "APT::Sandbox::User": "root", "APT::Install-Recommends": "false",
        }
        lines = [f'{name} "{value}";\n' for name, value in settings.items()]
        lines.append(f'#clear APT::Architectures;\nAPT::Architectures {{ "{architecture}"; }};\n')
        self._write("apt.conf", "".join(lines))
        self.environment = {**os.environ, "APT_CONFIG": self._path("apt.conf"), "LC_ALL": "C"}
        try:
            self.call("apt-get", "-qq", "update")
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            raise MirrorUnreachable(f"no package lists from {mirror}: {error}") from error

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def call(self, *command, **options):
        return run(list(command), env=self.environment, **options).decode()

    def dependencies(self, package):
        """What a package ("name", "name/suite", "name=version") depends on: "name=version" where it says which, else "name".
        """
        for line in self.call("apt-cache", "show", package).splitlines():
            if line.startswith("Depends: "):
                first_choices = [words.split("|")[0].strip() for words in line[len("Depends: "):].split(",")]
                return [re.sub(r" \(.*", "", re.sub(r" \(= (.*)\)", r"=\1", words)) for words in first_choices]
        raise RuntimeError(f"{package} depends on nothing")

    def unpack(self, packages, folder, with_dependencies):
        """Downloads the packages and unpacks them into the folder."""
        archives = os.path.join(folder, "debs")
        os.makedirs(archives)
        if with_dependencies:
            os.makedirs(os.path.join(archives, "partial"))
            self.call("apt-get", "-qq", "install", "-y", "--download-only", "-o", f"Dir::Cache::archives={archives}/",
                      *packages)
        else:
            self.call("apt-get", "-qq", "download", *packages, cwd=archives)
        for deb in sorted(glob.glob(os.path.join(archives, "*.deb"))):
            run(["dpkg-deb", "-x", deb, folder])
        shutil.rmtree(archives)


@contextlib.contextmanager
def _locked(cache):
    os.makedirs(cache, exist_ok=True)
    with open(os.path.join(cache, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _entry(cache, architecture, name, fill, is_whole=os.path.isdir):
    """The folder of this name in the cache; where it is missing or not is_whole(folder), fill(apt, folder) makes it."""
    cache = os.path.abspath(cache)
    folder = os.path.join(cache, name)
    part = folder + ".part"
    with _locked(os.path.join(cache, "locks", architecture)):
        if is_whole(folder):
            return folder
        shutil.rmtree(part, ignore_errors=True)
        apt = Apt(cache, architecture)
        os.makedirs(part)
        fill(apt, part)
        shutil.rmtree(folder, ignore_errors=True)
        os.rename(part, folder)
    return folder


def _decompressed(payload):
    if payload.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMADecompressor(lzma.FORMAT_XZ).decompress(payload)
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=payload, stdout=subprocess.PIPE, check=True).stdout
    raise RuntimeError(f"a kernel compressed in an unknown way: it begins with {payload[:6].hex()}")


def vmlinux_of(image):
    """The ELF file within an x86 bzImage. QEMU starts it directly (PVH), which spares the guest the decompression.

    The boot protocol (Documentation/arch/x86/boot.rst) says where the compressed kernel is: sectors of set-up code at
    0x1f1, then at 0x248 offset and length behind those. The last four bytes are the length when decompressed.
    """
    set_up_bytes = ((image[0x1f1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    kernel = _decompressed(image[set_up_bytes + offset:set_up_bytes + offset + length - 4])
    if not kernel.startswith(b"\x7fELF"):
        raise RuntimeError("what was compressed in the kernel image is not an ELF file")
    return kernel


def _programs_of_build(cache, name, folder):
    """Unpacks the kernel's own programs for building modules, which run on this machine whatever they build for."""
    with _locked(os.path.join(os.path.abspath(cache), "locks", BUILD_ARCHITECTURE)):
        Apt(cache, BUILD_ARCHITECTURE).unpack([name], folder, with_dependencies=False)


def kernel(cache, architecture, package, suite):
    """A file that QEMU starts with -kernel. Beside it lies what else the package has (lib/modules), and what modules are
    built with (usr/src, usr/lib/linux-kbuild-*), all of one version."""

    def fill(apt, folder):
        image = apt.dependencies(f"{package}/{suite}")[0]
        headers = image.replace("linux-image-", "linux-headers-", 1)
        (common,) = [name for name in apt.dependencies(headers) if name.startswith("linux-headers-")]
        (programs,) = [name for name in apt.dependencies(headers) if name.startswith("linux-kbuild-")]
        apt.unpack([image, headers, common], folder, with_dependencies=False)
        if architecture == BUILD_ARCHITECTURE:
            apt.unpack([programs], folder, with_dependencies=False)
        else:
            _programs_of_build(cache, programs, folder)
        (path,) = glob.glob(os.path.join(folder, "boot", "vmlinuz-*"))
        with open(path, "rb") as file:
            packed = file.read()
        with open(os.path.join(folder, "kernel"), "wb") as file:
            file.write(vmlinux_of(packed) if architecture == "amd64" else packed)

    def is_whole(folder):
        return bool(glob.glob(os.path.join(folder, "usr", "src", "linux-headers-*")))

    return os.path.join(_entry(cache, architecture, f"{package}-{suite}", fill, is_whole), "kernel")


def sysroot(cache, architecture, packages):
    """A folder with these packages and all that they depend on, for compilers' --sysroot."""
    digest = hashlib.sha256(" ".join(sorted(packages)).encode()).hexdigest()[:12]
    return _entry(cache, architecture, f"sysroot-{architecture}-{digest}",
                  lambda apt, folder: apt.unpack(packages, folder, with_dependencies=True))
