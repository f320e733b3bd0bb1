"""What kinds of machine the simulated fleet is made of."""

from __future__ import annotations

from dataclasses import dataclass

GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Role:
    """Averages of one kind of machine. Amounts are per second; `busy` and `waiting` are shares of all cores."""

    name: str
    cores: int
    memory_gib: int
    used: float
    """Share of the memory in use."""
    busy: float
    waiting: float
    received: float
    sent: float
    read: float
    written: float
    mounts: tuple[tuple[str, int, float, float], ...]
    """(mount, size in GiB, how full after cleaning, how full before)."""
    disks: tuple[str, ...]
    interfaces: tuple[tuple[str, float], ...]
    """(name, share of the traffic)."""
    programs: tuple[tuple[str, str, float, float], ...]
    """(program, user, share of the busy time, share of the used memory)."""
    interval: int
    """Seconds between two polls in the demo."""
    deploys: bool = False


ROOT = ("/", 40, 0.38, 0.44)
BOOT = ("/boot", 1, 0.31, 0.31)
EFI = ("/boot/efi", 1, 0.02, 0.02)
HOME = ("/home", 20, 0.24, 0.31)
SYSTEM = (("systemd-journald", "root", 0.02, 0.02), ("sshd", "root", 0.01, 0.01), ("cron", "root", 0.002, 0.003))  # fmt: skip

WEB = Role(
    "web", 4, 8, 0.46, 0.26, 0.006, 2.4e6, 9.5e6, 4e4, 3.5e5,
    (ROOT, BOOT, EFI, HOME, ("/var/log", 20, 0.22, 0.71), ("/srv", 60, 0.41, 0.43)),
    ("vda", "vdb"), (("eth0", 0.8), ("eth1", 0.2), ("lo", 0.05)),
    (("nginx", "www-data", 0.21, 0.06), ("gunicorn", "app", 0.62, 0.55), ("node", "app", 0.09, 0.14), *SYSTEM),
    10, deploys=True,
)  # fmt: skip
DATABASE = Role(
    "db", 8, 32, 0.62, 0.18, 0.030, 3.1e6, 6.2e6, 4.1e6, 6.8e6,
    (ROOT, BOOT, EFI, HOME, ("/var/lib/postgresql", 500, 0.55, 0.63), ("/backup", 300, 0.34, 0.79)),
    ("nvme0n1", "nvme1n1"), (("eth0", 0.9), ("eth1", 0.1), ("lo", 0.02)),
    (("postgres", "postgres", 0.88, 0.83), ("pgbouncer", "postgres", 0.05, 0.01), *SYSTEM),
    10,
)  # fmt: skip
CACHE = Role(
    "cache", 4, 16, 0.71, 0.12, 0.002, 7.5e6, 8.8e6, 2e3, 9e4,
    (ROOT, BOOT, EFI, HOME, ("/var/log", 10, 0.18, 0.52), ("/var/lib/redis", 40, 0.42, 0.46)),
    ("vda", "vdb"), (("eth0", 0.9), ("eth1", 0.1), ("lo", 0.02)),
    (("redis-server", "redis", 0.86, 0.92), *SYSTEM),
    15,
)  # fmt: skip
WORKER = Role(
    "worker", 8, 16, 0.53, 0.31, 0.012, 1.1e6, 9e5, 3.2e5, 1.4e6,
    (ROOT, BOOT, EFI, HOME, ("/var/log", 20, 0.25, 0.66), ("/scratch", 200, 0.12, 0.81)),
    ("vda", "vdb"), (("eth0", 0.95), ("eth1", 0.05), ("lo", 0.02)),
    (("celery", "app", 0.71, 0.66), ("ffmpeg", "app", 0.2, 0.08), *SYSTEM),
    15, deploys=True,
)  # fmt: skip
EDGE = Role(
    "edge", 4, 4, 0.34, 0.09, 0.001, 1.9e7, 1.9e7, 1e3, 1.2e5,
    (ROOT, BOOT, EFI, HOME, ("/var/log", 20, 0.35, 0.69), ("/var/cache", 80, 0.71, 0.78)),
    ("vda", "vdb"), (("eth0", 0.5), ("eth1", 0.5), ("lo", 0.01)),
    (("haproxy", "haproxy", 0.81, 0.41), ("keepalived", "root", 0.02, 0.02), *SYSTEM),
    30,
)  # fmt: skip
BUILD = Role(
    "build", 8, 16, 0.42, 0.22, 0.020, 9e5, 4e5, 8e5, 3.9e6,
    (ROOT, BOOT, EFI, HOME, ("/var/log", 20, 0.15, 0.35), ("/var/lib/docker", 200, 0.28, 0.83)),
    ("vda", "vdb"), (("eth0", 0.9), ("docker0", 0.1), ("lo", 0.02)),
    (("dockerd", "root", 0.12, 0.09), ("cc1plus", "ci", 0.55, 0.42), ("ld", "ci", 0.11, 0.12), *SYSTEM),
    60,
)  # fmt: skip

CYCLE = (WEB, DATABASE, WORKER, CACHE, WEB, EDGE, WORKER, WEB, BUILD, WEB)
"""The fleet repeats this."""
SITES = ("frankfurt", "amsterdam", "warsaw")
