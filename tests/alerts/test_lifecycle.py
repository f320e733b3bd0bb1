"""Cases as rows: what opens, what ends, and why."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.defaults import DEFAULT_RULES
from alerts.lifecycle import (
    CHANGED,
    GONE,
    PAUSED,
    REMOVED,
    SWITCHED_OFF,
    HostReport,
    judge,
    labels_of,
    series_of,
)
from alerts.models import Alert, Channel, Notification, Rule
from fleet.models import Host
from metrics.catalog import CATALOG
from pollers.cleaning import clean_up
from pollers.inventory import change_host, pause, remove, resume
from tests.alerts.conftest import DATA, ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def only() -> Alert:
    return Alert.objects.get()


def kinds() -> list[str]:
    return sorted(Notification.objects.values_list("kind", flat=True))


def sent() -> None:
    Notification.objects.update(state="sent", perhaps_sent=True)


def test_a_new_installation_has_its_default_rules():
    names = set(Rule.objects.values_list("name", flat=True))
    assert names == {rule["name"] for rule in DEFAULT_RULES}
    assert {"Host down", "Host blocked", "File system nearly full"} <= names
    for rule in Rule.objects.all():
        rule.full_clean()
        assert CATALOG[rule.metric].stored
        assert rule.enabled


def test_a_case_opens_fires_changes_and_resolves(rule, channel, make_host, report):
    host = make_host(name="web-1")
    Rule.objects.update(for_seconds=60)
    report(host, {ROOT: 85.0}, 0)
    assert (only().state, only().severity, only().fired_at) == ("pending", "warning", None)
    assert kinds() == []
    report(host, {ROOT: 86.0}, 60)
    assert (only().state, only().value) == ("firing", 86.0)
    assert only().opened_at < only().fired_at
    assert kinds() == ["problem"]
    report(host, {ROOT: 95.0}, 75)
    assert only().severity == "critical"
    assert kinds() == ["problem"], "one message per incident"
    sent()
    report(host, {ROOT: 10.0}, 90)
    assert (only().state, only().ended) == ("resolved", "")
    assert only().resolved_at is not None
    assert kinds() == ["problem", "recovery"]


def test_a_pending_case_that_goes_back_leaves_nothing(rule, channel, make_host, report):
    Rule.objects.update(for_seconds=60)
    host = make_host()
    report(host, {ROOT: 85.0})
    report(host, {ROOT: 10.0}, 15)
    assert not Alert.objects.exists()
    assert kinds() == []


def test_the_same_case_may_come_again(rule, make_host, report):
    host = make_host()
    for n in range(3):
        report(host, {ROOT: 95.0}, 60 * n)
        report(host, {ROOT: 10.0}, 60 * n + 15)
    assert [alert.state for alert in Alert.objects.all()] == ["resolved"] * 3


def test_a_database_holds_no_two_open_alerts_of_one_case(rule, make_host, report):
    host = make_host()
    report(host, {ROOT: 95.0})
    twin = only()
    twin.pk, twin._state.adding = None, True
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save(force_insert=True)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.dictionaries(
                st.sampled_from([ROOT, DATA]),
                st.one_of(st.floats(0, 100), st.just(float("nan"))),
            ),
            st.booleans(),
            st.booleans(),
        ),
        max_size=15,
    ),
    st.sampled_from([0, 20]),
)
def test_any_sequence_of_reports_keeps_the_books_in_order(
    rule, channel, make_host, report, sequence, duration
):
    with transaction.atomic():
        host = make_host(name=f"h{Host.objects.count()}")
        Rule.objects.update(for_seconds=duration)
        for n, (values, complete, measured) in enumerate(sequence):
            report(
                host,
                values if measured else {},
                15.0 * n,
                complete=complete and measured,
                measured=measured,
            )
            mine = Alert.objects.filter(host=host)
            unresolved = list(mine.exclude(state="resolved").values_list("series", flat=True))
            assert len(unresolved) == len(set(unresolved))
            for alert in mine.filter(state="resolved"):
                assert alert.fired_at is not None
                assert alert.fired_at <= alert.resolved_at
            # nothing was sent: what resolved before it was told is not told at all
            told = set(
                Notification.objects.filter(alert__host=host).values_list("alert__state", "kind")
            )
            assert told <= {("firing", "problem")}


# --- nobody looks any more -------------------------------------------------------------------


def firing(host, report):
    report(host, {ROOT: 95.0})
    assert only().state == "firing"
    sent()


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (lambda host: pause([host.pk]), PAUSED),
        (lambda host: change_host(host, enabled=False), PAUSED),
        (lambda host: remove([host.pk]), REMOVED),
    ],
)
def test_an_alert_of_a_host_nobody_watches_ends_without_a_recovery(
    rule, channel, make_host, report, act, reason
):
    host = make_host()
    firing(host, report)
    act(host)
    assert (only().state, only().ended) == ("resolved", reason)
    assert only().resolved_at is not None
    assert kinds() == ["problem", "recovery"], "who was told of it is told that it is closed"


def test_a_pending_case_of_a_paused_host_is_dropped(rule, make_host, report):
    Rule.objects.update(for_seconds=60)
    host = make_host()
    report(host, {ROOT: 95.0})
    pause([host.pk])
    assert not Alert.objects.exists()


def test_only_the_alerts_of_the_paused_host_end(rule, make_host, report):
    host, other = make_host(name="a"), make_host(name="b")
    report(host, {ROOT: 95.0})
    report(other, {ROOT: 95.0})
    pause([host.pk])
    assert Alert.objects.get(host=other).state == "firing"


def test_a_poll_that_comes_in_after_the_pause_opens_nothing(rule, make_host, report):
    host = make_host()
    pause([host.pk])
    report(host, {ROOT: 95.0})
    assert not Alert.objects.exists()
    resume([host.pk])
    report(host, {ROOT: 95.0}, 30)
    assert only().state == "firing"


def test_a_rule_that_is_switched_off_ends_its_alerts_with_the_next_poll(
    rule, channel, make_host, report
):
    host = make_host()
    firing(host, report)
    Rule.objects.update(enabled=False)
    report(host, {ROOT: 95.0}, 15)
    assert (only().state, only().ended) == ("resolved", SWITCHED_OFF)


def test_what_hangs_is_ended_by_the_cleaning(rule, channel, make_host, report):
    """A host that is not polled any more, or a poll that came in while somebody pressed pause."""
    hosts = [make_host(name=name) for name in ("silent", "paused", "fine")]
    for host in hosts:
        report(host, {ROOT: 95.0})
    sent()
    Host.objects.filter(name="paused").update(enabled=False)
    other = Rule.objects.create(name="Off", metric="filesystem_percent", warning=1, enabled=False)
    Alert.objects.filter(host=hosts[0]).update(rule=other)
    clean_up()
    ended = dict(Alert.objects.values_list("host__name", "ended"))
    assert ended == {"silent": SWITCHED_OFF, "paused": PAUSED, "fine": ""}
    assert Alert.objects.get(host=hosts[2]).state == "firing"


def test_a_deleted_rule_takes_its_alerts_along(rule, channel, make_host, report):
    host = make_host()
    firing(host, report)
    rule.delete()
    report(host, {ROOT: 95.0}, 15)
    assert not Alert.objects.exists()
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "filesystem_inodes_percent"},
        {"op": "<", "warning": None},
        {"labels": {"mount": "/data"}},
    ],
)
def test_an_alert_of_a_rule_that_is_about_something_else_now_is_closed(
    rule, channel, make_host, report, change
):
    host = make_host()
    firing(host, report)
    Rule.objects.update(**change)
    report(host, {ROOT: 95.0, ("filesystem_inodes_percent", ROOT): 95.0}, 15)
    closed = Alert.objects.get(state="resolved")
    assert closed.ended == CHANGED
    for alert in Alert.objects.filter(state="firing"):
        assert alert.measure == f"{alert.rule.metric} {alert.rule.op}"


def test_a_rule_with_other_limits_judges_its_open_alerts_anew(rule, make_host, report):
    host = make_host()
    report(host, {ROOT: 85.0})
    Rule.objects.update(warning=70, critical=80)
    report(host, {ROOT: 85.0}, 15)
    assert (only().state, only().severity) == ("firing", "critical")
    Rule.objects.update(warning=97, critical=99)
    report(host, {ROOT: 85.0}, 30)
    assert (only().state, only().ended) == ("resolved", "")


def test_a_renamed_host_keeps_its_alert(rule, make_host, report):
    host = make_host()
    report(host, {ROOT: 95.0})
    change_host(host, name="renamed")
    report(host, {ROOT: 95.0}, 15)
    assert only().state == "firing"


def test_a_series_that_is_gone_is_not_called_a_recovery(rule, channel, make_host, report):
    host = make_host()
    firing(host, report)
    report(host, {DATA: 10.0}, 15)
    assert (only().state, only().ended) == ("resolved", GONE)


def test_a_report_with_a_part_missing_ends_nothing(rule, make_host, report):
    host = make_host()
    report(host, {ROOT: 95.0})
    report(host, {}, 15, complete=False)
    report(host, {}, 30, measured=False)
    report(host, {ROOT: float("nan")}, 45)
    assert only().state == "firing"


def test_a_host_that_is_down_is_judged_on_its_state_alone(make_host, report):
    host = make_host()
    report(host, {("host_down", ()): 1.0}, measured=False, complete=False, cause="Nothing answers.")
    assert (only().rule.name, only().severity, only().cause) == (
        "Host down",
        "critical",
        "Nothing answers.",
    )
    report(host, {("host_down", ()): 0.0}, 15, measured=False, complete=False)
    assert only().state == "resolved"


# --- whatever is in the rows -----------------------------------------------------------------


@pytest.mark.parametrize("labels", [[], "x", {"mount": 1}, None])
def test_a_rule_that_makes_no_sense_does_not_stop_the_others(
    rule, make_host, report, labels, caplog
):
    broken = Rule.objects.create(name="Broken", metric="filesystem_percent", warning=1)
    Rule.objects.filter(pk=broken.pk).update(labels=labels if labels is not None else 0)
    with caplog.at_level(logging.ERROR):
        report(make_host(), {ROOT: 95.0})
    assert f"rule {broken.pk}" in caplog.text
    assert only().rule == rule


@pytest.mark.parametrize("name", ["/" + "深" * 199, "/" + "😀" * 199, "/'\"\\" * 49, "/ä b"])
def test_any_name_of_an_instance_fits_its_alert(rule, make_host, report, name):
    labels = (("mount", name),)
    host = make_host()
    report(host, {labels: 95.0})
    assert labels_of(only().series) == labels
    report(host, {labels: 1.0}, 15)
    assert only().state == "resolved"


def test_labels_are_kept_as_json_with_sorted_names():
    assert series_of(()) == ""
    assert labels_of("") == ()
    assert series_of((("b", "2"), ("a", "1"))) == '{"a": "1", "b": "2"}'
    assert json.loads(series_of(ROOT)) == {"mount": "/"}


def test_a_channel_that_is_switched_off_gets_no_message(rule, channel, make_host, report):
    Channel.objects.update(enabled=False)
    report(make_host(), {ROOT: 95.0})
    assert kinds() == []


def test_judging_costs_no_query_per_host_when_all_is_well(
    rule, make_host, django_assert_num_queries
):
    hosts = [make_host(name=f"h{n}") for n in range(20)]
    reports = [
        HostReport(host, {("filesystem_percent", ROOT): 1.0}, True, True, "") for host in hosts
    ]
    with django_assert_num_queries(2):
        judge(reports, timezone.now())


def test_a_story_is_told_in_the_time_of_the_database(rule, make_host, report):
    report(make_host(), {ROOT: 95.0})
    assert only().opened_at == datetime.fromtimestamp(1_790_000_000, UTC)
