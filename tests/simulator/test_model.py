"""The simulated hosts: believable, the same at every call, and through the real readers."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import pytest

from metrics.catalog import CATALOG
from metrics.rates import Measurement, Rates
from metrics.report import ReportReader
from pollers.simulator.model import SimulatedHost
from pollers.simulator.noise import DAY, Flow
from pollers.simulator.outages import ScriptError, read_script, troubles_at
from pollers.simulator.report import document
from pollers.simulator.roles import CYCLE
from pollers.simulator.series import plan_of, values_of

NOON = 1_795_348_800.0
HOSTS = [SimulatedHost(number) for number in range(1, 14)]
ALL = frozenset(("facts", "minute", "hour", "processes"))


def measured(host: SimulatedHost, times: list[float]) -> list[Measurement]:
    reader, rates, found = ReportReader(), Rates(), []
    for place, now in enumerate(times):
        payload = msgspec.json.encode(document(host, now, ALL, names=place == 0))
        if measurement := rates.measure(reader.read(payload)):
            found.append(measurement)
    return found


def test_names_are_those_of_the_catalogue_and_at_least_150():
    sent = {entry.name for entry in CATALOG.values() if entry.sent}
    for role in CYCLE:
        names = plan_of(role).names
        assert {name for name, _ in names} == sent
        assert 150 <= len(names) <= 200
        assert all(set(labels) == set(CATALOG[name].labels) for name, labels in names)


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.name)
def test_a_day_of_a_host_gives_plausible_rates_and_nothing_unknown(host: SimulatedHost):
    reached = [NOON + 600 * i for i in range(144)]
    days = measured(host, reached)
    cpu = []
    for now, measurement in zip(reached[1:], days, strict=True):
        values = dict(zip(measurement.columns, measurement.values, strict=True))
        if host.boot(now) == host.boot(now - 600):
            assert not any(math.isnan(value) for value in measurement.values)
            cpu.append(values["cpu_percent", ()])
        for (name, _), value in values.items():
            if CATALOG[name].unit == "percent" and not math.isnan(value):
                assert 0.0 <= value <= 100.0, name
    assert max(cpu) - min(cpu) > 3.0, "the day is seen"
    assert max(cpu) < 99.0


def test_counters_only_grow_within_a_life():
    host = HOSTS[1]
    names = plan_of(host.role).names
    growing = [i for i, (name, _) in enumerate(names) if name.endswith("_total")]
    before = values_of(host, NOON)
    for step in range(1, 2000):
        after = values_of(host, NOON + 2.0 * step)
        if host.boot(NOON) != host.boot(NOON + 2.0 * step):
            break
        assert all(after[i] >= before[i] for i in growing)
        before = after


def test_the_same_moment_is_always_the_same():
    again = SimulatedHost(7)
    assert values_of(SimulatedHost(7), NOON) == values_of(again, NOON)
    assert values_of(SimulatedHost(1), NOON) != values_of(SimulatedHost(5), NOON)


def test_names_are_unique_and_addresses_follow_the_base():
    hosts = [SimulatedHost(number) for number in range(1, 1001)]
    assert len({host.name for host in hosts}) == 1000
    assert hosts[0].name == "web-01"
    assert hosts[299].address("127.77.0.0") == "127.77.1.44"
    assert len({host.boot_id(NOON) for host in hosts}) == 1000


def test_a_restart_gives_a_new_boot_id_and_counters_from_zero():
    host = SimulatedHost(3)
    began = host.booted_at(NOON + host.life)
    assert host.boot_id(began - 1) != host.boot_id(began + 1)
    assert host.restarting(began + 1)
    assert not host.restarting(began - 1)
    place = [name for name, _ in plan_of(host.role).names].index("uptime_seconds")
    assert values_of(host, began + 60)[place] == pytest.approx(60, abs=0.01)


def test_a_flow_is_one_on_average_and_never_runs_backwards():
    flow = Flow(1, 0.38, 50_000.0)
    assert (flow.total(NOON + 30 * DAY) - flow.total(NOON)) / (30 * DAY) == pytest.approx(
        1.0, abs=0.01
    )
    steps = [flow.total(NOON + i) for i in range(20_000)]
    assert all(later > sooner for sooner, later in pairwise(steps))


def test_a_script_of_troubles():
    outages = read_script("# nothing\nweb-01 down\ndb-01 silent 60 30  # half a minute\n")
    assert troubles_at(outages, 0) == {"web-01": "down"}
    assert troubles_at(outages, 75) == {"web-01": "down", "db-01": "silent"}
    assert troubles_at(outages, 91) == {"web-01": "down"}
    for wrong in ("web-01", "web-01 burning", "web-01 down soon", "web-01 down 1 2 3"):
        with pytest.raises(ScriptError, match="Line 1"):
            read_script(wrong)
