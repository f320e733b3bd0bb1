"""Rules, alerts, events and tags over the API."""

from __future__ import annotations

import pytest
from django.utils import timezone

from alerts.models import Alert, Rule
from fleet.models import Event, Tag
from pollers.ingest import record
from tests.api.conftest import DATA, ROOT, measured

pytestmark = [pytest.mark.django_db, pytest.mark.database]

RULE = {"name": "r", "metric": "filesystem_percent", "op": ">", "warning": 80, "critical": 90}


def add(client, **fields):
    return client.post("/api/v1/rules/", {**RULE, **fields}, format="json")


def test_a_rule_is_added_changed_and_removed(as_alice):
    document = add(as_alice, labels={"mount": "/var"}, for_seconds=60, clear=75.5).json()
    assert set(document) == {
        "id", "name", "metric", "labels", "op", "warning", "critical", "for_seconds", "clear", "enabled",
    }  # fmt: skip
    assert (document["labels"], document["warning"], document["clear"], document["enabled"]) == (
        {"mount": "/var"},
        80.0,
        75.5,
        True,
    )
    path = f"/api/v1/rules/{document['id']}/"
    assert as_alice.patch(path, {"warning": None}, format="json").json()["warning"] is None
    assert as_alice.patch(path, {"critical": None}, format="json").status_code == 400
    assert as_alice.patch(path, {"enabled": False}, format="json").json()["enabled"] is False
    assert as_alice.delete(path).status_code == 204
    assert not Rule.objects.filter(name="r").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"metric": "nonsense"},
        {"metric": "cpu_seconds_total"},
        {"metric": 5},
        {"op": "="},
        {"op": ">>"},
        {"op": None},
        {"warning": "80"},
        {"warning": True},
        {"warning": [80]},
        {"warning": None, "critical": None},
        {"warning": 95},
        {"op": "<"},
        {"clear": 85},
        {"for_seconds": -1},
        {"for_seconds": 1.5},
        {"for_seconds": "60"},
        {"for_seconds": 2**40},
        {"labels": []},
        {"labels": "mount"},
        {"labels": {"mount": 1}},
        {"labels": {"mount": None}},
        {"labels": {"device": "sda"}},
        {"labels": {"mount": {"a": "b"}}},
        {"name": "x" * 101},
        {"name": "Host down"},
        {"enabled": "true"},
        {"scope": {"tags": ["a"]}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(as_alice, fields):
    answer = add(as_alice, **fields)
    assert answer.status_code == 400, answer.content
    assert answer.json()
    assert not Rule.objects.filter(name="r").exists()
    number = add(as_alice).json()["id"]
    before = Rule.objects.filter(pk=number).values().get()
    assert as_alice.patch(f"/api/v1/rules/{number}/", fields, format="json").status_code == 400
    assert Rule.objects.filter(pk=number).values().get() == before


def test_a_rule_of_the_api_is_judged_by_the_next_poll(as_alice, web, now):
    Rule.objects.all().delete()
    add(as_alice, labels={"mount": "/data"})
    record([measured(web, now - 5, {ROOT: 99.0, DATA: 91.0})])
    (alert,) = as_alice.get("/api/v1/alerts/").json()["results"]
    assert set(alert) == {
        "id", "rule", "host", "labels", "severity", "state", "value", "opened_at", "fired_at",
        "acknowledged_at", "resolved_at", "cause",
    }  # fmt: skip
    assert (alert["host"], alert["labels"], alert["severity"]) == (
        web.pk,
        {"mount": "/data"},
        "critical",
    )
    assert (alert["state"], alert["value"]) == ("firing", 91.0)
    for query, count in (
        ("state=firing", 1), ("state=resolved", 0), ("severity=critical", 1), ("severity=warning", 0),
        (f"host={web.pk}", 1), ("host=0", 0), (f"rule={alert['rule']}", 1), ("rule=0", 0),
    ):  # fmt: skip
        assert as_alice.get(f"/api/v1/alerts/?{query}").json()["count"] == count, query
    assert as_alice.get(f"/api/v1/alerts/{alert['id']}/").json() == alert


def test_alerts_and_events_of_one_moment_come_on_one_page_only(as_alice, make_host):
    rule, moment = Rule.objects.first(), timezone.now()
    for n in range(30):
        host = make_host(name=f"h{n}")
        Alert.objects.create(
            rule=rule, host=host, severity="critical", state="firing", opened_at=moment
        )
        Event.objects.create(host=host, at=moment, kind="rebooted", text="Rebooted")
    for name in ("alerts", "events"):
        pages = [
            as_alice.get(f"/api/v1/{name}/?page_size=7&page={n}").json()["results"]
            for n in range(1, 6)
        ]
        assert len({one["id"] for page in pages for one in page}) == 30


def test_events_say_what_changed(as_alice, web):
    page = as_alice.get(f"/api/v1/events/?host={web.pk}").json()
    assert page["results"][0]["text"] == "pending → up"
    assert set(page["results"][0]) == {"id", "host", "at", "kind", "text"}
    assert as_alice.get("/api/v1/events/?kind=rebooted").json()["count"] == 0


def test_an_alert_whose_value_no_json_holds_is_still_readable(as_alice, web):
    Alert.objects.create(
        rule=Rule.objects.first(),
        host=web,
        severity="warning",
        state="firing",
        value=float("inf"),
        opened_at=timezone.now(),
    )
    answer = as_alice.get("/api/v1/alerts/")
    assert answer.status_code == 200
    assert answer.json()["results"][0]["value"] is None


def test_tags_are_words_and_there_once(as_alice, web):
    assert {tag["name"] for tag in as_alice.get("/api/v1/tags/").json()["results"]} == {
        "eu",
        "prod",
    }
    for name in ("prod", "two words", "", "x" * 51, 5, None):
        assert as_alice.post("/api/v1/tags/", {"name": name}, format="json").status_code == 400, (
            name
        )
    pk = Tag.objects.get(name="eu").pk
    assert (
        as_alice.patch(f"/api/v1/tags/{pk}/", {"name": "europe"}, format="json").status_code == 200
    )
    assert as_alice.get(f"/api/v1/hosts/{web.pk}/").json()["tags"] == ["europe", "prod"]
    assert as_alice.delete(f"/api/v1/tags/{pk}/").status_code == 204
    assert as_alice.get(f"/api/v1/hosts/{web.pk}/").json()["tags"] == ["prod"]
