"""Disks and filesystems."""

from __future__ import annotations

from metrics.entries.entry import Entry, counters, derived, gauges, raws

MOUNT, DEVICE = ("mount",), ("device",)
STATVFS = "statvfs of local filesystems (df every minute without Python)"

FILESYSTEMS: list[Entry] = [
    *derived(
        [
            ("filesystem_percent", "percent", "Share of the space users can have that is in use: used / (used + available).", MOUNT),
            ("filesystem_inodes_percent", "percent", "Share of the inodes in use.", MOUNT),
        ],
        STATVFS,
    ),
    *gauges(
        [
            ("filesystem_size_bytes", "bytes", "Size of the filesystem.", MOUNT),
            ("filesystem_used_bytes", "bytes", "Space in use.", MOUNT),
            ("filesystem_available_bytes", "bytes", "Space that users other than root can still fill.", MOUNT),
            ("filesystem_readonly", "", "1 if the filesystem is mounted read-only, else 0.", MOUNT),
        ],
        STATVFS,
    ),
    *raws(
        [
            ("filesystem_inodes", "count", "Files the filesystem has room for.", MOUNT),
            ("filesystem_inodes_free", "count", "Files that can still be made.", MOUNT),
        ],
        STATVFS,
    ),
]  # fmt: skip

DISKS: list[Entry] = [
    *counters(
        [
            ("disk_read_bytes_total", "disk_read_bytes_per_second", "bytes/s", "Read from the disk.", "device"),
            ("disk_written_bytes_total", "disk_write_bytes_per_second", "bytes/s", "Written to the disk.", "device"),
            ("disk_reads_total", "disk_reads_per_second", "per second", "Reads the disk has completed.", "device"),
            ("disk_writes_total", "disk_writes_per_second", "per second", "Writes the disk has completed.", "device"),
            ("disk_busy_seconds_total", "disk_utilization_percent", "percent", "Share of the time in which the disk had work.", "device"),
        ],
        "/proc/diskstats",
    ),
    *raws(
        [
            ("disk_read_seconds_total", "seconds", "Time all reads together have waited, since boot.", DEVICE),
            ("disk_write_seconds_total", "seconds", "Time all writes together have waited, since boot.", DEVICE),
        ],
        "/proc/diskstats",
    ),
    *derived(
        [
            ("disk_read_await_milliseconds", "milliseconds", "How long a read took on average, waiting included; 0 without reads.", DEVICE),
            ("disk_write_await_milliseconds", "milliseconds", "How long a write took on average, waiting included; 0 without writes.", DEVICE),
        ],
        "/proc/diskstats",
    ),
]  # fmt: skip
