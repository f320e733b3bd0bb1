"""What one run of the probe said: the trust boundary.

Pure. Bytes come in, a `Report` comes out, or `InvalidReport`. Whatever a host says is
hostile input: sizes, counts, depths, names and texts are all checked here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from metrics.catalog import CATALOG
from metrics.extras import read_details, read_facts
from metrics.text import clean

PROTOCOL = 1
MAX_BYTES = 1 << 20
MAX_SERIES = 4000
MAX_COLLECTORS = 64
MAX_LABEL = 200
MAX_VALUE = 1e20
"""Above every 64-bit counter; what is larger is nonsense and would overflow a float32's rate."""
SHARED_SETS = 128
SHARED_SERIES = 200

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


_wire = msgspec.json.Decoder(_Wire)


def _finite(value: float, low: float, high: float, what: str) -> float:
    if not low <= value <= high:
        raise InvalidReport(f"{what} is out of range")
    return value


def _extra(
    name: str,
    raw: msgspec.Raw,
    read: Callable[[msgspec.Raw], dict[str, Any]],
    runs: list[CollectorRun],
) -> dict[str, Any] | None:
    """A part that is not always there; a bad one is dropped, and said as a failed run."""
    if not bytes(raw):
        return None
    try:
        return read(raw)
    except (ValueError, RecursionError) as error:
        runs.append(CollectorRun(name, 0.0, clean(f"dropped: {error}")))
        return None


@lru_cache(maxsize=SHARED_SETS)
def _same(series: tuple[Series, ...]) -> tuple[Series, ...]:
    return series


def shared(series: tuple[Series, ...]) -> tuple[Series, ...]:
    """One object for all hosts that report the same names: thousands of them mostly do.

    Sets that are large are left alone, so that no host can fill the memory with them.
    """
    return _same(series) if len(series) <= SHARED_SERIES else series


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
            facts=_extra("facts", wire.facts, read_facts, runs),
            details=_extra("details", wire.details, read_details, runs),
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
            kept.setdefault((entry.name, pairs), index)
        self._number, self._length = number, len(sent)
        self._series, self._kept = shared(tuple(kept)), tuple(kept.values())
