"""Small drawings as plain SVG attributes, so that a strict policy needs no inline style. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 72, 18
NONE = 255
MINUTES = 60


@dataclass(frozen=True, slots=True)
class Spark:
    """A sparkline: the path of its line (gaps are gaps) and of its last point."""

    line: str
    end: str


def spark(values: bytes | Sequence[int]) -> Spark | None:
    """A byte a minute, 0 to 100; 255 is none. None when there is nothing to draw."""
    points = list(values)[-MINUTES:]
    if not any(value != NONE for value in points):
        return None
    step = (WIDTH - 3) / max(MINUTES - 1, 1)
    start = MINUTES - len(points)
    line, pen_down = [], False
    last = (0.0, 0.0)
    for place, value in enumerate(points):
        if value == NONE:
            pen_down = False
            continue
        last = (start + place) * step, HEIGHT - 1.5 - min(value, 100) / 100 * (HEIGHT - 3)
        line.append(f"{'L' if pen_down else 'M'}{last[0]:.1f} {last[1]:.1f}")
        pen_down = True
    return Spark("".join(line), f"M{last[0]:.1f} {last[1]:.1f}h.01")


def meter_width(value: float | None) -> str:
    """The filled part of a meter of width 100."""
    return f"{min(100.0, max(1.0, value or 0.0)):.1f}"


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a ribbon 1000 wide."""

    css: str
    x: str
    width: str
    y: int
    height: int


def ribbon(
    outcomes: Iterable[tuple[int, str]],
    gaps: Iterable[tuple[int, int]],
    start: int,
    end: int,
    pause: int,
) -> list[Block]:
    """The states of a host over a range as blocks.

    `outcomes` are (Unix time, state); a silence of more than `pause` seconds is a gap.
    """
    stretches: list[list[float | str]] = []
    for at, state in outcomes:
        if stretches and stretches[-1][0] == state and at - float(stretches[-1][2]) <= pause:
            stretches[-1][2] = at
        else:
            if stretches and at - float(stretches[-1][2]) <= pause:
                stretches[-1][2] = at
            stretches.append([state, at, at])
    if stretches and end - float(stretches[-1][2]) <= pause:
        stretches[-1][2] = end
    quiet = {"up": (8, 2), "paused": (8, 2)}
    drawn = [
        block("r-gap", low, high, 4, 10, start, end)
        for low, high in gaps
        if high > start and low < end
    ]
    for name, low, high in stretches:
        y, height = quiet.get(str(name), (3, 12))
        drawn.append(block(f"r-{name}", float(low), float(high), y, height, start, end))
    return drawn


def block(css: str, low: float, high: float, y: int, height: int, start: int, end: int) -> Block:
    """A stretch from `low` to `high` on a ribbon from `start` to `end`; never too thin to be seen."""
    span = max(end - start, 1)
    left = max(0.0, (low - start) / span * 1000)
    right = min(1000.0, (high - start) / span * 1000)
    return Block(css, f"{left:.2f}", f"{max(right - left, 1.5):.2f}", y, height)
