"""Which of the series a host sends are kept: those the catalogue knows, each once.

Pure. A part of the trust boundary: names, labels and values pass here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from metrics.catalog import CATALOG
from metrics.text import clean

MAX_SERIES = 4000
MAX_LABEL = 200
MAX_VALUE = 1e20
"""Above every 64-bit counter; what is larger is nonsense and would overflow a float32's rate."""
SHARED_SETS = 128
SHARED_SERIES = 200

Labels = tuple[tuple[str, str], ...]
"""Sorted (name, value) pairs, e.g. (("mount", "/"),)."""

Series = tuple[str, Labels]
"""A name of the catalogue with its labels."""

Sent = tuple[str, dict[str, str]]
"""The same as it is sent."""


@lru_cache(maxsize=SHARED_SETS)
def _same(series: tuple[Series, ...]) -> tuple[Series, ...]:
    return series


def shared(series: tuple[Series, ...]) -> tuple[Series, ...]:
    """One object for all hosts that report the same names: thousands of them mostly do.

    Sets that are large are left alone, so that no host can fill the memory with them.
    """
    return _same(series) if len(series) <= SHARED_SERIES else series


class Sieve:
    """Remembers one set of names; `series` is the same object until they change."""

    def __init__(self) -> None:
        self.series: tuple[Series, ...] = ()
        self._kept: tuple[int, ...] = ()
        self._signed: tuple[int, ...] = ()
        self._length = 0

    def __len__(self) -> int:
        """How many names were sent, those that are not kept too."""
        return self._length

    def learn(self, sent: Sequence[Sent], *, beside: tuple[Series, ...] = ()) -> None:
        """Take these names, without those that are unknown, come twice, or are beside.

        Raises ValueError for too many.
        """
        if len(sent) > MAX_SERIES:
            raise ValueError(f"more than {MAX_SERIES} series")
        kept: dict[Series, int] = {}
        signed = []
        taken = frozenset(beside)
        for index, (name, labels) in enumerate(sent):
            entry = CATALOG.get(name)
            if entry is None or not entry.sent or len(labels) != len(entry.labels):
                continue
            if any(label not in labels for label in entry.labels):
                continue
            pairs = tuple(sorted((key, clean(labels[key], MAX_LABEL)) for key in entry.labels))
            if (entry.name, pairs) in taken:
                continue
            kept.setdefault((entry.name, pairs), index)
            if entry.signed:
                signed.append(index)
        self._length, self._signed = len(sent), tuple(signed)
        self.series, self._kept = shared(tuple(kept)), tuple(kept.values())

    def pick(self, values: Sequence[float | None]) -> tuple[float | None, ...]:
        """The values of `series`; None where one is impossible."""
        checked = [v if v is not None and 0.0 <= v <= MAX_VALUE else None for v in values]
        for index in self._signed:
            value = values[index]
            if value is not None and -MAX_VALUE <= value <= MAX_VALUE:
                checked[index] = value
        if len(self._kept) == self._length:
            return tuple(checked)
        return tuple([checked[index] for index in self._kept])
