"""Reading what was measured: the same functions for the pages and for the API."""

from __future__ import annotations

import json
import math
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.failures import BY_NUMBER
from fleet.models import HostState
from fleet.states import State
from metrics.catalog import CATALOG
from metrics.layouts import layout, unpack
from metrics.models import Detail, Gap, Metric, Retention, Rollup
from metrics.report import Labels, Series
from metrics.rollups import done_until
from metrics.tables import Points, Table, round_number

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
class Window:
    """Several metrics of one host over one range: `times` in Unix seconds, `step` in seconds."""

    times: list[int]
    step: int
    metrics: dict[str, list[Points]]
    tier: int = 0
    """Seconds of the rollup it was read from; 0: the polls themselves."""


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

    The tier is chosen by the step and by how long each tier is kept. Each bucket holds the
    mean of what was measured in it, weighted by polls. A bucket in which nothing was
    measured is None, so that a gap is drawn as a gap.
    """
    points = max(1, min(points, MAX_POINTS))
    end = max(end, start + 1)
    first, step, count = buckets(start, end, interval, points)
    tier = tier_for(first, step, time.time())
    if tier > step:
        first, step, count = buckets(start, end, tier, points)
    table = Table(first, step, count)
    wanted = set(metrics)
    switch = min(max(done_until(host_id, tier), first), end) if tier else first
    if tier:
        fill_from_rollups(table, host_id, tier, switch, wanted, labels or {})
    fill_from_polls(table, host_id, switch, end, wanted, labels or {})
    found: dict[str, list[Points]] = {name: [] for name in metrics}
    for (name, its_labels), cells in sorted(table.cells.items()):
        found[name].append(cells.points(dict(its_labels), banded=bool(tier)))
    return Window([first + i * step for i in range(count)], step, found, tier)


def tier_for(first: int, step: int, now: float) -> int:
    """0 for the polls themselves, else the seconds of a rollup: the finest that is kept and not finer than needed."""
    kept = Retention.current()
    if step >= 3600 or first < now - kept.five_minute_days * 86_400:
        return 3600
    if step >= 300 or first < now - kept.raw_days * 86_400:
        return 300
    return 0


def fill_from_polls(
    table: Table, host_id: int, start: int, end: int, wanted: set[str], labels: Mapping[str, str]
) -> None:
    for slot, columns, vector in measured_rows(host_id, start, end, wanted, labels):
        for series, place in columns:
            table.add(series, slot, vector[place])
    if (of_outcomes := wanted & OF_OUTCOMES.keys()) and not labels:
        for slot, outcome in outcomes(host_id, start, end):
            for name in of_outcomes:
                table.add((name, ()), slot, float(OF_OUTCOMES[name](outcome)))


def fill_from_rollups(
    table: Table, host_id: int, tier: int, end: int, wanted: set[str], labels: Mapping[str, str]
) -> None:
    places: dict[int | None, list[tuple[Series, int]]] = {}
    rows = Rollup.objects.filter(host_id=host_id, seconds=tier, slot__gte=table.first, slot__lt=end)
    for row in rows.order_by("slot").iterator(2000):
        if row.layout_id not in places:
            places[row.layout_id] = places_of(row.layout_id, wanted, labels)
        slot, width = row.slot, len(row.vectors) // 12
        if places[row.layout_id]:
            vectors = unpack(bytes(row.vectors))
            for series, place in places[row.layout_id]:
                table.add(
                    series, slot, vectors[place], row.measured, vectors[place + width], vectors[place + 2 * width]
                )  # fmt: skip
        if not labels and row.polls:
            for name, number in shares(row).items():
                if name in wanted:
                    table.add((name, ()), slot, number / row.polls, row.polls)


def shares(row: Rollup) -> dict[str, int]:
    """How many polls of a rollup had each outcome."""
    unknown = row.polls - row.measured - row.down - row.blocked
    return {"up": row.measured, "host_down": row.down, "host_blocked": row.blocked, "host_unknown": unknown}  # fmt: skip


def places_of(
    layout_id: int | None, wanted: set[str], labels: Mapping[str, str]
) -> list[tuple[Series, int]]:
    """Where the wanted series stand in the vectors of a layout."""
    return [
        (one, place)
        for place, one in enumerate(series_of(layout_id))
        if one[0] in wanted and matches(one[1], labels)
    ]


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
            places[layout_id] = places_of(layout_id, wanted, labels)
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


def rollups_between(host_id: int, tier: int, start: int, end: int) -> list[Rollup]:
    """The rollups of a range without their vectors, in order."""
    rows = Rollup.objects.filter(host_id=host_id, seconds=tier, slot__gte=start, slot__lt=end)
    return list(rows.defer("vectors").order_by("slot"))


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
