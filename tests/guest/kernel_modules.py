# SPDX-License-Identifier: Apache-2.0
"""The kernel modules of modules/, built for a guest's kernel from its unpacked headers, and those of the kernel's own that
they need. Nothing is installed, and nothing in the cache of kernels is changed.

What was built stays in the build folder, by a digest of all that it depends on. Where pahole is installed the modules get
BTF (types, for BPF programs that attach to their functions). Newer kernels' own build would do that too, older ones' headers
lack what it takes: here it is the same for all.
"""
import glob
import hashlib
import lzma
import os
import re
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "modules")
OWN = ("vnpu", "vdrm")
DISK = ("virtio-pci", "virtio-blk")  # of the kernel, for /dev/vda
BUILD_LIMIT_S = 120
PREFIXES = {"amd64": "", "arm64": "aarch64-linux-gnu-"}
# The headers of arm64 come with programs for this machine (fetch.kernel), which Debian's Makefile of 6.1 is to be told.
MAKE_ARGUMENTS = {
    "amd64": (),
    "arm64": ("ARCH=arm64", f"CROSS_COMPILE={PREFIXES['arm64']}", "DEB_BUILD_ARCH=amd64", "DEB_HOST_ARCH=arm64",
              "DEB_HOST_GNU_TYPE=aarch64-linux-gnu"),
}


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          timeout=BUILD_LIMIT_S, text=True, errors="replace", **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}:\n{done.stdout[-6000:]}")


def headers_of(kernel):
    """The folder of the kernel's own headers (configuration, symbols), and the one with those of all its flavours."""
    found = glob.glob(os.path.join(os.path.dirname(kernel), "usr", "src", "linux-headers-*"))
    (common,) = [path for path in found if path.endswith("-common") or path.endswith("-common-rt")]
    (own,) = [path for path in found if path != common]
    return own, common


def digest_of(headers, with_btf):
    digest = hashlib.sha256(f"{headers} {with_btf}".encode())
    inputs = [os.path.abspath(__file__), os.path.join(headers, "Module.symvers"), os.path.join(headers, ".config")]
    for path in sorted(glob.glob(os.path.join(SOURCES, "*"))) + inputs:
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:12]


def unpacked_headers(headers, common, folder):
    """The headers as a folder to build in: links, but for the file that says where the package would be installed. Without
    vmlinux: its BTF."""
    os.makedirs(folder)
    for name in os.listdir(headers):
        if name not in ("Makefile", "vmlinux"):
            os.symlink(os.path.join(headers, name), os.path.join(folder, name))
    with open(os.path.join(headers, "Makefile"), encoding="utf-8") as file:
        text = file.read()
    with open(os.path.join(folder, "Makefile"), "w", encoding="utf-8") as file:
        file.write(text.replace(f"/usr/src/{os.path.basename(common)}", common))
    return folder


def add_btf(module, architecture, kernel, headers):
    """On top of the kernel's own, which newer packages of headers bring as a file. An x86 kernel has it in its ELF file."""
    base = os.path.join(headers, "vmlinux")
    # Without enums of 64 bits, which kernels before 6.0 refuse.
    run("pahole", "-J", "--btf_gen_floats", "-j", "--skip_encoding_btf_enum64", "--btf_base",
        base if os.path.exists(base) else kernel, module,
        env={**os.environ, "LLVM_OBJCOPY": f"{PREFIXES[architecture]}objcopy"})


def own_modules(architecture, kernel, build_dir):
    """Paths of vnpu.ko and vdrm.ko for this kernel."""
    headers, common = headers_of(kernel)
    with_btf = shutil.which("pahole") is not None
    of_kernel = os.path.join(os.path.abspath(build_dir), "guest-modules", os.path.basename(headers)[len("linux-headers-"):])
    folder = f"{of_kernel}-{digest_of(headers, with_btf)}"
    if not os.path.isdir(folder):
        for older in glob.glob(f"{glob.escape(of_kernel)}-*"):
            shutil.rmtree(older)
        part = folder + ".part"
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(SOURCES, part)
        tree = unpacked_headers(headers, common, os.path.join(part, "headers"))
        run("make", "-C", tree, f"M={part}", *MAKE_ARGUMENTS[architecture], "modules")
        for name in OWN:
            module = os.path.join(part, f"{name}.ko")
            if with_btf:
                add_btf(module, architecture, kernel, headers)
            run(f"{PREFIXES[architecture]}strip", "--strip-debug", module)
        os.rename(part, folder)
    return [os.path.join(folder, f"{name}.ko") for name in OWN]


def content_of(path):
    """Of a module; busybox's insmod does not read compressed ones."""
    with open(path, "rb") as file:
        content = file.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


def needed_by(content):
    """Names in the module's own list, where "-" and "_" are one."""
    listed = re.search(rb"\0depends=([^\0]*)\0", content).group(1).decode()
    return [name.replace("_", "-") for name in listed.split(",") if name]


def add_modules(root, architecture, kernel, build_dir):
    """Puts our modules, those of a disk, and all that these need below `root`, and lists of their paths in the order of loading."""
    folder = os.path.join(os.path.dirname(kernel), "lib", "modules")
    of_kernel = {os.path.basename(path).split(".")[0].replace("_", "-"): path
                 for path in glob.glob(os.path.join(folder, "**", "*.ko*"), recursive=True)}
    order = []

    def add(name, path):
        if name in order:
            return
        content = content_of(path)
        for needed in needed_by(content):
            add(needed, of_kernel[needed])
        with open(os.path.join(root, "lib", "modules", f"{name}.ko"), "wb") as file:
            file.write(content)
        order.append(name)

    os.makedirs(os.path.join(root, "lib", "modules"))
    for path in own_modules(architecture, kernel, build_dir):
        add(os.path.basename(path).split(".")[0], path)
    with open(os.path.join(root, "etc", "modules"), "w", encoding="utf-8") as file:
        file.write("".join(f"/lib/modules/{name}.ko\n" for name in order))
    order.clear()
    for name in DISK if architecture == "amd64" else ():
        if name in of_kernel:  # newer kernels have the first one built in
            add(name, of_kernel[name])
    with open(os.path.join(root, "etc", "disk_modules"), "w", encoding="utf-8") as file:
        file.write("".join(f"/lib/modules/{name}.ko\n" for name in order))
