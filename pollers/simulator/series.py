"""All that a simulated host reports at one moment, under the names the real probe uses.

A host has a few dozen moving numbers (`basis`); each series is one of them, times a factor,
plus an offset. So a report costs a few microseconds more than its parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from pollers.simulator.model import SimulatedHost
from pollers.simulator.noise import ORIGIN, wander
from pollers.simulator.roles import GIB, Role

ONE, UPTIME, BUSY, IDLE, WAITING, RECEIVED, SENT, READ, WRITTEN = range(9)
LOAD1, LOAD5, LOAD15, USED, AVAILABLE, SPARE, SWAP, TREMBLE, MOUNTS = range(9, 18)

MODES = (("user", 0.70), ("nice", 0.01), ("system", 0.22), ("irq", 0.0), ("softirq", 0.05), ("steal", 0.02))  # fmt: skip
SWAP_BYTES = 4 * GIB
INODES = 1 << 14
"""For each GiB of a filesystem."""

Line = tuple[str, dict[str, str], int, float, float]
"""(name, labels, place in the basis, factor, offset)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the series of one role are made: first whole numbers, then those with a fraction."""

    names: tuple[tuple[str, dict[str, str]], ...]
    whole: tuple[tuple[int, float, float], ...]
    fractions: tuple[tuple[int, float, float], ...]

    def values(self, basis: list[float]) -> list[float]:
        values: list[float] = [int(basis[at] * times + plus) for at, times, plus in self.whole]
        values.extend([round(basis[at] * times + plus, 6) for at, times, plus in self.fractions])
        return values


@lru_cache
def plan_of(role: Role) -> Plan:
    whole = [*_system(role), *_memory(role), *_storage(role), *_network(role)]
    fractions = [*_processors(role), *_waits(role)]
    return Plan(
        tuple((name, labels) for name, labels, *_ in (*whole, *fractions)),
        tuple((at, times, plus) for _, _, at, times, plus in whole),
        tuple((at, times, plus) for _, _, at, times, plus in fractions),
    )


def basis(host: SimulatedHost, now: float) -> list[float]:
    """The moving numbers; counters stand at zero when the host was started."""
    role, booted = host.role, host.booted_at(now)
    uptime = now - booted
    grown = [flow.total(now) - flow.total(booted) for flow in host.flows]
    busy, waiting = role.cores * role.busy * grown[0], role.cores * role.waiting * grown[1]
    total, used = role.memory_gib * float(GIB), host.memory_used(now)
    swap = max(0.0, used / total - 0.75) * 0.5 * SWAP_BYTES
    tremble = 1.0 + wander(host.number * 64 + 60, (now - ORIGIN) / 40.0)
    return [
        *(1.0, uptime, busy, role.cores * uptime - busy - waiting, waiting),
        *(role.received * grown[2], role.sent * grown[3], role.read * grown[4]),
        role.written * grown[5],
        *(host.load(now, seconds) for seconds in (60.0, 300.0, 900.0)),
        *(used, total - used, 0.3 * (total - used), swap, tremble),
        *(
            host.filled(mount, now) * size * GIB
            for mount, (_, size, _, _) in enumerate(role.mounts)
        ),
    ]


def values_of(host: SimulatedHost, now: float) -> list[float]:
    """The values of `plan_of(host.role).names`, in their order."""
    return plan_of(host.role).values(basis(host, now))


def _processors(role: Role) -> list[Line]:
    lines: list[Line] = [("cpu_seconds_total", {"mode": mode}, BUSY, share, 0.0) for mode, share in MODES]  # fmt: skip
    lines.append(("cpu_seconds_total", {"mode": "idle"}, IDLE, 1.0, 0.0))
    lines.append(("cpu_seconds_total", {"mode": "iowait"}, WAITING, 1.0, 0.0))
    for core in range(role.cores):
        share = (1.04 if core % 2 else 0.96) / role.cores
        lines.append(("cpu_core_seconds_total", {"core": str(core)}, UPTIME, 1.0, 0.0))
        lines.append(("cpu_core_busy_seconds_total", {"core": str(core)}, BUSY, share, 0.0))
    lines += [("load1", {}, LOAD1, 1.0, 0.0), ("load5", {}, LOAD5, 1.0, 0.0), ("load15", {}, LOAD15, 1.0, 0.0)]  # fmt: skip
    lines += [
        ("pressure_cpu_waiting_seconds_total", {}, BUSY, 0.06 / role.cores, 0.0),
        ("pressure_memory_waiting_seconds_total", {}, UPTIME, 0.0004, 0.0),
        ("pressure_memory_stalled_seconds_total", {}, UPTIME, 0.0001, 0.0),
        ("pressure_io_waiting_seconds_total", {}, WAITING, 0.9 / role.cores, 0.0),
        ("pressure_io_stalled_seconds_total", {}, WAITING, 0.5 / role.cores, 0.0),
        ("uptime_seconds", {}, UPTIME, 1.0, 0.0),
    ]
    return lines


def _waits(role: Role) -> list[Line]:
    """What disks and sensors say with a fraction."""
    lines: list[Line] = []
    for place, disk in enumerate(role.disks):
        share = 0.3 if place == 0 else 0.7
        lines += [
            ("disk_busy_seconds_total", {"device": disk}, WRITTEN, share * 2e-8, 0.0),
            ("disk_read_seconds_total", {"device": disk}, READ, share * 3e-8, 0.0),
            ("disk_write_seconds_total", {"device": disk}, WRITTEN, share * 6e-8, 0.0),
        ]
    for sensor in ("coretemp Core 0", "coretemp Core 1", "nvme Composite"):
        lines.append(("temperature_celsius", {"sensor": sensor}, LOAD5, 14.0 / role.cores, 38.0))
    lines.append(("ntp_offset_seconds", {}, TREMBLE, 0.0009, -0.0009))
    return lines


def _system(role: Role) -> list[Line]:
    return [
        ("context_switches_total", {}, BUSY, 7400.0, 0.0),
        ("interrupts_total", {}, BUSY, 4100.0, 0.0),
        ("forks_total", {}, BUSY, 9.0, 0.0),
        ("process_count", {}, TREMBLE, 8.0, 130.0 + 6.0 * role.cores),
        ("process_threads", {}, TREMBLE, 24.0, 380.0 + 22.0 * role.cores),
        ("process_running", {}, LOAD1, 1.0, 1.0),
        ("process_blocked", {}, ONE, 0.0, 0.0),
        ("process_zombies", {}, ONE, 0.0, 0.0),
        ("process_threads_limit", {}, ONE, 0.0, 32768.0),
        ("files_open", {}, TREMBLE, 190.0, 2400.0),
        ("files_limit", {}, ONE, 0.0, 1048576.0),
        ("users_logged_in", {}, ONE, 0.0, 0.0),
        ("systemd_units_failed", {}, ONE, 0.0, 0.0),
        ("listening_ports", {}, ONE, 0.0, 7.0 + len(role.programs)),
        ("ntp_synchronized", {}, ONE, 0.0, 1.0),
        ("updates_pending", {}, ONE, 0.0, 11.0),
        ("updates_security", {}, ONE, 0.0, 2.0),
        ("reboot_required", {}, ONE, 0.0, 0.0),
        ("kernel_outdated", {}, ONE, 0.0, 0.0),
    ]


def _memory(role: Role) -> list[Line]:
    total = role.memory_gib * float(GIB)
    return [
        ("memory_total_bytes", {}, ONE, 0.0, total),
        ("memory_available_bytes", {}, AVAILABLE, 1.0, 0.0),
        ("memory_used_bytes", {}, USED, 1.0, 0.0),
        ("memory_free_bytes", {}, SPARE, 1.0, 0.0),
        ("memory_buffers_bytes", {}, AVAILABLE, 0.05, 0.0),
        ("memory_cached_bytes", {}, AVAILABLE, 0.62, 0.0),
        ("memory_slab_bytes", {}, AVAILABLE, 0.04, 9e7),
        ("memory_shared_bytes", {}, USED, 0.02, 1.2e7),
        ("memory_dirty_bytes", {}, TREMBLE, 9e5, 1e5),
        ("memory_writeback_bytes", {}, ONE, 0.0, 0.0),
        ("memory_page_tables_bytes", {}, USED, 0.006, 0.0),
        ("memory_committed_bytes", {}, USED, 1.6, 0.0),
        ("memory_commit_limit_bytes", {}, ONE, 0.0, total / 2 + SWAP_BYTES),
        ("swap_total_bytes", {}, ONE, 0.0, SWAP_BYTES),
        ("swap_used_bytes", {}, SWAP, 1.0, 0.0),
        ("swap_in_bytes_total", {}, UPTIME, 40.0, 0.0),
        ("swap_out_bytes_total", {}, UPTIME, 55.0, 0.0),
        ("major_faults_total", {}, READ, 2e-7, 0.0),
        ("oom_kills_total", {}, ONE, 0.0, 0.0),
    ]


def _storage(role: Role) -> list[Line]:
    lines: list[Line] = []
    for place, (mount, size, _, _) in enumerate(role.mounts):
        labels, total, at = {"mount": mount}, size * float(GIB), MOUNTS + place
        lines += [
            ("filesystem_size_bytes", labels, ONE, 0.0, total),
            ("filesystem_used_bytes", labels, at, 1.0, 0.0),
            ("filesystem_available_bytes", labels, at, -1.0, total),
            ("filesystem_readonly", labels, ONE, 0.0, 0.0),
            ("filesystem_inodes", labels, ONE, 0.0, float(size * INODES)),
            ("filesystem_inodes_free", labels, at, -0.5 * INODES / GIB, float(size * INODES)),
        ]
    for place, disk in enumerate(role.disks):
        share, labels = 0.3 if place == 0 else 0.7, {"device": disk}
        lines += [
            ("disk_read_bytes_total", labels, READ, share, 0.0),
            ("disk_written_bytes_total", labels, WRITTEN, share, 0.0),
            ("disk_reads_total", labels, READ, share / 24576.0, 0.0),
            ("disk_writes_total", labels, WRITTEN, share / 16384.0, 0.0),
        ]
    return lines


def _network(role: Role) -> list[Line]:
    lines: list[Line] = []
    for interface, share in role.interfaces:
        for way, at in (("receive", RECEIVED), ("transmit", SENT)):
            for kind, factor in (("bytes", 1.0), ("packets", 1 / 900.0), ("errors", 0.0), ("drops", 2e-9)):  # fmt: skip
                name = f"network_{way}_{kind}_total"
                lines.append((name, {"interface": interface}, at, share * factor, 0.0))
    lines += [
        ("tcp_established", {}, LOAD1, 40.0, 24.0),
        ("tcp_time_wait", {}, LOAD1, 65.0, 12.0),
        ("tcp_orphaned", {}, ONE, 0.0, 0.0),
        ("sockets_used", {}, LOAD1, 52.0, 210.0),
        ("tcp_segments_received_total", {}, RECEIVED, 1 / 1100.0, 0.0),
        ("tcp_segments_sent_total", {}, SENT, 1 / 1100.0, 0.0),
        ("tcp_retransmits_total", {}, SENT, 4e-7, 0.0),
        ("tcp_failed_connects_total", {}, BUSY, 0.02, 0.0),
        ("udp_receive_errors_total", {}, ONE, 0.0, 0.0),
        ("tcp_listen_overflows_total", {}, ONE, 0.0, 0.0),
        ("tcp_listen_drops_total", {}, ONE, 0.0, 0.0),
    ]
    return lines
