# SPDX-License-Identifier: Apache-2.0
"""Calls ioctls of a device as told on standard input, a line each: REQUEST ARGUMENT POINTED AT

All but AT are hexadecimal; POINTED is what a pointer at byte AT of the argument leads to, or "-". The device need not know
them; a millisecond passes after each.
"""
import ctypes
import fcntl
import os
import sys
import time


def main():
    device = os.open(sys.argv[1], os.O_RDWR)
    kept = []  # what pointers lead to
    for line in sys.stdin:
        request, argument, pointed, at = line.split()
        argument = bytearray.fromhex(argument)
        if pointed != "-":
            kept.append(ctypes.create_string_buffer(bytes.fromhex(pointed)))
            argument[int(at):int(at) + 8] = ctypes.addressof(kept[-1]).to_bytes(8, sys.byteorder)
        try:
            fcntl.ioctl(device, int(request, 16), argument)
        except OSError:
            pass
        time.sleep(0.001)


main()
