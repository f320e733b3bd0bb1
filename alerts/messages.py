"""What a person reads: the subject says host, what, value; the body adds why and where to look."""

from __future__ import annotations

import json

from django.conf import settings

from alerts.channels.base import Message
from alerts.models import Alert, Notification
from metrics.catalog import CATALOG


def message_of(notification: Notification) -> Message:
    alert = notification.alert
    what = describe(alert)
    if notification.kind == Notification.Kind.PROBLEM:
        subject = f"{alert.severity.upper()} {alert.host.name}: {what}"
        lines = [f"{alert.host.name} ({alert.host.address}): {what}.", f"Since {alert.opened_at:%Y-%m-%d %H:%M:%S} UTC."]
        if alert.cause:
            lines.append(alert.cause)
    else:
        subject = f"RESOLVED {alert.host.name}: {alert.rule.name}"
        assert alert.resolved_at is not None
        lasted = int((alert.resolved_at - (alert.fired_at or alert.opened_at)).total_seconds())
        lines = [
            f"{alert.host.name} ({alert.host.address}): {alert.rule.name} is over.",
            f"Resolved {alert.resolved_at:%Y-%m-%d %H:%M:%S} UTC, after {lasted // 60} min {lasted % 60} s.",
        ]
    lines += ["", f"{settings.PUBLIC_URL}/hosts/{alert.host_id}/", f"{settings.PUBLIC_URL}/alerts/"]
    return Message(key=str(notification.pk), subject=one_line(subject), body="\n".join(lines) + "\n")


def describe(alert: Alert) -> str:
    """The rule with its instance and value, e.g. "file system nearly full /var 93.1 %"."""
    labels = " ".join(json.loads(alert.series).values()) if alert.series else ""
    entry = CATALOG.get(alert.rule.metric)
    value = ""
    if alert.value is not None and entry is not None and entry.unit:
        unit = "%" if entry.unit == "percent" else entry.unit
        value = f"{alert.value:.4g} {unit}"
    return " ".join(part for part in (alert.rule.name, labels, value) if part)


def one_line(text: str) -> str:
    """No line feed of a host's name may begin a header of its own."""
    return " ".join(text.split())[:200]
