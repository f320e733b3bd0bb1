"""Memory and swap: /proc/meminfo and /proc/vmstat."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.proc.rows import PLAIN, Row, numbers

DETAIL = {
    "Slab": "memory_slab_bytes",
    "Shmem": "memory_shared_bytes",
    "Dirty": "memory_dirty_bytes",
    "Writeback": "memory_writeback_bytes",
    "PageTables": "memory_page_tables_bytes",
    "Committed_AS": "memory_committed_bytes",
    "CommitLimit": "memory_commit_limit_bytes",
}
PAGE = 4096
"""What psutil takes a page of swap for, too."""
EVENTS = {
    "pswpin": ("swap_in_bytes_total", PAGE),
    "pswpout": ("swap_out_bytes_total", PAGE),
    "pgmajfault": ("major_faults_total", 1),
    "oom_kill": ("oom_kills_total", 1),
}


def meminfo(text: str) -> Iterator[Row]:
    """/proc/meminfo, or some of its lines."""
    kilobytes = numbers(text)
    for key, name in DETAIL.items():
        if key in kilobytes:
            yield name, PLAIN, kilobytes[key] * 1024
    if "MemTotal" not in kilobytes:
        return
    total, free = kilobytes["MemTotal"] * 1024, kilobytes["MemFree"] * 1024
    buffers = kilobytes.get("Buffers", 0.0) * 1024
    # As psutil and free(1) count it: what the kernel keeps of files and of its own that it can give back.
    cached = (kilobytes.get("Cached", 0.0) + kilobytes.get("SReclaimable", 0.0)) * 1024
    kept = kilobytes.get("MemAvailable")
    available = min(total, free + buffers + cached if kept is None else kept * 1024)
    yield "memory_total_bytes", PLAIN, total
    yield "memory_available_bytes", PLAIN, available
    yield "memory_free_bytes", PLAIN, free
    yield "memory_buffers_bytes", PLAIN, buffers
    yield "memory_cached_bytes", PLAIN, cached
    yield "memory_used_bytes", PLAIN, total - available
    swap = kilobytes.get("SwapTotal", 0.0) * 1024
    yield "swap_total_bytes", PLAIN, swap
    yield "swap_used_bytes", PLAIN, swap - kilobytes.get("SwapFree", 0.0) * 1024


def vmstat(text: str) -> Iterator[Row]:
    """/proc/vmstat, or some of its lines."""
    for line in text.split("\n"):
        key, _, value = line.partition(" ")
        if key in EVENTS:
            name, size = EVENTS[key]
            yield name, PLAIN, float(value) * size
