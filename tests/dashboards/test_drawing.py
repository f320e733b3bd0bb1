"""Sparklines and ribbons."""

from __future__ import annotations

from dashboards.drawing import ribbon, spark


def test_a_gap_in_a_sparkline_lifts_the_pen() -> None:
    drawn = spark(bytes([10, 20, 255, 30]))
    assert drawn is not None
    assert drawn.line.count("M") == 2


def test_nothing_known_is_nothing_drawn() -> None:
    assert spark(b"") is None
    assert spark(bytes([255] * 60)) is None


def test_a_ribbon_shows_states_and_leaves_silence_empty() -> None:
    rows = [(t, "up") for t in range(0, 400, 10)] + [(t, "down") for t in range(600, 1000, 10)]
    blocks = ribbon(rows, [(390, 600)], 0, 1000, pause=35)
    assert [block.css for block in blocks] == ["r-gap", "r-up", "r-down"]
    up, down = blocks[1], blocks[2]
    assert float(up.x) == 0
    assert 380 < float(up.width) < 400
    assert float(down.x) == 600
    assert float(down.x) + float(down.width) == 1000
