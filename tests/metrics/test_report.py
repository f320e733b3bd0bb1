"""The trust boundary: a report, or InvalidReport, whatever the bytes are."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.catalog import CATALOG
from metrics.report import MAX_BYTES, MAX_SERIES, InvalidReport, Report, ReportReader, clean

SENT = sorted(name for name, entry in CATALOG.items() if entry.sent)


def document(**changes):
    whole = {
        "protocol": 1,
        "boot_id": "b13d9fac",
        "monotonic": 12.5,
        "time": 1790000000.1,
        "names": 1,
        "series": [["load1", {}], ["filesystem_size_bytes", {"mount": "/"}]],
        "values": [0.5, 100],
        "collectors": [["load", 0.001, None]],
        "cost": {"cpu_seconds": 0.1, "memory_bytes": 12000000},
    } | changes
    return {key: value for key, value in whole.items() if value is not ...}


def read(**changes) -> Report:
    return ReportReader().read(json.dumps(document(**changes)).encode())


def test_a_plain_report_is_read():
    report = read()
    assert report.series == (("load1", ()), ("filesystem_size_bytes", (("mount", "/"),)))
    assert report.values == (0.5, 100.0)
    assert report.collectors[0].error is None
    assert report.cost.memory_bytes == 12000000
    assert (report.facts, report.details) == (None, None)


def test_names_are_remembered_within_a_session_only():
    reader = ReportReader()
    first = reader.read(json.dumps(document()).encode())
    short = json.dumps(document(series=..., values=[None, 7])).encode()
    second = reader.read(short)
    assert second.series is first.series
    assert second.values == (None, 7.0)
    with pytest.raises(InvalidReport, match="never sent"):
        ReportReader().read(short)
    with pytest.raises(InvalidReport, match="never sent"):
        reader.read(json.dumps(document(series=..., names=2)).encode())


def test_what_the_catalogue_does_not_know_is_dropped():
    report = read(
        series=[["evil", {}], ["load1", {}], ["load1", {}], ["load5", {"x": "y"}], ["up", {}], ["cpu_percent", {}]],
        values=[1, 2, 3, 4, 5, 6],
    )  # fmt: skip
    assert (report.series, report.values) == ((("load1", ()),), (2.0,))


def test_labels_that_look_the_same_are_one():
    size = "filesystem_size_bytes"
    report = read(series=[[size, {"mount": "/\u0007"}], [size, {"mount": "/\\x07"}]], values=[1, 2])
    assert report.series == ((size, (("mount", "/\\x07"),)),)


@pytest.mark.parametrize(
    "changes",
    [
        {"values": [1]},
        {"values": [True, 1]},
        {"values": ["1", 1]},
        {"values": [math.nan, 1]},
        {"values": [math.inf, 1]},
        {"values": [10**400, 1]},
        {"protocol": 2},
        {"protocol": "1"},
        {"monotonic": -1},
        {"monotonic": None},
        {"time": 1e300},
        {"series": [["load1", {}]] * (MAX_SERIES + 1)},
        {"series": [["load1", {"mount": 1}]]},
        {"series": [["load1"]]},
        {"collectors": [["x", 1, None]] * 100},
        {"names": 1.5},
        {"boot_id": None},
    ],
)
def test_what_is_no_report_is_refused(changes):
    with pytest.raises(InvalidReport):
        read(**changes)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"[" * 200_000,
        b'{"x":' + b"[" * 200_000,
        b'{"protocol":1' + b" " * MAX_BYTES + b"}",
        json.dumps(document(boot_id="\ud800")).encode(),
        json.dumps(document()).encode()[:-1],
        json.dumps(document()).encode() + b"x",
    ],
)
def test_bytes_that_are_no_report_are_refused(payload):
    with pytest.raises(InvalidReport):
        ReportReader().read(payload)


def test_impossible_values_are_unknown():
    report = read(values=[-1, 1e300])
    assert report.values == (None, None)


def test_a_bomb_in_a_part_leaves_the_rest():
    deep = json.dumps(document(facts=1)).replace('"facts": 1', '"facts": ' + "[" * 500 + "]" * 500)
    report = ReportReader().read(deep.encode())
    assert report.values == (0.5, 100.0)
    assert report.facts is None
    assert report.collectors[-1].error.startswith("dropped")


def test_facts_are_those_we_know_of_the_type_we_know():
    report = read(
        facts={"hostname": "a\nb", "cpu_count": True, "boot_time": 5, "evil": 1, "os": 7, "memory_total_bytes": 25276502017}
    )  # fmt: skip
    assert report.facts == {
        "hostname": "a\\x0ab",
        "boot_time": 5.0,
        "memory_total_bytes": 25276502017,
    }


def test_processes_are_plain_data_with_clean_names():
    row = {"pid": 1, "name": "<b>\x1b[0m", "user": "root", "cpu_percent": 1, "memory_percent": None, "rss": 5}  # fmt: skip
    processes = {"seconds": 60, "by_cpu": [row | {"x": 1}] * 90, "by_memory": [], "states": {"sleeping": 1}}  # fmt: skip
    report = read(details={"processes": processes, "evil": {}})
    got = report.details["processes"]
    assert got["by_cpu"][0] == row | {"name": "<b>\\x1b[0m"}
    assert len(got["by_cpu"]) == 50
    assert list(report.details) == ["processes"]


@pytest.mark.parametrize(
    "change", [{"pid": 1 << 70}, {"rss": -1}, {"cpu_percent": "x"}, {"name": None}]
)
def test_processes_that_are_none_are_dropped_and_said(change):
    row = {"pid": 1, "name": "a", "user": "", "cpu_percent": 1, "memory_percent": 1, "rss": 5}
    report = read(details={"processes": {"seconds": 1, "by_cpu": [row | change], "by_memory": []}})
    assert report.details is None
    assert report.collectors[-1].name == "details"


def test_text_is_cut_and_escaped():
    assert clean("a" * 500, 10) == "a" * 9 + "…"
    assert clean("\x00\u202e\U000e0001 ok") == "\\x00\\u202e\\U000e0001 ok"
    assert clean("\ud800") == "\\ud800"
    assert len(clean("\x00" * 500, 10)) == 10


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(SENT),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip
fields = st.sampled_from([*document(), "facts", "details"])


@settings(max_examples=500, deadline=None)
@given(st.dictionaries(fields, anything, max_size=4))
def test_no_document_raises_anything_else(changes):
    try:
        report = ReportReader().read(json.dumps(document(**changes)).encode())
    except InvalidReport:
        return
    assert len(report.series) == len(report.values)
    for value in report.values:
        assert value is None or 0 <= value <= 1e20
    assert str(report).isprintable()


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_no_bytes_raise_anything_else(junk, place):
    whole = json.dumps(document()).encode()
    for payload in (junk, whole[:place] + junk + whole[place:], whole[:place] + junk):
        try:
            ReportReader().read(payload)
        except InvalidReport as error:
            assert str(error).isprintable()
