"""Delivering the outbox: at least once, a repeat carries the same key, a recovery only after its problem."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.core.exceptions import ImproperlyConfigured
from django.db.models import F
from django.utils import timezone

from alerts.channels.base import DeliveryError
from alerts.channels.registry import sender
from alerts.messages import message_of
from alerts.models import Notification
from credentials.keyring import SecretUnreadable

log = logging.getLogger(__name__)

BATCH = 50
GIVEN_UP_AFTER = timedelta(hours=24)
STUCK_AFTER = timedelta(minutes=2)
WAITS = (5, 15, 60, 300, 900)
"""Seconds before the second, third … try; the last one repeats."""
State = Notification.State


def deliver_due() -> None:
    """Send what is due. A sender that died in the middle left `sending`: that is sent again."""
    now = timezone.now()
    Notification.objects.filter(state=State.SENDING, next_attempt_at__lt=now - STUCK_AFTER).update(state=State.QUEUED)
    due = Notification.objects.filter(state=State.QUEUED, next_attempt_at__lte=now, channel__enabled=True)
    for pk in due.order_by("created_at").values_list("pk", flat=True)[:BATCH]:
        deliver(pk)


def deliver(pk: object) -> None:
    """Send one notification, if it is still ours to send."""
    now = timezone.now()
    taken = Notification.objects.filter(pk=pk, state=State.QUEUED)
    notification = taken.select_related("alert__host", "alert__rule", "channel").first()
    if notification is None or not may_go(notification):
        return
    # Written before sending: a crash in between leaves a trace, and another sender keeps off.
    if taken.update(state=State.SENDING, attempts=F("attempts") + 1, next_attempt_at=now) != 1:
        return
    row = Notification.objects.filter(pk=pk)
    try:
        url = notification.channel.reveal_url()
        sender(url).send(url, message_of(notification))
    except (DeliveryError, ValueError, SecretUnreadable, ImproperlyConfigured) as problem:
        log.warning("notification %s was not delivered: %s", pk, problem)
        final = getattr(problem, "permanent", False) or now - notification.created_at > GIVEN_UP_AFTER
        wait = WAITS[min(notification.attempts, len(WAITS) - 1)]
        row.update(
            state=State.FAILED if final else State.QUEUED, error=str(problem)[:300], next_attempt_at=now + timedelta(seconds=wait)
        )
        return
    row.update(state=State.SENT, sent_at=timezone.now(), error="")


def may_go(notification: Notification) -> bool:
    """A recovery goes if and only if its problem went; until that is known it waits."""
    if notification.kind != Notification.Kind.RECOVERY:
        return True
    problem = Notification.objects.filter(
        alert=notification.alert_id, channel=notification.channel_id, kind=Notification.Kind.PROBLEM
    ).first()
    if problem is None or problem.state == State.FAILED:
        Notification.objects.filter(pk=notification.pk).update(state=State.FAILED, error="its problem was never delivered")
        return False
    return problem.state == State.SENT
