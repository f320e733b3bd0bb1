"""What the monitor says of itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.models import F

from alerts.models import Notification
from fleet.models import HostState
from metrics.models import Gap, Retention
from pollers.models import Scheduler, Worker
from pollers.owners import DEAD_AFTER

LATE_TICK = 15
"""Seconds without a look at the schedule after which nobody is looking."""
PATIENCE = 30
"""Seconds beyond two intervals after which a host was not looked at in time."""
GAPS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Monitor:
    """One look at the monitor. Times are aware; sizes are bytes, None where they cannot be known."""

    ticked: datetime | None
    looking: bool
    workers: list[tuple[Worker, datetime, bool]]
    """(worker, last heartbeat, alive)."""
    late: list[HostState]
    queued: int
    failed: int
    database: str
    size: int | None
    broker: str
    gaps: list[tuple[datetime, datetime, str]]
    kept: Retention

    @property
    def fine(self) -> bool:
        return self.looking and any(alive for _, _, alive in self.workers) and not self.late


def monitor() -> Monitor:
    now = time.time()
    ticked = Scheduler.objects.values_list("ticked_at", flat=True).first() or 0.0
    due = now - PATIENCE - 2 * F("host__interval_seconds")
    late = HostState.objects.filter(
        host__enabled=True, host__removed_at=None, backoff_until__lt=int(now), polled_at__gt=0,
        polled_at__lt=due,
    )  # fmt: skip
    return Monitor(
        ticked=at(ticked) if ticked else None,
        looking=now - ticked < LATE_TICK,
        workers=[(w, at(w.seen_at), now - w.seen_at < DEAD_AFTER) for w in Worker.objects.order_by("name")],
        late=list(late.select_related("host").order_by("polled_at")[:20]),
        queued=Notification.objects.filter(state__in=("queued", "sending")).count(),
        failed=Notification.objects.filter(state="failed").count(),
        database=connection.vendor,
        size=database_size(),
        broker="in memory" if settings.EMBEDDED_BROKER else settings.CELERY_BROKER_URL.partition(":")[0],
        gaps=[(at(g.began_at), at(g.ended_at), g.reason) for g in Gap.objects.order_by("-began_at")[:GAPS_SHOWN]],
        kept=Retention.current(),
    )  # fmt: skip


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def database_size() -> int | None:
    """Bytes on disk; None where the database does not tell."""
    if connection.vendor == "sqlite":
        path = Path(str(connection.settings_dict["NAME"]))
        files = (path, path.with_name(path.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
    return None
