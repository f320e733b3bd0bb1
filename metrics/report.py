"""What one run of the probe said: the trust boundary.

Pure. Bytes come in, a `Report` comes out, or `InvalidReport`. Whatever a host says is
hostile input: sizes, counts, depths, names and texts are all checked here, once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
