"""Whatever a host says is hostile, on every page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from fleet.models import Event, Host, HostKey
from metrics import store
from tests.dashboards.conftest import HOSTILE

pytestmark = pytest.mark.django_db


class Strict(HTMLParser):
    """Finds what a strict content security policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.open_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        for name, value in attrs:
            if (
                name == "style"
                or name.startswith("on")
                or (value or "").lower().startswith("javascript:")
            ):
                self.found.append(f"<{tag} {name}>")
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(f"<{tag}>")
        if tag == "img":
            self.found.append("an image of the host's")


def problems(page: str) -> list[str]:
    strict = Strict()
    strict.feed(page)
    return strict.found


@pytest.fixture
def hostile_host(host_row: Any, alert_row: Any, measured: Any) -> Host:
    words = HOSTILE
    host = host_row(
        words,
        tags=("prod",),
        address=words,
        state="blocked",
        code="PROBE_BAD_FRAME",
        failure_detail=words,
        filesystem_mount=words,
        facts={
            "hostname": words,
            "os": words,
            "kernel": words,
            "cpu_model": words,
            "cpu_count": words,
            "python": words,
            "psutil": words,
        },
        session={"collectors": [[words, 1, words]], "stages": [[words, 0.1]], "opened_at": 1},
    )
    measured(host, mount=words)
    alert_row(
        host,
        "filesystem_percent",
        rule=words,
        cause=words,
        series='{"mount": "<script>alert(3)</script>"}',
    )
    alert_row(
        host, rule="second", cause=words, acknowledged_at=timezone.now(), acknowledged_by=words
    )
    alert_row(host, rule="third", state="resolved", resolved_at=timezone.now())
    Event.objects.create(host=host, at=timezone.now(), kind="state", text=words)
    HostKey.objects.create(host=host, algorithm=words[:60], public=words, fingerprint=words[:60])
    row = {
        "pid": words,
        "name": words,
        "user": words,
        "cpu_percent": 1.0,
        "memory_percent": 1.0,
        "rss": 1,
    }
    store.write_details(host.pk, 1_790_000_000, {"processes": {"by_cpu": [row]}})
    return host


@pytest.mark.parametrize("page", ["/", "/?view=table", "/?group=tag", "/?q=" + HOSTILE, "/alerts/", "/hosts/{}/", "/admin/fleet/host/", "/admin/fleet/host/{}/change/", "/admin/alerts/alert/", "/admin/fleet/event/"])  # fmt: skip
def test_a_hosts_words_stay_words(as_alice: Client, hostile_host: Host, page: str) -> None:
    response = as_alice.get(page.format(hostile_host.pk))
    assert response.status_code == 200
    text = response.content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    if not page.startswith("/admin"):
        assert problems(text) == []


@pytest.mark.parametrize("path", ["/", "/?view=table&group=tag", "/alerts/", "/hosts/{}/", "/login/", "/password/", "/no/such/page", "/welcome/x/"])  # fmt: skip
def test_every_page_is_clean_under_the_strict_policy(
    as_alice: Client, host_row: Any, path: str
) -> None:
    response = as_alice.get(path.format(host_row().pk), follow=True)
    policy = response["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert problems(response.content.decode()) == []


def test_the_admin_runs_no_inline_script_of_ours(as_alice: Client) -> None:
    response = as_alice.get("/admin/fleet/host/add/")
    assert "script-src 'self' 'unsafe-eval';" in response["Content-Security-Policy"]
    assert "'unsafe-inline'" not in response["Content-Security-Policy"].split("style-src")[0]


def test_series_are_json_and_nothing_else(as_alice: Client, hostile_host: Host) -> None:
    response = as_alice.get(f"/hosts/{hostile_host.pk}/series.json")
    assert response["Content-Type"] == "application/json"
    assert response["X-Content-Type-Options"] == "nosniff"
