"""What people type to filter hosts."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.filters import parse


@dataclass
class Fake:
    name: str = "web-1"
    address: str = "10.0.0.1"
    tags: tuple[str, ...] = ("prod", "web")
    shown: str = "up"
    fresh: bool = True
    numbers: dict[str, float] = field(
        default_factory=lambda: {"cpu": 85.0, "filesystem": 91.0, "received": 5e6, "age": 12.0}
    )

    def number(self, name: str) -> float | None:
        return self.numbers.get(name)


@pytest.mark.parametrize(
    "text",
    [
        "", "web", "WEB-1", "10.0.0", "cpu>80", "cpu>80%", "cpu>=85", "cpu=85", "disk>90", "fs<95", "tag:prod", "TAG:Prod",
        "state:up", "name:web", "in>4MB/s", "in<6M", "age<1m", "age<1min", "cpu>80 disk>90 tag:prod web", "-db", "-tag:db",
        "-state:down",
    ],
)  # fmt: skip
def test_a_host_that_fits_every_word_is_found(text: str) -> None:
    assert parse(text).problems == ()
    assert parse(text).matches(Fake())


@pytest.mark.parametrize(
    "text",
    [
        "db",
        "cpu>85",
        "cpu<80",
        "disk>95",
        "tag:pro",
        "state:down",
        "web tag:db",
        "-web",
        "memory>0",
    ],
)
def test_a_host_that_misses_a_word_is_not(text: str) -> None:
    assert parse(text).problems == ()
    assert not parse(text).matches(Fake())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo>3", "foo>3"),
        ("cpu>many", "many is not a number"),
        ("foo:bar", "foo:bar"),
        ("state:sleepy", "There is no state “sleepy”"),
        (">5", "write cpu>80"),
        ("cpu>1e5", "is not a number"),
    ],
)
def test_what_is_not_understood_is_said(text: str, said: str) -> None:
    problems = parse(text).problems
    assert len(problems) == 1
    assert said in problems[0]


def test_the_rest_of_a_half_understood_filter_still_holds() -> None:
    asked = parse("foo>3 tag:db")
    assert asked.problems
    assert not asked.matches(Fake())


@pytest.mark.parametrize("address", ["2001:db8::5", "abcd::1", "[2001:db8::5]"])
def test_an_ipv6_address_is_a_word(address: str) -> None:
    assert parse(address).problems == ()
    assert parse(address).matches(Fake(address=address.strip("[]")))


def test_numbers_of_a_host_that_is_not_measured_do_not_count() -> None:
    assert not parse("cpu>80").matches(Fake(shown="down", fresh=False))
    assert parse("age>10").matches(Fake(shown="down", fresh=False))


def test_following_a_state_twice_takes_it_out_again() -> None:
    asked = parse("cpu>1 state:up")
    assert asked.toggled("state:up") == "cpu>1"
    assert asked.toggled("state:down") == "cpu>1 state:down"
    assert asked.toggled("tag:x") == "cpu>1 state:up tag:x"


@given(st.text(max_size=400))
def test_no_text_breaks_the_filter(text: str) -> None:
    parse(text).matches(Fake())
