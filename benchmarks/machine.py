"""What the benchmark runs on."""

from __future__ import annotations

import os
import platform
import socket
from contextlib import suppress
from pathlib import Path


def pin(pid: int, core: int) -> None:
    """Give a process one core of its own, of those that this one may use."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > core:
        with suppress(OSError):
            os.sched_setaffinity(pid, {cores[core]})


def free_port(address: str) -> int:
    with socket.socket() as trial:
        trial.bind((address, 0))
        return int(trial.getsockname()[1])


def resident() -> int:
    """Bytes of this process in memory."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def busy() -> bool:
    """Whether others use the processors already."""
    return os.getloadavg()[0] > 0.5 * (os.cpu_count() or 1)


def description() -> str:
    model = "unknown processor"
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores of {model}, {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, load average at the start {load:.1f}"
    )
