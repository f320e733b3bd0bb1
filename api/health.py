"""For load balancers and supervisors: no login, no details."""

from __future__ import annotations

import time

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from kombu.connection import Connection

from pollers.models import Scheduler
from pollers.owners import live_workers

TICK_IS_LATE = 15.0
"""Seconds without a tick after which we are not ready."""


def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


def readyz(request: HttpRequest) -> HttpResponse:
    """Polling goes on, the database and the broker answer."""
    ready = polling() and broker()
    return HttpResponse(
        "ready\n" if ready else "not ready\n",
        status=200 if ready else 503,
        content_type="text/plain",
    )


def polling() -> bool:
    try:
        now = time.time()
        ticked = Scheduler.objects.filter(pk=1).values_list("ticked_at", flat=True).first() or 0.0
        return now - ticked < TICK_IS_LATE and bool(live_workers(now))
    except DatabaseError:
        return False


def broker() -> bool:
    if settings.EMBEDDED_BROKER:
        return True
    try:
        with Connection(settings.CELERY_BROKER_URL, connect_timeout=2) as connection:
            connection.ensure_connection(max_retries=1, timeout=3)
    except Exception:  # each broker library has errors of its own; all of them mean: not ready
        return False
    return True
