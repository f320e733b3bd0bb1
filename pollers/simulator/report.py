"""What a simulated host answers: the documents of the conversation, as the real probe makes them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from pollers.simulator.model import SimulatedHost
from pollers.simulator.noise import scatter
from pollers.simulator.roles import GIB
from pollers.simulator.series import SWAP_BYTES, plan_of, values_of

COLLECTORS = ("uptime", "cpu", "load", "memory", "filesystems", "disks", "network", "minute")
_encode = msgspec.json.Encoder().encode


def document(
    host: SimulatedHost, now: float, extras: frozenset[str], *, names: bool
) -> dict[str, Any]:
    """One report. `names`: the series are named in it, as in the first of a session."""
    uptime = now - host.booted_at(now)
    found: dict[str, Any] = {
        "protocol": 1,
        "boot_id": host.boot_id(now),
        "monotonic": round(uptime, 6),
        "time": round(now, 6),
        "names": 1,
        "values": values_of(host, now),
        "collectors": [[name, 0.0004, None] for name in COLLECTORS],
        "cost": {"cpu_seconds": round(uptime * 1e-4, 6), "memory_bytes": 13_400_000},
    }
    if names:
        found["series"] = plan_of(host.role).names
    if "facts" in extras:
        found["facts"] = facts(host, now)
    if "processes" in extras:
        found["details"] = {"processes": processes(host, now)}
    return found


def frame(nonce: bytes, report: dict[str, Any]) -> bytes:
    """As it goes over the line."""
    payload = _encode(report)
    digest = sha256(payload).hexdigest().encode()
    return b"\nROLLCALL %b %d %b\n%b\n" % (nonce, len(payload), digest, payload)


def facts(host: SimulatedHost, now: float) -> dict[str, Any]:
    old = scatter(host.number, 12) < 0.3
    return {
        "hostname": host.name,
        "os": "Debian GNU/Linux 11 (bullseye)" if old else "Debian GNU/Linux 12 (bookworm)",
        "kernel": "5.10.0-28-amd64" if old else "6.1.0-21-amd64",
        "architecture": "x86_64",
        "cpu_model": "AMD EPYC 7543 32-Core Processor",
        "cpu_count": host.role.cores,
        "memory_total_bytes": host.role.memory_gib * GIB,
        "swap_total_bytes": SWAP_BYTES,
        "boot_time": host.booted_at(now),
        "psutil": "5.9.4",
        "psutil_origin": "host",
        "python": "3.9.2" if old else "3.11.2",
        "probe": "simulator",
        "virtualization": "kvm",
    }


def processes(host: SimulatedHost, now: float) -> dict[str, Any]:
    """Each program of the role as a few processes."""
    load, used = host.load(now, 60.0), host.memory_used(now)
    rows = []
    for place, (program, user, busy, memory) in enumerate(host.role.programs):
        count = 4 if busy > 0.5 else 1
        for copy in range(count):
            share = 0.7 + 0.6 * scatter(host.number * 64 + place, copy)
            rss = int(used * memory / count * share)
            rows.append(
                {
                    "pid": 400 + 37 * place + 3 * copy + host.boot(now) % 97,
                    "name": program,
                    "user": user,
                    "cpu_percent": round(100.0 * load * busy / count * share, 1),
                    "memory_percent": round(100.0 * rss / (host.role.memory_gib * GIB), 1),
                    "rss": rss,
                }
            )
    return {
        "seconds": 60.0,
        "states": {"running": 1 + int(load), "sleeping": 130 + 6 * host.role.cores},
        "by_cpu": sorted(rows, key=lambda row: -row["cpu_percent"]),
        "by_memory": sorted(rows, key=lambda row: -row["rss"]),
    }
