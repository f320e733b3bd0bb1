"""Traffic of whole disks since boot. A partition is not counted beside its disk."""

import os

PASSING = ("loop", "ram", "zram", "fd", "sr", "nbd", "rbd")
LIMIT = 128


def whole(name):
    """Whether the kernel lists it as a disk of its own rather than as part of one."""
    return not name.startswith(PASSING) and os.path.exists("/sys/block/" + name.replace("/", "!"))


def collect(host):
    counters = host.psutil.disk_io_counters(perdisk=True, nowrap=False) or {}
    disks = sorted(name for name in counters if whole(name))
    if counters and not disks and not os.path.isdir("/sys/block"):
        disks = sorted(name for name in counters if not name.startswith(PASSING))
    for name in disks[:LIMIT]:
        label, disk = {"device": host.text(name)}, counters[name]
        yield "disk_read_bytes_total", label, disk.read_bytes
        yield "disk_written_bytes_total", label, disk.write_bytes
        yield "disk_reads_total", label, disk.read_count
        yield "disk_writes_total", label, disk.write_count
        busy = getattr(disk, "busy_time", None)
        yield "disk_busy_seconds_total", label, None if busy is None else busy / 1000.0
        yield "disk_read_seconds_total", label, disk.read_time / 1000.0
        yield "disk_write_seconds_total", label, disk.write_time / 1000.0
    if len(disks) > LIMIT:
        raise ValueError("%d disks, only %d are reported" % (len(disks), LIMIT))
