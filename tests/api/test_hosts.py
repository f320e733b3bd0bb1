"""Hosts over the API: their shape, adding, changing, removing, series."""

from __future__ import annotations

import time

import pytest

from alerts.models import Alert, Rule
from fleet.models import Event, Host, HostKey, HostState
from metrics.catalog import CATALOG
from pollers.ingest import record
from tests.api.conftest import CPU, DATA, ROOT, failed, measured

pytestmark = [pytest.mark.django_db, pytest.mark.database]

PINNED = {
    "via",
    "id", "name", "address", "port", "tags", "enabled", "interval_seconds",
    "state", "state_since", "seen_at", "failure", "latest", "facts",
}  # fmt: skip


def one(client, host):
    answer = client.get(f"/api/v1/hosts/{host.pk}/")
    assert answer.status_code == 200
    return answer.json()


def patch(client, host, **fields):
    return client.patch(f"/api/v1/hosts/{host.pk}/", fields, format="json")


def add(client, **fields):
    return client.post("/api/v1/hosts/", {"address": "192.0.2.50", **fields}, format="json")


def test_a_host_has_the_pinned_shape(as_alice, web, now):
    document = one(as_alice, web)
    assert set(document) == PINNED
    assert document["id"] == web.pk
    assert (document["name"], document["address"], document["port"]) == ("web", "192.0.2.7", 22)
    assert document["tags"] == ["eu", "prod"]
    assert (document["enabled"], document["interval_seconds"], document["state"]) == (
        True,
        15,
        "up",
    )
    assert document["seen_at"] == now - 15
    assert document["state_since"].endswith("Z")
    assert document["failure"] is None
    assert document["latest"]["cpu_percent"] == 12.5
    assert document["latest"]["filesystem_percent"] == [
        {"labels": {"mount": "/"}, "value": 40.0},
        {"labels": {"mount": "/data"}, "value": 91.0},
    ]
    assert document["facts"] == {"hostname": "web", "os": "Debian"}


def test_in_a_list_latest_is_the_headline_numbers(as_alice, web):
    page = as_alice.get("/api/v1/hosts/").json()
    assert set(page) == {"count", "next", "previous", "results"}
    (document,) = page["results"]
    assert set(document) == PINNED
    assert document["latest"] == {"cpu_percent": 12.5, "filesystem_percent": 91.0}


def test_a_failure_says_code_text_and_next_step(as_alice, web, now):
    record([failed(web, now - 5 + n, "TCP_REFUSED") for n in range(3)])
    document = one(as_alice, web)
    assert document["state"] == "down"
    assert document["failure"]["code"] == "TCP_REFUSED"
    assert set(document["failure"]) == {"code", "text", "next_step", "stage"}
    assert document["latest"]["cpu_percent"] == 12.5, "what was measured last stays to be seen"


def test_a_new_host_is_pending_and_has_nothing_yet(as_alice, credential):
    answer = add(
        as_alice,
        credential=str(credential.pk),
        tags=["a", "b"],
        name="n",
        port=2222,
        interval_seconds=5,
    )
    assert answer.status_code == 201
    document = answer.json()
    assert set(document) == PINNED
    assert (document["state"], document["seen_at"], document["failure"]) == ("pending", None, None)
    assert (document["latest"], document["facts"]) == ({}, {})
    assert (document["name"], document["port"], document["interval_seconds"]) == ("n", 2222, 5)
    host = Host.objects.get()
    assert host.credential == credential
    assert HostState.objects.get().next_poll_at == 0, "it is polled at once"
    assert host.first_key_accepted_by == ""


def test_an_address_is_enough_and_is_tidied(as_alice):
    document = add(as_alice, address=" [2001:DB8:0::1] ").json()
    assert (document["address"], document["name"]) == ("2001:db8::1", "2001:db8::1")
    assert add(as_alice, address="Web.Example.ORG.").json()["address"] == "web.example.org"


def test_one_address_may_be_watched_twice_but_a_name_is_there_once(as_alice):
    first, second = add(as_alice).json(), add(as_alice).json()
    assert (first["name"], second["name"]) == ("192.0.2.50", "192.0.2.50-2")
    answer = add(as_alice, name="192.0.2.50")
    assert answer.status_code == 400
    assert "name" in answer.json()


def test_who_accepts_the_first_key_is_written_down(as_alice):
    add(as_alice, accept_host_key=True)
    assert Host.objects.get().first_key_accepted_by == "alice over the API"


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"address": ""}, "address"),
        ({"address": "-oProxyCommand=reboot"}, "address"),
        ({"address": "$(reboot)"}, "address"),
        ({"address": "a b"}, "address"),
        ({"address": "1.2.3"}, "address"),
        ({"address": "fe80::1%eth0"}, "address"),
        ({"address": "x" * 300}, "address"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": -1}, "port"),
        ({"port": "22"}, "port"),
        ({"port": True}, "port"),
        ({"port": 22.5}, "port"),
        ({"port": 2**63 - 1}, "port"),
        ({"interval_seconds": 1}, "interval_seconds"),
        ({"interval_seconds": 86401}, "interval_seconds"),
        ({"interval_seconds": None}, "interval_seconds"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\u0007b"}, "name"),
        ({"name": 5}, "name"),
        ({"enabled": "yes"}, "enabled"),
        ({"enabled": 1}, "enabled"),
        ({"tags": "prod"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": ["no blanks please"]}, "tags"),
        ({"tags": ["x"] * 51}, "tags"),
        ({"tags": {"a": "b"}}, "tags"),
        ({"credential": "nonsense"}, "credential"),
        ({"credential": "00000000-0000-0000-0000-000000000000"}, "credential"),
        ({"credential": 5}, "credential"),
        ({"credential": []}, "credential"),
        ({"accept_host_key": "true"}, "accept_host_key"),
        ({"transport": "local"}, "transport"),
        ({"state": "up"}, None),
        ({"first_key_accepted_by": "me"}, "first_key_accepted_by"),
        ({"removed_at": None}, "removed_at"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_by_name_when_adding_and_changing(as_alice, web, fields, name):
    answers = [add(as_alice, **fields), patch(as_alice, web, **fields)]
    if (
        name is None
    ):  # read-only fields are ignored, as a program that sends back what it read expects
        assert [answer.status_code for answer in answers] == [201, 200]
        return
    for answer in answers:
        assert answer.status_code == 400, answer.content
        assert list(answer.json()) == [name]
    assert Host.objects.count() == 1


def test_this_machine_itself_cannot_be_added_over_the_api(as_alice):
    assert add(as_alice, transport="local").status_code == 400
    add(as_alice)
    assert set(Host.objects.values_list("transport", flat=True)) == {"ssh"}


@pytest.mark.parametrize("name", ["web\r\nBcc: x@example.org", "two\nlines", "tab\there"])
def test_a_name_is_always_one_line(as_alice, web, name):
    answer = patch(as_alice, web, name=name)
    assert answer.status_code == 200
    assert answer.json()["name"] == " ".join(name.split())


def test_a_change_moves_the_revision_and_keeps_the_rest(as_alice, web):
    before = Host.objects.get()
    answer = patch(as_alice, web, name="new", tags=["x"], interval_seconds=60)
    assert answer.status_code == 200
    assert answer.json()["tags"] == ["x"]
    after = Host.objects.get()
    assert after.changed_at > before.changed_at
    assert (after.name, after.address, after.credential_id) == (
        "new",
        before.address,
        before.credential_id,
    )
    assert answer.json()["latest"]["cpu_percent"] == 12.5


def test_another_address_voids_what_was_accepted_there(as_alice, web):
    Host.objects.update(first_key_accepted_by="alice")
    HostKey.objects.create(
        host=web,
        algorithm="ssh-ed25519",
        public="ssh-ed25519 AAAA",
        fingerprint="SHA256:a",
        accepted_at="2026-01-01T00:00:00Z",
    )
    HostState.objects.update(next_poll_at=2**33)
    assert patch(as_alice, web, address="192.0.2.8").status_code == 200
    assert not HostKey.objects.exists()
    assert Host.objects.get().first_key_accepted_by == ""
    assert HostState.objects.get().next_poll_at == 0
    patch(as_alice, web, address="192.0.2.9", accept_host_key=True)
    assert Host.objects.get().first_key_accepted_by == "alice over the API"


def test_the_same_address_again_keeps_the_key(as_alice, web):
    HostKey.objects.create(
        host=web, algorithm="ssh-ed25519", public="ssh-ed25519 AAAA", fingerprint="SHA256:a"
    )
    HostState.objects.update(next_poll_at=2**33)
    patch(as_alice, web, address=" 192.0.2.7 ", port=22)
    assert HostKey.objects.exists()
    assert HostState.objects.get().next_poll_at == 2**33


def test_a_host_is_paused_and_resumed_by_a_patch(as_alice, web, now):
    Rule.objects.all().delete()
    Rule.objects.create(name="full", metric="filesystem_percent", warning=50)
    record([measured(web, now - 5, {CPU: 1.0, DATA: 91.0})])
    assert Alert.objects.get().state == "firing"
    assert patch(as_alice, web, enabled=False).json()["state"] == "paused"
    assert Alert.objects.get().state == "resolved"
    assert as_alice.get("/api/v1/hosts/?state=paused").json()["count"] == 1
    assert as_alice.get("/api/v1/hosts/?state=up").json()["count"] == 0
    answer = as_alice.post(f"/api/v1/hosts/{web.pk}/poll/")
    assert answer.status_code == 400
    assert "paused" in answer.json()["detail"]
    HostState.objects.update(next_poll_at=2**33)
    assert patch(as_alice, web, enabled=True).json()["state"] == "up"
    assert HostState.objects.get().next_poll_at == 0


def test_poll_makes_it_due_at_once(as_alice, web):
    HostState.objects.update(next_poll_at=2**33, backoff_until=2**33)
    assert as_alice.post(f"/api/v1/hosts/{web.pk}/poll/").status_code == 202
    row = HostState.objects.get()
    assert (row.next_poll_at, row.backoff_until) == (0, 0)


def test_a_removed_host_is_gone_everywhere(as_alice, web, make_host, credential, now):
    Alert.objects.create(
        rule=Rule.objects.first(),
        host=web,
        severity="critical",
        state="firing",
        opened_at="2026-01-01T00:00:00Z",
    )
    assert Event.objects.filter(host=web).exists()
    assert as_alice.delete(f"/api/v1/hosts/{web.pk}/").status_code == 204
    for path in ("", "series/?metric=up"):
        assert as_alice.get(f"/api/v1/hosts/{web.pk}/{path}").status_code == 404
    assert as_alice.post(f"/api/v1/hosts/{web.pk}/poll/").status_code == 404
    assert patch(as_alice, web, name="back").status_code == 404
    assert as_alice.delete(f"/api/v1/hosts/{web.pk}/").status_code == 404
    for name in ("hosts", "alerts", "events"):
        assert as_alice.get(f"/api/v1/{name}/").json()["count"] == 0
    assert add(as_alice, name="web").status_code == 201, "its name is free"
    assert as_alice.delete(f"/api/v1/credentials/{credential.pk}/").status_code == 204, (
        "and its credential"
    )


# --- lists -------------------------------------------------------------------------------------


def test_lists_are_filtered_and_paged(as_alice, make_host):
    for n in range(12):
        make_host(name=f"h{n:02}", tags=("even",) if n % 2 == 0 else ("odd", "both"))
    get = lambda query: as_alice.get(f"/api/v1/hosts/?{query}").json()  # noqa: E731
    assert get("tag=even")["count"] == 6
    assert get("tag=odd&tag=both")["count"] == 6
    assert get("tag=odd&tag=even")["count"] == 0
    assert [h["name"] for h in get("search=H03")["results"]] == ["h03"]
    page = get("page_size=5&page=2")
    assert [h["name"] for h in page["results"]] == ["h05", "h06", "h07", "h08", "h09"]
    assert page["next"]
    assert page["previous"]
    seen = [h["name"] for p in (1, 2, 3) for h in get(f"page_size=5&page={p}")["results"]]
    assert seen == sorted(seen)
    assert len(seen) == 12


def test_a_page_holds_up_to_a_thousand(as_alice, make_host):
    for n in range(110):
        make_host(name=f"h{n}")
    assert len(as_alice.get("/api/v1/hosts/").json()["results"]) == 100
    for size in ("110", "1000", "100000"):
        assert len(as_alice.get(f"/api/v1/hosts/?page_size={size}").json()["results"]) == 110


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=99", f"page={'9' * 30}"])
def test_a_page_that_is_not_there_is_404(as_alice, web, query):
    assert as_alice.get(f"/api/v1/hosts/?{query}").status_code == 404


@pytest.mark.parametrize("query", ["state=nonsense", "credential=x", "search=a%00b", "tag=%00"])
def test_a_filter_that_cannot_be_is_refused(as_alice, web, query):
    assert as_alice.get(f"/api/v1/hosts/?{query}").status_code == 400


@pytest.mark.parametrize("query", ["host=x", "host=²", "host=999999999999999999999", "rule=-1", "state=nonsense", "severity=x"])  # fmt: skip
def test_alerts_of_nothing_are_none(as_alice, web, query):
    assert as_alice.get(f"/api/v1/alerts/?{query}").json()["count"] == 0


def test_hosts_are_found_by_their_credential(as_alice, web, make_host, credential):
    make_host(name="other")
    found = as_alice.get(f"/api/v1/hosts/?credential={credential.pk}").json()["results"]
    assert [host["name"] for host in found] == ["web"]


@pytest.mark.parametrize(
    "path", ["hosts/", "alerts/", "events/", "rules/", "tags/", "credentials/"]
)
def test_a_list_costs_the_same_for_one_host_and_for_forty(
    as_alice, make_host, credential, now, path, django_assert_max_num_queries
):
    def grow(count: int) -> None:
        for _ in range(count):
            host = make_host(credential=credential, tags=("a", f"t{Host.objects.count()}"))
            record([measured(host, now - 15, {CPU: 99.0, ROOT: 99.0})])
        assert Alert.objects.count() >= count

    grow(1)
    as_alice.get(f"/api/v1/{path}")  # the use of the token has been noted
    with django_assert_max_num_queries(6) as few:
        as_alice.get(f"/api/v1/{path}")
    grow(39)
    with django_assert_max_num_queries(len(few)):
        as_alice.get(f"/api/v1/{path}?page_size=1000")


# --- series ------------------------------------------------------------------------------------


def series(client, host, **query):
    return client.get(
        f"/api/v1/hosts/{host.pk}/series/", {k.rstrip("_"): v for k, v in query.items()}
    )


def test_a_series_is_the_last_hour_unless_told_otherwise(as_alice, web, now):
    record([measured(web, now - 7000, {CPU: 99.0})])
    document = series(as_alice, web, metric="cpu_percent").json()
    assert set(document) == {"metric", "unit", "step_seconds", "series"}
    assert (document["metric"], document["unit"], document["step_seconds"]) == (
        "cpu_percent",
        "percent",
        15,
    )
    (only,) = document["series"]
    assert only["labels"] == {}
    times = [at for at, _ in only["points"]]
    assert times == sorted(times)
    assert now - 3700 < times[0] <= now - 3590
    assert {value for _, value in only["points"]} == {12.5, None}


@pytest.mark.parametrize("interval", [2, 3, 5, 7, 15, 60])
@pytest.mark.parametrize("points", [None, 1, 2, 3, 10, 599])
def test_a_series_never_has_more_points_than_asked(as_alice, web, interval, points, now):
    Host.objects.update(interval_seconds=interval)
    record([measured(web, now - n * interval, {CPU: float(n)}) for n in range(3, 60)])
    query = {} if points is None else {"points": points}
    for shift in range(3):
        document = series(as_alice, web, metric="cpu_percent", to=now - shift, **query).json()
        assert 1 <= len(document["series"][0]["points"]) <= (points or 600)


def test_labels_choose_and_a_wrong_one_is_refused(as_alice, web):
    both = series(as_alice, web, metric="filesystem_percent").json()["series"]
    assert [one["labels"]["mount"] for one in both] == ["/", "/data"]
    (data,) = series(as_alice, web, metric="filesystem_percent", mount="/data").json()["series"]
    assert [value for _, value in data["points"] if value is not None] == [91.0, 91.0]
    assert series(as_alice, web, metric="filesystem_percent", mount="/x").json()["series"] == []
    answer = series(as_alice, web, metric="filesystem_percent", mont="/data")
    assert answer.status_code == 400
    assert "mont" in answer.json()


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({}, "metric"),
        ({"metric": "nonsense"}, "metric"),
        ({"metric": "cpu_seconds_total"}, "metric"),
        ({"metric": "disk_read_bytes_total"}, "metric"),
        ({"metric": "<script>"}, "metric"),
        ({"from_": "x"}, "from"),
        ({"from_": "nan"}, "from"),
        ({"to": "inf"}, "to"),
        ({"to": "-1"}, "to"),
        ({"to": "9" * 400}, "to"),
        ({"points": "0"}, "points"),
        ({"points": "5001"}, "points"),
        ({"points": "1e99"}, "points"),
        ({"points": ""}, "points"),
        ({"from_": "100", "to": "100"}, "from"),
        ({"from_": "200", "to": "100"}, "from"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_by_name(as_alice, web, query, name):
    answer = series(as_alice, web, **({"metric": "cpu_percent"} | query if query else {}))
    assert answer.status_code == 400
    assert list(answer.json()) == [name]


def test_a_metric_that_was_never_measured_is_an_empty_series(as_alice, web):
    assert series(as_alice, web, metric="cpu_steal_percent").json()["series"] == []


def test_the_whole_of_time_is_a_question_like_any_other(as_alice, web):
    document = series(as_alice, web, metric="cpu_percent", from_=0, to=2**39, points=5000).json()
    assert len(document["series"][0]["points"]) <= 5000
    assert sum(value is not None for _, value in document["series"][0]["points"]) == 1


def test_up_is_read_from_the_outcomes(as_alice, make_host, now):
    host = make_host(name="h")
    slot = now - now % 15 - 300
    record([
        measured(host, slot, {CPU: 1.0}),
        failed(host, slot + 15, "TCP_TIMEOUT"),
        failed(host, slot + 30, "AUTH_FAILED"),
        failed(host, slot + 45, "MONITOR_LATE"),
        measured(host, slot + 75, {CPU: 1.0}),
    ])  # fmt: skip

    def values(metric):
        document = series(
            as_alice, host, metric=metric, from_=slot, to=slot + 90, points=100
        ).json()
        (only,) = document["series"]
        assert only["labels"] == {}
        return [value for _, value in only["points"]]

    assert values("up") == [1.0, 0.0, 0.0, 0.0, None, 1.0]
    assert values("host_down") == [0.0, 1.0, 0.0, 0.0, None, 0.0]
    assert values("host_blocked") == [0.0, 0.0, 1.0, 0.0, None, 0.0]
    assert values("host_unknown") == [0.0, 0.0, 0.0, 1.0, None, 0.0]
    document = series(as_alice, host, metric="up", from_=slot, to=slot + 90, points=1).json()
    assert document["series"][0]["points"][0][1] == pytest.approx(0.4)


def test_every_metric_of_the_catalogue_can_be_asked_for(as_alice, web):
    for name, entry in CATALOG.items():
        assert series(as_alice, web, metric=name).status_code == (200 if entry.stored else 400), (
            name
        )


def test_a_series_costs_few_queries(as_alice, web, now, django_assert_max_num_queries):
    record([measured(web, now - n * 2, {CPU: 1.0}) for n in range(20, 200)])
    series(as_alice, web, metric="cpu_percent")
    began = time.monotonic()
    with django_assert_max_num_queries(7):
        series(as_alice, web, metric="cpu_percent")
    assert time.monotonic() - began < 2
