"""The parts of a report that are not sent every time: facts, and details such as processes.

Pure. They are read apart from the numbers, so that a bad one costs nothing but itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from metrics.text import clean

MAX_LABEL = 200
MAX_PROCESSES = 50
MAX_NUMBER = 1e20


class _Process(msgspec.Struct):
    pid: int
    name: str
    user: str
    cpu_percent: float
    rss: int
    memory_percent: float | None = None


class _Processes(msgspec.Struct):
    """Who uses most; `seconds` is the time the rates stand for."""

    seconds: float
    by_cpu: list[_Process]
    by_memory: list[_Process]
    states: dict[str, int] = {}


class _Details(msgspec.Struct):
    processes: _Processes | None = None


FACTS: dict[str, type] = {
    "hostname": str,
    "os": str,
    "kernel": str,
    "architecture": str,
    "cpu_model": str,
    "cpu_count": int,
    "memory_total_bytes": int,
    "swap_total_bytes": int,
    "boot_time": float,
    "psutil": str,
    "psutil_origin": str,
    "python": str,
    "probe": str,
    "virtualization": str,
}
"""The facts we know, and their types; others are dropped."""

_facts = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_details = msgspec.json.Decoder(_Details)


def read_facts(raw: msgspec.Raw) -> dict[str, Any]:
    """The facts we know, each of its type. Raises ValueError or RecursionError."""
    return checked_facts(_facts.decode(raw))


def checked_facts(sent: Mapping[str, Any]) -> dict[str, Any]:
    """The facts we know, each of its type; others are dropped."""
    facts: dict[str, Any] = {}
    for key, kind in FACTS.items():
        value = sent.get(key)
        if isinstance(value, bool):
            continue
        if kind is str and isinstance(value, str):
            facts[key] = clean(value)
        elif isinstance(value, int | float) and kind is not str and 0 <= value <= MAX_NUMBER:
            facts[key] = kind(value)
    return facts


def read_details(raw: msgspec.Raw) -> dict[str, Any]:
    """The details of the kinds we know, as plain data. Raises ValueError or RecursionError."""
    sent = _details.decode(raw)
    return {"processes": _plain(sent.processes)} if sent.processes else {}


def _plain(sent: _Processes) -> dict[str, Any]:
    def rows(processes: list[_Process]) -> list[dict[str, Any]]:
        return [
            {
                "pid": _whole(process.pid),
                "name": clean(process.name, MAX_LABEL),
                "user": clean(process.user, MAX_LABEL),
                "cpu_percent": _within(process.cpu_percent, 0.0, 1e6, "cpu_percent"),
                "memory_percent": process.memory_percent
                and _within(process.memory_percent, 0.0, 1e6, "memory_percent"),
                "rss": _whole(process.rss),
            }
            for process in processes[:MAX_PROCESSES]
        ]

    states = list(sent.states.items())[:20]
    return {
        "seconds": _within(sent.seconds, 0.0, 1e9, "seconds"),
        "states": {clean(state, 40): _whole(count) for state, count in states},
        "by_cpu": rows(sent.by_cpu),
        "by_memory": rows(sent.by_memory),
    }


def _whole(value: int) -> int:
    """A number that fits any database's 64 bits."""
    return int(_within(value, 0, 1 << 62, "a number of a process"))


def _within(value: float, low: float, high: float, what: str) -> float:
    if not low <= value <= high:
        raise ValueError(f"{what} is out of range")
    return value
