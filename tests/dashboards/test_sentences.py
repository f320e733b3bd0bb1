"""The sentence a page begins with."""

from __future__ import annotations

import pytest

from dashboards.sentences import fleet_sentence
from dashboards.states import LOOKS, shown_state


def said(**counts: int) -> str:
    parts, rest = fleet_sentence([(LOOKS[key], number) for key, number in counts.items()])
    return (
        " ".join([*(part.text + part.tail for part in parts), rest]).replace("\u00a0", " ").strip()
    )


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"up": 300}, "All 300 hosts are fine."),
        ({"up": 1}, "The one host is fine."),
        ({"down": 2, "critical": 3, "warning": 9, "up": 268}, "2 hosts are down, 3 critical. 268 of 282 are fine."),
        ({"down": 1, "up": 1}, "1 host is down. 1 of 2 is fine."),
        ({"blocked": 1}, "1 host is blocked."),
        ({"unknown": 9, "up": 1}, "9 hosts could not be looked at. 1 of 10 is fine."),
        ({"pending": 1}, "1 host waits for its first look."),
        ({"pending": 2, "paused": 1}, "2 hosts wait for their first look."),
        ({"paused": 3}, "Every host is paused."),
        ({"up": 2, "paused": 1}, "2 of 3 are fine."),
        ({"warning": 4, "unknown": 1}, "4 hosts are over a warning limit, 1 not looked at. None of 5 is fine."),
    ],
)  # fmt: skip
def test_the_sentence_names_the_worst_and_then_the_rest(
    counts: dict[str, int], sentence: str
) -> None:
    assert said(**counts) == sentence


def test_an_alert_lies_over_up_only_and_a_pause_over_all() -> None:
    assert shown_state(True, "up", "critical") == "critical"
    assert shown_state(True, "down", "critical") == "down"
    assert shown_state(False, "down", "critical") == "paused"
    assert shown_state(True, "up", None) == "up"
