"""Many vectors become three: means, lowest, highest. Pure; arrays are float32, rows by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Part:
    """What is folded: a poll's vector (weight 1), or a rollup's three vectors (weight: its polls).

    `layout_id` names the columns of the vectors.
    """

    layout_id: int
    vectors: bytes
    weight: int


def fold(parts: Sequence[Part], places: dict[int, npt.NDArray[np.intp]], width: int) -> bytes:
    """Three vectors of `width` columns, one behind the other, as little-endian float32.

    `places[layout]` says at which column of the result each column of a layout stands. A
    column that no part knows is NaN in all three.
    """
    means = np.full((len(parts), width), np.nan, np.float32)
    lows, highs = means.copy(), means.copy()
    weights = np.array([part.weight for part in parts], np.float64)[:, None]
    for row, part in enumerate(parts):
        target = places[part.layout_id]
        found = np.frombuffer(part.vectors, "<f4")
        three = found.reshape(3, len(target)) if found.size == 3 * len(target) else (found,) * 3
        means[row, target], lows[row, target], highs[row, target] = three
    known = ~np.isnan(means)
    weight = (weights * known).sum(axis=0)
    total = (np.where(known, means, 0.0).astype(np.float64) * weights).sum(axis=0)
    mean = np.divide(total, weight, out=np.full(width, np.nan), where=weight > 0)
    result = np.stack([mean, np.fmin.reduce(lows, axis=0), np.fmax.reduce(highs, axis=0)])
    return result.astype("<f4").tobytes()
