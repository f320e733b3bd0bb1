"""Verdicts become rows: alerts open, fire, resolve, and each change queues its messages.

Called inside the transaction that stores the poll, so a message exists if and only if its
cause does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.models import Alert, Channel, Notification, Rule
from alerts.verdict import Case, Condition, Labels, Transition
from alerts.verdict import judge as verdicts
from fleet.models import Host


@dataclass(frozen=True, slots=True)
class HostReport:
    """What one poll says of a host: measured values, and the state as metrics.

    `measured` false: only the state is known. `complete` false: a collector failed.
    """

    host: Host
    values: Mapping[tuple[str, Labels], float]
    measured: bool
    complete: bool
    cause: str


def judge(reports: Sequence[HostReport], now: datetime) -> None:
    """Judge every enabled rule on every report and write down what changes."""
    rules = list(Rule.objects.filter(enabled=True))
    if not rules or not reports:
        return
    open_alerts: dict[tuple[int, int], list[Alert]] = defaultdict(list)
    hosts = {report.host.pk for report in reports}
    for alert in Alert.objects.filter(host_id__in=hosts).exclude(state=Alert.State.RESOLVED).select_for_update():
        open_alerts[alert.rule_id, alert.host_id].append(alert)
    channels: list[Channel] | None = None
    for report in reports:
        for rule in rules:
            alerts = open_alerts[rule.pk, report.host.pk]
            cases = {labels_of(a.series): case_of(a) for a in alerts}
            speaks = report.measured or rule.metric in STATE_METRICS
            steps = verdicts(condition_of(rule), report.values, cases, now.timestamp(), complete=report.complete and speaks)
            if not steps:
                continue
            if channels is None:
                channels = list(Channel.objects.filter(enabled=True))
            for step in steps:
                apply(rule, report, step, alerts, channels, now)


STATE_METRICS = {"up", "host_down", "host_blocked", "host_unknown"}


def apply(rule: Rule, report: HostReport, step: Transition, alerts: list[Alert], channels: list[Channel], now: datetime) -> None:
    """One transition of one case."""
    alert = next((a for a in alerts if labels_of(a.series) == step.labels), None)
    match step.step:
        case "open":
            alerts.append(open_alert(rule, report, step, now, Alert.State.PENDING))
        case "fire":
            if alert is None:
                alert = open_alert(rule, report, step, now, Alert.State.FIRING)
                alerts.append(alert)
            alert.state, alert.severity, alert.value, alert.fired_at = Alert.State.FIRING, step.severity, step.value, now
            alert.save(update_fields=["state", "severity", "value", "fired_at"])
            queue(alert, Notification.Kind.PROBLEM, channels, now)
        case "change" if alert is not None:
            alert.severity, alert.value = step.severity, step.value
            alert.save(update_fields=["severity", "value"])
        case "resolve" if alert is not None:
            alert.state, alert.resolved_at = Alert.State.RESOLVED, now
            alert.save(update_fields=["state", "resolved_at"])
            alerts.remove(alert)
            queue_recovery(alert, now)
        case "drop" if alert is not None:
            alert.delete()
            alerts.remove(alert)


def open_alert(rule: Rule, report: HostReport, step: Transition, now: datetime, state: str) -> Alert:
    return Alert.objects.create(
        rule=rule, host=report.host, series=json.dumps(dict(step.labels), sort_keys=True) if step.labels else "",
        severity=step.severity, state=state, value=step.value, opened_at=now, cause=report.cause[:500],
    )


def queue(alert: Alert, kind: str, channels: Sequence[Channel], now: datetime) -> None:
    """A message per channel, in the outbox. Only the first firing of a case is a message."""
    Notification.objects.bulk_create(
        [Notification(alert=alert, channel=channel, kind=kind, next_attempt_at=now) for channel in channels],
        ignore_conflicts=True,
    )


def queue_recovery(alert: Alert, now: datetime) -> None:
    """A recovery for every channel that was told; a problem not sent yet is not sent any more."""
    Notification.objects.filter(
        alert=alert, kind=Notification.Kind.PROBLEM, state=Notification.State.QUEUED, attempts=0
    ).delete()
    told = Channel.objects.filter(notifications__alert=alert, notifications__kind=Notification.Kind.PROBLEM)
    queue(alert, Notification.Kind.RECOVERY, list(told), now)


def condition_of(rule: Rule) -> Condition:
    return Condition(rule.metric, rule.op, rule.warning, rule.critical, rule.for_seconds, rule.clear, rule.labels)


def case_of(alert: Alert) -> Case:
    severity = "critical" if alert.severity == Alert.Severity.CRITICAL else "warning"
    return Case(alert.opened_at.timestamp(), alert.state == Alert.State.FIRING, severity)


def labels_of(series: str) -> Labels:
    return tuple(sorted(json.loads(series).items())) if series else ()
