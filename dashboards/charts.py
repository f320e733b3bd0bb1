"""Which charts a host page draws, and their data. Pure but for the window it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metrics.queries import Window
from metrics.tables import Points

Values = list[float | None]
MOUNTS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a chart: a metric, the word for it, its colour in the stylesheet."""

    metric: str
    word: str
    key: str
    below: bool = False
    """Drawn below zero: the other half of a mirrored chart."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: `kind` is how it is drawn (stack, lines, mirror), `by` the label that has instances."""

    id: str
    title: str
    unit: str
    kind: str
    lines: tuple[Line, ...]
    headline: str = ""
    by: str = ""
    top: float | None = None


CHARTS: tuple[Chart, ...] = (
    Chart("cpu", "CPU", "percent", "stack", (
        Line("cpu_user_percent", "user", "v1"), Line("cpu_system_percent", "system", "v2"),
        Line("cpu_iowait_percent", "iowait", "v3"), Line("cpu_steal_percent", "steal", "v4"),
    ), headline="cpu_percent", top=100),
    Chart("memory", "Memory", "percent", "lines", (
        Line("memory_percent", "in use", "v1"), Line("swap_percent", "swap in use", "v4"),
    ), headline="memory_percent", top=100),
    Chart("load", "Load", "", "lines", (
        Line("load1", "1 min", "v1"), Line("load5", "5 min", "v2"), Line("load15", "15 min", "v5"),
    ), headline="load1"),
    Chart("disk", "Disk", "bytes/s", "mirror", (
        Line("disk_read_bytes_per_second", "read", "v1"), Line("disk_write_bytes_per_second", "write", "v3", below=True),
    ), by="device"),
    Chart("network", "Network", "bytes/s", "mirror", (
        Line("network_receive_bytes_per_second", "in", "v2"),
        Line("network_transmit_bytes_per_second", "out", "v1", below=True),
    ), by="interface"),
    Chart("filesystems", "File systems", "percent", "instances", (Line("filesystem_percent", "", "v1"),), by="mount", top=100),
)  # fmt: skip

METRICS: tuple[str, ...] = tuple(
    dict.fromkeys(
        [line.metric for chart in CHARTS for line in chart.lines]
        + [c.headline for c in CHARTS if c.headline]
    )
)


def drawn(window: Window) -> list[dict[str, Any]]:
    """The charts that have anything to show, as the script wants them."""
    return [found for chart in CHARTS if (found := draw(chart, window))]


def draw(chart: Chart, window: Window) -> dict[str, Any] | None:
    if chart.kind == "instances":
        series, note = instances(chart, window), ""
    elif chart.by:
        series, note = busiest(chart, window)
    else:
        series, note = plain(chart, window), ""
    if not series:
        return None
    head = first(window.metrics.get(chart.headline, ()))
    title = f"{chart.title} {note}".strip()
    return {
        "id": chart.id, "title": title, "unit": chart.unit, "kind": chart.kind, "top": chart.top,
        "series": series, "headline": head.values if head else None,
    }  # fmt: skip


def first(points: Sequence[Points]) -> Points | None:
    return points[0] if points else None


def plain(chart: Chart, window: Window) -> list[dict[str, Any]]:
    found = [(line, first(window.metrics.get(line.metric, ()))) for line in chart.lines]
    return [as_json(line, points.values) for line, points in found if points]


def as_json(line: Line, values: Values, word: str = "", key: str = "") -> dict[str, Any]:
    return {
        "word": word or line.word,
        "key": key or line.key,
        "below": line.below,
        "values": values,
    }


def busiest(chart: Chart, window: Window) -> tuple[list[dict[str, Any]], str]:
    """The instance that moved most in this range; its name goes into the heading."""
    sums: dict[str, float] = {}
    for line in chart.lines:
        for points in window.metrics.get(line.metric, ()):
            name = points.labels.get(chart.by, "")
            sums[name] = sums.get(name, 0.0) + sum(
                value for value in points.values if value is not None
            )
    if not sums:
        return [], ""
    name = max(sorted(sums), key=lambda one: sums[one])
    series = [
        as_json(line, points.values)
        for line in chart.lines
        for points in window.metrics.get(line.metric, ())
        if points.labels.get(chart.by, "") == name
    ]
    return series, name


def instances(chart: Chart, window: Window) -> list[dict[str, Any]]:
    """A line per instance, the highest first."""
    line = chart.lines[0]

    def newest(points: Points) -> float:
        return next((value for value in reversed(points.values) if value is not None), -1.0)

    highest = sorted(window.metrics.get(line.metric, ()), key=newest, reverse=True)[:MOUNTS]
    return [
        as_json(line, points.values, points.labels.get(chart.by, ""), f"v{place}")
        for place, points in enumerate(highest, start=1)
    ]
