"""From polls to 5 minutes, from 5 minutes to hours: what keeps years of history small.

A mark per host and tier says up to when it is done, so a run that is interrupted, or comes
a day late, goes on where the last one stopped.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from django.db import transaction

from fleet.failures import BY_NUMBER
from fleet.states import State
from metrics.folding import Part, fold
from metrics.layouts import Columns, layout, layout_of
from metrics.models import Metric, Rollup, RollupMark

TIERS = (300, 3600)
GRACE = 120
"""Seconds after its end from which a bucket is folded: rows are written late, never that late."""
AT_ONCE = 288
"""Buckets of one host folded in one transaction."""


def roll_up(host_ids: Sequence[int], now: float, seconds_at_most: float) -> bool:
    """Fold what is finished, tier by tier, within a bound of time; true when nothing is left."""
    until = time.monotonic() + seconds_at_most
    for tier in TIERS:
        end = int(now - GRACE) // tier * tier
        marks = dict(RollupMark.objects.filter(seconds=tier).values_list("host_id", "done_until"))
        for host_id in host_ids:
            begin = marks.get(host_id)
            while begin is None or begin < end:
                if time.monotonic() > until:
                    return False
                begin = roll_up_host(host_id, tier, begin, end)
                if begin is None:
                    break
    return True


def roll_up_host(host_id: int, tier: int, begin: int | None, end: int) -> int | None:
    """Fold up to AT_ONCE buckets; returns the new mark, None when there is nothing at all yet."""
    source = polls if tier == TIERS[0] else rollups
    first = first_slot(host_id, tier, begin or 0)
    if first is None or first >= end:
        if begin is None and first is None:
            return None
        mark(host_id, tier, end)
        return end
    start = first // tier * tier
    stop = min(end, start + AT_ONCE * tier)
    found: dict[int, list[tuple[Part | None, Counts]]] = defaultdict(list)
    for slot, part, counts in source(host_id, start, stop):
        found[slot // tier * tier].append((part, counts))
    with transaction.atomic():
        Rollup.objects.bulk_create(
            [bucket(host_id, tier, slot, rows) for slot, rows in sorted(found.items())],
            ignore_conflicts=True,
        )
        mark(host_id, tier, stop)
    return stop


Counts = tuple[int, int, int, int]
"""Polls, and how many of them were measured, down, blocked."""


def bucket(host_id: int, tier: int, slot: int, rows: list[tuple[Part | None, Counts]]) -> Rollup:
    parts = [part for part, _ in rows if part is not None]
    polls, measured, down, blocked = (sum(counts[i] for _, counts in rows) for i in range(4))
    row = Rollup(
        host_id=host_id, seconds=tier, slot=slot, polls=polls, measured=measured, down=down, blocked=blocked
    )  # fmt: skip
    if parts:
        target = common_layout({part.layout_id for part in parts})
        places = {
            one: np.array([target.index[series] for series in layout(one).series], np.intp)
            for one in {part.layout_id for part in parts}
        }
        row.layout_id = target.id
        row.vectors = fold(parts, places, len(target.series))
    return row


def common_layout(numbers: set[int]) -> Columns:
    """A layout with all columns of these; nearly always the widest of them, for layouts grow within a day."""
    widest, *others = sorted((layout(one) for one in numbers), key=lambda one: -len(one.series))
    missing = dict.fromkeys(
        series for one in others for series in one.series if series not in widest.index
    )
    return layout_of((*widest.series, *missing)) if missing else widest


def polls(host_id: int, start: int, stop: int) -> Iterable[tuple[int, Part | None, Counts]]:
    rows = Metric.objects.filter(host_id=host_id, slot__gte=start, slot__lt=stop)
    for slot, outcome, number, vector in rows.values_list(
        "slot", "outcome", "layout_id", "vector"
    ).iterator(2000):
        if outcome == 0:
            part = None if number is None else Part(number, bytes(vector), 1)
            yield slot, part, (1, 1, 0, 0)
        else:
            code = BY_NUMBER.get(outcome)
            state = code.state if code else None
            yield slot, None, (1, 0, int(state is State.DOWN), int(state is State.BLOCKED))


def rollups(host_id: int, start: int, stop: int) -> Iterable[tuple[int, Part | None, Counts]]:
    rows = Rollup.objects.filter(host_id=host_id, seconds=TIERS[0], slot__gte=start, slot__lt=stop)
    for row in rows:
        part = None
        if row.layout_id is not None:
            part = Part(row.layout_id, bytes(row.vectors), row.measured)
        yield row.slot, part, (row.polls, row.measured, row.down, row.blocked)


def first_slot(host_id: int, tier: int, begin: int) -> int | None:
    """The first slot of the tier below from `begin` on."""
    if tier == TIERS[0]:
        rows = Metric.objects.filter(host_id=host_id, slot__gte=begin)
    else:
        rows = Rollup.objects.filter(host_id=host_id, seconds=TIERS[0], slot__gte=begin)  # type: ignore[assignment]
    return rows.order_by("slot").values_list("slot", flat=True).first()


def mark(host_id: int, tier: int, until: int) -> None:
    RollupMark.objects.update_or_create(
        host_id=host_id, seconds=tier, defaults={"done_until": until}
    )


def done_until(host_id: int, tier: int) -> int:
    """Up to when a tier can be read; after that the polls themselves are."""
    found = RollupMark.objects.filter(host_id=host_id, seconds=tier)
    return found.values_list("done_until", flat=True).first() or 0
