"""Hosts with numbers, made by hand: no poller runs here."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from alerts.models import Alert, Rule
from fleet.failures import CODES
from fleet.models import Host, HostState, Tag
from metrics import store
from metrics.layouts import layout_of
from pollers.models import Scheduler

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def client_of() -> Callable[[Any], Client]:
    """A browser in which somebody has signed in."""

    def make(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def as_alice(alice: Any, client_of: Any) -> Client:
    return client_of(alice)


@pytest.fixture
def as_bob(bob: Any, client_of: Any) -> Client:
    return client_of(bob)


@pytest.fixture
def ticking(db: None) -> None:
    Scheduler.objects.create(ticked_at=time.time())


@pytest.fixture
def host_row(db: None) -> Callable[..., Host]:
    """A host with its state: `state_row` fields by name."""

    def make(
        name: str = "web-1",
        *,
        tags: tuple[str, ...] = (),
        enabled: bool = True,
        address: str = "192.0.2.1",
        code: str = "",
        **fields: Any,
    ) -> Host:
        host = Host.objects.create(name=name, address=address, enabled=enabled)
        Host.objects.filter(pk=host.pk).update(created_at=timezone.now() - timedelta(days=9))
        host.refresh_from_db()
        host.tags.set([Tag.objects.get_or_create(name=tag)[0] for tag in tags])
        now = int(time.time())
        measured = {
            "state": "up", "state_since": timezone.now() - timedelta(hours=3), "polled_at": now - 4, "seen_at": now - 4,
            "cpu_percent": 12.0, "memory_percent": 40.0, "swap_percent": 0.0, "filesystem_percent": 66.0,
            "filesystem_mount": "/", "load1": 0.4, "network_receive_bytes_per_second": 1e6,
            "network_transmit_bytes_per_second": 2e6, "spark": bytes([10, 20, 255, 30]),
            "failure_number": CODES[code].number if code else 0,
        }  # fmt: skip
        HostState.objects.create(host=host, **(measured | fields))
        return host

    return make


@pytest.fixture
def alert_row(db: None) -> Callable[..., Alert]:
    """An alert: firing since ten minutes unless said otherwise."""

    def make(host: Host, metric: str = "cpu_percent", **fields: Any) -> Alert:
        rule, _ = Rule.objects.get_or_create(
            name=fields.pop("rule", f"rule of {metric}"),
            defaults={"metric": metric, "warning": 90.0, "critical": 98.0},
        )
        since = timezone.now() - timedelta(minutes=10)
        usual = {
            "severity": "critical",
            "state": "firing",
            "value": 99.0,
            "opened_at": since,
            "fired_at": since,
        }
        return Alert.objects.create(rule=rule, host=host, **(usual | fields))

    return make


@pytest.fixture
def measured(db: None) -> Callable[..., None]:
    """Stores rows of a host, one every 15 s, and makes the newest its last."""

    def make(host: Host, rows: int = 20, mount: str = "/", hole: range = range(0)) -> None:
        series = [
            ("cpu_percent", ()), ("cpu_user_percent", ()), ("cpu_system_percent", ()), ("memory_percent", ()), ("load1", ()),
            ("filesystem_percent", (("mount", mount),)), ("filesystem_size_bytes", (("mount", mount),)),
            ("network_receive_bytes_per_second", (("interface", "eth0"),)),
            ("network_transmit_bytes_per_second", (("interface", "eth0"),)),
        ]  # fmt: skip
        columns = layout_of(series)
        now = int(time.time())
        slots = [now - now % 15 - 15 * (place + 1) for place in range(rows) if place not in hole]
        values = [30.0, 20.0, 10.0, 40.0, 0.5, 66.0, 1e9, 1e6, 2e6]
        vector = columns.pack(series, values)
        store.write([store.Row(host.pk, slot, 0, columns.id, vector) for slot in slots])
        HostState.objects.filter(host=host).update(layout_id=columns.id, vector=vector)

    return make


def ago(**span: float) -> datetime:
    return datetime.now(UTC) - timedelta(**span)
