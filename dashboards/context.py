"""What every page's frame shows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Max, Q
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from alerts.models import Alert
from fleet.models import Host
from pollers.models import Scheduler

LATE = 15
"""Seconds without a tick after which the page says so."""


@dataclass(frozen=True, slots=True)
class Round:
    """The monitor about itself: when it last looked, and how much is on fire."""

    looked: datetime | None
    ticked: datetime | None
    hosts: int
    late: bool
    firing: int
    critical: int

    @property
    def on_time(self) -> bool:
        return (
            not self.late and self.looked is not None and time.time() - self.looked.timestamp() < 60
        )

    @property
    def severity(self) -> str:
        return "critical" if self.critical else "warning"


def newest_round() -> Round:
    hosts = (
        Host.objects.present()
        .filter(enabled=True)
        .aggregate(number=Count("pk"), polled=Max("state_row__polled_at"))
    )
    alerts = Alert.objects.filter(state=Alert.State.FIRING, host__removed_at=None).aggregate(
        number=Count("pk"), critical=Count("pk", filter=Q(severity=Alert.Severity.CRITICAL))
    )
    ticked = Scheduler.objects.values_list("ticked_at", flat=True).first() or 0.0
    return Round(
        looked=datetime.fromtimestamp(hosts["polled"], UTC) if hosts["polled"] else None,
        ticked=datetime.fromtimestamp(ticked, UTC) if ticked else None,
        hosts=hosts["number"],
        late=bool(hosts["number"]) and time.time() - ticked > LATE,
        firing=alerts["number"],
        critical=alerts["critical"],
    )


def frame(request: HttpRequest) -> dict[str, Any]:
    """Lazy: the admin's pages and those of anonymous visitors ask for none of it."""
    return {
        "version": settings.VERSION,
        "round": SimpleLazyObject(newest_round),
        "now": int(time.time()),
    }
