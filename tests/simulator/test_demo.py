"""The demo: hosts, history, refusal, silence."""

from __future__ import annotations

import sys
import time

import pytest
from django.utils import timezone

from alerts import lifecycle
from alerts.lifecycle import HostReport
from alerts.models import Alert, Channel, Muted, Notification, Rule
from fleet.models import Host, HostState
from metrics.models import Metric
from metrics.queries import window
from pollers.demo import DemoError, prepare
from pollers.history import OlderHistory, write_recent
from pollers.simulator.model import SimulatedHost
from tests.services import free_port
from tests.system.rollcall import Rollcall


@pytest.mark.django_db
def test_the_rows_of_a_demo_are_made_once_and_can_grow():
    first = prepare(5)
    assert [host.name for host in first.new.values()] == ["web-01", "db-01", "worker-01", "cache-01", "web-02"]  # fmt: skip
    assert len({host.interval_seconds for host in first.new.values()}) > 1
    assert all(host.host_keys.exclude(accepted_at=None).exists() for host in first.new.values())
    again = prepare(7)
    assert sorted(again.new) == [6, 7]
    assert again.credential == first.credential
    assert again.port == first.port
    assert sorted(prepare(3).hosts) == [1, 2, 3, 4, 5, 6, 7]


def test_a_database_with_real_hosts_is_refused(make_host):
    make_host("192.0.2.1")
    with pytest.raises(DemoError, match="real hosts"):
        prepare(5)
    assert Host.objects.count() == 1


@pytest.mark.parametrize("count", [0, 10_001])
@pytest.mark.django_db
def test_an_absurd_number_is_refused(count):
    with pytest.raises(DemoError):
        prepare(count)


@pytest.mark.django_db
def test_a_host_of_the_demo_fires_but_tells_no_channel(make_host):
    channel = Channel(name="ops")
    channel.set_url("mailto://ops@example.org")
    channel.save()
    demo, real = prepare(1).new[1], make_host("192.0.2.1")
    Rule.objects.filter(name="Host down").update(for_seconds=0)
    reports = [
        HostReport(host, {("host_down", ()): 1.0}, measured=False, complete=False, cause="")
        for host in (demo, real)
    ]
    lifecycle.judge(reports, timezone.now())
    firing = Alert.objects.filter(state=Alert.State.FIRING)
    assert {alert.host for alert in firing} == {demo, real}
    assert [one.alert.host for one in Notification.objects.all()] == [real]
    assert Muted.objects.get().host == demo


@pytest.mark.django_db(transaction=True)
def test_history_fills_the_charts_of_a_day_without_holes():
    demo, now = prepare(2), time.time()
    write_recent(demo.new, now, 60.0)
    OlderHistory(demo.new, now).run()
    host = demo.new[1]
    for hours in (1, 6, 24):
        end = int(now) - 60
        found = window(
            host.pk, ["cpu_percent"], end - hours * 3600 + 300, end, interval=15, points=480
        )
        [series] = found.metrics["cpu_percent"]
        holes = [
            at
            for at, value in zip(found.times, series.values, strict=True)
            if value is None and not SimulatedHost(1).restarting(at)
        ]
        assert len(holes) <= 4, hours
    assert Metric.objects.filter(host_id=host.pk).count() > 1000
    assert len(bytes(HostState.objects.get(host=host).spark)) == 60


def test_up_with_a_demo_shows_a_living_fleet_with_a_history():
    installation = Rollcall()
    try:
        installation.manage("migrate", "--verbosity", "0")
        process = installation.spawn("demo", sys.executable, "manage.py", "up", "--demo", "5")
        installation.until(installation.answers, "the demo", 60)
        hosts = installation.api("hosts/")["results"]
        assert len(hosts) == 5
        for host in hosts:
            installation.wait_for_state(host["id"], "up", 30)
        now = int(time.time())
        old = {"from": now - 23 * 3600, "to": now - 22 * 3600}
        installation.until(
            lambda: all(installation.points(host["id"], "cpu_percent", **old) for host in hosts),
            "the history",
            60,
        )
        assert len(installation.points(hosts[0]["id"], "memory_percent")) > 50
        assert installation.stop(process) < 10
        assert process.returncode == 0
        assert "Traceback" not in installation.log
    finally:
        installation.close()


def test_up_refuses_a_demo_beside_real_hosts():
    installation = Rollcall(PORT=str(free_port()))
    try:
        installation.manage("migrate", "--verbosity", "0")
        installation.add("192.0.2.1", "--user", "x", "--password-stdin", stdin="secret\n")
        done = installation.manage("up", "--demo", "5", check=False)
        assert done.returncode != 0
        assert "real hosts" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        installation.close()
