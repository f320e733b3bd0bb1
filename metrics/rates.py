"""From raw counters to metrics: rates, percentages, totals.

Pure. Rates are made here and only here, from the host's monotonic clock. A counter that
fell, or another boot id, is a reset: no rate for that poll, never a spike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from metrics.catalog import CATALOG
from metrics.report import SHARED_SERIES, SHARED_SETS, CollectorRun, Cost, Report, Series

NAN = math.nan
PROBE_CPU: Series = ("probe_cpu_milliseconds", ())

Values = tuple[float | None, ...]
Numbers = list[float]
Formula = Callable[[Numbers], float]


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one poll measured, ready to be stored: `columns` and `values` run in parallel.

    A value is NaN where nothing is known. `columns` is the same object as long as a session
    reports the same names.
    """

    columns: tuple[Series, ...]
    values: tuple[float, ...]
    boot_id: str
    time: float
    collectors: tuple[CollectorRun, ...]
    cost: Cost
    facts: dict[str, Any] | None = None
    details: dict[str, Any] | None = None


MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
IDLE_MODES = (3, 4)
IDLE_JITTER = 1.0
"""Seconds by which idle times may run backwards, as Linux's do, without being a reset."""

SHORTEST = 0.001
"""Seconds below which two polls are one: no rate is made of them."""

# Formulas of derived metrics. They get the raw values in the order listed in WHOLE and EACH: NaN where one
# is not known, and for a counter by how much it has grown.


def _share(part: float, whole: float) -> float:
    """A percentage within 0 to 100; NaN where either is unknown or there is no whole."""
    if not whole > 0.0:  # also if it is NaN
        return NAN
    percent = 100.0 * part / whole
    return 0.0 if percent < 0.0 else 100.0 if percent > 100.0 else percent


def _modes(*wanted: int) -> Formula:
    """The share of some modes of the processor among all, in the order of MODES."""

    def formula(spent: Numbers) -> float:
        for index, seconds in enumerate(spent):
            if seconds < (-IDLE_JITTER if index in IDLE_MODES else 0.0):
                return NAN
        # A kernel without steal time has seven modes: what is not known counts as zero.
        known = [seconds if seconds > 0.0 else 0.0 for seconds in spent]
        return _share(sum([known[i] for i in wanted]), sum(known))

    return formula


def _core(values: Numbers) -> float:
    busy, total = values
    return _share(busy, total) if busy >= 0.0 else NAN


def _memory(values: Numbers) -> float:
    available, total = values
    return _share(total - available, total)


def _swap(values: Numbers) -> float:
    used, total = values
    return 0.0 if total == 0.0 else _share(used, total)


def _filesystem(values: Numbers) -> float:
    used, available = values
    return _share(used, used + available)


def _inodes(values: Numbers) -> float:
    free, total = values
    return _share(total - free, total)


def _part(values: Numbers) -> float:
    """A share of which nothing is known where the whole has fallen: a reset."""
    part, whole = values
    return 0.0 if part == 0.0 == whole else _share(part, whole) if part >= 0.0 else NAN


def _await(values: Numbers) -> float:
    """Milliseconds each of them took; 0 where there were none."""
    seconds, count = values
    if count == 0.0:
        return 0.0
    return 1000.0 * seconds / count if seconds >= 0.0 and count > 0.0 else NAN


_ALL_MODES = tuple(("cpu_seconds_total", (("mode", mode),)) for mode in MODES)

# Derived metrics of the whole host: (metric, formula, raw series).
WHOLE: tuple[tuple[str, Formula, tuple[Series, ...]], ...] = (
    ("cpu_percent", _modes(0, 1, 2, 5, 6, 7), _ALL_MODES),
    ("cpu_user_percent", _modes(0, 1), _ALL_MODES),
    ("cpu_system_percent", _modes(2, 5, 6), _ALL_MODES),
    ("cpu_iowait_percent", _modes(4), _ALL_MODES),
    ("cpu_steal_percent", _modes(7), _ALL_MODES),
    ("memory_percent", _memory, (("memory_available_bytes", ()), ("memory_total_bytes", ()))),
    ("swap_percent", _swap, (("swap_used_bytes", ()), ("swap_total_bytes", ()))),
    ("files_percent", _part, (("files_open", ()), ("files_limit", ()))),
    ("process_threads_percent", _part, (("process_threads", ()), ("process_threads_limit", ()))),
    ("tcp_retransmits_percent", _part, (("tcp_retransmits_total", ()), ("tcp_segments_sent_total", ()))),
)  # fmt: skip

# Derived metrics of an instance: (metric, formula, raw names). The first raw name brings it.
EACH: tuple[tuple[str, Formula, tuple[str, ...]], ...] = (
    ("cpu_core_percent", _core, ("cpu_core_busy_seconds_total", "cpu_core_seconds_total")),
    ("filesystem_percent", _filesystem, ("filesystem_used_bytes", "filesystem_available_bytes")),
    ("filesystem_inodes_percent", _inodes, ("filesystem_inodes_free", "filesystem_inodes")),
    ("disk_read_await_milliseconds", _await, ("disk_read_seconds_total", "disk_reads_total")),
    ("disk_write_await_milliseconds", _await, ("disk_write_seconds_total", "disk_writes_total")),
)

# Raw values of which formulas want to know by how much they have grown.
GROWING = frozenset(
    (
        *("cpu_seconds_total", "cpu_core_seconds_total", "cpu_core_busy_seconds_total"),
        *("disk_read_seconds_total", "disk_write_seconds_total"),
        *("disk_reads_total", "disk_writes_total"),
        *("tcp_retransmits_total", "tcp_segments_sent_total"),
    )
)


class Plan:
    """How the columns are made of one set of series: positions only, looked up once."""

    def __init__(self, series: tuple[Series, ...]) -> None:
        self.series = series
        self.place = {one: index for index, one in enumerate(series)}
        columns: list[Series] = []
        self.gauges: list[int] = []
        self.rates: list[tuple[int, float, float]] = []
        """(position, factor, upper limit) of each counter with a rate."""
        self.derived: list[tuple[Formula, tuple[int, ...]]] = []
        self.growing = tuple(i for i, (name, _) in enumerate(series) if name in GROWING)
        for index, (name, labels) in enumerate(series):
            if CATALOG[name].kind == "gauge":
                self.gauges.append(index)
                columns.append((name, labels))
        for index, (name, labels) in enumerate(series):
            if rate := CATALOG[name].rate:
                percent = CATALOG[rate].unit == "percent"
                self.rates.append((index, *((100.0, 100.0) if percent else (1.0, math.inf))))
                columns.append((rate, labels))
        for metric, formula, needed in WHOLE:
            if all(one in self.place for one in needed):
                self.derived.append((formula, tuple(self.place[one] for one in needed)))
                columns.append((metric, ()))
        for metric, formula, names in EACH:
            for name, labels in series:
                if name == names[0] and all((other, labels) in self.place for other in names):
                    where = tuple(self.place[other, labels] for other in names)
                    self.derived.append((formula, where))
                    columns.append((metric, labels))
        columns.append(PROBE_CPU)
        self.columns = tuple(columns)

    def carry(self, series: tuple[Series, ...], values: Values) -> Values:
        """Values of other series, in our order; None for what was not there."""
        known = dict(zip(series, values, strict=True))
        return tuple(known.get(one) for one in self.series)

    def values(self, new: Values, old: Values | None, seconds: float) -> Numbers:
        """The columns but the last. Without `old` there are no rates."""
        numbers = [NAN if value is None else value for value in new]
        out = [numbers[index] for index in self.gauges]
        if old is None:
            out.extend([NAN] * len(self.rates))
            for index in self.growing:
                numbers[index] = NAN
        else:
            for index, factor, limit in self.rates:
                out.append(_rate(old[index], numbers[index], seconds, factor, limit))
            for index in self.growing:
                before = old[index]
                numbers[index] = NAN if before is None else numbers[index] - before
        for formula, where in self.derived:
            out.append(formula([numbers[index] for index in where]))
        return out


def _rate(before: float | None, now: float, seconds: float, factor: float, limit: float) -> float:
    """NaN where the counter fell or was not known before."""
    if before is None or not now >= before:
        return NAN
    rate = (now - before) / seconds * factor
    return rate if rate < limit else limit


_shared_plan = lru_cache(maxsize=SHARED_SETS)(Plan)


def plan_for(series: tuple[Series, ...]) -> Plan:
    """The plan of this set of names; hosts with the same names share it, and its columns."""
    return _shared_plan(series) if len(series) <= SHARED_SERIES else Plan(series)


class Rates:
    """The memory of one session: what the counters stood at."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._last: Report | None = None

    def measure(self, report: Report) -> Measurement | None:
        """The metrics of this report; None for the first one, which only seeds the counters."""
        last, self._last = self._last, report
        plan = self._plan
        if plan is None or (plan.series is not report.series and plan.series != report.series):
            plan = self._plan = plan_for(report.series)
        if last is None:
            return None
        seconds = report.monotonic - last.monotonic
        old: Values | None = None
        cost = NAN
        if last.boot_id == report.boot_id and seconds >= SHORTEST:
            same = last.series is report.series
            old = last.values if same else plan.carry(last.series, last.values)
            spent = report.cost.cpu_seconds - last.cost.cpu_seconds
            cost = spent * 1000.0 if spent >= 0.0 else NAN
        values = plan.values(report.values, old, seconds)
        values.append(cost)
        return Measurement(
            columns=plan.columns,
            values=tuple(values),
            boot_id=report.boot_id,
            time=report.time,
            collectors=report.collectors,
            cost=report.cost,
            facts=report.facts,
            details=report.details,
        )
