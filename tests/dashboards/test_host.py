"""The page of one host, and what can be done there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fleet.models import Event, Host, HostKey, HostState
from metrics import store

pytestmark = pytest.mark.django_db
ACTIONS = ("poll", "pause", "resume")


def test_everybody_with_a_login_reads_it(as_alice: Client, as_bob: Client, host_row: Any) -> None:
    host = host_row()
    for client in (as_alice, as_bob):
        assert client.get(f"/hosts/{host.pk}/").status_code == 200
        assert client.get(f"/hosts/{host.pk}/series.json").status_code == 200


def test_a_stranger_reads_nothing_and_does_nothing(host_row: Any) -> None:
    host = host_row()
    for path in ("", "series.json"):
        response = Client().get(f"/hosts/{host.pk}/{path}")
        assert response.status_code == 302
        assert response["Location"].startswith("/login/")
    for action in ACTIONS:
        assert Client().post(f"/hosts/{host.pk}/{action}/")["Location"].startswith("/login/")


def test_a_plain_user_sees_no_buttons_and_may_not_press_them(as_bob: Client, host_row: Any) -> None:
    host = host_row()
    page = as_bob.get(f"/hosts/{host.pk}/").content.decode()
    for action in ACTIONS:
        assert f"/hosts/{host.pk}/{action}/" not in page
        response = as_bob.post(f"/hosts/{host.pk}/{action}/")
        assert response.status_code == 403
        assert "You may not do that." in response.content.decode()
    assert Host.objects.get(pk=host.pk).enabled


def test_looking_now_makes_the_host_due_at_once(as_alice: Client, host_row: Any) -> None:
    host = host_row(next_poll_at=2_000_000_000, backoff_until=2_000_000_000)
    response = as_alice.post(f"/hosts/{host.pk}/poll/", follow=True)
    assert "Looking at web-1 now." in response.content.decode()
    state = HostState.objects.get(host=host)
    assert (state.next_poll_at, state.backoff_until) == (0, 0)


def test_a_paused_host_says_so_and_can_be_resumed(as_alice: Client, host_row: Any) -> None:
    host = host_row()
    as_alice.post(f"/hosts/{host.pk}/pause/")
    page = as_alice.get(f"/hosts/{host.pk}/").content.decode()
    assert "somebody switched it off" in page
    assert f"/hosts/{host.pk}/resume/" in page
    as_alice.post(f"/hosts/{host.pk}/resume/")
    assert Host.objects.get(pk=host.pk).enabled


@pytest.mark.parametrize("action", ACTIONS)
def test_actions_are_not_links(as_alice: Client, host_row: Any, action: str) -> None:
    assert as_alice.get(f"/hosts/{host_row().pk}/{action}/").status_code == 405


def test_a_failure_is_told_with_its_code_and_the_next_step(as_bob: Client, host_row: Any) -> None:
    host = host_row(state="down", code="TCP_REFUSED", failure_detail="192.0.2.1 port 22")
    page = as_bob.get(f"/hosts/{host.pk}/").content.decode()
    for text in (
        "TCP_REFUSED",
        "The host refuses connections on this port.",
        "192.0.2.1 port 22",
        "Check that sshd runs",
    ):
        assert text in page


def test_a_changed_key_shows_both_fingerprints_and_accepts_the_one_that_was_seen(
    as_alice: Client, host_row: Any
) -> None:
    host = host_row(state="blocked", code="HOSTKEY_CHANGED")
    HostKey.objects.create(host=host, algorithm="ssh-ed25519", public="ssh-ed25519 OLD", fingerprint="SHA256:old", accepted_at=timezone.now(), accepted_by="alice")  # fmt: skip
    new = HostKey.objects.create(
        host=host, algorithm="ssh-ed25519", public="ssh-ed25519 NEW", fingerprint="SHA256:new"
    )
    page = as_alice.get(f"/hosts/{host.pk}/").content.decode()
    assert "SHA256:old" in page
    assert "SHA256:new" in page
    address = f"/hosts/{host.pk}/keys/{new.pk}/accept/"
    assert address in page
    assert as_alice.post(address).status_code == 302
    kept = HostKey.objects.get(host=host)
    assert (kept.fingerprint, kept.accepted_by) == ("SHA256:new", "alice")
    assert as_alice.post(address).status_code == 404, "it is accepted already"


def test_a_key_of_another_host_cannot_be_accepted_here(as_alice: Client, host_row: Any) -> None:
    one, other = host_row("one"), host_row("other")
    key = HostKey.objects.create(
        host=other, algorithm="ssh-ed25519", public="ssh-ed25519 X", fingerprint="SHA256:x"
    )
    assert as_alice.post(f"/hosts/{one.pk}/keys/{key.pk}/accept/").status_code == 404


def test_a_plain_user_cannot_accept_a_key(as_bob: Client, host_row: Any) -> None:
    host = host_row(state="blocked", code="HOSTKEY_UNKNOWN")
    key = HostKey.objects.create(
        host=host, algorithm="ssh-ed25519", public="ssh-ed25519 X", fingerprint="SHA256:x"
    )
    assert "Accept this key" not in as_bob.get(f"/hosts/{host.pk}/").content.decode()
    assert as_bob.post(f"/hosts/{host.pk}/keys/{key.pk}/accept/").status_code == 403


def test_a_removed_host_is_not_found(as_alice: Client, host_row: Any) -> None:
    host = host_row()
    Host.objects.filter(pk=host.pk).update(removed_at=timezone.now())
    assert as_alice.get(f"/hosts/{host.pk}/").status_code == 404
    assert as_alice.get(f"/hosts/{host.pk}/series.json").status_code == 404
    assert as_alice.post(f"/hosts/{host.pk}/poll/").status_code == 404


def test_a_host_that_was_never_looked_at_has_a_page(as_bob: Client) -> None:
    host = Host.objects.create(name="new-1", address="192.0.2.9")
    page = as_bob.get(f"/hosts/{host.pk}/").content.decode()
    assert "nobody has looked at it yet" in page
    assert as_bob.get(f"/hosts/{host.pk}/series.json").json()["charts"] == []


def test_odd_facts_and_sessions_break_nothing(as_bob: Client, host_row: Any) -> None:
    host = host_row(
        facts={"boot_time": 1e300, "cpu_count": "many", "memory_total_bytes": None, "os": ["x"]},
        session={
            "stages": [],
            "cost": None,
            "collectors": [["cpu", 0.1, "OSError: no"]],
            "opened_at": None,
        },
    )
    page = as_bob.get(f"/hosts/{host.pk}/").content.decode()
    assert "OSError: no" in page


def test_its_queries_are_pinned(
    as_bob: Client, host_row: Any, alert_row: Any, measured: Any, django_assert_num_queries: Any
) -> None:
    host = host_row()
    measured(host)
    as_bob.get(f"/hosts/{host.pk}/")  # layouts are remembered
    with django_assert_num_queries(17):
        as_bob.get(f"/hosts/{host.pk}/")
    for number in range(20):
        alert_row(host, rule=f"rule {number}")
        Event.objects.create(host=host, at=timezone.now(), kind="state", text="up → down")
    with django_assert_num_queries(17):
        as_bob.get(f"/hosts/{host.pk}/")


def test_charts_come_from_one_scan_with_gaps_as_gaps(
    as_bob: Client, host_row: Any, measured: Any
) -> None:
    host = host_row()
    measured(host, rows=40, hole=range(10, 20))
    data = as_bob.get(f"/hosts/{host.pk}/series.json?range=1h").json()
    charts = {chart["id"]: chart for chart in data["charts"]}
    assert set(charts) == {"cpu", "memory", "load", "network", "filesystems"}
    assert [line["word"] for line in charts["cpu"]["series"]] == ["user", "system"]
    assert charts["network"]["title"] == "Network eth0"
    assert [line["below"] for line in charts["network"]["series"]] == [False, True]
    values = charts["cpu"]["headline"]
    assert len(values) == len(data["times"])
    assert values.count(30.0) == 30
    known = [place for place, value in enumerate(values) if value is not None]
    assert None in values[known[0] : known[-1]]


def test_charts_are_not_sent_twice(as_bob: Client, host_row: Any) -> None:
    host = host_row()
    address = f"/hosts/{host.pk}/series.json?range=6h"
    tag = as_bob.get(address)["ETag"]
    assert as_bob.get(address, headers={"If-None-Match": tag}).status_code == 304
    HostState.objects.filter(host=host).update(polled_at=1)
    assert as_bob.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_the_ribbon_shows_what_the_rows_say(as_bob: Client, host_row: Any, measured: Any) -> None:
    host = host_row()
    measured(host, rows=100)
    store.write([store.Row(host.pk, 1, 3)])
    page = as_bob.get(f"/hosts/{host.pk}/").content.decode()
    assert 'class="r-up"' in page
    assert 'class="r-down"' not in page


def test_the_script_gets_what_moves_or_nothing(as_bob: Client, host_row: Any) -> None:
    host = host_row()
    address = f"/hosts/{host.pk}/"
    first = as_bob.get(address, headers={"X-Live": "1"})
    assert "<html" not in first.content.decode()
    assert (
        as_bob.get(address, headers={"X-Live": "1", "If-None-Match": first["ETag"]}).status_code
        == 304
    )
    Event.objects.create(host=host, at=timezone.now(), kind="rebooted", text="Rebooted")
    assert (
        as_bob.get(address, headers={"X-Live": "1", "If-None-Match": first["ETag"]}).status_code
        == 200
    )


def test_a_young_hosts_charts_begin_where_it_was_added(as_bob: Client, host_row: Any) -> None:
    host = host_row()
    added = timezone.now() - timedelta(minutes=20)
    Host.objects.filter(pk=host.pk).update(created_at=added)
    found = as_bob.get(f"/hosts/{host.pk}/series.json?range=24h").json()
    assert abs(found["from"] - added.timestamp()) < 2
    Host.objects.filter(pk=host.pk).update(created_at=timezone.now())
    found = as_bob.get(f"/hosts/{host.pk}/series.json?range=24h").json()
    assert found["to"] - found["from"] == 300
