"""Forgetting what is past its time, in slices that never hold the database for long."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from alerts.lifecycle import withdraw_orphans
from fleet.models import Host
from metrics.models import Detail, Gap, Metric, Retention, Rollup, RollupMark
from metrics.rollups import roll_up
from pollers.models import Draft

DETAIL_HOURS = 24
SLICE = 2000
SECONDS_PER_RUN = 5.0


def clean_up() -> None:
    """One bounded run; what is left waits for the next."""
    until = time.monotonic() + SECONDS_PER_RUN
    now = int(time.time())
    kept = Retention.current()
    withdraw_orphans(timezone.now())
    Draft.objects.filter(created_at__lt=timezone.now() - timedelta(hours=1)).delete()
    Gap.objects.filter(ended_at__lt=now - kept.hour_days * 86_400).delete()
    present = list(Host.objects.present().values_list("pk", flat=True))
    roll_up(present, now, SECONDS_PER_RUN)
    for host_id in Host.objects.exclude(removed_at=None).values_list("pk", flat=True)[:20]:
        if forget_all(host_id, until):
            Host.objects.filter(pk=host_id).delete()
    done = dict(RollupMark.objects.filter(seconds=300).values_list("host_id", "done_until"))
    for host_id in present:
        # What is not rolled up yet is not forgotten, however old it is.
        before = min(now - kept.raw_days * 86_400, done.get(host_id, 0))
        forget(Metric.objects.filter(host_id=host_id, slot__lt=before), until)
        for tier, days in ((300, kept.five_minute_days), (3600, kept.hour_days)):
            rows = Rollup.objects.filter(host_id=host_id, seconds=tier)
            forget(rows.filter(slot__lt=now - days * 86_400), until)
        Detail.objects.filter(host_id=host_id, at__lt=now - DETAIL_HOURS * 3600).delete()


def forget_all(host_id: int, until: float) -> bool:
    """Delete everything measured of a host; true when nothing is left."""
    if not forget(Metric.objects.filter(host_id=host_id), until):
        return False
    if not forget(Rollup.objects.filter(host_id=host_id), until):
        return False
    Detail.objects.filter(host_id=host_id).delete()
    RollupMark.objects.filter(host_id=host_id).delete()
    return True


def forget(rows: QuerySet[Metric] | QuerySet[Rollup], until: float) -> bool:
    """Delete rows in slices until the time is up; true when nothing is left to delete."""
    while time.monotonic() < until:
        slots = list(rows.order_by("slot").values_list("slot", flat=True)[:SLICE])
        if not slots:
            return True
        rows.filter(slot__lte=slots[-1]).delete()
    return False
