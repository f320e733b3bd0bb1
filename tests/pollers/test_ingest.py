"""From outcomes to rows, states, events and alerts."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from alerts.models import Alert, Rule
from fleet.failures import CODES, PollFailure
from fleet.models import Event, Host, HostKey, HostState
from metrics.layouts import forget, layout
from metrics.models import Metric
from metrics.queries import latest, window
from metrics.rates import Measurement
from metrics.report import Cost
from pollers import ingest
from pollers.ingest import next_spark, record
from pollers.outcome import Outcome
from pollers.transports.base import ShownKey

pytestmark = [pytest.mark.django_db, pytest.mark.database]
SLOT = (int(time.time()) // 86_400 - 1) * 86_400 + 3600  # yesterday: the polls are still kept
CPU = ("cpu_percent", ())
ROOT = ("filesystem_percent", (("mount", "/"),))
DATA = ("filesystem_percent", (("mount", "/data"),))


def measured(host: Host, slot: int, values: dict, boot: str = "boot-1", **facts) -> Outcome:
    measurement = Measurement(
        tuple(values),
        tuple(values.values()),
        boot,
        float(slot),
        (),
        Cost(0.1, 1000),
        facts=facts or None,
    )
    return Outcome(host.pk, slot, "", slot + 0.1, 0.1, measurement=measurement)


def failed(host: Host, slot: int, code: str, **more) -> Outcome:
    return Outcome(
        host.pk, slot, "", slot + 0.1, 0.1, failure=PollFailure(CODES[code], "why"), **more
    )


def state(host: Host) -> HostState:
    return HostState.objects.get(pk=host.pk)


def test_a_measurement_is_a_row_and_the_headline_numbers(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: 12.5, ROOT: 40.0, DATA: 91.0})])
    row = Metric.objects.get(host_id=host.pk, slot=SLOT)
    values = dict(
        zip(
            layout(row.layout_id).series,
            layout(row.layout_id).unpack(bytes(row.vector)),
            strict=True,
        )
    )
    assert (row.outcome, values[CPU], values[DATA]) == (0, 12.5, 91.0)
    now = state(host)
    assert (now.state, now.cpu_percent, now.filesystem_percent, now.filesystem_mount) == (
        "up",
        12.5,
        91.0,
        "/data",
    )
    assert (now.seen_at, now.polled_at) == (SLOT, SLOT)
    assert latest(now)[ROOT] == 40.0


def test_a_repeated_slot_keeps_its_first_row(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: 1.0})])
    record([measured(host, SLOT, {CPU: 99.0}), failed(host, SLOT, "TCP_TIMEOUT")])
    row = Metric.objects.get(host_id=host.pk)
    assert layout(row.layout_id).unpack(bytes(row.vector))[0] == 1.0


def test_a_vanished_file_system_is_nan_within_the_day_and_gone_on_the_next(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: 1.0, DATA: 5.0})])
    record([measured(host, SLOT + 15, {CPU: 2.0})])
    assert state(host).layout_id == Metric.objects.get(slot=SLOT).layout_id
    assert DATA not in latest(state(host))
    record([measured(host, SLOT + 86_400, {CPU: 3.0})])
    assert DATA not in layout(state(host).layout_id).index


def test_an_unplugged_host_is_down_after_three_failures_and_retried_fast(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: 1.0})])
    HostState.objects.filter(pk=host.pk).update(next_poll_at=int(time.time()) + 3000)
    record([failed(host, SLOT + 15, "TCP_REFUSED")])
    assert state(host).state == "up"
    assert state(host).next_poll_at <= time.time() + 5
    record([failed(host, SLOT + 19, "TCP_REFUSED")])
    record([failed(host, SLOT + 23, "TCP_REFUSED")])
    now = state(host)
    assert (now.state, now.failure.name, now.cpu_percent) == ("down", "TCP_REFUSED", 1.0)
    assert [row.outcome for row in Metric.objects.order_by("slot")] == [0, 2, 2, 2]
    record([measured(host, SLOT + 30, {CPU: 1.0})])
    assert (state(host).state, state(host).failure, state(host).failures_in_row) == ("up", None, 0)
    assert [event.text for event in Event.objects.order_by("pk")] == [
        "pending → up",
        "up → down: TCP_REFUSED",
        "down → up",
    ]


def test_a_refused_credential_blocks_at_once_and_is_tried_rarely(make_host):
    host = make_host()
    waits = []
    for number in range(4):
        HostState.objects.filter(pk=host.pk).update(next_poll_at=int(time.time()) + 15)
        record([failed(host, SLOT + number, "AUTH_FAILED")])
        waits.append(round(state(host).next_poll_at - time.time(), -1))
    assert state(host).state == "blocked"
    assert waits == [120, 420, 1800, 1800]
    assert state(host).backoff_until == state(host).next_poll_at


def test_the_monitor_being_late_is_unknown_and_never_down(make_host):
    host = make_host()
    record([failed(host, SLOT + n, "MONITOR_LATE") for n in range(3)])
    assert state(host).state == "unknown"


def test_a_silent_probe_is_down_only_where_it_was_measured_before(make_host):
    known, new = make_host(name="known"), make_host(name="new")
    record([measured(known, SLOT, {CPU: 1.0})])
    for number in range(1, 4):
        record(
            [
                failed(known, SLOT + number, "PROBE_TIMEOUT"),
                failed(new, SLOT + number, "PROBE_TIMEOUT"),
            ]
        )
    assert (state(known).state, state(new).state) == ("down", "blocked")


def test_an_ended_slot_is_no_longer_open(make_host):
    host = make_host()
    HostState.objects.filter(pk=host.pk).update(open_slots=f"{SLOT};{SLOT + 15};")
    record([measured(host, SLOT, {CPU: 1.0})])
    assert state(host).open_slots == f"{SLOT + 15};"


def test_an_agreed_first_key_is_pinned_with_who_decided(make_host):
    host = make_host(accept_first_key=True)
    key = ShownKey("ssh-ed25519", "ssh-ed25519 AAAA", "SHA256:abc")
    outcome = measured(host, SLOT, {CPU: 1.0})
    record(
        [
            Outcome(
                **{name: getattr(outcome, name) for name in outcome.__slots__} | {"shown_key": key}
            )
        ]
    )
    pinned = HostKey.objects.get(host=host)
    assert pinned.accepted_at is not None
    assert (pinned.fingerprint, pinned.accepted_by) == ("SHA256:abc", "a test")


def test_a_changed_key_is_offered_and_not_pinned(make_host):
    host = make_host()
    key = ShownKey("ssh-ed25519", "ssh-ed25519 BBBB", "SHA256:new")
    record([failed(host, SLOT, "HOSTKEY_CHANGED", shown_key=key)])
    assert HostKey.objects.get(host=host).accepted_at is None
    assert Event.objects.filter(kind="host_key_changed").count() == 1
    assert state(host).state == "blocked"


def test_a_host_without_a_chosen_name_takes_its_own(make_host):
    plain, chosen = make_host(address="192.0.2.7"), make_host(name="chosen")
    revision = plain.changed_at
    record(
        [
            measured(plain, SLOT, {CPU: 1.0}, hostname="web-1"),
            measured(chosen, SLOT, {CPU: 1.0}, hostname="web-2"),
        ]
    )
    plain.refresh_from_db()
    chosen.refresh_from_db()
    assert (plain.name, chosen.name) == ("web-1", "chosen")
    assert plain.changed_at == revision, "a new name must not close the session"


def test_a_reboot_is_an_event(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: 1.0}), measured(host, SLOT + 15, {CPU: 1.0}, boot="boot-2")])
    assert Event.objects.filter(kind="rebooted").count() == 1


def test_rules_fire_and_resolve_with_what_was_measured(make_host):
    Rule.objects.all().delete()
    Rule.objects.create(name="full", metric="filesystem_percent", op=">", warning=80, critical=90)
    host = make_host()
    record([measured(host, SLOT, {ROOT: 85.0, DATA: 20.0})])
    alert = Alert.objects.get()
    assert (alert.state, alert.severity, alert.series, alert.value) == (
        "firing",
        "warning",
        '{"mount": "/"}',
        85.0,
    )
    record([measured(host, SLOT + 15, {ROOT: 95.0, DATA: 20.0})])
    assert Alert.objects.get().severity == "critical"
    record([measured(host, SLOT + 30, {ROOT: 50.0, DATA: 20.0})])
    assert Alert.objects.get().state == "resolved"


def test_down_is_an_alert_like_any_other(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: 1.0})])
    for number in range(1, 4):
        record([failed(host, SLOT + number, "TCP_TIMEOUT")])
    alert = Alert.objects.get()
    assert (alert.rule.name, alert.state) == ("Host down", "firing")
    assert "TCP_TIMEOUT" in alert.cause
    record([measured(host, SLOT + 9, {CPU: 1.0})])
    alert.refresh_from_db()
    assert alert.state == "resolved"


def test_a_series_has_gaps_where_nothing_was_measured(make_host):
    host = make_host()
    record(
        [
            measured(host, SLOT, {CPU: 10.0}),
            failed(host, SLOT + 15, "TCP_TIMEOUT"),
            measured(host, SLOT + 30, {CPU: 30.0}),
        ]
    )
    found = window(host.pk, ["cpu_percent"], SLOT, SLOT + 45, interval=15)
    assert found.metrics["cpu_percent"][0].values[:3] == [10.0, None, 30.0]


def test_a_long_range_gives_no_more_points_than_asked(make_host):
    host = make_host()
    record([measured(host, SLOT + 15 * n, {CPU: float(n)}) for n in range(100)])
    found = window(host.pk, ["cpu_percent"], SLOT, SLOT + 1500, interval=15, points=10)
    values = found.metrics["cpu_percent"][0].values
    assert len(found.times) == len(values) <= 11
    assert values == sorted(values)


def test_a_late_outcome_does_not_turn_back_the_state(make_host):
    host = make_host()
    record([measured(host, SLOT + 30, {CPU: 3.0})])
    record([failed(host, SLOT, "TCP_TIMEOUT")])
    assert (state(host).state, state(host).failures_in_row, state(host).polled_at) == (
        "up",
        0,
        SLOT + 30,
    )
    assert Metric.objects.filter(slot=SLOT).exists()


def test_numbers_that_no_float_holds_are_stored_as_unknown(make_host):
    host = make_host()
    record([measured(host, SLOT, {CPU: float("inf"), ROOT: 1e300})])
    assert latest(state(host)) == {} or all(
        value == value for value in latest(state(host)).values()
    )
    assert state(host).cpu_percent is None


def test_an_outcome_of_a_removed_host_changes_nothing(make_host):
    host = make_host()
    Host.objects.filter(pk=host.pk).update(removed_at=datetime.now(UTC))
    record([measured(host, SLOT, {CPU: 1.0})])
    assert not Metric.objects.exists()


def test_the_sparkline_keeps_an_hour_and_shows_missing_minutes():
    spark, minute = next_spark(b"", 0, 100, 10.4)
    assert (spark, minute) == (b"\x0a", 100)
    spark, minute = next_spark(spark, minute, 100, 20.0)
    assert (spark, minute) == (b"\x14", 100)
    spark, minute = next_spark(spark, minute, 103, None)
    assert spark == b"\x14\xff\xff\xff"
    for number in range(104, 300):
        spark, minute = next_spark(spark, minute, number, 1.0)
    assert spark == b"\x01" * 60


@pytest.mark.django_db(transaction=True)
def test_a_layout_of_a_transaction_that_was_undone_is_not_remembered(make_host, monkeypatch):
    """Its number may go to another layout: numbers would be read under wrong names."""
    host = make_host()

    def fail(*arguments):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "judge", fail)
        with pytest.raises(RuntimeError):
            record([measured(host, SLOT, {CPU: 1.0, ROOT: 2.0})])
    assert not Metric.objects.exists()
    record([measured(host, SLOT, {DATA: 3.0})])
    record([measured(host, SLOT + 86_400, {CPU: 1.0, ROOT: 2.0})])
    forget()
    for slot, expected in ((SLOT, {DATA: 3.0}), (SLOT + 86_400, {CPU: 1.0, ROOT: 2.0})):
        row = Metric.objects.get(slot=slot)
        columns = layout(row.layout_id)
        values = dict(zip(columns.series, columns.unpack(bytes(row.vector)), strict=True))
        assert {name: values[name] for name in expected} == expected
