"""The alerts page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Alert
from fleet.models import Host

pytestmark = pytest.mark.django_db


def text(client: Client, address: str = "/alerts/") -> str:
    return client.get(address).content.decode()


def test_a_stranger_is_sent_to_the_form(host_row: Any, alert_row: Any) -> None:
    alert = alert_row(host_row())
    assert Client().get("/alerts/")["Location"] == "/login/?next=/alerts/"
    assert Client().post(f"/alerts/{alert.pk}/acknowledge/")["Location"].startswith("/login/")


def test_without_alerts_nothing_is_wrong(as_bob: Client) -> None:
    assert "Nothing is wrong." in text(as_bob)


def test_firing_then_taken_then_pending_then_resolved(
    as_bob: Client, host_row: Any, alert_row: Any
) -> None:
    now = timezone.now()
    alert_row(host_row("h-resolved"), state="resolved", resolved_at=now)
    alert_row(host_row("h-pending"), state="pending", fired_at=None)
    alert_row(host_row("h-taken"), acknowledged_at=now, acknowledged_by="mika")
    alert_row(host_row("h-firing"), severity="warning", value=93.0)
    page = text(as_bob)
    places = [
        page.index(f">{name}<") for name in ("h-firing", "h-taken", "h-pending", "h-resolved")
    ]
    assert places == sorted(places)
    assert "93\u00a0%, limit 90\u00a0%" in page
    assert "by mika" in page


def test_who_acknowledges_first_has_it(as_alice: Client, host_row: Any, alert_row: Any) -> None:
    alert = alert_row(host_row())
    address = f"/alerts/{alert.pk}/acknowledge/"
    assert address in text(as_alice)
    assert as_alice.post(address)["Location"] == "/alerts/"
    alert.refresh_from_db()
    assert alert.acknowledged_by == "alice"
    Alert.objects.update(acknowledged_by="mika")
    as_alice.post(address)
    alert.refresh_from_db()
    assert alert.acknowledged_by == "mika"


def test_a_plain_user_reads_but_does_not_acknowledge(
    as_bob: Client, host_row: Any, alert_row: Any
) -> None:
    alert = alert_row(host_row())
    assert "Acknowledge" not in text(as_bob).split("<dialog")[0]
    assert as_bob.post(f"/alerts/{alert.pk}/acknowledge/").status_code == 403


def test_acknowledging_leads_back_but_never_away(
    as_alice: Client, host_row: Any, alert_row: Any
) -> None:
    host = host_row()
    address = f"/alerts/{alert_row(host).pk}/acknowledge/"
    assert (
        as_alice.post(address, {"next": f"/hosts/{host.pk}/"})["Location"] == f"/hosts/{host.pk}/"
    )
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        assert as_alice.post(address, {"next": elsewhere})["Location"] == "/alerts/"


def test_a_resolved_alert_cannot_be_taken(as_alice: Client, host_row: Any, alert_row: Any) -> None:
    alert = alert_row(host_row(), state="resolved", resolved_at=timezone.now())
    as_alice.post(f"/alerts/{alert.pk}/acknowledge/")
    alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_the_history_is_paged(as_bob: Client, host_row: Any, alert_row: Any) -> None:
    host = host_row()
    for number in range(60):
        alert_row(
            host,
            rule=f"rule {number}",
            state="resolved",
            resolved_at=timezone.now() - timedelta(hours=number),
        )
    first, second = text(as_bob), text(as_bob, "/alerts/?page=2")
    assert "rule 0 " in first.replace("\n", " ") or "rule 0</" in first or " rule 0" in first
    assert "rule 59" not in first
    assert "rule 59" in second


def test_the_number_of_queries_does_not_grow(
    as_bob: Client, host_row: Any, alert_row: Any, django_assert_num_queries: Any
) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            host = host_row(f"h{number}")
            alert_row(host)
            alert_row(host, rule="old", state="resolved", resolved_at=timezone.now())

    fill(0, 1)
    with django_assert_num_queries(
        10
    ):  # session, user, its rights, open, count, resolved; three of the frame
        text(as_bob)
    fill(1, 50)
    with django_assert_num_queries(10):
        text(as_bob)


def test_alerts_of_removed_hosts_are_gone(as_bob: Client, host_row: Any, alert_row: Any) -> None:
    alert_row(host_row("old-1"))
    Host.objects.update(removed_at=timezone.now())
    assert "Nothing is wrong." in text(as_bob)
    assert "old-1" not in text(as_bob)


def test_an_alert_about_a_state_looks_like_it(
    as_bob: Client, host_row: Any, alert_row: Any
) -> None:
    alert_row(host_row("gone"), "host_down", value=1.0)
    page = text(as_bob)
    assert 'class="cause s-down' in page
    assert "limit" not in page


def test_the_script_gets_what_moves_or_nothing(
    as_bob: Client, host_row: Any, alert_row: Any
) -> None:
    alert = alert_row(host_row())
    tag = as_bob.get("/alerts/", headers={"X-Live": "1"})["ETag"]
    assert as_bob.get("/alerts/", headers={"X-Live": "1", "If-None-Match": tag}).status_code == 304
    Alert.objects.filter(pk=alert.pk).update(acknowledged_at=timezone.now())
    assert as_bob.get("/alerts/", headers={"X-Live": "1", "If-None-Match": tag}).status_code == 200
