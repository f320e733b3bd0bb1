"""The whole story in a real browser: first start, sign in, add a server by its address, see its number."""

from __future__ import annotations

import getpass
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests import sshd as harness
from tests.system.rollcall import Rollcall

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
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here (Debian package: chromium)"
)


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A browser; whatever it complains about fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(tmp_path / "browser"),
            executable_path=CHROMIUM,
            args=list(QUIET),
            env={**os.environ, "HOME": str(tmp_path)},
        )
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on(
            "console", lambda said: complaints.append(said.text) if said.type == "error" else None
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        yield page
        context.close()
    assert complaints == []


def test_from_the_first_start_to_a_number_on_the_fleet_page(
    page: Page, server: harness.Sshd
) -> None:
    installation = Rollcall(ADMIN_USERNAME="", ADMIN_PASSWORD="")
    try:
        process = installation.start()
        found = installation.until(
            lambda: re.search(r"http\S+/welcome/\S+", installation.log), "the link"
        )
        page.goto(found[0])
        page.fill("[name=username]", "maria")
        page.fill("[name=password1]", "a-long-enough-word-7")
        page.fill("[name=password2]", "a-long-enough-word-7")
        page.keyboard.press("Enter")
        # This machine is already being watched.
        expect(page.locator("h1")).to_contain_text("fine", timeout=30_000)

        page.click("text=Add hosts")
        page.fill("[name=address]", "127.0.0.2")
        page.fill("[name=port]", str(server.port))
        page.fill("[name=username]", getpass.getuser())
        page.fill("[name=private_key]", server.private_key.replace("\n", "\r\n") + "  \r\n")
        page.click("[data-do=test]")
        accept = page.locator("[data-do=accept]")
        expect(accept).to_be_visible(timeout=20_000)
        shown = page.locator(".rc-fingerprint").inner_text()
        assert shown.startswith("SHA256:")
        accept.click()
        expect(page.locator(".rc-verdict")).to_contain_text("It works", timeout=30_000)
        assert server.logins == 1
        page.locator("[name=_save]").click()

        page.goto(installation.url + "/?view=table")
        row = page.locator("tbody tr", has_text="127.0.0.2").or_(
            page.locator("tbody tr").filter(has_text="-2")
        )
        expect(row.first).to_contain_text("Up", timeout=20_000)
        expect(row.first).to_contain_text(re.compile(r"\d\s%"))
        assert server.logins == 2, "one login of the test, one of the kept session"
        assert "Traceback" not in installation.log
        installation.stop(process)
        assert process.returncode == 0
    finally:
        installation.close()
