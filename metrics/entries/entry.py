"""What the catalogue says of one name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "raw", "rate", "derived", "own"]
"""gauge: sent and stored. counter, raw: sent only. rate, derived: made of those, stored.
own: made by Rollcall itself, stored."""
Unit = Literal[
    "percent", "bytes", "bytes/s", "seconds", "per second", "milliseconds", "celsius", "count", "ratio", ""
]  # fmt: skip
Cadence = Literal["poll", "minute", "hour"]
Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the catalogue.

    `labels` are the label names it carries. A counter's `rate` names the metric made of it.
    `source` is where on the host it comes from, `privilege` what the account needs to read
    it, `cadence` how often it is read.
    """

    name: str
    unit: Unit
    kind: Kind
    help: str
    labels: Labels = ()
    rate: str = ""
    source: str = ""
    privilege: str = "none"
    cadence: Cadence = "poll"
    signed: bool = False
    """Whether it may be less than zero."""

    @property
    def sent(self) -> bool:
        """Whether the probe may send it."""
        return self.kind in ("gauge", "counter", "raw")

    @property
    def stored(self) -> bool:
        """Whether it is a metric: stored, shown, and open to rules."""
        return self.kind not in ("counter", "raw")


Gauges = list[tuple[str, Unit, str, Labels]]
"""(name, unit, help, labels) of what is stored as it is sent."""
Counters = list[tuple[str, str, Unit, str, str]]
"""(counter, rate, the rate's unit, help, label or nothing)."""


def gauges(
    rows: Gauges, source: str, cadence: Cadence = "poll", *, signed: bool = False
) -> list[Entry]:
    return [
        Entry(name, unit, "gauge", text, labels, source=source, cadence=cadence, signed=signed)
        for name, unit, text, labels in rows
    ]


def counters(rows: Counters, source: str) -> list[Entry]:
    """Each counter with the rate that is made of it."""
    entries = []
    for counter, rate, unit, text, label in rows:
        labels = (label,) if label else ()
        base: Unit = "bytes" if unit == "bytes/s" else "seconds" if unit == "percent" else "count"
        since = f"{text} Since boot."
        entries.append(Entry(counter, base, "counter", since, labels, rate, source))
        entries.append(Entry(rate, unit, "rate", text, labels, source=source))
    return entries


def raws(rows: Gauges, source: str) -> list[Entry]:
    """Sent, and only good for what is made of them."""
    return [Entry(name, unit, "raw", text, labels, source=source) for name, unit, text, labels in rows]  # fmt: skip


def derived(rows: Gauges, source: str) -> list[Entry]:
    return [Entry(name, unit, "derived", text, labels, source=source) for name, unit, text, labels in rows]  # fmt: skip
