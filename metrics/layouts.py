"""Layouts: which column of a vector holds which series.

A layout is found by the hash of its columns, so hosts that report the same share one.
Within a UTC day a host only moves to a larger layout: a vanished instance becomes NaN.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from metrics.models import Layout
from metrics.report import Labels, Series

MAX_COLUMNS = 2000
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Columns:
    """A layout in memory: its number, its series in order, and where each stands."""

    id: int
    series: tuple[Series, ...]
    index: dict[Series, int] = field(repr=False, hash=False)

    def pack(self, columns: Sequence[Series], values: Sequence[float]) -> bytes:
        """A vector of this layout: little-endian float32, NaN where nothing is known."""
        if columns == self.series:
            ordered: Sequence[float] = values
        else:
            ordered = [NAN] * len(self.series)
            for series, value in zip(columns, values, strict=True):
                place = self.index.get(series)
                if place is not None:
                    ordered[place] = value
        return struct.pack(f"<{len(ordered)}f", *map(clamp, ordered))

    def unpack(self, vector: bytes) -> tuple[float, ...]:
        return unpack(vector)


def unpack(vector: bytes) -> tuple[float, ...]:
    """The values of a vector; what a cut one has lost is not there."""
    return struct.unpack_from(f"<{len(vector) // 4}f", vector)


def clamp(value: float) -> float:
    """A number that fits float32, so that no host can make packing fail."""
    return value if -3.4e38 < value < 3.4e38 else NAN


_by_id: dict[int, Columns] = {}
_by_digest: dict[str, Columns] = {}


def layout(number: int) -> Columns:
    """The layout with this number, from memory or the database. KeyError if there is none."""
    known = _by_id.get(number)
    if known is not None:
        return known
    row = Layout.objects.filter(pk=number).first()
    if row is None:
        raise KeyError(number)
    return columns_of(row)


def layout_of(columns: Iterable[Series]) -> Columns:
    """The layout of exactly these series, made if it is new."""
    series = tuple(columns)[:MAX_COLUMNS]
    document = [[name, dict(labels)] for name, labels in series]
    digest = hashlib.sha256(json.dumps(document).encode()).hexdigest()
    known = _by_digest.get(digest)
    if known is not None:
        return known
    row, _ = Layout.objects.get_or_create(digest=digest, defaults={"columns": document})
    return columns_of(row)


def columns_of(row: Layout) -> Columns:
    """A row as a value, remembered. Who rolls a transaction back calls `forget`."""
    series = tuple((name, labels_of(labels)) for name, labels in row.columns)
    columns = Columns(row.pk, series, {one: place for place, one in enumerate(series)})
    if len(_by_id) > 5000:
        forget()
    _by_id[row.pk] = _by_digest[row.digest] = columns
    return columns


def forget() -> None:
    """Empty the memory (tests, and a bound on its size)."""
    _by_id.clear()
    _by_digest.clear()


def labels_of(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def next_layout(current: int | None, columns: Sequence[Series], *, same_day: bool) -> Columns:
    """The layout for a host that stood at `current` and now reports `columns`."""
    if current is None:
        return layout_of(columns)
    try:
        old = layout(current)
    except KeyError:
        return layout_of(columns)
    if old.series == tuple(columns):
        return old
    if not same_day:
        return layout_of(columns)
    added = [series for series in columns if series not in old.index]
    return layout_of((*old.series, *added)) if added else old
