"""Is a rule broken? One pure function, the same for live polls, rehearsal and tests.

A case is one rule at one host for one set of labels. What happens to it:

    none ──over a limit──▶ pending ──for long enough──▶ firing ──past the clear level──▶ resolved
                              └──back──▶ dropped
"""

from __future__ import annotations

import math
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
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
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

    @property
    def rising(self) -> bool:
        """Whether larger is worse."""
        return self.op in (">", ">=")

    def flaw(self) -> str:
        """Why this condition makes no sense, as a sentence; "" when it does."""
        limits = [limit for limit in (self.warning, self.critical) if limit is not None]
        if self.op not in OPS:
            return f"There is no comparison {self.op!r}."
        if not limits:
            return "Give a warning level, a critical level, or both."
        if not all(map(math.isfinite, (*limits, self.clear or 0.0, self.for_seconds))):
            return "A level is a finite number."
        worse = operator.gt if self.rising else operator.lt
        if len(limits) == 2 and worse(limits[0], limits[1]):
            return "The critical level lies beyond the warning level."
        if self.clear is not None and worse(self.clear, limits[0]):
            return "The clear level lies on the good side of the limits."
        if not all(isinstance(w, str) for pair in self.labels.items() for w in pair):
            return 'Labels look like {"mount": "/var"}.'
        return ""


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
    condition: Condition,
    values: Mapping[tuple[str, Labels], float],
    cases: Mapping[Labels, Case],
    now: float,
    *,
    complete: bool,
) -> list[Transition]:
    """The transitions that these values cause.

    A value that is no number, or no value where a part of the report is missing (`complete` false), says nothing:
    the case stays as it is. A series that a complete report no longer has ends its case.
    """
    found: list[Transition] = []
    seen: set[Labels] = set()
    for (metric, labels), value in values.items():
        if metric != condition.metric or not covers(condition, labels):
            continue
        seen.add(labels)
        if not math.isfinite(value):
            continue
        step = judge_one(condition, labels, value, cases.get(labels), now)
        if step is not None:
            found.append(step)
    if complete:
        for labels, case in cases.items():
            if labels not in seen:
                found.append(
                    Transition(labels, "resolve" if case.firing else "drop", case.severity, None)
                )
    return found


def judge_one(
    condition: Condition, labels: Labels, value: float, case: Case | None, now: float
) -> Transition | None:
    level = severity_of(condition, value)
    if case is None:
        if level is None:
            return None
        return Transition(labels, "fire" if condition.for_seconds <= 0 else "open", level, value)
    if level is None:
        return back_below(condition, labels, value, case)
    if not case.firing and now - case.opened_at >= condition.for_seconds:
        return Transition(labels, "fire", level, value)
    if level != case.severity and (
        level == "critical" or not case.firing or eases(condition, value)
    ):
        return Transition(labels, "change", level, value)
    return None


def back_below(condition: Condition, labels: Labels, value: float, case: Case) -> Transition | None:
    """The value is over no limit any more; a firing case ends only at its clear level."""
    if not case.firing:
        return Transition(labels, "drop", case.severity, value)
    if ends(condition, value):
        return Transition(labels, "resolve", case.severity, value)
    if case.severity == "critical" and condition.warning is not None and eases(condition, value):
        return Transition(labels, "change", "warning", value)
    return None


def severity_of(condition: Condition, value: float) -> Severity | None:
    over = OPS[condition.op]
    if condition.critical is not None and over(value, condition.critical):
        return "critical"
    if condition.warning is not None and over(value, condition.warning):
        return "warning"
    return None


def ends(condition: Condition, value: float) -> bool:
    """Whether a value is far enough back from the lowest limit: past the clear level."""
    level = condition.clear
    if level is None:
        lowest = condition.critical if condition.warning is None else condition.warning
        if lowest is None:
            return True
        level = back_from(condition, lowest)
    return value <= level if condition.rising else value >= level


def eases(condition: Condition, value: float) -> bool:
    """Whether a critical case is only a warning now: clearly back from the critical limit."""
    if condition.critical is None:
        return True
    level = back_from(condition, condition.critical)
    if condition.warning is not None:
        level = (max if condition.rising else min)(level, condition.warning)
    return value <= level if condition.rising else value >= level


def back_from(condition: Condition, limit: float) -> float:
    return limit - abs(limit) * CLEAR_BACK * (1 if condition.rising else -1)


def covers(condition: Condition, labels: Labels) -> bool:
    if not condition.labels:
        return True
    have = dict(labels)
    return all(have.get(name) == text for name, text in condition.labels.items())
