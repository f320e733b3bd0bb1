"""What is firing, by cause: alerts of one rule are one cause."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.models import Alert
from dashboards.alertlist import shown
from dashboards.roll import Row, urgency
from dashboards.states import TROUBLE, Look, alert_look
from dashboards.units import GAP

SHOWN = 5
NAMED = 3


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause: its look, a title, and who is hit since when."""

    look: Look
    title: str
    names: str
    since: datetime
    acknowledged: str
    url: str


@dataclass(frozen=True, slots=True)
class Strip:
    """The first few causes, and how many there are."""

    causes: Sequence[Cause]
    alerts: int


def strip(rows: Iterable[Row]) -> Strip:
    alerts = sorted((alert for row in rows if row.enabled for alert in row.alerts), key=urgency)
    by_rule: dict[tuple[int, str], list[Alert]] = {}
    for alert in alerts:
        by_rule.setdefault((alert.rule_id, alert.severity), []).append(alert)
    found = sorted(
        (cause_of(group) for group in by_rule.values()),
        key=lambda cause: TROUBLE.index(cause.look.key),
    )
    return Strip(found[:SHOWN], len(alerts))


def cause_of(group: Sequence[Alert]) -> Cause:
    first = group[0]
    look = alert_look(first.rule.metric, first.severity)
    hosts = list(dict.fromkeys(alert.host.name for alert in group))
    if len(hosts) == 1:
        one = shown(first)
        title = f"{hosts[0]}: {first.rule.name}"
        names = " ".join(part for part in (one.where, one.measured or first.cause) if part)
    else:
        more = f" and {len(hosts) - NAMED} more" if len(hosts) > NAMED else ""
        title, names = f"{len(hosts)}{GAP}hosts: {first.rule.name}", ", ".join(hosts[:NAMED]) + more
    taken = (
        {alert.acknowledged_by for alert in group}
        if all(a.acknowledged_at for a in group)
        else set()
    )
    since = min(alert.fired_at or alert.opened_at for alert in group)
    url = f"/hosts/{first.host_id}/" if len(hosts) == 1 else "/alerts/"
    return Cause(look, title, names, since, ", ".join(sorted(taken)), url)
