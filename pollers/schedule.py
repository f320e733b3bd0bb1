"""The clock: which hosts are due, claimed in one statement.

Slots are whole seconds of Unix time, spread by a hash of the host and pinned to absolute
time, so that a restart changes nothing and no two hosts of one interval pile up.

A claim appends its slot to `HostState.open_slots`; the row that ends it takes it out again.
What stays open one interval past its deadline is closed as MONITOR_LATE by the next claim.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fleet.models import HostState
from metrics.store import write_gap
from pollers.models import Scheduler

PHASE = "((h.id * 2654435761) %% h.interval_seconds)"
SILENCE_IS_A_GAP = 2.0
"""Seconds without a tick after which skipped slots are written down as a gap."""
LONGEST_BACKOFF = 86_400


@dataclass(frozen=True, slots=True)
class Claim:
    """A host due at `slot`. `overdue` are earlier slots whose rows never came."""

    host_id: int
    slot: int
    interval: int
    overdue: tuple[int, ...]


def poll_deadline(interval: int) -> float:
    """Seconds from its slot within which a poll must have ended, whatever happens."""
    return min(10.0, max(5.0, 0.6 * interval))


def tick(now: float) -> list[Claim]:
    """Claim every host due within the coming second, and move each to its next slot.

    One transaction: two schedulers at once cannot claim the same slot.
    """
    with transaction.atomic():
        scheduler, _ = Scheduler.objects.select_for_update().get_or_create(pk=1)
        silence = now - scheduler.ticked_at if scheduler.ticked_at else 0.0
        skipped = skip_missed(now)
        if skipped and silence > SILENCE_IS_A_GAP:
            write_gap(int(scheduler.ticked_at), int(now), "nobody read the schedule")
        Scheduler.objects.filter(pk=1).update(ticked_at=now)
        return claim(now)


def skip_missed(now: float) -> int:
    """Send hosts that were missed by more than an interval, or whose slot is absurdly far ahead, to their next slot.

    Far ahead means that the clock was set back, or that the interval was shortened.
    Nobody back-fills a night of slots. Returns how many were missed (not: far ahead).
    """
    second = int(now)
    late = "s.next_poll_at > 0 AND s.next_poll_at < %s - h.interval_seconds"
    ahead = "s.next_poll_at > %s + 2 * h.interval_seconds AND (s.next_poll_at > s.backoff_until OR s.backoff_until > %s)"
    aligned = f"%s + h.interval_seconds - ((%s - {PHASE}) %% h.interval_seconds)"
    with connection.cursor() as cursor:
        missed = update(cursor, f"next_poll_at = {aligned}", late, [second, second], [second])
        update(
            cursor,
            f"next_poll_at = {aligned}, backoff_until = 0",
            ahead,
            [second, second],
            [second, second + LONGEST_BACKOFF],
        )
    return missed


def claim(now: float) -> list[Claim]:
    """The claiming statement itself."""
    second = int(now)
    slot = "(CASE WHEN s.next_poll_at = 0 THEN %s ELSE s.next_poll_at END)"
    base = "(CASE WHEN s.next_poll_at > %s THEN s.next_poll_at ELSE %s END)"
    assignments = (
        f"open_slots = s.open_slots || {slot} || ';', "
        f"next_poll_at = {base} + h.interval_seconds - (({base} - {PHASE}) %% h.interval_seconds)"
    )
    with connection.cursor() as cursor:
        update(
            cursor,
            assignments,
            "s.next_poll_at <= %s",
            [second, second, second, second, second],
            [second + 1],
            returning="host_id, open_slots",
        )
        rows = cursor.fetchall()
        intervals = dict(intervals_of(cursor, [host_id for host_id, _ in rows]))
    claims = []
    for host_id, open_slots in rows:
        *earlier, mine = [int(text) for text in open_slots.split(";") if text]
        interval = intervals[host_id]
        patience = poll_deadline(interval) + interval
        overdue = tuple(
            sorted({slot for slot in earlier if slot + patience < now and slot != mine})
        )
        claims.append(Claim(host_id, mine, interval, overdue))
    return claims


def update(
    cursor: CursorWrapper,
    assignments: str,
    condition: str,
    values: list[int],
    bounds: list[int],
    returning: str = "",
) -> int:
    """UPDATE the clocks of watched hosts. Returns how many rows it touched.

    PostgreSQL takes only rows that nobody else is claiming this very moment; SQLite has one
    writer anyway.
    """
    watched = f"h.id = s.host_id AND h.enabled AND h.removed_at IS NULL AND {condition}"
    if connection.vendor == "postgresql":
        chosen = f"SELECT s.host_id FROM fleet_hoststate s JOIN fleet_host h ON {watched} FOR UPDATE OF s SKIP LOCKED"  # noqa: S608 - our own words
        sql = f"UPDATE fleet_hoststate s SET {assignments} FROM fleet_host h WHERE h.id = s.host_id AND s.host_id IN ({chosen})"  # noqa: S608 - our own words
        returning = returning and ", ".join(f"s.{name.strip()}" for name in returning.split(","))
    else:
        sql = f"UPDATE fleet_hoststate AS s SET {assignments} FROM fleet_host AS h WHERE {watched}"  # noqa: S608 - our own words
    cursor.execute(sql + (f" RETURNING {returning}" if returning else ""), values + bounds)
    return int(cursor.rowcount)


def intervals_of(cursor: CursorWrapper, host_ids: Sequence[int]) -> Iterable[tuple[int, int]]:
    if not host_ids:
        return []
    numbers = ",".join(str(int(host_id)) for host_id in host_ids)
    cursor.execute(f"SELECT id, interval_seconds FROM fleet_host WHERE id IN ({numbers})")  # noqa: S608 - integers
    return list(cursor.fetchall())


def poll_now(host_ids: Iterable[int]) -> None:
    """Make hosts due at once, a refused credential included: somebody asked."""
    HostState.objects.filter(host_id__in=list(host_ids)).update(next_poll_at=0, backoff_until=0)
