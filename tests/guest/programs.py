# SPDX-License-Identifier: Apache-2.0
"""What runs in a guest: neuroperf (this build's, or cross-built for another architecture), known_work, busybox; modules
of its kernel with virtual devices, and npu_work, which uses them."""
import glob
import os
import shutil
import subprocess

import fetch
import initramfs
import kernel_modules
import usdt_probe

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE_DIR = os.path.dirname(os.path.dirname(HERE))
BUILD_LIMIT_S = 540

# What must be installed for each architecture, beside QEMU.
TOOLS = {
    "amd64": ("cc", "strip", "readelf", "zstd", "busybox", "make"),
    "arm64": ("aarch64-linux-gnu-g++", "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-strip", "readelf", "cmake", "ninja",
              "make"),
}


def run(*command, timeout=60):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          timeout=timeout, text=True, errors="replace")
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}:\n{done.stdout[-6000:]}")
    return done.stdout


def libraries_to_build_with():
    """The packages with headers among those that a build needs; scripts/install-packages.sh has the list."""
    listed = run(os.path.join(SOURCE_DIR, "scripts", "install-packages.sh"), "--print", "build")
    return [name for name in listed.split() if name.endswith("-dev")]


def cross_build(build_dir, sysroot):
    """Builds neuroperf for arm64 in a build folder of its own, which is kept: the next time it is quick."""
    launchers = []
    if shutil.which("ccache"):
        launchers = ["-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"]
    cache_file = os.path.join(build_dir, "CMakeCache.txt")
    fresh = []
    if os.path.exists(cache_file):  # of another folder of libraries? Their places are remembered in it.
        with open(cache_file, encoding="utf-8") as file:
            fresh = [] if sysroot in file.read() else ["--fresh"]
    run("cmake", *fresh, "-S", SOURCE_DIR, "-B", build_dir, "-G", "Ninja",
        "--toolchain", os.path.join(HERE, "aarch64.cmake"), f"-DNEUROPERF_SYSROOT={sysroot}",
        "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1", "-DNEUROPERF_TESTS=OFF",
        "-DNEUROPERF_EXAMPLES=OFF", "-DNEUROPERF_WERROR=ON", *launchers)
    run("cmake", "--build", build_dir, "--target", "neuroperf", timeout=BUILD_LIMIT_S)
    return os.path.join(build_dir, "viewer", "neuroperf")


def fill_root(root, architecture, kernel, neuroperf, cache, build_dir):
    """Puts all that the guest needs below the folder `root`. `neuroperf`: the program built for this machine. `kernel`: what
    fetch.kernel() gave. `build_dir`: what is built here is kept there."""
    if architecture == "arm64":
        sysroot = fetch.sysroot(cache, "arm64", [*libraries_to_build_with(), "busybox-static"])
        neuroperf = cross_build(os.path.join(build_dir, "guest-arm64"), sysroot)
        busybox, prefix, machine = f"{sysroot}/bin/busybox", "aarch64-linux-gnu-", "aarch64"
    else:
        sysroot, busybox, prefix, machine = "", "/bin/busybox", "", "x86_64"
    for folder in ("bin", "lib", "etc"):
        os.makedirs(os.path.join(root, folder))
    initramfs.add_text(root, "/etc/passwd", "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n")
    stripped = os.path.join(root, "bin", "neuroperf")
    run(f"{prefix}strip", "-o", stripped, neuroperf)
    library_dirs = [f"{sysroot}{folder}" for folder in (
        f"/lib/{machine}-linux-gnu", f"/usr/lib/{machine}-linux-gnu", "/lib", "/lib64")]
    initramfs.add_libraries(root, stripped, library_dirs)
    if architecture == "amd64":
        add_tests_of_this_build(root, library_dirs)
        fault_timer = os.environ["NEUROPERF_FAULT_TIMER"]
        initramfs.add_file(root, fault_timer, "/bin/fault_timer")
        initramfs.add_libraries(root, fault_timer, library_dirs)
    initramfs.add_file(root, busybox, "/bin/busybox")
    known_work = os.path.join(root, "bin", "known_work")
    run(f"{prefix}gcc", "-std=gnu11", "-O2", "-g", "-fno-omit-frame-pointer", "-static", "-I", f"{SOURCE_DIR}/include",
        os.path.join(HERE, "known_work.c"), "-o", known_work)
    run(f"{prefix}gcc", "-std=gnu11", "-O2", "-g", "-static", "-pthread", "-I", f"{SOURCE_DIR}/include",
        os.path.join(SOURCE_DIR, "tests", "programs", "waiting_layers.c"), "-o", os.path.join(root, "bin", "waiting_layers"))
    add_runtime(root, prefix, library_dirs)
    for name in ("vnpu_calls", "vnpu_functions"):
        with open(os.path.join(HERE, "..", "data", "drivers", f"{name}.json"), encoding="utf-8") as file:
            initramfs.add_text(root, f"/etc/{name}.json", file.read())
    initramfs.add_text(root, "/etc/known_work.probe", usdt_probe.kernel_probe(known_work, "/bin/known_work"))
    # libc's headers leave DRM's out; the kernel's mark pointers.
    run(f"{prefix}gcc", "-std=gnu11", "-O2", "-g", "-static", "-D__user=", "-I",
        os.path.join(HERE, "..", "..", "include"), "-idirafter",
        os.path.join(kernel_modules.headers_of(kernel)[1], "include", "uapi"), os.path.join(HERE, "npu_work.c"), "-o",
        os.path.join(root, "bin", "npu_work"))
    kernel_modules.add_modules(root, architecture, kernel, build_dir)
    initramfs.add_file(root, os.path.join(HERE, "init"), "/init")


def add_runtime(root, prefix, library_dirs):
    """A runtime that knows nothing of us, in /lib, a program that loads it, and a description."""
    programs = os.path.join(SOURCE_DIR, "tests", "programs")
    library, app = os.path.join(root, "lib", "libtiny_runtime.so"), os.path.join(root, "bin", "tiny_app")
    run(f"{prefix}g++", "-std=c++17", "-O2", "-fPIC", "-shared", "-s", os.path.join(programs, "tiny_runtime.cpp"), "-o", library)
    run(f"{prefix}gcc", "-std=gnu11", "-O2", os.path.join(programs, "tiny_app.c"), "-ldl", "-o", app)
    for binary in (library, app):
        initramfs.add_libraries(root, binary, library_dirs)
    with open(os.path.join(SOURCE_DIR, "tests", "data", "runtimes", "tiny.json"), encoding="utf-8") as file:
        initramfs.add_text(root, "/etc/tiny.json", file.read())


def add_tests_of_this_build(root, library_dirs):
    """Those of this build, in /bin; the programs that they watch stay where the tests look for them."""
    watched = os.environ["NEUROPERF_PROGRAMS"]
    for test in filter(None, os.environ.get("NEUROPERF_UNIT_TESTS", "").split(",")):
        target = os.path.join(root, "bin", os.path.basename(test))
        run("strip", "-o", target, test)
        initramfs.add_libraries(root, target, library_dirs)
        for path in [os.path.join(watched, "puppet"), *glob.glob(os.path.join(watched, "lib*.so"))]:
            initramfs.add_file(root, path, path)
            initramfs.add_libraries(root, path, [watched, *library_dirs])
