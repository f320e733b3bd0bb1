"""Forgetting what is past its time, in slices that never hold the database for long."""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils import timezone

from alerts.lifecycle import withdraw_orphans
from fleet.models import Host
from metrics.models import Detail, Gap, Metric
from pollers.models import Draft

RAW_DAYS = 3
DETAIL_HOURS = 24
SLICE = 2000
SECONDS_PER_RUN = 5.0


def clean_up() -> None:
    """One bounded run; what is left waits for the next."""
    until = time.monotonic() + SECONDS_PER_RUN
    now = int(time.time())
    withdraw_orphans(timezone.now())
    Draft.objects.filter(created_at__lt=timezone.now() - timedelta(hours=1)).delete()
    Gap.objects.filter(ended_at__lt=now - RAW_DAYS * 86_400).delete()
    for host_id in Host.objects.exclude(removed_at=None).values_list("pk", flat=True)[:20]:
        if forget(host_id, now + 86_400, now + 86_400, until):
            Host.objects.filter(pk=host_id).delete()
    for host_id in Host.objects.present().values_list("pk", flat=True):
        forget(host_id, now - RAW_DAYS * 86_400, now - DETAIL_HOURS * 3600, until)


def forget(host_id: int, metrics_before: int, details_before: int, until: float) -> bool:
    """Delete a host's old rows in slices until the time is up; true when nothing is left to delete."""
    metrics = Metric.objects.filter(host_id=host_id, slot__lt=metrics_before)
    while time.monotonic() < until:
        slots = list(metrics.order_by("slot").values_list("slot", flat=True)[:SLICE])
        if not slots:
            break
        metrics.filter(slot__lte=slots[-1]).delete()
    else:
        return False
    Detail.objects.filter(host_id=host_id, at__lt=details_before).delete()
    return True
