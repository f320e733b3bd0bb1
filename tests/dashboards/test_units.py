"""Numbers as people read them."""

from __future__ import annotations

import pytest

from dashboards import units

GAP = "\u00a0"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.0 kB"),
        (412e6, "412 MB"),
        (3_050_000, "3.0 MB"),
        (99.96e9, "100 GB"),
        (9e20, "900000 PB"),
        (None, units.NOTHING),
    ],
)
def test_sizes_are_powers_of_a_thousand(value: float | None, text: str) -> None:
    assert units.size(value) == text.replace(" ", GAP)


def test_a_rate_is_a_size_per_second() -> None:
    assert units.rate(412e6) == f"412{GAP}MB/s"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (38 * 60, "38 min"),
        (7200, "2 h"),
        (47 * 3600, "47 h"),
        (48 * 3600, "2 d"),
        (None, units.NOTHING),
    ],
)
def test_an_age_is_told_in_its_largest_fitting_unit(seconds: float | None, text: str) -> None:
    assert units.age(seconds) == text.replace(" ", GAP)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0001, "< 1 ms"), (0.023, "23 ms"), (1.44, "1.4 s"), (600, "10 min")],
)
def test_how_long_something_took(seconds: float, text: str) -> None:
    assert units.spent(seconds) == text.replace(" ", GAP)


def test_every_unit_of_the_catalogue_has_words() -> None:
    assert units.in_unit(97, "percent") == f"97{GAP}%"
    assert units.in_unit(0.4, "milliseconds") == f"<{GAP}1{GAP}ms"
    assert units.in_unit(3, "per second") == "3/s"
    assert units.in_unit(2.125, "") == "2.1"


def test_one_host_but_two_hosts() -> None:
    assert units.count(1, "host") == f"1{GAP}host"
    assert units.count(2, "host") == f"2{GAP}hosts"
