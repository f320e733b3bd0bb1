"""What one run of the probe said: the trust boundary.

Pure. Bytes come in, a `Report` comes out, or `InvalidReport`. Whatever a host says is
hostile input: sizes, counts, depths, names and texts are all checked here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from metrics.extras import read_details, read_facts
from metrics.sections import Sections
from metrics.sieve import MAX_SERIES as MAX_SERIES
from metrics.sieve import SHARED_SERIES as SHARED_SERIES
from metrics.sieve import SHARED_SETS as SHARED_SETS
from metrics.sieve import Labels as Labels
from metrics.sieve import Sent, Sieve, shared
from metrics.sieve import Series as Series
from metrics.text import clean

PROTOCOL = 1
MAX_BYTES = 1 << 20
MAX_COLLECTORS = 64
MAX_SECTIONS = 40


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
    raw: dict[str, str] = {}


_wire = msgspec.json.Decoder(_Wire)


def finite(value: float, low: float, high: float, what: str) -> float:
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


class ReportReader:
    """Reads the reports of one session: remembers the names, which are sent only once."""

    def __init__(self) -> None:
        self._number = -1
        self._sieve = Sieve()
        self._raw_names: list[Sent] = []
        self._raw_sieve = Sieve()
        self._series: tuple[Series, ...] = ()
        self._sections = Sections()

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
        runs += [CollectorRun(name, 0.0, why) for name, why in self._sections.wrong.items()]
        cpu, memory = (wire.cost.get(key, 0.0) for key in ("cpu_seconds", "memory_bytes"))
        details = _extra("details", wire.details, read_details, runs)
        if more := self._sections.take_details():
            details = {**(details or {}), **more}
        return Report(
            boot_id=clean(wire.boot_id, 64),
            monotonic=finite(wire.monotonic, 0.0, 1e12, "the monotonic clock"),
            time=finite(wire.time, -1e11, 1e11, "the time"),
            series=self._series,
            values=values,
            facts=_extra("facts", wire.facts, read_facts, runs),
            details=details,
            collectors=tuple(runs),
            cost=Cost(min(max(cpu, 0.0), 1e12), int(min(max(memory, 0.0), 1e15))),
        )

    def _values(self, wire: _Wire) -> tuple[float | None, ...]:
        """The values of the series we know, in the order of `series`."""
        if len(wire.raw) > MAX_SECTIONS:
            raise InvalidReport(f"more than {MAX_SECTIONS} sections")
        rows = self._sections.read(wire.raw)
        raw_names = [(name, labels) for name, labels, _ in rows]
        if wire.series is not None or raw_names != self._raw_names:
            self._learn(wire, raw_names)
        if wire.names != self._number:
            raise InvalidReport("values for names that were never sent")
        if len(wire.values) != len(self._sieve):
            raise InvalidReport(f"{len(wire.values)} values for {len(self._sieve)} names")
        raw = self._raw_sieve.pick([value for _, _, value in rows])
        return self._sieve.pick(wire.values) + raw

    def _learn(self, wire: _Wire, raw_names: list[Sent]) -> None:
        try:
            if wire.series is not None:
                self._sieve.learn(wire.series)
                self._number = wire.names
            self._raw_sieve.learn(raw_names, beside=self._sieve.series)
        except ValueError as error:
            raise InvalidReport(str(error)) from None
        self._raw_names = raw_names
        self._series = shared(self._sieve.series + self._raw_sieve.series)
