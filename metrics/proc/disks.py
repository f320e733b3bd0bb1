"""Traffic of whole disks: /proc/diskstats."""

from __future__ import annotations

import re
from collections.abc import Iterator

from metrics.proc.rows import Row

PASSING = ("loop", "ram", "zram", "fd", "sr", "nbd", "rbd")
LIMIT = 128
SECTOR = 512
# A partition is named after the disk before it: sda -> sda1, nvme0n1 -> nvme0n1p1.
PART = re.compile(r"p?\d+")


def diskstats(text: str) -> Iterator[Row]:
    """Disks in the order of their names. A partition is not counted beside its disk."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        words = line.split()
        if len(words) < 14 or words[2].startswith(PASSING) or part(words[2], found):
            continue
        found[words[2]] = words
    for name in sorted(found)[:LIMIT]:
        # reads, merged, sectors, ms; writes, merged, sectors, ms; in flight, ms busy
        n, label = [float(word) for word in found[name][3:13]], {"device": name}
        yield "disk_read_bytes_total", label, n[2] * SECTOR
        yield "disk_written_bytes_total", label, n[6] * SECTOR
        yield "disk_reads_total", label, n[0]
        yield "disk_writes_total", label, n[4]
        yield "disk_busy_seconds_total", label, n[9] / 1000.0
        yield "disk_read_seconds_total", label, n[3] / 1000.0
        yield "disk_write_seconds_total", label, n[7] / 1000.0


def part(name: str, disks: dict[str, list[str]]) -> bool:
    """Whether it is a partition of a disk listed before it."""
    base = name.rstrip("0123456789")
    if base == name:
        return False
    for disk in (base, base[:-1] if base.endswith("p") else ""):
        if disk in disks and PART.fullmatch(name, len(disk)):
            # A disk whose own name ends in a digit parts its partitions off with a p.
            return (disk[-1:].isdigit()) == (name[len(disk)] == "p")
    return False
