"""Rates are made from two reports, or not at all."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from metrics.catalog import CATALOG
from metrics.rates import Rates
from metrics.report import Cost, Report

RECEIVED = ("network_receive_bytes_total", (("interface", "eth0"),))
RATE = ("network_receive_bytes_per_second", (("interface", "eth0"),))
MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")


def report(values, monotonic=10.0, boot_id="one", cpu=0.0):
    return Report(
        boot_id=boot_id,
        monotonic=monotonic,
        time=1.0,
        series=tuple(values),
        values=tuple(values.values()),
        collectors=(),
        cost=Cost(cpu, 0),
    )


def measure(*reports):
    """The last measurement as {column: value}."""
    rates = Rates()
    measured = [rates.measure(one) for one in reports][-1]
    return dict(zip(measured.columns, measured.values, strict=True))


def processor(**spent):
    return {("cpu_seconds_total", (("mode", m),)): float(spent.get(m, 100.0)) for m in MODES}


def test_the_first_report_only_seeds():
    assert Rates().measure(report({RECEIVED: 1.0})) is None


def test_a_counter_becomes_a_rate_per_second():
    assert measure(report({RECEIVED: 100.0}), report({RECEIVED: 400.0}, 12.0))[RATE] == 150.0


@pytest.mark.parametrize(
    ("value", "monotonic", "boot"),
    [
        (399.0, 12.0, "one"),  # the counter fell
        (900.0, 12.0, "two"),  # the host was started anew
        (900.0, 10.0, "one"),  # no time has passed
        (900.0, 10.0005, "one"),  # too little time to tell
        (900.0, 9.0, "one"),  # time ran backwards
        (None, 12.0, "one"),
    ],
)
def test_no_rate_where_there_is_none(value, monotonic, boot):
    first, second = report({RECEIVED: 400.0}), report({RECEIVED: value}, monotonic, boot)
    assert math.isnan(measure(first, second)[RATE])


def test_the_poll_after_a_reset_has_a_rate_again():
    first, reset = report({RECEIVED: 400.0}), report({RECEIVED: 10.0}, 12.0, "two")
    assert measure(first, reset, report({RECEIVED: 30.0}, 14.0, "two"))[RATE] == 10.0


def test_the_poll_after_an_unknown_value_has_no_rate_and_the_next_one_has():
    reports = [
        report({RECEIVED: v}, t) for v, t in ((1.0, 1.0), (None, 2.0), (9.0, 3.0), (12.0, 4.0))
    ]
    assert math.isnan(measure(*reports[:3])[RATE])
    assert measure(*reports)[RATE] == 3.0


def test_columns_are_the_same_object_until_names_change():
    rates, gauge = Rates(), ("load1", ())
    rates.measure(report({RECEIVED: 1.0}))
    first = rates.measure(report({RECEIVED: 2.0}, 11.0))
    second = rates.measure(report({RECEIVED: 3.0}, 12.0))
    assert first.columns is second.columns
    third = rates.measure(report({gauge: 0.5, RECEIVED: 4.0}, 13.0))
    assert dict(zip(third.columns, third.values, strict=True))[RATE] == 1.0
    assert gauge in third.columns


def test_hosts_with_the_same_names_share_their_columns():
    one, other = Rates(), Rates()
    for rates in (one, other):
        rates.measure(report({RECEIVED: 1.0}))
    first, second = (rates.measure(report({RECEIVED: 2.0}, 11.0)) for rates in (one, other))
    assert first.columns is second.columns


def test_processor_percentages_are_shares_of_the_time():
    later = processor(
        user=110, nice=105, system=103, idle=170, iowait=107, irq=101, softirq=101, steal=103
    )
    got = measure(report(processor()), report(later, 11.0))
    assert got["cpu_percent", ()] == pytest.approx(23.0)
    assert got["cpu_user_percent", ()] == pytest.approx(15.0)
    assert got["cpu_system_percent", ()] == pytest.approx(5.0)
    assert got["cpu_iowait_percent", ()] == pytest.approx(7.0)
    assert got["cpu_steal_percent", ()] == pytest.approx(3.0)


def test_waiting_time_that_runs_backwards_a_little_is_no_reset():
    got = measure(report(processor()), report(processor(user=101, idle=103, iowait=99.9), 11.0))
    assert got["cpu_percent", ()] == pytest.approx(25.0)
    assert got["cpu_iowait_percent", ()] == 0.0


@pytest.mark.parametrize("fallen", [{"user": 3, "idle": 120}, {"idle": 5, "user": 120}])
def test_processor_time_that_fell_is_a_reset(fallen):
    got = measure(report(processor()), report(processor(**fallen), 11.0))
    assert math.isnan(got["cpu_percent", ()])


def test_a_kernel_without_steal_time_has_percentages_all_the_same():
    steal = ("cpu_seconds_total", (("mode", "steal"),))
    first, second = processor() | {steal: None}, processor(user=101, idle=103) | {steal: None}
    assert measure(report(first), report(second, 11.0))["cpu_percent", ()] == pytest.approx(25.0)


def test_each_core_has_its_share():
    core = (("core", "3"),)
    busy, total = ("cpu_core_busy_seconds_total", core), ("cpu_core_seconds_total", core)
    got = measure(report({busy: 5.0, total: 100.0}), report({busy: 6.0, total: 104.0}, 11.0))
    assert got["cpu_core_percent", core] == 25.0
    got = measure(report({busy: 5.0, total: 100.0}), report({busy: 1.0, total: 104.0}, 11.0))
    assert math.isnan(got["cpu_core_percent", core])


def test_percentages_of_memory_and_filesystems_are_psutils():
    root = (("mount", "/"),)
    values = {
        ("memory_total_bytes", ()): 1000.0,
        ("memory_available_bytes", ()): 250.0,
        ("swap_total_bytes", ()): 0.0,
        ("swap_used_bytes", ()): 0.0,
        ("filesystem_used_bytes", root): 30.0,
        ("filesystem_available_bytes", root): 60.0,
        ("filesystem_size_bytes", root): 100.0,
        ("filesystem_inodes", root): 0.0,
        ("filesystem_inodes_free", root): 0.0,
    }
    got = measure(report(values), report(values, 11.0, "another boot"))
    assert got["memory_percent", ()] == 75.0
    assert got["swap_percent", ()] == 0.0
    assert got["filesystem_percent", root] == pytest.approx(100 / 3)
    assert math.isnan(got["filesystem_inodes_percent", root])  # btrfs has no such number


def test_a_disk_is_busy_a_hundred_percent_at_most():
    busy, disk = ("disk_busy_seconds_total", (("device", "sda"),)), (("device", "sda"),)
    assert (
        measure(report({busy: 1.0}), report({busy: 9.0}, 11.0))["disk_utilization_percent", disk]
        == 100.0
    )


def test_the_cost_of_a_poll_is_its_processor_time():
    first, second = report({RECEIVED: 1.0}, cpu=0.5), report({RECEIVED: 1.0}, 11.0, cpu=0.502)
    key = ("probe_cpu_milliseconds", ())
    assert measure(first, second)[key] == pytest.approx(2.0)
    assert math.isnan(measure(first, replace(second, cost=Cost(0.1, 0)))[key])


def test_every_column_is_a_stored_metric_of_the_catalogue():
    values = {
        (name, tuple((label, "x") for label in entry.labels)): 1.0
        for name, entry in CATALOG.items()
        if entry.sent
    } | processor()
    got = measure(report(values), report(values, 11.0))
    stored = {name for name, entry in CATALOG.items() if entry.stored and entry.kind != "own"}
    assert {name for name, _ in got} == stored | {"probe_cpu_milliseconds"}
    for name, labels in got:
        assert tuple(key for key, _ in labels) == CATALOG[name].labels


def test_idle_times_may_run_back_a_little_and_busy_ones_may_not():
    """Linux lets idle and iowait fall by a tick; a fall of the others means another boot."""
    start = processor()
    usual = {"user": 150.0, "system": 150.0}
    assert (
        measure(report(start), report(processor(**usual, idle=99.5), 12.0))[("cpu_percent", ())]
        == 100.0
    )
    for lost in ({"idle": 98.0}, {"iowait": 50.0}, {"system": 99.5}, {"steal": 99.9}):
        after = measure(report(start), report(processor(**{**usual, **lost}), 12.0))
        assert math.isnan(after[("cpu_percent", ())]), lost
