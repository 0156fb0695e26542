# SPDX-License-Identifier: Apache-2.0
# CMake toolchain: builds neuroperf for 64-bit Arm on another machine, against a folder with Debian's arm64 packages.
#
#   cmake --toolchain tests/guest/aarch64.cmake -D NEUROPERF_SYSROOT=FOLDER ...
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES NEUROPERF_SYSROOT)
set(CMAKE_SYSROOT ${NEUROPERF_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(ENV{PKG_CONFIG_SYSROOT_DIR} ${NEUROPERF_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${NEUROPERF_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${NEUROPERF_SYSROOT}/usr/share/pkgconfig)
