"""Every metric there is: its name, unit, kind and meaning.

Pure. A raw name is what the probe sends; a metric is what is stored and shown. A gauge is
both; a counter is raw only, and its rate is the metric; what is raw besides goes into a
derived metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "raw", "rate", "derived", "own"]
"""gauge: sent and stored. counter, raw: sent only. rate, derived: made of those, stored.
own: made by Rollcall itself, stored."""
Unit = Literal[
    "percent", "bytes", "bytes/s", "seconds", "per second", "milliseconds", "count", "ratio", ""
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the catalogue.

    `labels` are the label names it carries. A counter's `rate` names the metric made of it.
    """

    name: str
    unit: Unit
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    rate: str = ""

    @property
    def sent(self) -> bool:
        """Whether the probe may send it."""
        return self.kind in ("gauge", "counter", "raw")

    @property
    def stored(self) -> bool:
        """Whether it is a metric: stored, shown, and open to rules."""
        return self.kind not in ("counter", "raw")


def _gauges() -> list[Entry]:
    """Sent as they are stored."""
    mount = ("mount",)
    rows: list[tuple[str, Unit, str, tuple[str, ...]]] = [
        ("memory_total_bytes", "bytes", "Memory the kernel can use.", ()),
        ("memory_available_bytes", "bytes", "Memory that programs can still get without swapping.", ()),
        ("memory_used_bytes", "bytes", "Memory that is not available: total - available.", ()),
        ("memory_free_bytes", "bytes", "Memory that nothing uses, not even a cache.", ()),
        ("memory_buffers_bytes", "bytes", "Memory that buffers block devices.", ()),
        ("memory_cached_bytes", "bytes", "Memory that caches files; given back when needed.", ()),
        ("swap_total_bytes", "bytes", "Size of the swap space.", ()),
        ("swap_used_bytes", "bytes", "Swap space in use.", ()),
        ("load1", "", "Load average over 1 minute: processes that run or wait to.", ()),
        ("load5", "", "Load average over 5 minutes.", ()),
        ("load15", "", "Load average over 15 minutes.", ()),
        ("filesystem_size_bytes", "bytes", "Size of the filesystem.", mount),
        ("filesystem_used_bytes", "bytes", "Space in use.", mount),
        ("filesystem_available_bytes", "bytes", "Space that users other than root can still fill.", mount),
        ("filesystem_readonly", "", "1 if the filesystem is mounted read-only, else 0.", mount),
        ("uptime_seconds", "seconds", "Time since the host was started.", ()),
        ("process_count", "count", "Processes, kernel threads included.", ()),
        ("process_threads", "count", "Threads of all processes.", ()),
        ("process_running", "count", "Processes that run or wait for a processor.", ()),
        ("process_blocked", "count", "Processes that wait for a disk.", ()),
        ("process_zombies", "count", "Dead processes nobody has collected, as of the last look at the process table.", ()),
        ("users_logged_in", "count", "Log-ins of people, without Rollcall's own.", ()),
    ]  # fmt: skip
    return [Entry(name, unit, "gauge", text, labels) for name, unit, text, labels in rows]


def _counters() -> list[Entry]:
    """Each counter with the rate that is made of it."""
    rows: list[tuple[str, str, Unit, str, str]] = [
        ("swap_in_bytes_total", "swap_in_bytes_per_second", "bytes/s", "Read back from swap.", ""),
        ("swap_out_bytes_total", "swap_out_bytes_per_second", "bytes/s", "Written out to swap.", ""),
        ("disk_read_bytes_total", "disk_read_bytes_per_second", "bytes/s", "Read from the disk.", "device"),
        ("disk_written_bytes_total", "disk_write_bytes_per_second", "bytes/s", "Written to the disk.", "device"),
        ("disk_reads_total", "disk_reads_per_second", "per second", "Reads the disk has completed.", "device"),
        ("disk_writes_total", "disk_writes_per_second", "per second", "Writes the disk has completed.", "device"),
        ("disk_busy_seconds_total", "disk_utilization_percent", "percent", "Share of the time in which the disk had work.", "device"),
    ]  # fmt: skip
    ways = (("receive", "received"), ("transmit", "sent"))
    kinds: tuple[tuple[str, Unit, str], ...] = (
        ("bytes", "bytes/s", "Bytes {}."),
        ("packets", "per second", "Packets {}."),
        ("errors", "per second", "Packets that could not be {} for an error."),
        ("drops", "per second", "Packets that were dropped instead of being {}."),
    )
    for way, done in ways:
        for kind, unit, text in kinds:
            name = f"network_{way}_{kind}"
            rows.append(
                (f"{name}_total", f"{name}_per_second", unit, text.format(done), "interface")
            )
    entries = []
    for counter, rate, unit, text, label in rows:
        labels = (label,) if label else ()
        base: Unit = "bytes" if unit == "bytes/s" else "seconds" if unit == "percent" else "count"
        entries.append(Entry(counter, base, "counter", f"{text} Since boot.", labels, rate))
        entries.append(Entry(rate, unit, "rate", text, labels))
    return entries


def _derived() -> list[Entry]:
    """What several values make together, and the values that are only good for that."""
    core, mount = ("core",), ("mount",)
    raw: list[tuple[str, Unit, str, tuple[str, ...]]] = [
        ("cpu_seconds_total", "seconds", "Time of all cores by mode, since boot.", ("mode",)),
        ("cpu_core_seconds_total", "seconds", "Time of one core, since boot.", core),
        ("cpu_core_busy_seconds_total", "seconds", "Time in which one core was busy, since boot.", core),
        ("filesystem_inodes", "count", "Files the filesystem has room for.", mount),
        ("filesystem_inodes_free", "count", "Files that can still be made.", mount),
    ]  # fmt: skip
    made: list[tuple[str, str, tuple[str, ...]]] = [
        ("cpu_percent", "Share of the time in which the processors were busy, all cores together.", ()),
        ("cpu_user_percent", "Share of the time spent in programs, niced ones included.", ()),
        ("cpu_system_percent", "Share of the time spent in the kernel, interrupts included.", ()),
        ("cpu_iowait_percent", "Share of the time in which idle processors waited for a disk.", ()),
        ("cpu_steal_percent", "Share of the time that went to other virtual machines.", ()),
        ("cpu_core_percent", "Share of the time in which this core was busy.", core),
        ("memory_percent", "Share of the memory that is not available: (total - available) / total.", ()),
        ("swap_percent", "Share of the swap space in use; 0 without swap.", ()),
        ("filesystem_percent", "Share of the space users can have that is in use: used / (used + available).", mount),
        ("filesystem_inodes_percent", "Share of the inodes in use.", mount),
    ]  # fmt: skip
    return [
        *(Entry(name, unit, "raw", text, labels) for name, unit, text, labels in raw),
        *(Entry(name, "percent", "derived", text, labels) for name, text, labels in made),
    ]


def _own() -> list[Entry]:
    """What Rollcall says about its own looking."""
    rows: list[tuple[str, Unit, str]] = [
        ("up", "", "1 if the host was measured, else 0."),
        ("host_down", "", "1 if the host cannot be reached, else 0."),
        ("host_blocked", "", "1 if the host answers but does not let us measure, else 0."),
        ("host_unknown", "", "1 if we could not look, else 0."),
        ("poll_seconds", "seconds", "How long the poll took."),
        ("clock_offset_seconds", "seconds", "How far the host's clock is ahead of ours."),
        ("probe_cpu_milliseconds", "milliseconds", "Processor time one poll costs the host."),
    ]
    return [Entry(name, unit, "own", text) for name, unit, text in rows]


CATALOG: dict[str, Entry] = {
    entry.name: entry for entry in (*_gauges(), *_counters(), *_derived(), *_own())
}
