"""The monitor about itself."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from metrics.store import write_gap
from pollers.models import Scheduler, Worker

pytestmark = pytest.mark.django_db


def text(client: Client) -> str:
    return client.get("/system/").content.decode()


def looked(ago: float = 0.0) -> None:
    Scheduler.objects.update_or_create(pk=1, defaults={"ticked_at": time.time() - ago})


def test_a_stranger_is_sent_to_the_form(client: Client) -> None:
    assert client.get("/system/").url.startswith("/login/")


def test_all_is_well_when_the_schedule_is_read_and_a_worker_lives(as_bob: Client) -> None:
    looked()
    Worker.objects.create(name="w1@here", seen_at=time.time(), sessions=7)
    page = text(as_bob)
    assert "Rollcall looks on time." in page
    assert "w1@here" in page


def test_nobody_looking_is_said_first(as_bob: Client) -> None:
    looked(ago=600)
    assert "Nobody is looking." in text(as_bob)


def test_a_silent_worker_is_not_called_alive(as_bob: Client) -> None:
    looked()
    Worker.objects.create(name="w1@here", seen_at=time.time() - 60)
    page = text(as_bob)
    assert "No worker is alive." in page
    assert "silent" in page


def test_hosts_that_wait_are_named(as_bob: Client, host_row: Any) -> None:
    looked()
    Worker.objects.create(name="w1@here", seen_at=time.time())
    host_row("late-1", polled_at=int(time.time()) - 300)
    host_row("fine-1")
    host_row("paused-1", enabled=False, polled_at=int(time.time()) - 300)
    page = text(as_bob)
    assert "1\u00a0host waited too long." in page
    assert "late-1" in page
    assert "fine-1" not in page
    assert "paused-1" not in page


def test_gaps_are_on_record(as_bob: Client) -> None:
    looked()
    write_gap(int(time.time()) - 900, int(time.time()) - 300, "Rollcall was not running")
    assert "Rollcall was not running" in text(as_bob)
