"""Verdicts become rows: alerts open, fire, resolve, and each change queues its messages.

Called inside the transaction that stores the poll, so a message exists if and only if its
cause does.

A case ends in one of two ways: it recovers (the values say so), or it is withdrawn, because
nobody looks any more: its host is paused or removed, its rule switched off or about something
else, its series gone. A withdrawn alert is resolved with the reason in `ended`, and its
message says that, never that all is well. Deleting a rule deletes its alerts.
"""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from alerts.models import Alert, Channel, Muted, Notification, Rule
from alerts.verdict import Case, Condition, Labels, Severity, Transition, covers
from alerts.verdict import judge as verdicts
from fleet.models import Host

log = logging.getLogger(__name__)

STATE_METRICS = {"up", "host_down", "host_blocked", "host_unknown"}
PAUSED = "The host was paused."
REMOVED = "The host was removed."
SWITCHED_OFF = "The rule was switched off."
CHANGED = "The rule was changed, and is about something else now."
GONE = "It is not measured any more."


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
    """Judge every enabled rule on every report and write down what changes.

    A paused host is not judged: what comes in was asked before the pause.
    """
    reports = [report for report in reports if report.host.enabled]
    if not reports:
        return
    conditions = usable_rules()
    open_alerts = open_alerts_of({report.host.pk for report in reports}, conditions, now)
    channels: list[Channel] | None = None
    for report in reports:
        for rule, condition in conditions.items():
            alerts = open_alerts[rule.pk, report.host.pk]
            cases = {labels_of(a.series): case_of(a) for a in alerts}
            speaks = report.measured or rule.metric in STATE_METRICS
            steps = verdicts(
                condition,
                report.values,
                cases,
                now.timestamp(),
                complete=report.complete and speaks,
            )
            if not steps:
                continue
            if channels is None:
                channels = list(Channel.objects.filter(enabled=True))
            for step in steps:
                apply(rule, report, step, alerts, channels, now)


def usable_rules() -> dict[Rule, Condition]:
    """The enabled rules. One that makes no sense is said and left out: it must not stop the others."""
    found = {}
    for rule in Rule.objects.filter(enabled=True):
        condition = rule.as_condition()
        flaw = condition.flaw() if isinstance(rule.labels, dict) else "Its labels are no labels."
        if flaw:
            log.error("rule %d is not judged: %s", rule.pk, flaw)
        else:
            found[rule] = condition
    return found


def open_alerts_of(
    hosts: Iterable[int], conditions: Mapping[Rule, Condition], now: datetime
) -> dict[tuple[int, int], list[Alert]]:
    """Open alerts by rule and host; those that their rule no longer speaks of are withdrawn."""
    rules = {rule.pk: (rule, condition) for rule, condition in conditions.items()}
    found: dict[tuple[int, int], list[Alert]] = defaultdict(list)
    unresolved = Alert.objects.exclude(state=Alert.State.RESOLVED)
    for alert in unresolved.filter(host_id__in=set(hosts)).select_for_update():
        if alert.rule_id not in rules:
            withdraw(alert, SWITCHED_OFF, now)
            continue
        rule, condition = rules[alert.rule_id]
        if alert.measure not in ("", rule.measure) or not covers(
            condition, labels_of(alert.series)
        ):
            withdraw(alert, CHANGED, now)
            continue
        found[alert.rule_id, alert.host_id].append(alert)
    return found


def apply(
    rule: Rule,
    report: HostReport,
    step: Transition,
    alerts: list[Alert],
    channels: list[Channel],
    now: datetime,
) -> None:
    """One transition of one case."""
    alert = next((a for a in alerts if labels_of(a.series) == step.labels), None)
    match step.step:
        case "open":
            alerts.append(open_alert(rule, report, step, now, Alert.State.PENDING))
        case "fire":
            if alert is None:
                alert = open_alert(rule, report, step, now, Alert.State.FIRING)
                alerts.append(alert)
            alert.state, alert.severity, alert.value, alert.fired_at = (
                Alert.State.FIRING,
                step.severity,
                step.value,
                now,
            )
            alert.save(update_fields=["state", "severity", "value", "fired_at"])
            queue(alert, Notification.Kind.PROBLEM, channels, now)
        case "change" if alert is not None:
            alert.severity, alert.value = step.severity, step.value
            alert.save(update_fields=["severity", "value"])
        case "resolve" | "drop" if alert is not None:
            alerts.remove(alert)
            if step.step == "drop" or step.value is None:
                withdraw(alert, GONE, now)
            else:
                end(alert, now)


def open_alert(
    rule: Rule, report: HostReport, step: Transition, now: datetime, state: str
) -> Alert:
    return Alert.objects.create(
        rule=rule,
        host=report.host,
        series=series_of(step.labels),
        measure=rule.measure,
        severity=step.severity,
        state=state,
        value=step.value if step.value is None or math.isfinite(step.value) else None,
        opened_at=now,
        cause=report.cause[:500],
    )


def end(alert: Alert, now: datetime, *, ended: str = "") -> None:
    """A firing alert is over; `ended` says why, if not because it recovered."""
    alert.state, alert.resolved_at, alert.ended = Alert.State.RESOLVED, now, ended
    alert.save(update_fields=["state", "resolved_at", "ended"])
    queue_recovery(alert, now)


def withdraw(alert: Alert, reason: str, now: datetime) -> None:
    """End a case of which nobody knows whether it is over; a pending one was never told of."""
    if alert.state == Alert.State.PENDING:
        alert.delete()
    else:
        end(alert, now, ended=reason)


@transaction.atomic
def withdraw_of_hosts(host_ids: Iterable[int], reason: str, now: datetime) -> None:
    """End the open alerts of hosts that nobody looks at any more."""
    unresolved = Alert.objects.exclude(state=Alert.State.RESOLVED)
    for alert in unresolved.filter(host_id__in=list(host_ids)).select_for_update():
        withdraw(alert, reason, now)


@transaction.atomic
def withdraw_orphans(now: datetime) -> None:
    """End what hangs: a poll that came in during a pause, a rule switched off while its host is silent."""
    unresolved = Alert.objects.exclude(state=Alert.State.RESOLVED)
    orphans = unresolved.filter(Q(host__enabled=False) | Q(rule__enabled=False))
    for alert in orphans.select_related("host").select_for_update(of=("self",)):
        reason = SWITCHED_OFF
        if not alert.host.enabled:
            reason = REMOVED if alert.host.removed_at else PAUSED
        withdraw(alert, reason, now)


def queue(alert: Alert, kind: str, channels: Sequence[Channel], now: datetime) -> None:
    """A message per channel, in the outbox. Only the first firing of a case is a message."""
    if Muted.objects.filter(pk=alert.host_id).exists():
        return
    Notification.objects.bulk_create(
        [
            Notification(alert=alert, channel=channel, kind=kind, next_attempt_at=now)
            for channel in channels
        ],
        ignore_conflicts=True,
    )


def queue_recovery(alert: Alert, now: datetime) -> None:
    """A recovery for every channel that was told; a problem that surely did not go out is dropped."""
    Notification.objects.filter(
        alert=alert,
        kind=Notification.Kind.PROBLEM,
        state=Notification.State.QUEUED,
        perhaps_sent=False,
    ).delete()
    told = Notification.objects.filter(alert=alert, kind=Notification.Kind.PROBLEM)
    told = told.exclude(state=Notification.State.FAILED).select_related("channel")
    queue(alert, Notification.Kind.RECOVERY, [problem.channel for problem in told], now)


def case_of(alert: Alert) -> Case:
    severity: Severity = "critical" if alert.severity == Alert.Severity.CRITICAL else "warning"
    return Case(alert.opened_at.timestamp(), alert.state == Alert.State.FIRING, severity)


def series_of(labels: Labels) -> str:
    """Labels as an alert keeps them."""
    return json.dumps(dict(labels), sort_keys=True, ensure_ascii=False) if labels else ""


def labels_of(series: str) -> Labels:
    return tuple(sorted(json.loads(series).items())) if series else ()
