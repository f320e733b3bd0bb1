"""From outcomes to rows: metrics, the host's state, alerts and notifications, in one transaction."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import connection, transaction

from alerts.lifecycle import HostReport, judge
from fleet.models import Event, Host, HostKey, HostState
from fleet.states import State
from metrics.layouts import forget, next_layout
from metrics.rates import Measurement
from metrics.report import Series
from metrics.store import Row, write, write_details
from pollers.inventory import free_name, keep_key
from pollers.outcome import Outcome
from pollers.rotation import follow_keys
from pollers.states import is_backoff, state_after, wait_after

HEADLINES = (
    "cpu_percent",
    "memory_percent",
    "swap_percent",
    "load1",
)
STATE_COLUMNS = (
    "backoff_until",
    "state",
    "state_since",
    "polled_at",
    "seen_at",
    "failures_in_row",
    "failure_number",
    "failure_detail",
    "failure_stage",
    "cpu_percent",
    "memory_percent",
    "swap_percent",
    "filesystem_percent",
    "filesystem_mount",
    "load1",
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
    "poll_seconds",
    "layout_id",
    "vector",
    "spark",
    "spark_minute",
    "boot_id",
    "facts",
    "session",
)


def record(outcomes: Sequence[Outcome]) -> None:
    """Store outcomes. Repeats are harmless: the first row of a slot stays.

    1. rows of `Metric`; 2. the host's state, its headline numbers and events; 3. verdicts of
    the rules, and the notifications they cause. All in one transaction.
    """
    try:
        with transaction.atomic():
            store(outcomes)
    except BaseException:
        forget()  # a layout made in this transaction is gone with it
        raise


def store(outcomes: Sequence[Outcome]) -> None:
    states = {
        row.host_id: row
        for row in HostState.objects.select_for_update(
            of=("self",) if connection.vendor == "postgresql" else ()
        )
        .filter(host_id__in={o.host_id for o in outcomes}, host__removed_at=None)
        .select_related("host")
        .order_by("host_id")  # everybody locks in the same order
    }
    known = [outcome for outcome in outcomes if outcome.host_id in states]
    rows, reports, waits = [], [], []
    for outcome in sorted(known, key=lambda o: o.slot):
        row = states[outcome.host_id]
        fresh = outcome.slot >= row.polled_at
        rows.append(metric_row(row, outcome))
        if fresh:
            waits.append((outcome, apply(row, outcome)))
            reports.append(report_of(row, outcome))
    write(rows)
    save_states(list(states.values()))
    close_slots(known, waits)
    judge(reports, datetime.now(UTC))


def metric_row(row: HostState, outcome: Outcome) -> Row:
    """The `Metric` of an outcome; a measurement may move the host to a larger layout."""
    measurement = outcome.measurement
    if measurement is None:
        number = outcome.failure.code.number if outcome.failure else 0
        return Row(outcome.host_id, outcome.slot, number)
    columns, values = with_own_series(measurement, outcome)
    same_day = row.polled_at // 86_400 == outcome.slot // 86_400
    layout = next_layout(row.layout_id, columns, same_day=same_day)
    vector = layout.pack(columns, values)
    if outcome.slot >= row.polled_at:
        row.layout_id, row.vector = layout.id, vector
    return Row(outcome.host_id, outcome.slot, 0, layout.id, vector)


OWN: tuple[Series, ...] = (("poll_seconds", ()), ("clock_offset_seconds", ()))


def with_own_series(
    measurement: Measurement, outcome: Outcome
) -> tuple[tuple[Series, ...], tuple[float, ...]]:
    """The measurement with what the central knows of it."""
    middle = outcome.finished_at - outcome.seconds / 2
    return (*measurement.columns, *OWN), (
        *measurement.values,
        outcome.seconds,
        measurement.time - middle,
    )


def apply(row: HostState, outcome: Outcome) -> int | None:
    """Move a host's state; returns how many seconds to wait if not until the next slot."""
    failure = outcome.failure
    row.polled_at = outcome.slot
    row.failures_in_row = row.failures_in_row + 1 if failure else 0
    row.failure_number = failure.code.number if failure else 0
    row.failure_detail = failure.detail if failure else ""
    row.failure_stage = failure.stage if failure else ""
    before = State(row.state)
    after = state_after(before, failure, row.failures_in_row, measured_before=row.seen_at > 0)
    if after is not before:
        row.state = after
        row.state_since = datetime.now(UTC)
        add_event(row, Event.Kind.STATE, state_sentence(before, after, row))
    if outcome.stages:
        row.session = session_of(row, outcome)
    learn_key(row, outcome)
    if failure is None and outcome.announced_keys and outcome.shown_key is not None:
        follow_keys(row.host, outcome.shown_key, outcome.announced_keys)
    if outcome.measurement is not None:
        take_measurement(row, outcome.measurement, outcome)
    if failure is None:
        row.backoff_until = 0
        return None
    wait = wait_after(failure, row.failures_in_row)
    if wait is not None and is_backoff(failure):
        row.backoff_until = int(time.time()) + wait
    return wait


def state_sentence(before: State, after: State, row: HostState) -> str:
    reason = f": {row.failure.name}" if row.failure else ""
    return f"{before} → {after}{reason}"


def session_of(row: HostState, outcome: Outcome) -> dict[str, Any]:
    """How the session was opened, and how many logins there were today."""
    today = time.strftime("%Y-%m-%d", time.gmtime(outcome.slot))
    logins = row.session.get("logins", 0) if row.session.get("day") == today else 0
    return {
        "opened_at": outcome.slot,
        "stages": [[name, round(seconds, 4)] for name, seconds in outcome.stages],
        "day": today,
        "logins": logins + outcome.login,
    }


def learn_key(row: HostState, outcome: Outcome) -> None:
    """Pin the key of an agreed first contact; keep a refused one as an offer."""
    shown = outcome.shown_key
    if shown is None:
        return
    code = outcome.failure.code.name if outcome.failure else ""
    if code in ("HOSTKEY_UNKNOWN", "HOSTKEY_CHANGED"):
        _, new = HostKey.objects.get_or_create(
            host=row.host,
            public=shown.public,
            defaults={"algorithm": shown.algorithm, "fingerprint": shown.fingerprint},
        )
        if new and code == "HOSTKEY_CHANGED":
            add_event(row, Event.Kind.KEY_CHANGED, f"Host key changed to {shown.fingerprint}")
    elif (
        row.host.first_key_accepted_by and not row.host.host_keys.exclude(accepted_at=None).exists()
    ):
        keep_key(row.host, shown, by=row.host.first_key_accepted_by)


def take_measurement(row: HostState, measurement: Measurement, outcome: Outcome) -> None:
    """Headline numbers, sparkline, facts, details, and a reboot if there was one."""
    values = dict(zip(measurement.columns, measurement.values, strict=True))
    for name in HEADLINES:
        setattr(row, name, number(values.get((name, ()))))
    fullest = max(
        (
            (value, dict(labels)["mount"])
            for (name, labels), value in values.items()
            if name == "filesystem_percent" and value == value
        ),
        default=None,
    )
    row.filesystem_percent, row.filesystem_mount = fullest if fullest else (None, "")
    row.filesystem_mount = row.filesystem_mount[:255]
    row.network_receive_bytes_per_second = total(values, "network_receive_bytes_per_second")
    row.network_transmit_bytes_per_second = total(values, "network_transmit_bytes_per_second")
    row.poll_seconds = outcome.seconds
    row.seen_at = outcome.slot
    row.spark, row.spark_minute = next_spark(
        bytes(row.spark), row.spark_minute, outcome.slot // 60, row.cpu_percent
    )
    if row.boot_id and measurement.boot_id and measurement.boot_id != row.boot_id:
        add_event(row, Event.Kind.REBOOTED, "Rebooted")
    row.boot_id = measurement.boot_id[:64]
    row.session = {
        **row.session,
        "cost": {
            "cpu_seconds": measurement.cost.cpu_seconds,
            "memory_bytes": measurement.cost.memory_bytes,
        },
        "bytes": outcome.bytes_received,
        "collectors": [
            [run.name, round(run.seconds, 5), run.error] for run in measurement.collectors
        ],
    }
    if measurement.facts:
        row.facts = measurement.facts
        adopt_name(row.host, str(measurement.facts.get("hostname", "")))
    if measurement.details:
        write_details(row.host_id, outcome.slot, measurement.details)


def number(value: float | None) -> float | None:
    """A number a database can hold."""
    return value if value is not None and math.isfinite(value) else None


def total(values: dict[Series, float], name: str) -> float | None:
    known = [value for (metric, _), value in values.items() if metric == name and value == value]
    return math.fsum(known) if known else None


def next_spark(spark: bytes, last: int, minute: int, percent: float | None) -> tuple[bytes, int]:
    """The last 60 minutes, a byte each; a minute keeps its newest value, a skipped one is 255."""
    byte = 255 if percent is None else max(0, min(100, round(percent)))
    if minute <= last and spark:
        return spark[:-1] + bytes([byte]), last
    skipped = min(60, max(0, minute - last - 1)) if spark else 0
    return (spark + b"\xff" * skipped + bytes([byte]))[-60:], minute


def adopt_name(host: Host, hostname: str) -> None:
    """Give a host that has no chosen name its own; `update` leaves its revision, and so its session, alone."""
    if host.name_is_own or not hostname.isprintable() or not 0 < len(hostname) <= 90:
        return
    name = free_name(hostname)
    Host.objects.filter(pk=host.pk, name_is_own=False).update(name=name, name_is_own=True)
    host.name, host.name_is_own = name, True


def add_event(row: HostState, kind: str, text: str) -> None:
    Event.objects.create(host=row.host, at=datetime.now(UTC), kind=kind, text=text)


def save_states(rows: list[HostState]) -> None:
    """Write the rows with one prepared statement; never the clock's columns, which a claim may be moving."""
    columns = {field.attname: field for field in HostState._meta.concrete_fields}
    fields = [columns[name] for name in STATE_COLUMNS]
    assignments = ", ".join(f"{field.column} = %s" for field in fields)
    with connection.cursor() as cursor:
        cursor.executemany(
            f"UPDATE fleet_hoststate SET {assignments} WHERE host_id = %s",  # noqa: S608 - our own column names
            [
                [
                    *(
                        field.get_db_prep_save(getattr(row, field.attname), connection)
                        for field in fields
                    ),
                    row.host_id,
                ]
                for row in rows
            ],
        )


def close_slots(outcomes: Sequence[Outcome], waits: Sequence[tuple[Outcome, int | None]]) -> None:
    """Take the ended slots out of the open ones, and move the next poll where a failure asks for it."""
    now = int(time.time())
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE fleet_hoststate SET open_slots = REPLACE(open_slots, %s, '') WHERE host_id = %s",
            [(f"{outcome.slot};", outcome.host_id) for outcome in outcomes],
        )
        for outcome, wait in waits:
            if wait is None or outcome.failure is None:
                continue
            if is_backoff(outcome.failure):
                sql = "UPDATE fleet_hoststate SET next_poll_at = %s WHERE host_id = %s AND next_poll_at > 0"
                cursor.execute(sql, [now + wait, outcome.host_id])
            else:
                sql = "UPDATE fleet_hoststate SET next_poll_at = %s WHERE host_id = %s AND next_poll_at > %s"
                cursor.execute(sql, [now + wait, outcome.host_id, now + wait])


def report_of(row: HostState, outcome: Outcome) -> HostReport:
    """What the rules are judged on: the measured values, and the state as metrics."""
    values: dict[Series, float] = {}
    complete = False
    if outcome.measurement is not None:
        values.update(zip(outcome.measurement.columns, outcome.measurement.values, strict=True))
        complete = not any(run.error for run in outcome.measurement.collectors)
    state = State(row.state)
    values["up", ()] = float(state is State.UP)
    values["host_down", ()] = float(state is State.DOWN)
    values["host_blocked", ()] = float(state is State.BLOCKED)
    values["host_unknown", ()] = float(state is State.UNKNOWN)
    cause = f"{outcome.failure.code.text} {outcome.failure.code.name}" if outcome.failure else ""
    return HostReport(
        row.host, values, measured=outcome.measurement is not None, complete=complete, cause=cause
    )
