"""Layouts: the names of a vector's columns, shared, and remembered only when they are there to stay."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import layouts
from metrics.layouts import MAX_COLUMNS, forget, layout, layout_of, next_layout, unpack
from metrics.models import Layout

pytestmark = pytest.mark.database
CPU = ("cpu_percent", ())
ROOT = ("filesystem_percent", (("mount", "/"),))
DATA = ("filesystem_percent", (("mount", "/däta"),))


@pytest.mark.django_db
def test_hosts_that_report_the_same_share_a_layout(django_assert_num_queries):
    first = layout_of([CPU, ROOT])
    assert layout_of((CPU, ROOT)).id == first.id
    assert layout_of([ROOT, CPU]).id != first.id
    assert Layout.objects.count() == 2
    forget()
    assert layout(first.id).series == (CPU, ROOT)


@pytest.mark.django_db
def test_a_vector_keeps_each_value_at_the_place_of_its_name():
    columns = layout_of([CPU, ROOT, DATA])
    vector = columns.pack([DATA, CPU], [3.0, 1.0])
    values = columns.unpack(vector)
    assert (values[0], values[2]) == (1.0, 3.0)
    assert math.isnan(values[1])
    assert len(vector) == 12


@pytest.mark.django_db
@pytest.mark.parametrize("value", [1e39, -1e39, math.inf, -math.inf, math.nan, 3.4028236e38])
def test_a_value_no_float32_holds_is_unknown(value):
    columns = layout_of([CPU])
    assert math.isnan(columns.unpack(columns.pack([CPU], [value]))[0])


@given(st.binary(max_size=50))
def test_a_damaged_vector_is_read_as_far_as_it_goes(vector):
    assert len(unpack(vector)) == len(vector) // 4


@pytest.mark.django_db
def test_within_a_day_a_host_only_moves_to_a_larger_layout():
    first = next_layout(None, [CPU, ROOT], same_day=True)
    assert next_layout(first.id, [CPU], same_day=True) is not None
    assert next_layout(first.id, [CPU], same_day=True).id == first.id
    larger = next_layout(first.id, [CPU, DATA], same_day=True)
    assert larger.series == (CPU, ROOT, DATA)
    assert next_layout(larger.id, [CPU], same_day=False).series == (CPU,)
    assert next_layout(10**9, [CPU], same_day=True).series == (CPU,), "its layout is not there"


@pytest.mark.django_db
def test_no_host_makes_a_layout_of_any_size():
    many = [("filesystem_percent", (("mount", f"/{n}"),)) for n in range(MAX_COLUMNS + 50)]
    columns = layout_of(many)
    assert len(columns.series) == MAX_COLUMNS
    assert len(columns.pack(many, [1.0] * len(many))) == 4 * MAX_COLUMNS


@pytest.mark.django_db
def test_a_layout_is_asked_for_once(django_assert_num_queries):
    kept = layout_of([CPU, ROOT])
    with django_assert_num_queries(0):
        assert layout(kept.id) is layout_of([CPU, ROOT])


@pytest.mark.django_db
def test_the_memory_of_layouts_is_bounded(monkeypatch):
    for n in range(3):
        layout_of([("filesystem_percent", (("mount", f"/{n}"),))])
    before = len(layouts._by_id)
    assert before == 3
    layouts._by_id.update({-n: layouts.layout_of([CPU]) for n in range(1, 5001)})
    layout_of([ROOT])
    assert len(layouts._by_id) == 1
