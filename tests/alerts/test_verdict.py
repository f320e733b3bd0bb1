"""The verdict, as a table and as laws that hold for any sequence of values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.defaults import DEFAULT_RULES
from alerts.verdict import Case, Condition, judge

METRIC = "cpu_percent"
PENDING_W, PENDING_C = Case(0.0, False, "warning"), Case(0.0, False, "critical")
WARNING, CRITICAL = Case(0.0, True, "warning"), Case(0.0, True, "critical")
BOTH = {"op": ">", "warning": 80.0, "critical": 90.0}


def steps(values, cases=None, *, now=0.0, complete=True, **condition):
    """(labels, step, severity) of what happens."""
    found = judge(Condition(METRIC, **condition), values, cases or {}, now, complete=complete)
    return [(one.labels, one.step, one.severity) for one in found]


def step(value, case=None, **more):
    """The one step of a metric without labels; None: nothing happens."""
    found = steps({(METRIC, ()): value}, {} if case is None else {(): case}, **more)
    assert len(found) <= 1
    return found[0][1:] if found else None


@pytest.mark.parametrize(
    ("value", "case", "condition", "expected"),
    [
        # exactly at the limit
        (80.0, None, {"op": ">", "warning": 80.0}, None),
        (80.0, None, {"op": ">=", "warning": 80.0}, ("fire", "warning")),
        (80.0, None, {"op": "<", "warning": 80.0}, None),
        (80.0, None, {"op": "<=", "warning": 80.0}, ("fire", "warning")),
        (math.nextafter(80.0, 81), None, {"op": ">", "warning": 80.0}, ("fire", "warning")),
        (math.nextafter(80.0, 79), None, {"op": "<", "warning": 80.0}, ("fire", "warning")),
        # which severity
        (85.0, None, BOTH, ("fire", "warning")),
        (95.0, None, BOTH, ("fire", "critical")),
        (85.0, None, {"op": ">", "critical": 90.0}, None),
        (5.0, None, {"op": "<", "warning": 20.0, "critical": 10.0}, ("fire", "critical")),
        (15.0, None, {"op": "<", "warning": 20.0, "critical": 10.0}, ("fire", "warning")),
        # duration
        (85.0, None, {**BOTH, "for_seconds": 60}, ("open", "warning")),
        (85.0, PENDING_W, {**BOTH, "for_seconds": 60, "now": 59.9}, None),
        (85.0, PENDING_W, {**BOTH, "for_seconds": 60, "now": 60.0}, ("fire", "warning")),
        (95.0, PENDING_W, {**BOTH, "for_seconds": 60, "now": 60.0}, ("fire", "critical")),
        (85.0, PENDING_C, {**BOTH, "for_seconds": 60, "now": 60.0}, ("fire", "warning")),
        (95.0, PENDING_W, {**BOTH, "for_seconds": 60, "now": 1.0}, ("change", "critical")),
        (85.0, PENDING_C, {**BOTH, "for_seconds": 60, "now": 1.0}, ("change", "warning")),
        (80.0, PENDING_W, {**BOTH, "for_seconds": 60, "now": 99.0}, ("drop", "warning")),
        # the end: 10 % back from the lowest limit, or at the clear level
        (79.0, WARNING, BOTH, None),
        (72.1, WARNING, BOTH, None),
        (72.0, WARNING, BOTH, ("resolve", "warning")),
        (75.0, WARNING, {**BOTH, "clear": 75.0}, ("resolve", "warning")),
        (75.1, WARNING, {**BOTH, "clear": 75.0}, None),
        (74.0, CRITICAL, {**BOTH, "clear": 75.0}, ("resolve", "critical")),
        (82.0, CRITICAL, {"op": ">", "critical": 90.0}, None),
        (81.0, CRITICAL, {"op": ">", "critical": 90.0}, ("resolve", "critical")),
        (89.0, CRITICAL, {"op": ">", "critical": 90.0, "clear": 89.5}, ("resolve", "critical")),
        # a change of severity while it fires
        (95.0, WARNING, BOTH, ("change", "critical")),
        (89.0, CRITICAL, BOTH, None),
        (81.1, CRITICAL, BOTH, None),
        (81.0, CRITICAL, BOTH, ("change", "warning")),
        (79.0, CRITICAL, BOTH, ("change", "warning")),
        (89.0, CRITICAL, {"op": ">", "warning": 88.0, "critical": 90.0}, None),
        (88.0, CRITICAL, {"op": ">", "warning": 88.0, "critical": 90.0}, ("change", "warning")),
        (85.0, CRITICAL, {"op": ">", "warning": 80.0}, ("change", "warning")),
        # downwards
        (21.0, WARNING, {"op": "<", "warning": 20.0}, None),
        (22.0, WARNING, {"op": "<", "warning": 20.0}, ("resolve", "warning")),
        (11.0, CRITICAL, {"op": "<", "warning": 20.0, "critical": 10.0}, ("change", "warning")),
        (10.5, CRITICAL, {"op": "<", "warning": 20.0, "critical": 10.0}, None),
        # negative limits, and zero
        (-9.0, None, {"op": ">", "warning": -10.0}, ("fire", "warning")),
        (-10.5, WARNING, {"op": ">", "warning": -10.0}, None),
        (-11.0, WARNING, {"op": ">", "warning": -10.0}, ("resolve", "warning")),
        (-9.5, WARNING, {"op": "<", "warning": -10.0}, None),
        (-9.0, WARNING, {"op": "<", "warning": -10.0}, ("resolve", "warning")),
        (0.0, WARNING, {"op": ">", "warning": 0.0}, ("resolve", "warning")),
        # a host's state, which is 0 or 1
        (1.0, None, {"op": ">", "critical": 0.5}, ("fire", "critical")),
        (0.0, CRITICAL, {"op": ">", "critical": 0.5}, ("resolve", "critical")),
        (1.0, CRITICAL, {"op": ">", "critical": 0.5}, None),
    ],
)  # fmt: skip
def test_one_value(value, case, condition, expected):
    assert step(value, case, **condition) == expected


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("case", [None, PENDING_W, WARNING, CRITICAL])
@pytest.mark.parametrize("op", [">", "<"])
def test_what_is_no_number_says_nothing(value, case, op):
    assert step(value, case, op=op, warning=50.0, for_seconds=0) is None


@pytest.mark.parametrize("case", [PENDING_W, WARNING])
def test_a_missing_series_ends_its_case_only_if_the_report_is_complete(case):
    assert steps({}, {(): case}, **BOTH, complete=False) == []
    expected = "resolve" if case.firing else "drop"
    assert steps({}, {(): case}, **BOTH) == [((), expected, "warning")]


def test_the_end_of_a_missing_series_has_no_value():
    found = judge(Condition(METRIC, **BOTH), {}, {(): WARNING}, 0.0, complete=True)
    assert [one.value for one in found] == [None]


def test_each_set_of_labels_is_a_case_of_its_own():
    root, data = (("mount", "/"),), (("mount", "/data"),)
    values = {(METRIC, root): 95.0, (METRIC, data): 10.0, ("other", root): 99.0}
    assert steps(values, {data: WARNING}, **BOTH) == [
        (root, "fire", "critical"),
        (data, "resolve", "warning"),
    ]


def test_labels_of_a_rule_choose_its_series():
    root, data = (("mount", "/"),), (("mount", "/data"),)
    values = {(METRIC, root): 95.0, (METRIC, data): 95.0, (METRIC, ()): 95.0}
    assert steps(values, labels={"mount": "/data"}, **BOTH) == [(data, "fire", "critical")]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({}, "Give a warning"),
        ({"warning": math.nan}, "finite"),
        ({"critical": math.inf}, "finite"),
        ({"warning": 1.0, "clear": math.nan}, "finite"),
        ({"warning": 90.0, "critical": 80.0}, "beyond"),
        ({"op": "<", "warning": 10.0, "critical": 20.0}, "beyond"),
        ({"warning": 90.0, "clear": 95.0}, "good side"),
        ({"op": "<", "warning": 10.0, "clear": 5.0}, "good side"),
        ({"op": "=", "warning": 1.0}, "comparison"),
        ({"warning": 1.0, "labels": {"mount": 1}}, "Labels"),
    ],
)
def test_a_condition_that_makes_no_sense_says_why(fields, word):
    assert word in Condition(METRIC, **{"op": ">", **fields}).flaw()


def test_the_rules_of_a_new_installation_make_sense():
    for rule in DEFAULT_RULES:
        fields = {name: value for name, value in rule.items() if name not in ("name", "metric")}
        assert Condition(rule["metric"], **fields).flaw() == ""


# --- laws --------------------------------------------------------------------------------------

limits = st.floats(-100, 100).map(lambda number: round(number, 1))


@st.composite
def conditions(draw):
    op = draw(st.sampled_from([">", ">=", "<", "<="]))
    low, high = sorted([draw(limits), draw(limits)])
    mild, bad = (low, high) if op.startswith(">") else (high, low)
    which = draw(st.sampled_from(["both", "warning", "critical"]))
    back = draw(st.none() | st.floats(0, 20))
    lowest = bad if which == "critical" else mild
    clear = None if back is None else lowest - back if op.startswith(">") else lowest + back
    condition = Condition(
        METRIC,
        op,
        warning=None if which == "critical" else mild,
        critical=None if which == "warning" else bad,
        for_seconds=draw(st.sampled_from([0.0, 0.0, 2.0, 10.0])),
        clear=clear,
    )
    assert condition.flaw() == ""
    return condition


readings = st.one_of(st.floats(-120, 120), st.just(math.nan), st.none())


@given(conditions(), st.lists(st.tuples(readings, st.booleans()), max_size=60))
def test_any_sequence_opens_one_case_at_a_time_and_resolves_only_what_fired(condition, sequence):
    case: Case | None = None
    for now, (value, complete) in enumerate(sequence):
        values = {} if value is None else {(METRIC, ()): value}
        cases = {} if case is None else {(): case}
        found = judge(condition, values, cases, float(now), complete=complete)
        assert len(found) <= 1
        for one in found:
            match one.step:
                case "open":
                    assert case is None
                    assert condition.for_seconds > 0
                    case = Case(float(now), False, one.severity)
                case "fire":
                    opened = float(now) if case is None else case.opened_at
                    assert case is None or not case.firing
                    assert now - opened >= condition.for_seconds
                    case = Case(opened, True, one.severity)
                case "change":
                    assert case is not None
                    assert one.severity != case.severity
                    case = Case(case.opened_at, case.firing, one.severity)
                case "resolve":
                    assert case is not None
                    assert case.firing
                    case = None
                case "drop":
                    assert case is not None
                    assert not case.firing
                    case = None
            if one.severity == "warning" and one.step in ("open", "fire", "change"):
                assert condition.warning is not None


@given(conditions(), st.floats(-120, 120))
def test_the_same_value_again_changes_nothing(condition, value):
    """No flapping: what one value has caused, the same value does not undo."""
    values = {(METRIC, ()): value}
    for case in (Case(0.0, True, "warning"), Case(0.0, True, "critical")):
        first = judge(condition, values, {(): case}, 100.0, complete=True)
        if first and first[0].step == "change":
            now = Case(0.0, True, first[0].severity)
            assert judge(condition, values, {(): now}, 100.0, complete=True) == []
        if first and first[0].step == "resolve":
            assert judge(condition, values, {}, 100.0, complete=True) == []


@given(conditions(), st.floats(-120, 120))
def test_an_incomplete_report_decides_the_same_for_what_it_does_hold(condition, value):
    values = {(METRIC, ()): value}
    for cases in ({}, {(): WARNING}, {(): PENDING_W}):
        complete = judge(condition, values, cases, 5.0, complete=True)
        assert judge(condition, values, cases, 5.0, complete=False) == complete
