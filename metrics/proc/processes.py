"""Who uses most, from the lines of /proc/[pid]/stat: for hosts without Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from metrics.proc.rows import PLAIN, Row
from metrics.proc.system import TICKS
from metrics.text import clean

STATES = {"R": "running", "S": "sleeping", "D": "blocked", "Z": "zombie", "T": "stopped", "t": "stopped", "I": "idle"}  # fmt: skip
TOP = 10
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    name: str
    state: str
    started: int
    ticks: int
    pages: int

    @classmethod
    def read(cls, line: str) -> Process:
        head, _, tail = line.rpartition(")")
        pid, _, name = head.partition(" (")
        words = tail.split(None, 22)
        ticks = int(words[11]) + int(words[12])
        return cls(int(pid), name, words[0], int(words[19]), ticks, int(words[21]))


def table(text: str) -> dict[int, Process]:
    """By process id. A name may hold line ends: such a line is left out."""
    found = {}
    for line in text.split("\n"):
        try:
            process = Process.read(line)
        except (ValueError, IndexError):
            continue
        found[process.pid] = process
    return found


@dataclass
class Processes:
    """Remembers the look before: rates are true ones, between two looks."""

    page: int = 4096
    last: dict[int, Process] = field(default_factory=dict)
    at: float = 0.0
    zombies: float | None = None

    def rows(self) -> Iterator[Row]:
        yield "process_zombies", PLAIN, self.zombies

    def look(self, text: str, at: float, total: float) -> dict[str, Any] | None:
        """The detail; None for the first look, which has no rates. `total`: bytes of memory."""
        before, since, now = self.last, self.at, table(text)
        self.last, self.at = now, at
        states: dict[str, int] = {}
        for process in now.values():
            word = STATES.get(process.state, "other")
            states[word] = states.get(word, 0) + 1
        self.zombies = float(states.get("zombie", 0))
        seconds = at - since
        if not before or seconds <= 0.0:
            return None
        spent: dict[int, float] = {}
        for pid, process in now.items():
            old = before.get(pid)
            ticks = process.ticks
            if old is not None and old.started == process.started:
                ticks -= old.ticks
            spent[pid] = 100.0 * max(ticks, 0) / TICKS / seconds

        def describe(process: Process) -> dict[str, Any]:
            rss = max(process.pages, 0) * self.page
            return {
                "pid": process.pid,
                "name": clean(process.name, MAX_NAME),
                "user": "",
                "cpu_percent": round(spent[process.pid], 1),
                "memory_percent": round(100.0 * rss / total, 2) if total else None,
                "rss": rss,
            }

        by_cpu = sorted(now.values(), key=lambda one: spent[one.pid], reverse=True)[:TOP]
        by_memory = sorted(now.values(), key=lambda one: one.pages, reverse=True)[:TOP]
        return {
            "seconds": round(seconds, 3),
            "states": states,
            "by_cpu": [describe(one) for one in by_cpu],
            "by_memory": [describe(one) for one in by_memory],
        }
