"""The roll: every host as the fleet page shows it, in a fixed number of queries."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db.models import Max, Sum

from alerts.models import Alert
from dashboards.alertlist import sentence_of
from dashboards.states import DARK, LOOKS, Look, shown_state
from fleet.failures import BY_NUMBER, Code
from fleet.models import Host

HEADLINES = {
    "cpu_percent": "cpu",
    "memory_percent": "memory",
    "swap_percent": "swap",
    "filesystem_percent": "filesystem",
    "load1": "load",
}
"""Metrics with a column of their own; an alert about one of them colours its number."""

COLUMNS = (
    "pk", "name", "address", "enabled", "state_row__state", "state_row__state_since", "state_row__seen_at",
    "state_row__failure_number", "state_row__failure_detail", "state_row__cpu_percent", "state_row__memory_percent",
    "state_row__swap_percent", "state_row__filesystem_percent", "state_row__filesystem_mount", "state_row__load1",
    "state_row__network_receive_bytes_per_second", "state_row__network_transmit_bytes_per_second", "state_row__spark",
)  # fmt: skip


@dataclass(slots=True)
class Row:
    """One host on the fleet page."""

    id: int
    name: str
    address: str
    enabled: bool
    state: str
    since: datetime | None
    seen_at: int
    failure_number: int
    failure_detail: str
    cpu: float | None
    memory: float | None
    swap: float | None
    filesystem: float | None
    mount: str
    load: float | None
    received: float | None
    sent: float | None
    spark: bytes
    tags: tuple[str, ...] = ()
    alerts: list[Alert] = field(default_factory=list)
    now: float = 0.0

    @property
    def worst(self) -> Alert | None:
        """Its most severe firing alert; one that nobody has taken yet comes first."""
        return min(self.alerts, key=urgency, default=None)

    @property
    def shown(self) -> str:
        worst = self.worst
        return shown_state(self.enabled, self.state, worst.severity if worst else None)

    @property
    def look(self) -> Look:
        return LOOKS[self.shown]

    @property
    def fresh(self) -> bool:
        return self.shown not in DARK

    @property
    def fine(self) -> bool:
        return self.shown in ("up", "maintenance")

    @property
    def acknowledged(self) -> bool:
        """Somebody has taken every alert of the severity shown."""
        return self.shown in ("critical", "warning") and all(
            alert.acknowledged_at for alert in self.alerts if alert.severity == self.shown
        )

    @property
    def failure(self) -> Code | None:
        return BY_NUMBER.get(self.failure_number)

    @property
    def trouble_since(self) -> datetime | None:
        worst = self.worst
        if self.shown in ("critical", "warning") and worst:
            return worst.fired_at or worst.opened_at
        return None if self.shown in ("up", "paused", "pending") else self.since

    @property
    def reason(self) -> str:
        """Why it is not fine, in one line without the failure's code."""
        worst = self.worst
        if self.shown in ("critical", "warning") and worst:
            return sentence_of(worst)
        code = self.failure
        if code is None or self.shown in ("paused", "pending"):
            return ""
        return self.failure_detail or code.text

    @property
    def code(self) -> str:
        """The failure's code, where the failure is the reason."""
        if self.shown in ("critical", "warning", "paused", "pending") or self.failure is None:
            return ""
        return self.failure.name

    @property
    def network(self) -> float | None:
        if self.received is None and self.sent is None:
            return None
        return (self.received or 0) + (self.sent or 0)

    @property
    def age(self) -> float | None:
        return self.now - self.seen_at if self.seen_at else None

    @property
    def seen(self) -> datetime | None:
        return datetime.fromtimestamp(self.seen_at, UTC) if self.seen_at else None

    def number(self, name: str) -> float | None:
        value = getattr(self, name)
        return None if value is None else float(value)

    @property
    def hot(self) -> dict[str, str]:
        """Which of its numbers are over a limit: {"cpu": "critical"}."""
        found: dict[str, str] = {}
        for alert in sorted(self.alerts, key=urgency, reverse=True):
            if column := HEADLINES.get(alert.rule.metric):
                found[column] = alert.severity
        return found


def urgency(alert: Alert) -> tuple[bool, bool, float]:
    return (
        alert.severity != Alert.Severity.CRITICAL,
        alert.acknowledged_at is not None,
        (alert.fired_at or alert.opened_at).timestamp(),
    )


def call_roll() -> list[Row]:
    """Every present host with its tags and firing alerts: three queries, however many there are."""
    now = time.time()
    rows: dict[int, Row] = {}
    for pk, name, address, enabled, state, since, seen, number, detail, *rest in (
        Host.objects.present().order_by("name").values_list(*COLUMNS)
    ):
        *numbers, spark = rest
        cpu, memory, swap, filesystem, mount, load, received, sent = numbers
        rows[pk] = Row(
            pk, name, address, enabled, state or "pending", since, seen or 0, number or 0, detail or "",
            cpu, memory, swap, filesystem, mount or "", load, received, sent, bytes(spark or b""), now=now,
        )  # fmt: skip
    tags: dict[int, list[str]] = {}
    for host_id, tag in Host.tags.through.objects.order_by("tag__name").values_list(
        "host_id", "tag__name"
    ):
        tags.setdefault(host_id, []).append(tag)
    for host_id, names in tags.items():
        if host_id in rows:
            rows[host_id].tags = tuple(names)
    for alert in firing():
        if alert.host_id in rows:
            rows[alert.host_id].alerts.append(alert)
    return list(rows.values())


def firing() -> list[Alert]:
    return list(
        Alert.objects.filter(state=Alert.State.FIRING, host__removed_at=None).select_related(
            "rule", "host"
        )
    )


def tally(rows: Iterable[Row]) -> list[tuple[Look, int]]:
    """How many hosts are in each state, worst first; states without a host are left out."""
    counts = Counter(row.shown for row in rows)
    return [(look, counts[key]) for key, look in LOOKS.items() if counts[key]]


def groups(rows: Sequence[Row], by: str) -> list[tuple[str, list[Row]]]:
    """Hosts by tag (a host with several is in each of its groups) or by state; else all in one."""
    if by == "state":
        return [(look.word, [row for row in rows if row.shown == key]) for key, look in LOOKS.items()
                if any(row.shown == key for row in rows)]  # fmt: skip
    if by != "tag":
        return [("", list(rows))] if rows else []
    found: dict[str, list[Row]] = {}
    for row in rows:
        for tag in row.tags:
            found.setdefault(tag, []).append(row)
    untagged = [row for row in rows if not row.tags]
    return [*sorted(found.items()), *([("no tag", untagged)] if untagged else [])]


def fingerprint() -> str:
    """Changes whenever something on the fleet page may have changed: one aggregate per table."""
    hosts = Host.objects.present().aggregate(
        Max("pk"), Max("changed_at"), Max("state_row__state_since"),
        polls=Sum("state_row__polled_at"), number=Sum("pk"),
    )  # fmt: skip
    alerts = Alert.objects.filter(state=Alert.State.FIRING).aggregate(
        Max("fired_at"), Max("acknowledged_at"), number=Sum("host_id")
    )
    tags = Host.tags.through.objects.aggregate(Max("pk"), number=Sum("tag_id"))
    return f"{sorted(hosts.items())}{sorted(alerts.items())}{sorted(tags.items())}"


SORTS = ("state", "name", "cpu", "memory", "filesystem", "load", "network", "age")


def ordered(rows: Iterable[Row], sort: str) -> list[Row]:
    """Sorted by a column; a minus in front turns it round. What is not known comes last."""
    name, down = sort.removeprefix("-"), sort.startswith("-")
    rows = sorted(rows, key=lambda row: row.name.lower())
    if name == "name":
        return rows[::-1] if down else rows
    if name not in SORTS or name == "state":
        worst_first = sorted(rows, key=severity_of)
        return worst_first[::-1] if name == "state" and down else worst_first
    known = [row for row in rows if row.number(name) is not None and (row.fresh or name == "age")]
    rest = [row for row in rows if row.number(name) is None or not (row.fresh or name == "age")]
    return [*sorted(known, key=lambda row: row.number(name) or 0.0, reverse=down), *rest]


def severity_of(row: Row) -> tuple[int, bool, float]:
    since = row.trouble_since
    return (row.look.order, row.acknowledged, -since.timestamp() if since else 0.0)
