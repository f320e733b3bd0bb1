"""Runs a shell command in a mount namespace with many mounts of odd names.

Usage: python many_mounts.py <folder> <how many> <command>. Needs root; exits with 99 where
that is not allowed.
"""

import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_PRIVATE_REC = (1 << 18) | (1 << 14)
ODD = (b"\xff\xfe", b"two\nlines", b'"quotes\'', b"\xf0\x9f\x92\xa9", "\u202egpj.exe".encode(), b"<img src=x onerror=1>", b"$(reboot)", b"-rf", b"a b\tc\\040d", b"n" * 255)  # fmt: skip

folder, count, command = os.fsencode(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_PRIVATE_REC, None):
    sys.exit(99)
for name in [*ODD, *(b"%d" % number for number in range(count))]:
    path = folder + b"/" + name
    os.mkdir(path)
    if libc.mount(b"odd", path, b"tmpfs", 0, b"size=16k"):
        sys.exit(99)
os.execv("/bin/sh", ["sh", "-c", command])
