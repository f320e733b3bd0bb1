"""From raw counters to metrics: rates, percentages, totals.

Pure. Rates are made here and only here, from the host's monotonic clock. A counter that
fell, or another boot id, is a reset: no rate for that poll, never a spike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from metrics.report import CollectorRun, Cost, Report, Series


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


class Rates:
    """The memory of one session: what the counters stood at."""

    def measure(self, report: Report) -> Measurement | None:
        """The metrics of this report; None for the first one, which only seeds the counters."""
        raise NotImplementedError
