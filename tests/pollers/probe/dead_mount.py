"""Runs a shell command in a mount namespace of its own that holds mounts nobody serves.

Usage: python dead_mount.py <folder> <command> [<how many in it>]. Needs root and /dev/fuse;
exits with 99 where that is not allowed.
"""

import ctypes
import os
import sys

CLONE_NEWNS = 0x20000
MS_PRIVATE_REC = (1 << 18) | (1 << 14)

folder, command, *count = sys.argv[1:]
folders = [f"{folder}/{number}" for number in range(int(count[0]))] if count else [folder]
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_PRIVATE_REC, None):
    sys.exit(99)
held = []
for path in folders:
    os.makedirs(path, exist_ok=True)
    try:
        held.append(os.open("/dev/fuse", os.O_RDWR))
    except OSError:
        sys.exit(99)
    options = f"fd={held[-1]},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"dead", path.encode(), b"fuse.dead", 0, options):
        sys.exit(99)
# This process alone holds the mounts: what hangs on them wakes up when it ends. A command that
# inherited them would keep itself hanging for ever.
child = os.fork()
if child == 0:
    for fuse in held:
        os.close(fuse)
    os.execv("/bin/sh", ["sh", "-c", command])
for number in (0, 1):
    os.close(number)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)
