"""A day of history for simulated hosts, as if they had been polled all the time.

The rows are what the real readers make of the model's reports, written by the same store as
live polls. The newest come first, and so that it ends in time, the older the fewer: enough
for every point of a chart of that range.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.db import DatabaseError, connections, transaction

from fleet.failures import CODES
from fleet.models import Host, HostState
from metrics.layouts import layout_of
from metrics.models import RollupMark
from metrics.rates import Measurement, Rates
from metrics.report import Cost, Report, Series
from metrics.store import Row, write
from pollers.ingest import with_own_series
from pollers.outcome import Outcome
from pollers.simulator.model import SimulatedHost
from pollers.simulator.noise import scatter
from pollers.simulator.series import plan_of, values_of

log = logging.getLogger(__name__)

HOUR = 3600
RECENT = (0, HOUR, 0)
OLDER = ((HOUR, 6 * HOUR, 35), (6 * HOUR, 24 * HOUR, 140))
"""(from, to, step): how long ago in seconds, and how far apart. Step 0: the host's interval."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One poll of the past; `measurement` is None when the host was restarting."""

    slot: int
    measurement: Measurement | None


def write_recent(hosts: Mapping[int, Host], now: float, seconds_at_most: float) -> None:
    """The last hour, as far as the time suffices. `hosts` go by the number of the simulated one."""
    until = time.monotonic() + seconds_at_most
    for number, host in hosts.items():
        if time.monotonic() > until:
            return
        moments = write_stage(number, host, now, RECENT)
        draw_spark(host, moments)


class OlderHistory(threading.Thread):
    """Writes the rest of the day while the demo already runs."""

    def __init__(self, hosts: Mapping[int, Host], now: float) -> None:
        super().__init__(name="history", daemon=True)
        self.hosts = hosts
        self.now = now
        self.stopping = threading.Event()

    def run(self) -> None:
        try:
            for stage in OLDER:
                for number, host in self.hosts.items():
                    if self.stopping.wait(BREATH):
                        return
                    write_stage(number, host, self.now, stage)
            # What was rolled up meanwhile began with the newer rows: once more, from the oldest on.
            ids = [host.pk for host in self.hosts.values()]
            RollupMark.objects.filter(host_id__in=ids).delete()
        except DatabaseError as problem:
            log.warning("the demo's history ends early: %s", type(problem).__name__)
        finally:
            connections.close_all()

    def stop(self) -> None:
        self.stopping.set()
        if self.is_alive():
            self.join(5.0)


BREATH = 0.02
"""Seconds between two hosts in which live polls are written."""


def write_stage(number: int, host: Host, now: float, stage: tuple[int, int, int]) -> list[Moment]:
    begin, end, step = stage
    apart = max(step, host.interval_seconds)
    moments = list(past(SimulatedHost(number), int(now) - end, int(now) - begin, apart))
    with transaction.atomic():
        write([row_of(host, moment) for moment in moments])
    return moments


def past(simulated: SimulatedHost, begin: int, end: int, apart: int) -> Iterator[Moment]:
    """What polls would have found from `begin` on, and before `end`."""
    series = shared_series(simulated)
    rates = Rates()
    first = begin - begin % apart + int(scatter(simulated.number, 13) * apart)
    for slot in range(first - apart, end, apart):
        if simulated.restarting(slot):
            yield Moment(slot, None)
            continue
        measurement = rates.measure(report_of(simulated, series, float(slot)))
        if measurement is not None:
            yield Moment(slot, measurement)


_series: dict[str, tuple[Series, ...]] = {}


def shared_series(simulated: SimulatedHost) -> tuple[Series, ...]:
    """One object for each role, as in live sessions."""
    role = simulated.role
    if role.name not in _series:
        names = plan_of(role).names
        _series[role.name] = tuple((name, tuple(sorted(labels.items()))) for name, labels in names)
    return _series[role.name]


def report_of(simulated: SimulatedHost, series: tuple[Series, ...], now: float) -> Report:
    uptime = now - simulated.booted_at(now)
    return Report(
        boot_id=simulated.boot_id(now),
        monotonic=uptime,
        time=now,
        series=series,
        values=tuple(values_of(simulated, now)),
        collectors=(),
        cost=Cost(uptime * 1e-4, 13_400_000),
    )


def row_of(host: Host, moment: Moment) -> Row:
    if moment.measurement is None:
        return Row(host.pk, moment.slot, CODES["TCP_REFUSED"].number)
    seconds = 0.004 + 0.006 * scatter(host.pk, moment.slot)
    outcome = Outcome(host.pk, moment.slot, "", moment.slot + seconds / 2, seconds)
    columns, values = with_own_series(moment.measurement, outcome)
    layout = layout_of(columns)
    return Row(host.pk, moment.slot, 0, layout.id, layout.pack(columns, values))


def draw_spark(host: Host, moments: list[Moment]) -> None:
    """The last hour of the processors, as the fleet page shows it."""
    minutes: dict[int, int] = {}
    for moment in moments:
        if moment.measurement is not None:
            place = moment.measurement.columns.index(("cpu_percent", ()))
            value = moment.measurement.values[place]
            minutes[moment.slot // 60] = round(value) if value == value else 255
    last = max(minutes, default=0)
    spark = bytes(minutes.get(minute, 255) for minute in range(last - 59, last + 1))
    HostState.objects.filter(host=host).update(spark=spark, spark_minute=last)
