"""Buckets of time into which values fall. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from metrics.report import Series


@dataclass(frozen=True, slots=True)
class Points:
    """One series over time: `values` runs in parallel with the times of its window; None is a gap."""

    labels: dict[str, str]
    values: list[float | None]
    low: list[float | None] | None = None
    """The lowest and highest of each bucket, where the window was read from a rollup."""
    high: list[float | None] | None = None


class Cells:
    """One series of a table: sums, weights, and extremes by bucket."""

    def __init__(self, count: int) -> None:
        self.total = [0.0] * count
        self.weight = [0] * count
        self.low = [math.inf] * count
        self.high = [-math.inf] * count

    def add(self, place: int, value: float, weight: int, low: float, high: float) -> None:
        self.total[place] += value * weight
        self.weight[place] += weight
        self.low[place] = min(self.low[place], low)
        self.high[place] = max(self.high[place], high)

    def points(self, labels: dict[str, str], *, banded: bool) -> Points:
        known = [weight > 0 for weight in self.weight]

        def shown(values: Iterable[float]) -> list[float | None]:
            return [round_number(v) if k else None for v, k in zip(values, known, strict=True)]

        means = shown(t / w if w else 0.0 for t, w in zip(self.total, self.weight, strict=True))
        if not banded:
            return Points(labels, means)
        return Points(labels, means, shown(self.low), shown(self.high))


class Table:
    """Buckets of several series: `count` of `step` seconds from `first` on."""

    def __init__(self, first: int, step: int, count: int) -> None:
        self.first, self.step, self.count = first, step, count
        self.cells: dict[Series, Cells] = {}

    def add(
        self, series: Series, slot: int, value: float, weight: int = 1, low: float = math.nan, high: float = math.nan
    ) -> None:  # fmt: skip
        if value != value:  # NaN
            return
        cells = self.cells.get(series)
        if cells is None:
            cells = self.cells[series] = Cells(self.count)
        place = (slot - self.first) // self.step
        cells.add(
            place, value, weight, value if low != low else low, value if high != high else high
        )


def round_number(value: float) -> float:
    """Seven significant digits: what a float32 holds."""
    return float(f"{value:.7g}")
