"""From polls to 5 minutes to hours, and reading across the tiers."""

from __future__ import annotations

import math
import time

import pytest

from metrics.layouts import layout, layout_of, unpack
from metrics.models import Metric, Retention, Rollup, RollupMark
from metrics.queries import window
from metrics.rollups import roll_up
from metrics.store import Row, write
from pollers import cleaning

pytestmark = [pytest.mark.django_db, pytest.mark.database]
HOUR = 1_790_000_000 // 3600 * 3600
CPU = ("cpu_percent", ())
ROOT = ("filesystem_percent", (("mount", "/"),))


def measure(host_id: int, slot: int, cpu: float, root: float | None = None) -> None:
    series = [CPU] if root is None else [CPU, ROOT]
    columns = layout_of(series)
    values = [cpu] if root is None else [cpu, root]
    write([Row(host_id, slot, 0, columns.id, columns.pack(series, values))])


def vectors(row: Rollup) -> list[dict]:
    columns = layout(row.layout_id).series
    flat = unpack(bytes(row.vectors))
    return [dict(zip(columns, flat[i * len(columns) :], strict=False)) for i in range(3)]


def test_five_minutes_hold_mean_lowest_highest_and_how_many():
    for n, cpu in enumerate((10.0, 20.0, 60.0)):
        measure(1, HOUR + 15 * n, cpu)
    write([Row(1, HOUR + 60, 2), Row(1, HOUR + 75, 9)])
    assert roll_up([1], HOUR + 1000, 5)
    row = Rollup.objects.get(seconds=300)
    mean, low, high = vectors(row)
    assert (mean[CPU], low[CPU], high[CPU]) == (30.0, 10.0, 60.0)
    assert (row.slot, row.polls, row.measured, row.down, row.blocked) == (HOUR, 5, 3, 1, 1)


def test_an_hour_is_folded_from_its_five_minutes_by_weight():
    measure(1, HOUR, 10.0)
    for n in range(3):
        measure(1, HOUR + 300 + 15 * n, 50.0)
    assert roll_up([1], HOUR + 3600 + 200, 5)
    row = Rollup.objects.get(seconds=3600)
    mean, low, high = vectors(row)
    assert (mean[CPU], low[CPU], high[CPU]) == (40.0, 10.0, 50.0)
    assert (row.polls, row.measured) == (4, 4)


def test_what_is_not_over_yet_is_not_folded():
    measure(1, HOUR, 10.0)
    measure(1, HOUR + 300, 10.0)
    roll_up([1], HOUR + 300 + 60, 5)
    assert not Rollup.objects.exists()
    roll_up([1], HOUR + 300 + 130, 5)
    assert [row.slot for row in Rollup.objects.all()] == [HOUR]


def test_a_second_run_changes_nothing_and_a_late_one_goes_on():
    measure(1, HOUR, 10.0)
    roll_up([1], HOUR + 1000, 5)
    before = list(Rollup.objects.values_list("slot", "vectors"))
    roll_up([1], HOUR + 1000, 5)
    assert list(Rollup.objects.values_list("slot", "vectors")) == before
    measure(1, HOUR + 7 * 86_400, 20.0)
    roll_up([1], HOUR + 7 * 86_400 + 1000, 5)
    assert Rollup.objects.filter(seconds=300).count() == 2
    assert (
        RollupMark.objects.get(seconds=300).done_until
        == (HOUR + 7 * 86_400 + 1000 - 120) // 300 * 300
    )


def test_columns_that_come_within_five_minutes_are_all_there():
    measure(1, HOUR, 10.0)
    measure(1, HOUR + 15, 30.0, root=66.0)
    roll_up([1], HOUR + 1000, 5)
    mean, low, _ = vectors(Rollup.objects.get(seconds=300))
    assert (mean[CPU], mean[ROOT], low[ROOT]) == (20.0, 66.0, 66.0)


def test_unknown_values_stay_unknown():
    measure(1, HOUR, math.nan, root=5.0)
    roll_up([1], HOUR + 1000, 5)
    mean, low, high = vectors(Rollup.objects.get(seconds=300))
    assert math.isnan(mean[CPU])
    assert math.isnan(low[CPU])
    assert math.isnan(high[CPU])
    assert mean[ROOT] == 5.0


def test_a_long_range_is_read_from_rollups_and_its_newest_part_from_polls():
    now = int(time.time()) // 3600 * 3600
    start = now - 2 * 86_400
    for slot in range(start, now, 60):
        measure(1, slot, 10.0 if slot % 120 else 30.0)
    while not roll_up([1], now, 5):
        pass
    long = window(1, ["cpu_percent"], start, now, interval=60, points=300)
    assert long.tier == 300
    values = [v for v in long.metrics["cpu_percent"][0].values if v is not None]
    assert values == pytest.approx([20.0] * len(values), abs=2)
    points = long.metrics["cpu_percent"][0]
    assert (points.low[10], points.high[10]) == (10.0, 30.0)
    assert points.values[-1] is not None, "the newest minutes are not rolled up yet"
    short = window(1, ["cpu_percent"], now - 3600, now, interval=60)
    assert short.tier == 0
    assert short.metrics["cpu_percent"][0].low is None


def test_what_is_older_than_the_polls_is_read_from_the_tier_that_still_has_it():
    now = int(time.time())
    old = now - 10 * 86_400
    measure(1, old, 42.0)
    roll_up([1], now, 5)
    Metric.objects.all().delete()
    found = window(1, ["cpu_percent"], old - 600, old + 600, interval=15)
    assert (found.tier, found.step) == (300, 300)
    assert [v for v in found.metrics["cpu_percent"][0].values if v is not None] == [42.0]


def test_availability_survives_the_polls():
    now = int(time.time()) // 300 * 300
    for n in range(8):
        write([Row(1, now - 5 * 86_400 + 15 * n, 0 if n % 4 else 2)])
    roll_up([1], now, 5)
    Metric.objects.all().delete()
    found = window(1, ["up", "host_down"], now - 5 * 86_400, now - 5 * 86_400 + 300, interval=15)
    assert found.metrics["up"][0].values[0] == 0.75
    assert found.metrics["host_down"][0].values[0] == 0.25


def test_polls_are_forgotten_only_when_they_are_rolled_up(make_host, monkeypatch):
    host = make_host()
    old = int(time.time()) - 5 * 86_400
    measure(host.pk, old, 42.0)
    monkeypatch.setattr(cleaning, "SECONDS_PER_RUN", 0.0)
    cleaning.clean_up()
    assert Metric.objects.exists()
    monkeypatch.undo()
    cleaning.clean_up()
    assert not Metric.objects.exists()
    assert Rollup.objects.filter(seconds=300).count() == 1
    assert Rollup.objects.filter(seconds=3600).count() == 1


def test_retention_is_a_row_that_can_be_changed(make_host):
    host = make_host()
    Retention.objects.create(raw_days=30)
    measure(host.pk, int(time.time()) - 5 * 86_400, 42.0)
    cleaning.clean_up()
    assert Metric.objects.exists()
