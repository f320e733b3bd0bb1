"""Is a rule broken? One pure function, the same for live polls, rehearsal and tests.

A case is one rule at one host for one set of labels. What happens to it:

    none ──over a limit──▶ pending ──for long enough──▶ firing ──past the clear level──▶ resolved
                              └──back──▶ dropped
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Labels = tuple[tuple[str, str], ...]
Severity = Literal["warning", "critical"]
Step = Literal["open", "fire", "change", "resolve", "drop"]

CLEAR_BACK = 0.1
"""A case ends 10 % of its limit back from it, unless the rule names a clear level."""

OPS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """What a rule says: metric op limit for duration (seconds)."""

    metric: str
    op: str
    warning: float | None = None
    critical: float | None = None
    for_seconds: float = 0.0
    clear: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """An open case: since when (Unix seconds), whether it fires, how bad it is."""

    opened_at: float
    firing: bool
    severity: Severity


@dataclass(frozen=True, slots=True)
class Transition:
    """What to do with the case of these labels. A `fire` without an open case opens it as well."""

    labels: Labels
    step: Step
    severity: Severity
    value: float | None


def judge(
    condition: Condition, values: Mapping[tuple[str, Labels], float], cases: Mapping[Labels, Case], now: float, *, complete: bool
) -> list[Transition]:
    """The transitions that these values cause.

    NaN, or no value where a part of the report is missing (`complete` false), says nothing:
    the case stays as it is. A series that a complete report no longer has ends its case.
    """
    found: list[Transition] = []
    seen: set[Labels] = set()
    for (metric, labels), value in values.items():
        if metric != condition.metric or not covers(condition, labels):
            continue
        seen.add(labels)
        if value != value:
            continue
        step = judge_one(condition, labels, value, cases.get(labels), now)
        if step is not None:
            found.append(step)
    if complete:
        for labels, case in cases.items():
            if labels not in seen:
                found.append(Transition(labels, "resolve" if case.firing else "drop", case.severity, None))
    return found


def judge_one(condition: Condition, labels: Labels, value: float, case: Case | None, now: float) -> Transition | None:
    level = severity_of(condition, value)
    if case is None:
        if level is None:
            return None
        step: Step = "fire" if condition.for_seconds <= 0 else "open"
        return Transition(labels, step, level, value)
    if level is None:
        if case.firing and not is_clear(condition, value, case.severity):
            return None
        return Transition(labels, "resolve" if case.firing else "drop", case.severity, value)
    if not case.firing and now - case.opened_at >= condition.for_seconds:
        return Transition(labels, "fire", level, value)
    if level != case.severity and (level == "critical" or is_clear(condition, value, "critical")):
        return Transition(labels, "change", level, value)
    return None


def severity_of(condition: Condition, value: float) -> Severity | None:
    over = OPS[condition.op]
    if condition.critical is not None and over(value, condition.critical):
        return "critical"
    if condition.warning is not None and over(value, condition.warning):
        return "warning"
    return None


def is_clear(condition: Condition, value: float, severity: Severity) -> bool:
    """Whether a value is far enough back from the limit of a severity."""
    limit = condition.critical if severity == "critical" else condition.warning
    if limit is None:
        return True
    rising = condition.op in (">", ">=")
    if condition.clear is not None and (severity == "warning" or condition.warning is None):
        limit = condition.clear
    else:
        limit -= abs(limit) * CLEAR_BACK * (1 if rising else -1)
    return value <= limit if rising else value >= limit


def covers(condition: Condition, labels: Labels) -> bool:
    if not condition.labels:
        return True
    have = dict(labels)
    return all(have.get(name) == text for name, text in condition.labels.items())
