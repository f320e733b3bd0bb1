"""Noise and rhythm as pure functions of time: the same at every call, in every process.

What a counter has grown by is the integral of a rate. So that any moment can be asked for at
once, each part of a rate here has an integral that is a formula, not a sum over the past.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ORIGIN = 1_780_000_000.0
"""Times are taken from here on: near zero, a float still tells microseconds apart."""
DAY = 86_400.0
MASK = (1 << 64) - 1


def scatter(seed: int, number: int) -> float:
    """0 to 1, by no visible rule."""
    x = (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9 + 0x94D049BB133111EB) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return (x ^ (x >> 31)) / 2.0**64


def wander(seed: int, place: float) -> float:
    """-0.5 to 0.5: a line between one scattered value per whole number and the next."""
    step = math.floor(place)
    begin = scatter(seed, step)
    return begin + (scatter(seed, step + 1) - begin) * (place - step) - 0.5


@dataclass(frozen=True, slots=True)
class Spike:
    """`height` more for `seconds`, once in each `period`: a deployment, a backup."""

    period: float
    at: float
    seconds: float
    height: float

    def total(self, since: float) -> float:
        times, within = divmod(since - self.at, self.period)
        return (times * self.seconds + min(within, self.seconds)) * self.height


@dataclass(frozen=True, slots=True)
class Flow:
    """A rate that is 1 on average over days, and never negative.

    It follows the day by `depth` and trembles by what `TREMBLE` says; `total` is its integral.
    """

    seed: int
    depth: float
    peak: float
    """Seconds of the day (UTC) at which it is busiest."""
    spikes: tuple[Spike, ...] = ()

    def total(self, now: float) -> float:
        since = now - ORIGIN
        angle = (since - self.peak) / DAY * math.tau
        turn = DAY / math.tau * self.depth
        grown = since + turn * math.sin(angle) + 0.15 * turn * math.sin(2.0 * angle)
        for number, (seconds, share) in enumerate(TREMBLE):
            grown += share * seconds * wander(self.seed + number, since / seconds)
        for spike in self.spikes:
            grown += spike.total(since)
        return grown


TREMBLE = ((23.0, 0.22), (190.0, 0.16), (2900.0, 0.12))
"""(seconds of one move, by how much of the average it moves the rate at most)."""
DEEPEST = 0.38
"""The largest `depth` with which a rate stays above zero: 1.3 * depth + the sum of TREMBLE < 1."""


def saw(seed: int, now: float, period: float) -> float:
    """0 to 1 and at once back to 0, in each period: what fills up until it is cleaned."""
    return ((now - ORIGIN) / period + scatter(seed, 1)) % 1.0
