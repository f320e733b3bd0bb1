"""Filesystems of a host without Python: which to ask, and what df(1) says of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from metrics.proc.rows import Row

# Neither storage of the host nor safe to ask: pseudo, network, read-only image, automatic.
SKIPPED = {
    *("9p", "afs", "aufs", "autofs", "beegfs", "binfmt_misc", "bpf", "ceph", "cgroup", "cgroup2"),
    *("cifs", "coda", "configfs", "debugfs", "devpts", "devtmpfs", "drvfs", "efivarfs", "erofs"),
    *("fuse", "fusectl", "gfs2", "glusterfs", "gpfs", "hugetlbfs", "iso9660", "lustre", "lxcfs"),
    *("mqueue", "ncpfs", "nfs", "nfs4", "nfsd", "ninep", "nsfs", "nullfs", "ocfs2", "orangefs"),
    *("overlay", "panfs", "proc", "procfs", "pstore", "pvfs2", "ramfs", "rootfs", "rpc_pipefs"),
    *("securityfs", "selinuxfs", "smb", "smb2", "smb3", "smbfs", "squashfs", "sysfs", "tmpfs"),
    *("tracefs", "udf", "vboxsf", "virtiofs", "vmhgfs"),
}
SKIPPED_TREES = ("/proc/", "/sys/", "/dev/", "/run/credentials/", "/var/lib/docker/", "/var/lib/containers/storage/", "/var/lib/kubelet/", "/etc/hosts/", "/etc/hostname/", "/etc/resolv.conf/")  # fmt: skip
LIMIT = 64
# source blocks used available capacity% mount; source and mount may hold blanks
LINE = re.compile(r"\s(\d+)\s+(-?\d+)\s+(-?\d+)\s+(?:\d+%|-)\s+(/.*)")
OCTAL = re.compile(r"\\([0-3][0-7][0-7])")


def unescape(name: str) -> str:
    """The kernel writes blanks in mount points as octal: \\040."""
    return OCTAL.sub(lambda found: chr(int(found[1], 8)), name)


def mounts(text: str) -> dict[str, bool]:
    """{mount: read-only} of mountinfo: local ones, each device once, by its highest mount."""
    devices: dict[str, tuple[tuple[bool, int, str], str, bool]] = {}
    for line in text.split("\n"):
        left, mark, right = line.partition(" - ")
        words, (kind, source, flags) = left.split(), ([*right.split(" "), "", "", ""])[:3]
        if not mark or len(words) < 6:
            continue
        mount = unescape(words[4])
        if kind in SKIPPED and not (kind == "overlay" and mount == "/"):  # a container's root
            continue
        if kind.startswith("fuse.") or f"{mount}/".startswith(SKIPPED_TREES):
            continue
        device = source if source.startswith("/") else words[2]
        readonly = "ro" in words[5].split(",") or "ro" in flags.split(",")
        rank = (words[3] != "/", len(mount), mount)  # the filesystem's root before a part of it
        if device not in devices or rank < devices[device][0]:
            devices[device] = (rank, mount, readonly)
    found = {mount: readonly for _, mount, readonly in devices.values()}
    return {mount: found[mount] for mount in sorted(found)[:LIMIT]}


def rows(mount: str, readonly: bool, kilobytes: list[float], inodes: list[float]) -> Iterator[Row]:
    """The series of one mount; without numbers it gave no answer."""
    label = {"mount": mount}
    names = ("filesystem_size_bytes", "filesystem_used_bytes", "filesystem_available_bytes")
    for place, name in enumerate(names):
        yield name, label, kilobytes[place] * 1024 if kilobytes else None
    yield "filesystem_inodes", label, inodes[0] if inodes else None
    yield "filesystem_inodes_free", label, inodes[2] if inodes else None
    yield "filesystem_readonly", label, float(readonly) if kilobytes else None


def df(text: str, asked: list[str]) -> dict[str, list[float]]:
    """{mount: [size, used, available]} of `df -P`: by order, because df alters odd names."""
    lines = [found for line in text.split("\n") if (found := LINE.search(line))]
    names = asked if len(lines) == len(asked) else [found[4] for found in lines]
    return {
        name: [float(found[place]) for place in (1, 2, 3)]
        for name, found in zip(names, lines, strict=True)
    }
