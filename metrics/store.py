"""Writing what was measured. A row that is already there stays: a repeat is harmless."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from metrics.models import Detail, Gap, Metric


@dataclass(frozen=True, slots=True)
class Row:
    """A `Metric` to be. `outcome` 0 has a layout and a vector, any other has neither."""

    host_id: int
    slot: int
    outcome: int
    layout_id: int | None = None
    vector: bytes = b""


def write(rows: Sequence[Row]) -> None:
    """Insert rows in one statement; (host, slot) that exist are left as they are."""
    if not rows:
        return
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.executemany(
                "INSERT OR IGNORE INTO metrics_metric (host_id, slot, outcome, layout_id, vector) VALUES (%s, %s, %s, %s, %s)",
                [(r.host_id, r.slot, r.outcome, r.layout_id, r.vector) for r in rows],
            )
    elif connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO metrics_metric (host_id, slot, outcome, layout_id, vector) "
                "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::smallint[], %s::bigint[], %s::bytea[]) "
                "ON CONFLICT DO NOTHING",
                [
                    [r.host_id for r in rows],
                    [r.slot for r in rows],
                    [r.outcome for r in rows],
                    [r.layout_id for r in rows],
                    [r.vector for r in rows],
                ],
            )
    else:
        Metric.objects.bulk_create(
            [
                Metric(
                    host_id=r.host_id,
                    slot=r.slot,
                    outcome=r.outcome,
                    layout_id=r.layout_id,
                    vector=r.vector,
                )
                for r in rows
            ],
            ignore_conflicts=True,
        )


def write_details(host_id: int, at: int, details: dict[str, Any]) -> None:
    """Keep what is not a number, a row per kind."""
    Detail.objects.bulk_create(
        [
            Detail(
                host_id=host_id,
                at=at,
                kind=kind,
                document=zlib.compress(json.dumps(document).encode(), 6),
            )
            for kind, document in details.items()
        ],
        ignore_conflicts=True,
    )


def write_gap(began_at: int, ended_at: int, reason: str) -> None:
    """Nobody looked at any host from then to then (Unix seconds)."""
    Gap.objects.create(began_at=began_at, ended_at=ended_at, reason=reason)
