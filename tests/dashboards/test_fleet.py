"""The fleet page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fleet.models import Host, HostState

pytestmark = pytest.mark.django_db


def text(client: Client, address: str = "/") -> str:
    response = client.get(address)
    assert response.status_code == 200, response
    return response.content.decode()


def test_a_stranger_is_sent_to_the_form_and_back() -> None:
    response = Client().get("/?q=cpu>80")
    assert response.status_code == 302
    assert response["Location"] == "/login/?next=/%3Fq%3Dcpu%253E80"


def test_everybody_with_a_login_reads_the_fleet(
    as_alice: Client, as_bob: Client, host_row: Any
) -> None:
    host_row("web-1")
    assert "web-1" in text(as_alice)
    assert "web-1" in text(as_bob)


def test_an_empty_fleet_offers_the_one_field_that_ends_it(as_alice: Client) -> None:
    page = text(as_alice)
    assert "Nobody on the roll yet." in page
    assert 'action="/admin/fleet/host/add/"' in page


def test_somebody_who_may_not_add_hosts_is_not_sent_to_do_so(as_bob: Client) -> None:
    assert "/admin/fleet/host/add/" not in text(as_bob)


@pytest.mark.parametrize("view", ["map", "table"])
@pytest.mark.parametrize("group", ["none", "tag", "state"])
def test_the_number_of_queries_does_not_grow_with_the_fleet(
    as_alice: Client,
    host_row: Any,
    alert_row: Any,
    django_assert_num_queries: Any,
    view: str,
    group: str,
) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            host = host_row(f"web-{number}", tags=("prod", f"t{number % 5}"))
            alert_row(host)

    fill(0, 1)
    with django_assert_num_queries(8):  # session, user, hosts, tags, alerts; three of the frame
        text(as_alice, f"/?view={view}&group={group}")
    fill(1, 50)
    with django_assert_num_queries(8):
        text(as_alice, f"/?view={view}&group={group}")


def test_each_state_is_told_by_colour_shape_and_word(
    as_bob: Client, host_row: Any, alert_row: Any
) -> None:
    host_row("a", state="down", code="TCP_TIMEOUT")
    alert_row(host_row("b"), severity="critical")
    alert_row(host_row("c"), severity="warning")
    host_row("d", state="blocked", code="AUTH_FAILED")
    host_row("e", state="unknown", code="MONITOR_LATE")
    host_row("f")
    host_row("g", enabled=False)
    host_row("h", state="pending", seen_at=0, cpu_percent=None)
    page = text(as_bob, "/?view=table")
    for state in ("down", "critical", "warning", "blocked", "unknown", "up", "paused", "pending"):
        assert f'href="#{state}"' in page
        assert f'class="s-{state}' in page
        assert f">{state.capitalize()}<" in page


def test_the_worst_stands_first(as_bob: Client, host_row: Any, alert_row: Any) -> None:
    host_row("a-fine")
    alert_row(host_row("b-warned"), severity="warning")
    host_row("c-gone", state="down", code="TCP_REFUSED")
    page = text(as_bob, "/?view=table")
    table = page[page.index("<tbody>") :]
    assert table.index("c-gone") < table.index("b-warned") < table.index("a-fine")


def test_columns_sort_and_what_is_unknown_comes_last(as_bob: Client, host_row: Any) -> None:
    host_row("a", cpu_percent=5.0)
    host_row("b", cpu_percent=None)
    host_row("c", cpu_percent=70.0)
    page = text(as_bob, "/?view=table&sort=-cpu")
    table = page[page.index("<tbody>") :]
    assert table.index(">c<") < table.index(">a<") < table.index(">b<")
    assert 'aria-sort="descending"' in page
    assert "sort=cpu" in page


def test_numbers_of_a_host_that_is_gone_wear_the_stale_dress(as_bob: Client, host_row: Any) -> None:
    host_row("a", state="down", code="TCP_TIMEOUT", cpu_percent=43.0)
    page = text(as_bob, "/?view=table")
    assert '<span class="stale">43\u00a0%</span>' in page
    assert "TCP_TIMEOUT" in page


def test_a_filter_ghosts_the_map_and_shortens_the_table(as_bob: Client, host_row: Any) -> None:
    host_row("web-1", cpu_percent=90.0)
    host_row("db-1", cpu_percent=10.0)
    page = text(as_bob, "/?q=cpu>80")
    assert "1 of 2 match" in page
    assert page.count('class="c s-up off"') == 1
    assert ">db-1</a>" not in page


def test_a_word_that_is_not_understood_is_said(as_bob: Client, host_row: Any) -> None:
    host_row()
    assert "“colour:blue” is not understood" in text(as_bob, "/?q=colour:blue")


def test_an_alert_that_somebody_has_taken_looks_taken(
    as_bob: Client, host_row: Any, alert_row: Any
) -> None:
    alert_row(host_row(), acknowledged_at=timezone.now(), acknowledged_by="mika")
    page = text(as_bob)
    assert "s-acked" in page
    assert "taken by mika" in page


def test_removed_hosts_are_gone(as_bob: Client, host_row: Any, alert_row: Any) -> None:
    host = host_row("old-1")
    alert_row(host)
    Host.objects.filter(pk=host.pk).update(removed_at=timezone.now())
    page = text(as_bob)
    assert "old-1" not in page
    assert "Nobody on the roll yet." in page


@pytest.mark.parametrize(
    "address",
    ["/?page=999", "/?page=x", "/?sort=password", "/?view=x&group=y&sort=-", "/?q=" + "a " * 500],
)
def test_an_odd_address_shows_the_page_all_the_same(
    as_bob: Client, host_row: Any, address: str
) -> None:
    host_row()
    assert "web-1" in text(as_bob, address) or "No host matches" in text(as_bob, address)


def test_a_host_without_a_state_yet_is_pending(as_bob: Client, db: None) -> None:
    Host.objects.create(name="new-1", address="192.0.2.9")
    assert "1\u00a0host waits for its first look." in text(as_bob)


def test_the_script_gets_what_moves_or_nothing(as_bob: Client, host_row: Any) -> None:
    host = host_row()
    first = as_bob.get("/", headers={"X-Live": "1"})
    body = first.content.decode()
    assert "<html" not in body
    assert '<main id="main">' in body
    again = as_bob.get("/", headers={"X-Live": "1", "If-None-Match": first["ETag"]})
    assert again.status_code == 304
    HostState.objects.filter(host=host).update(
        polled_at=HostState.objects.get(host=host).polled_at + 15
    )
    third = as_bob.get("/", headers={"X-Live": "1", "If-None-Match": first["ETag"]})
    assert third.status_code == 200
    assert "X-Live" in third["Vary"]


def test_a_304_costs_a_fixed_few_queries(
    as_bob: Client, host_row: Any, django_assert_num_queries: Any
) -> None:
    host_row()
    tag = as_bob.get("/", headers={"X-Live": "1"})["ETag"]
    with django_assert_num_queries(5):  # session, user, three aggregates
        as_bob.get("/", headers={"X-Live": "1", "If-None-Match": tag})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            lambda host: Host.objects.filter(pk=host.pk).update(changed_at=timezone.now()),
            "a change of the host",
        ),
        (lambda host: host.tags.create(name="new"), "a tag"),
        (lambda host: Host.objects.create(name="other", address="192.0.2.7"), "a new host"),
    ],
)
def test_what_changes_the_page_changes_its_tag(
    as_bob: Client, host_row: Any, change: Callable[[Host], Any], what: str
) -> None:
    host = host_row()
    tag = as_bob.get("/", headers={"X-Live": "1"})["ETag"]
    change(host)
    assert as_bob.get("/", headers={"X-Live": "1", "If-None-Match": tag}).status_code == 200, what
