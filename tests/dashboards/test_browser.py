"""The pages in a real browser: nothing refused by the policy, refreshed in place, drawn."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from fleet.models import HostState

CHROMIUM = shutil.which("chromium")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian package: chromium)"),
]


@pytest.fixture
def page(
    live_server: Any, alice: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Page]:
    """A browser in which Alice has signed in; any complaint of it fails the test."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright keeps a loop in this thread
    complaints: list[str] = []
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "browser"), executable_path=CHROMIUM, args=list(QUIET), base_url=live_server.url,
            viewport={"width": 1280, "height": 900}, env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        page = context.new_page()
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/login/")
        page.fill("[name=username]", "alice")
        page.fill("[name=password]", "wonderland-1")
        page.click("text=Sign in >> nth=-1")
        expect(page.locator("#main")).to_be_visible()
        yield page
        context.close()
    assert complaints == []


def test_the_fleet_is_refreshed_in_place(page: Page, host_row: Any) -> None:
    host_row("db-1")
    host = host_row("web-1")
    page.goto("/")
    expect(page.locator("h1")).to_have_text("All 2 hosts are fine.")
    page.keyboard.press("/")
    page.keyboard.type("web")
    page.evaluate("document.getElementById('main').dataset.untouched = 'yes'")
    row = HostState.objects.get(host=host)
    row.state, row.failure_number, row.polled_at = "down", 2, row.polled_at + 15
    row.save()
    expect(page.locator("h1")).to_contain_text("host is down", timeout=15_000)
    assert page.title().startswith("Fleet · 1\u00a0host is down")
    assert page.input_value("#filter") == "web"
    assert page.evaluate("document.activeElement.id") == "filter"
    assert page.evaluate("document.getElementById('main').dataset.untouched") == "yes"
    page.keyboard.press("Enter")
    expect(page.locator(".hit")).to_contain_text("1 of 2 match")


def test_charts_are_drawn_and_zoomed_together(page: Page, host_row: Any, measured: Any) -> None:
    host = host_row()
    measured(host, rows=100)
    page.goto(f"/hosts/{host.pk}/")
    charts = page.locator("#charts figure")
    expect(charts).to_have_count(5)
    expect(charts.first.locator("h3")).to_have_text("CPU")
    expect(charts.first.locator(".now")).to_have_text("30\u00a0%")
    plot = charts.first.locator(".u-over").bounding_box()
    assert plot is not None
    page.mouse.move(plot["x"] + plot["width"] * 0.7, plot["y"] + 30)
    expect(page.locator("#attime")).to_contain_text("ago")
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.95, plot["y"] + 40, steps=4)
    page.mouse.up()
    expect(page.locator("#charts.zoomed")).to_have_count(1)
    page.mouse.dblclick(plot["x"] + plot["width"] * 0.5, plot["y"] + 30)
    expect(page.locator("#charts.zoomed")).to_have_count(0)


def test_keys_walk_rows_and_turn_the_theme(page: Page, host_row: Any) -> None:
    host_row("a-1")
    host = host_row("b-2")
    page.goto("/?view=table")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("tr.at")).to_contain_text("b-2")
    page.keyboard.press("t")
    expect(page.locator("html[data-theme]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text("b-2")
    assert page.url.endswith(f"/hosts/{host.pk}/")
    expect(page.locator("html[data-theme]")).to_have_count(1)
    page.wait_for_load_state()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.locator("h1")).to_contain_text("Nothing is wrong.")


def test_nothing_runs_over_the_edge_of_a_phone(
    page: Page, host_row: Any, alert_row: Any, measured: Any
) -> None:
    host = host_row(
        "a-very-long-host-name-of-a-machine-in-some-far-away-data-centre.example.org",
        tags=("prod", "web"),
    )
    measured(host, mount="/var/lib/containers/storage/overlay/0123456789abcdef/merged")
    alert_row(host)
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/?view=table&group=tag", "/alerts/", f"/hosts/{host.pk}/"):
        page.goto(path)
        expect(page.locator("#main")).to_be_visible()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
