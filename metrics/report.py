"""What one run of the probe said: the trust boundary.

Pure. Bytes come in, a `Report` comes out, or `InvalidReport`. Whatever a host says is
hostile input: sizes, counts, depths, names and texts are all checked here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from metrics.catalog import CATALOG

PROTOCOL = 1
MAX_BYTES = 1 << 20
MAX_SERIES = 4000
MAX_COLLECTORS = 64
MAX_LABEL = 200
MAX_TEXT = 400
MAX_PROCESSES = 50
MAX_VALUE = 1e20
"""Above every 64-bit counter; what is larger is nonsense and would overflow a float32's rate."""

Labels = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs, e.g. (("mount", "/"),)."""

Series = tuple[str, Labels]
"""A name of the catalogue with its labels."""


class InvalidReport(ValueError):
    """The bytes are not a report; the message says why, quoting nothing secret."""


@dataclass(frozen=True, slots=True)
class CollectorRun:
    """How one collector fared: `error` is None when it succeeded."""

    name: str
    seconds: float
    error: str | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What our probe has cost on the host since it started."""

    cpu_seconds: float
    memory_bytes: int
    """Resident memory of the probe; 0 where unknown."""


@dataclass(frozen=True, slots=True)
class Report:
    """One validated report.

    `series` and `values` run in parallel; a value is float or None (the collector could not
    read it). Values are raw: gauges, and counters that only grow until the host reboots.
    """

    boot_id: str
    monotonic: float
    """Seconds of the host's monotonic clock when the counters were read."""
    time: float
    """Unix time by the host's own clock."""
    series: tuple[Series, ...]
    values: tuple[float | None, ...]
    collectors: tuple[CollectorRun, ...]
    cost: Cost
    facts: dict[str, Any] | None = None
    """What hardly changes (hostname, os, kernel …), when it was asked for."""
    details: dict[str, Any] | None = None
    """What is not a number per poll (processes …), by kind, when it was asked for."""


class _Wire(msgspec.Struct):
    """The document as it comes; see ARCHITECTURE.md for the fields."""

    protocol: int
    boot_id: str
    monotonic: float
    time: float
    names: int
    values: list[float | None]
    series: list[tuple[str, dict[str, str]]] | None = None
    collectors: list[tuple[str, float, str | None]] = []
    cost: dict[str, float] = {}
    facts: msgspec.Raw = msgspec.Raw()
    details: msgspec.Raw = msgspec.Raw()


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

_wire = msgspec.json.Decoder(_Wire)
_facts = msgspec.json.Decoder(dict[str, str | int | float | bool | None])
_details = msgspec.json.Decoder(_Details)


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """A host's text: what cannot be printed escaped, cut with an ellipsis."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escape(c) for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _finite(value: float, low: float, high: float, what: str) -> float:
    if not low <= value <= high:
        raise InvalidReport(f"{what} is out of range")
    return value


class ReportReader:
    """Reads the reports of one session: remembers the names, which are sent only once."""

    def __init__(self) -> None:
        self._number = -1
        self._length = 0
        self._series: tuple[Series, ...] = ()
        self._kept: tuple[int, ...] = ()

    def read(self, payload: bytes) -> Report:
        """A validated report. `series` is the same object until the names change.

        Raises InvalidReport, and nothing else, whatever the bytes are.
        """
        if len(payload) > MAX_BYTES:
            raise InvalidReport(f"longer than {MAX_BYTES} bytes")
        try:
            wire = _wire.decode(payload)
        except (ValueError, RecursionError) as error:
            raise InvalidReport(clean(f"not a report: {error}")) from None
        if wire.protocol != PROTOCOL:
            raise InvalidReport(f"protocol {clean(str(wire.protocol), 20)} instead of {PROTOCOL}")
        if len(wire.collectors) > MAX_COLLECTORS:
            raise InvalidReport(f"more than {MAX_COLLECTORS} collectors")
        values = self._values(wire)
        runs = [
            CollectorRun(clean(name, 40), min(max(seconds, 0.0), 1e6), error and clean(error))
            for name, seconds, error in wire.collectors
        ]
        cpu, memory = (wire.cost.get(key, 0.0) for key in ("cpu_seconds", "memory_bytes"))
        return Report(
            boot_id=clean(wire.boot_id, 64),
            monotonic=_finite(wire.monotonic, 0.0, 1e12, "the monotonic clock"),
            time=_finite(wire.time, -1e11, 1e11, "the time"),
            series=self._series,
            values=values,
            facts=_read_facts(wire.facts, runs),
            details=_read_details(wire.details, runs),
            collectors=tuple(runs),
            cost=Cost(min(max(cpu, 0.0), 1e12), int(min(max(memory, 0.0), 1e15))),
        )

    def _values(self, wire: _Wire) -> tuple[float | None, ...]:
        """The values of the series we know, in the order of `self._series`."""
        if wire.series is not None:
            self._learn(wire.names, wire.series)
        if wire.names != self._number:
            raise InvalidReport("values for names that were never sent")
        if len(wire.values) != self._length:
            raise InvalidReport(f"{len(wire.values)} values for {self._length} names")
        values = wire.values
        checked = [v if v is not None and 0.0 <= v <= MAX_VALUE else None for v in values]
        if len(self._kept) == self._length:
            return tuple(checked)
        return tuple([checked[i] for i in self._kept])

    def _learn(self, number: int, sent: list[tuple[str, dict[str, str]]]) -> None:
        """Remember a set of names, without those that are unknown or come twice."""
        if len(sent) > MAX_SERIES:
            raise InvalidReport(f"more than {MAX_SERIES} series")
        kept: dict[Series, int] = {}
        for index, (name, labels) in enumerate(sent):
            entry = CATALOG.get(name)
            if entry is None or not entry.sent or len(labels) != len(entry.labels):
                continue
            if any(label not in labels for label in entry.labels):
                continue
            pairs = tuple(sorted((key, clean(labels[key], MAX_LABEL)) for key in entry.labels))
            kept.setdefault((name, pairs), index)
        self._number, self._length = number, len(sent)
        self._series, self._kept = tuple(kept), tuple(kept.values())


def _read_facts(raw: msgspec.Raw, runs: list[CollectorRun]) -> dict[str, Any] | None:
    """The facts we know, each of its type; what is wrong is said as a failed run."""
    if not bytes(raw):
        return None
    try:
        sent = _facts.decode(raw)
    except (ValueError, RecursionError) as error:
        runs.append(CollectorRun("facts", 0.0, clean(f"dropped: {error}")))
        return None
    facts: dict[str, Any] = {}
    for key, kind in FACTS.items():
        value = sent.get(key)
        if isinstance(value, bool):
            continue
        if kind is str and isinstance(value, str):
            facts[key] = clean(value)
        elif isinstance(value, int | float) and kind is not str and 0 <= value <= MAX_VALUE:
            facts[key] = kind(value)
    return facts


def _read_details(raw: msgspec.Raw, runs: list[CollectorRun]) -> dict[str, Any] | None:
    """The details of the kinds we know, as plain data."""
    if not bytes(raw):
        return None
    try:
        sent = _details.decode(raw)
        details = {"processes": _plain(sent.processes)} if sent.processes else {}
    except (ValueError, RecursionError) as error:
        runs.append(CollectorRun("details", 0.0, clean(f"dropped: {error}")))
        return None
    return details


def _plain(sent: _Processes) -> dict[str, Any]:
    def rows(processes: list[_Process]) -> list[dict[str, Any]]:
        return [
            {
                "pid": _whole(process.pid),
                "name": clean(process.name, MAX_LABEL),
                "user": clean(process.user, MAX_LABEL),
                "cpu_percent": _finite(process.cpu_percent, 0.0, 1e6, "cpu_percent"),
                "memory_percent": process.memory_percent
                and _finite(process.memory_percent, 0.0, 1e6, "memory_percent"),
                "rss": _whole(process.rss),
            }
            for process in processes[:MAX_PROCESSES]
        ]

    states = list(sent.states.items())[:20]
    return {
        "seconds": _finite(sent.seconds, 0.0, 1e9, "seconds"),
        "states": {clean(state, 40): _whole(count) for state, count in states},
        "by_cpu": rows(sent.by_cpu),
        "by_memory": rows(sent.by_memory),
    }


def _whole(value: int) -> int:
    """A number that fits any database's 64 bits."""
    return int(_finite(value, 0, 1 << 62, "a number of a process"))
