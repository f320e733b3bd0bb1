"""Delivering the outbox: at least once, a repeat carries the same key, a recovery only after its problem."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta
from uuid import UUID

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

_delivering = threading.Lock()
"""A mail server that hangs may hold up one thread of a process, and no more."""


def deliver_due() -> None:
    """Send what is due. A sender that died in the middle left `sending`: that is sent again."""
    if not _delivering.acquire(blocking=False):
        return
    try:
        deliver_batch()
    finally:
        _delivering.release()


def deliver_batch() -> None:
    now = timezone.now()
    Notification.objects.filter(state=State.SENDING, next_attempt_at__lt=now - STUCK_AFTER).update(
        state=State.QUEUED
    )
    due = Notification.objects.filter(
        state=State.QUEUED, next_attempt_at__lte=now, channel__enabled=True
    )
    for pk in due.order_by("created_at").values_list("pk", flat=True)[:BATCH]:
        deliver(pk)


def deliver(pk: UUID) -> None:
    """Send one notification, if it is still ours to send."""
    now = timezone.now()
    taken = Notification.objects.filter(pk=pk, state=State.QUEUED, next_attempt_at__lte=now)
    notification = taken.select_related("alert__host", "alert__rule", "channel").first()
    if notification is None or not may_go(notification):
        return
    # Written before sending: a crash in between leaves a trace, and another sender keeps off.
    mine = taken.update(
        state=State.SENDING, attempts=F("attempts") + 1, perhaps_sent=True, next_attempt_at=now
    )
    if mine != 1:
        return
    try:
        url = notification.channel.reveal_url()
        sender(url).send(url, message_of(notification))
    except DeliveryError as problem:
        failed(notification, problem, now)
    except (ValueError, SecretUnreadable, ImproperlyConfigured) as problem:
        failed(notification, DeliveryError(str(problem)), now)
    except Exception as problem:
        # The text of an unknown exception may hold an address with its token: only its type is told.
        text = f"Rollcall made a mistake ({type(problem).__name__})."
        failed(notification, DeliveryError(text, perhaps_sent=True), now)
    else:
        Notification.objects.filter(pk=pk).update(
            state=State.SENT, sent_at=timezone.now(), error=""
        )


def failed(notification: Notification, problem: DeliveryError, now: datetime) -> None:
    """Try later, or never; what else waits for a channel that is down waits as well."""
    log.warning("notification %s was not delivered: %s", notification.pk, problem)
    later = timezone.now() + timedelta(seconds=WAITS[min(notification.attempts, len(WAITS) - 1)])
    given_up = problem.permanent or now - notification.created_at > GIVEN_UP_AFTER
    Notification.objects.filter(pk=notification.pk).update(
        state=State.FAILED if given_up else State.QUEUED,
        perhaps_sent=notification.perhaps_sent or problem.perhaps_sent,
        error=str(problem)[:300],
        next_attempt_at=later,
    )
    if problem.channel_is_down:
        waiting = Notification.objects.filter(channel=notification.channel_id, state=State.QUEUED)
        waiting.filter(next_attempt_at__lt=later).update(next_attempt_at=later)


def may_go(notification: Notification) -> bool:
    """A recovery goes if and only if its problem went; until that is known it waits."""
    if notification.kind != Notification.Kind.RECOVERY:
        return True
    problem = Notification.objects.filter(
        alert=notification.alert_id, channel=notification.channel_id, kind=Notification.Kind.PROBLEM
    ).first()
    if problem is None or problem.state == State.FAILED:
        Notification.objects.filter(pk=notification.pk).update(
            state=State.FAILED, error="its problem was never delivered"
        )
        return False
    return problem.state == State.SENT
