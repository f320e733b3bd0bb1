"""What the page of one host shows, but for the charts."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, Max

from alerts.models import Alert
from dashboards import drawing, ranges
from dashboards.alertlist import Shown, shown
from dashboards.roll import urgency
from dashboards.session import Session, session_of
from dashboards.states import DARK, LOOKS, Look, alert_look, shown_state
from fleet.failures import BY_NUMBER, Code
from fleet.models import Event, Host, HostKey, HostState
from fleet.states import State
from metrics import queries
from metrics.models import Rollup
from metrics.report import Series

PROCESSES = 10
EVENTS = 12
RESOLVED = 5
SPANS = 60
TROUBLE_AFTER = 3
"""Silent intervals after which a ribbon shows a gap."""


@dataclass(frozen=True, slots=True)
class Page:
    """A host with all that its page needs."""

    host: Host
    state: HostState
    look: Look
    since: datetime | None
    failure: Code | None
    alerts: Sequence[Shown]
    pending: Sequence[Shown]
    resolved: Sequence[Shown]
    accepted: Sequence[HostKey]
    offered: Sequence[HostKey]
    session: Session
    values: Mapping[Series, float]

    @property
    def dark(self) -> bool:
        """Its numbers are the last that were known, not true ones."""
        return self.look.key in DARK

    @property
    def seen(self) -> datetime | None:
        return datetime.fromtimestamp(self.state.seen_at, UTC) if self.state.seen_at else None

    @property
    def worst(self) -> Shown | None:
        return self.alerts[0] if self.alerts else None

    @property
    def several(self) -> bool:
        return len(self.alerts) > 1

    @property
    def free(self) -> Shown | None:
        """The worst alert, if nobody has taken it."""
        return self.worst if self.worst and not self.worst.alert.acknowledged_at else None

    @property
    def taken(self) -> Shown | None:
        return self.worst if self.worst and self.worst.alert.acknowledged_at else None

    @property
    def boot(self) -> datetime | None:
        boot = self.state.facts.get("boot_time")
        try:
            return (
                datetime.fromtimestamp(boot, UTC)
                if isinstance(boot, int | float) and boot > 0
                else None
            )
        except (OverflowError, OSError, ValueError):
            return None

    @property
    def mounts(self) -> list[dict[str, Any]]:
        hot = {one.labels.get("mount"): one.alert.severity for one in self.alerts
               if one.alert.rule.metric in ("filesystem_percent", "filesystem_inodes_percent")}  # fmt: skip
        table = instances(self.values, "mount", {
            "percent": "filesystem_percent", "used": "filesystem_used_bytes", "size": "filesystem_size_bytes",
            "available": "filesystem_available_bytes", "inodes": "filesystem_inodes_percent", "readonly": "filesystem_readonly",
        })  # fmt: skip
        rows = [{"hot": hot.get(row["name"], ""), **row} for row in table]
        return sorted(rows, key=lambda row: -(row["percent"] or 0.0))

    @property
    def interfaces(self) -> list[dict[str, Any]]:
        return instances(self.values, "interface", {
            "received": "network_receive_bytes_per_second", "sent": "network_transmit_bytes_per_second",
            "errors_in": "network_receive_errors_per_second", "errors_out": "network_transmit_errors_per_second",
            "drops_in": "network_receive_drops_per_second", "drops_out": "network_transmit_drops_per_second",
        })  # fmt: skip


def instances(
    values: Mapping[Series, float], label: str, columns: Mapping[str, str]
) -> list[dict[str, Any]]:
    """A row per instance of a label, a column per metric; None where nothing is known."""
    rows: dict[str, dict[str, Any]] = {}
    for word, metric in columns.items():
        for labels, value in queries.instances(values, metric):
            name = labels.get(label, "")
            rows.setdefault(name, {"name": name, **dict.fromkeys(columns)})[word] = value
    return sorted(rows.values(), key=lambda row: str(row["name"]))


def read(host: Host) -> Page:
    state = getattr(host, "state_row", None) or HostState(host=host)
    open_alerts = list(
        Alert.objects.filter(host=host)
        .exclude(state=Alert.State.RESOLVED)
        .select_related("rule", "host")
    )
    firing = sorted((one for one in open_alerts if one.state == Alert.State.FIRING), key=urgency)
    keys = list(host.host_keys.all())
    key = shown_state(host.enabled, state.state, firing[0].severity if firing else None)
    resolved = Alert.objects.filter(host=host, state=Alert.State.RESOLVED).order_by("-resolved_at")
    return Page(
        host=host,
        state=state,
        look=LOOKS[key],
        since=(firing[0].fired_at or firing[0].opened_at)
        if key in ("critical", "warning")
        else state.state_since,
        failure=BY_NUMBER.get(state.failure_number),
        alerts=[shown(one) for one in firing],
        pending=[shown(one) for one in open_alerts if one.state == Alert.State.PENDING],
        resolved=[shown(one) for one in resolved.select_related("rule", "host")[:RESOLVED]],
        accepted=[one for one in keys if one.accepted_at],
        offered=[one for one in keys if not one.accepted_at],
        session=session_of(state.session or {}),
        values=queries.latest(state),
    )


def ribbon(host: Host, chosen: str) -> list[drawing.Block]:
    """The states of the range in one line; what nobody looked at is a gap."""
    end = int(time.time())
    start = ranges.start_of(end, ranges.seconds(chosen), host.created_at.timestamp())
    rows, pause = states_between(host, start, end)
    gaps = [(gap.began_at, gap.ended_at) for gap in queries.gaps(start, end)]
    blocks = drawing.ribbon(rows, gaps, start, end, pause)
    over = [drawing.block(f"r-{css}", low, high, 4, 10, start, end) for low, high, css in spans(host, start, end)
            if css in ("warning", "critical")]  # fmt: skip
    return blocks + over


def states_between(host: Host, start: int, end: int) -> tuple[list[tuple[int, str]], int]:
    """(Unix time, state) over a range, and after how many seconds of silence it is a gap.

    Up to a day poll by poll, beyond it from the rollups: the worst of each.
    """
    if end - start <= ranges.seconds("24h"):
        rows = [(at, outcome_state(o)) for at, o in queries.outcomes(host.pk, start, end)]
        return rows, TROUBLE_AFTER * host.interval_seconds + 5
    tier = queries.tier_for(start, (end - start) // 480, time.time()) or 300
    found = queries.rollups_between(host.pk, tier, start, end)
    newest = found[-1].slot + tier if found else start
    rows = [(row.slot, worst_state(row)) for row in found]
    rows += [(at, outcome_state(o)) for at, o in queries.outcomes(host.pk, newest, end)]
    return rows, max(2 * tier, TROUBLE_AFTER * host.interval_seconds) + 5


def worst_state(row: Rollup) -> str:
    """What a person has to know of this time; one lost poll among many is not it."""
    for state, number in ((State.DOWN, row.down), (State.BLOCKED, row.blocked)):
        if number >= 3 or number == row.polls:
            return state.value
    return State.UP.value if row.measured else State.UNKNOWN.value


def spans(host: Host, start: int, end: int) -> list[tuple[int, int, str]]:
    """When alerts fired: from, to, and the look of it; the worst is last, to be drawn on top."""
    found = []
    since = datetime.fromtimestamp(start, UTC)
    alerts = (
        Alert.objects.filter(host=host, fired_at__isnull=False)
        .exclude(resolved_at__lt=since)
        .select_related("rule")
    )
    for alert in alerts.order_by("-fired_at")[:SPANS]:
        if alert.fired_at:
            low = max(start, int(alert.fired_at.timestamp()))
            high = int(alert.resolved_at.timestamp()) if alert.resolved_at else end
            found.append((low, high, alert_look(alert.rule.metric, alert.severity)))
    return [
        (low, high, look.css) for low, high, look in sorted(found, key=lambda one: -one[2].order)
    ]


def outcome_state(outcome: int) -> str:
    code = BY_NUMBER.get(outcome)
    return State.UP.value if code is None or code.state is None else code.state.value


def processes(host: Host) -> dict[str, Any] | None:
    """The newest process table: its time, and the top by processor and by memory."""
    found = queries.detail(host.pk, "processes")
    if found is None or not isinstance(found[1], dict):
        return None
    at, document = found
    top = document.get("by_cpu") or []
    return {"at": at, "rows": [row for row in top if isinstance(row, dict)][:PROCESSES]}


def events(host: Host) -> list[Event]:
    return list(Event.objects.filter(host=host)[:EVENTS])


def fingerprint(host: Host) -> str:
    """Changes whenever something on the page may have changed."""
    state = getattr(host, "state_row", None)
    alerts = Alert.objects.filter(host=host).aggregate(
        Count("pk"), Max("opened_at"), Max("fired_at"), Max("acknowledged_at"), Max("resolved_at")
    )
    newest = Event.objects.filter(host=host).aggregate(Max("pk"))
    keys = host.host_keys.aggregate(Count("pk"), Max("pk"), Max("accepted_at"))
    moving = (
        (state.polled_at, state.state, state.failures_in_row, state.next_poll_at == 0)
        if state
        else ()
    )
    return f"{host.changed_at}{moving}{sorted(alerts.items())}{newest}{sorted(keys.items())}"
