"""What a person reads: the subject says host, what, value; the body adds why and where to look."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from alerts.channels.base import Message
from alerts.lifecycle import STATE_METRICS, labels_of
from alerts.models import Alert, Notification
from fleet.models import Host
from metrics.catalog import CATALOG

SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def message_of(notification: Notification) -> Message:
    """The message of a delivery; `key` is the same each time it is tried."""
    alert = notification.alert
    host = one_line(name_of(alert.host), 100)
    if notification.kind == Notification.Kind.PROBLEM:
        subject = f"{alert.severity.upper()} {host}: {describe(alert)}"
        lines = [
            f"{host} ({alert.host.address}): {describe(alert)}.",
            f"Since {alert.opened_at:%Y-%m-%d %H:%M:%S} UTC.",
            alert.cause,
        ]
    elif alert.ended:
        subject = f"CLOSED {host}: {describe(alert, value=False)}"
        lines = [
            f"{host} ({alert.host.address}): {describe(alert, value=False)} is not watched any more.",
            alert.ended,
            "Whether it is over is not known.",
            when(alert),
        ]
    else:
        subject = f"RESOLVED {host}: {describe(alert, value=False)}"
        lines = [
            f"{host} ({alert.host.address}): {describe(alert, value=False)} is over.",
            when(alert),
        ]
    links = ["", f"{settings.PUBLIC_URL}/alerts/"]
    if alert.host.removed_at is None:
        links.insert(1, f"{settings.PUBLIC_URL}/hosts/{alert.host_id}/")
    body = [one_line(line, 500) for line in lines if line] + links
    return Message(
        key=str(notification.pk), subject=one_line(subject, 200), body="\n".join(body) + "\n"
    )


def name_of(host: Host) -> str:
    """A removed host has given its name back."""
    return host.name if host.removed_at is None else host.address


def when(alert: Alert) -> str:
    ended = alert.resolved_at or timezone.now()
    lasted = int((ended - (alert.fired_at or alert.opened_at)).total_seconds())
    return f"Ended {ended:%Y-%m-%d %H:%M:%S} UTC, after {lasted // 60} min {lasted % 60} s."


def describe(alert: Alert, *, value: bool = True) -> str:
    """The rule with its instance and value, e.g. "File system nearly full /var 93.1 %"."""
    metric = alert.measure.split(" ")[0] or alert.rule.metric
    words = [alert.rule.name, *(text for _, text in labels_of(alert.series))]
    if value and alert.value is not None and metric not in STATE_METRICS:
        words.append(in_unit(alert.value, metric))
    return " ".join(words)


def in_unit(value: float, metric: str) -> str:
    """A number with its unit: 93.1 %, 1.2 GB, 4.31."""
    unit = CATALOG[metric].unit if metric in CATALOG else ""
    if unit in ("bytes", "bytes/s"):
        step = 0
        while abs(value) >= 999.5 and step < len(SIZES) - 1:
            value, step = value / 1000, step + 1
        return f"{value:.3g} {SIZES[step]}{unit.removeprefix('bytes')}"
    sign = {"percent": "%", "count": "", "ratio": ""}.get(unit, unit)
    return f"{value:.4g} {sign}".rstrip()


def one_line(text: str, limit: int) -> str:
    """No line feed of a host's name may begin a line or a header of its own."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(printable.split())[:limit]
