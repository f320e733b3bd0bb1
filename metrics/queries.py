"""Reading what was measured: the same functions for the pages and for the API."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.failures import BY_NUMBER
from fleet.models import HostState
from fleet.states import State
from metrics.catalog import CATALOG
from metrics.layouts import layout, unpack
from metrics.models import Detail, Gap, Metric
from metrics.report import Labels, Series

MAX_POINTS = 5000
DEFAULT_POINTS = 600


def _is(state: State) -> Callable[[int], bool]:
    return lambda outcome: outcome in BY_NUMBER and BY_NUMBER[outcome].state is state


OF_OUTCOMES: dict[str, Callable[[int], bool]] = {
    "up": lambda outcome: outcome == 0,
    "host_down": _is(State.DOWN),
    "host_blocked": _is(State.BLOCKED),
    "host_unknown": _is(State.UNKNOWN),
}
"""Metrics that are not in the vectors: each row's outcome says them."""


@dataclass(frozen=True, slots=True)
class Points:
    """One series over time: `values` runs in parallel with the times of its window; None is a gap."""

    labels: dict[str, str]
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Window:
    """Several metrics of one host over one range: `times` in Unix seconds, `step` in seconds."""

    times: list[int]
    step: int
    metrics: dict[str, list[Points]]


def latest(state: HostState) -> dict[Series, float]:
    """The newest measured values of a host, without those that are not known."""
    values = zip(series_of(state.layout_id), unpack(bytes(state.vector)), strict=False)
    return {series: value for series, value in values if not math.isnan(value)}


def latest_by_name(state: HostState) -> dict[str, Any]:
    """As the API shows it: {metric: number, or [{"labels": {…}, "value": number}, …]}."""
    shown: dict[str, Any] = {}
    for (name, labels), value in latest(state).items():
        if not labels:
            shown[name] = round_number(value)
        else:
            shown.setdefault(name, []).append(
                {"labels": dict(labels), "value": round_number(value)}
            )
    return shown


def window(
    host_id: int,
    metrics: Sequence[str],
    start: int,
    end: int,
    *,
    interval: int,
    points: int = DEFAULT_POINTS,
    labels: Mapping[str, str] | None = None,
) -> Window:
    """Metrics of one host between two Unix times, at most `points` each, from one range scan.

    Each bucket holds the mean of what was measured in it. A bucket in which nothing was
    measured is None, so that a gap is drawn as a gap.
    """
    points = max(1, min(points, MAX_POINTS))
    end = max(end, start + 1)
    first, step, count = buckets(start, end, interval, points)
    sums: dict[Series, tuple[list[float], list[int]]] = {}

    def add(series: Series, slot: int, value: float) -> None:
        if series not in sums:
            sums[series] = ([0.0] * count, [0] * count)
        total, number = sums[series]
        total[(slot - first) // step] += value
        number[(slot - first) // step] += 1

    wanted = set(metrics)
    for slot, columns_wanted, vector in measured_rows(host_id, first, end, wanted, labels or {}):
        for series, place in columns_wanted:
            if (value := vector[place]) == value:  # not NaN
                add(series, slot, value)
    if (of_outcomes := wanted & OF_OUTCOMES.keys()) and not labels:
        for slot, outcome in outcomes(host_id, first, end):
            for name in of_outcomes:
                add((name, ()), slot, float(OF_OUTCOMES[name](outcome)))
    found: dict[str, list[Points]] = {name: [] for name in metrics}
    for (name, its_labels), (total, number) in sorted(sums.items()):
        values = [round_number(total[i] / number[i]) if number[i] else None for i in range(count)]
        found[name].append(Points(dict(its_labels), values))
    return Window([first + i * step for i in range(count)], step, found)


def buckets(start: int, end: int, interval: int, points: int) -> tuple[int, int, int]:
    """(first, step, count): at most `points` buckets that cover the range.

    They are pinned to absolute time, so that a chart that moves on does not flicker; one
    bucket alone cannot be.
    """
    if points == 1:
        return start, end - start, 1
    step = max(interval, math.ceil((end - start) / (points - 1)), 1)
    first = start - start % step
    return first, step, (end - first + step - 1) // step


def measured_rows(
    host_id: int, start: int, end: int, wanted: set[str], labels: Mapping[str, str]
) -> Iterator[tuple[int, list[tuple[Series, int]], tuple[float, ...]]]:
    """Measured rows in order, each with the places of the wanted series in its vector."""
    places: dict[int | None, list[tuple[Series, int]]] = {}
    rows = (
        Metric.objects.filter(host_id=host_id, slot__gte=start, slot__lt=end, outcome=0)
        .order_by("slot")
        .values_list("slot", "layout_id", "vector")
        .iterator(2000)
    )
    for slot, layout_id, vector in rows:
        if layout_id not in places:
            places[layout_id] = [
                (one, place)
                for place, one in enumerate(series_of(layout_id))
                if one[0] in wanted and matches(one[1], labels)
            ]
        if places[layout_id]:
            yield slot, places[layout_id], unpack(bytes(vector))


def series_of(layout_id: int | None) -> tuple[Series, ...]:
    """The columns of a row; none where its layout is not there."""
    try:
        return () if layout_id is None else layout(layout_id).series
    except KeyError:
        return ()


def matches(labels: Labels, wanted: Mapping[str, str]) -> bool:
    have = dict(labels)
    return all(have.get(name) == value for name, value in wanted.items())


def outcomes(host_id: int, start: int, end: int) -> list[tuple[int, int]]:
    """(slot, outcome) of every row in a range: what the state ribbon is drawn from."""
    return list(
        Metric.objects.filter(host_id=host_id, slot__gte=start, slot__lt=end)
        .order_by("slot")
        .values_list("slot", "outcome")
    )


def gaps(start: int, end: int) -> list[Gap]:
    """When nobody was looking."""
    return list(Gap.objects.filter(ended_at__gt=start, began_at__lt=end).order_by("began_at"))


def detail(host_id: int, kind: str) -> tuple[int, Any] | None:
    """The newest detail of a kind: (Unix seconds, document)."""
    row = Detail.objects.filter(host_id=host_id, kind=kind).order_by("-at").first()
    if row is None:
        return None
    return row.at, json.loads(zlib.decompress(bytes(row.document)))


def known_metric(name: str) -> bool:
    """Whether the catalogue has a stored metric of this name."""
    entry = CATALOG.get(name)
    return entry is not None and entry.stored


def instances(values: Mapping[Series, float], name: str) -> Iterable[tuple[dict[str, str], float]]:
    """(labels, value) of every series of a metric, ordered by labels."""
    return [
        (dict(labels), value)
        for (metric, labels), value in sorted(values.items())
        if metric == name
    ]


def round_number(value: float) -> float:
    """Seven significant digits: what a float32 holds."""
    return float(f"{value:.7g}")
