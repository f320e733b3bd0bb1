"""What people type to filter hosts: `cpu>80 disk>90 tag:prod state:down web-1`. Pure.

Words are joined by "and"; a minus in front turns one round. What is not understood is
said, never ignored in silence.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

MAX_WORDS = 20
STATES = (
    "down", "critical", "warning", "blocked", "unknown", "up", "maintenance", "paused", "pending",
)  # fmt: skip
"""Worst first: the order of every legend and of the table."""

NUMBERS: Mapping[str, str] = {
    "cpu": "cpu", "memory": "memory", "mem": "memory", "swap": "swap", "disk": "filesystem", "fs": "filesystem",
    "load": "load", "in": "received", "out": "sent", "net": "network", "age": "age",
}  # fmt: skip
"""The names that can be compared, and the attribute of a row that each one means."""

COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
    "=": lambda have, wanted: round(have) == wanted,
}  # fmt: skip
COMPARISON = re.compile(r"([a-z]+)(>=|<=|>|<|=)(.+)", re.IGNORECASE)
KEYED = re.compile(r"([a-z]+):(.+)", re.IGNORECASE)
QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(k|m|g|s|min|h|d)?(?:b|b/s|bytes)?(?:%|/s)?", re.IGNORECASE)
FACTORS = {"k": 1e3, "g": 1e9, "s": 1, "min": 60, "h": 3600, "d": 86400}


class Filterable(Protocol):
    """What a filter asks of a host."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def tags(self) -> Sequence[str]: ...
    @property
    def shown(self) -> str: ...
    @property
    def fresh(self) -> bool: ...
    def number(self, name: str) -> float | None: ...


Test = Callable[[Filterable], bool]


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter as it was typed, and as it was understood."""

    text: str
    words: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    tests: tuple[Test, ...] = field(default=(), repr=False)

    def matches(self, host: Filterable) -> bool:
        return all(test(host) for test in self.tests)

    def __bool__(self) -> bool:
        return bool(self.words)

    def toggled(self, word: str) -> str:
        """The text with this word put in, or taken out if it was there.

        One state at a time: another state's word makes way.
        """
        if word in self.words:
            return " ".join(one for one in self.words if one != word)
        others = [
            w for w in self.words if not (word.startswith("state:") and w.startswith("state:"))
        ]
        return " ".join([*others, word])


def parse(text: str) -> Filter:
    """Read a filter. Understood words become tests, the others problems, each a sentence."""
    words = tuple(text.split()[:MAX_WORDS])
    tests: list[Test] = []
    problems: list[str] = []
    for word in words:
        try:
            tests.append(read_word(word))
        except ValueError as problem:
            problems.append(str(problem))
    return Filter(" ".join(words), words, tuple(problems), tuple(tests))


def read_word(word: str) -> Test:
    """The test that one word stands for; ValueError with a sentence if it stands for none."""
    if word.startswith("-") and len(word) > 1:
        inner = read_word(word[1:])
        return lambda host: not inner(host)
    if is_address(word):
        return contains(word)
    if found := COMPARISON.fullmatch(word):
        return compare(word, found[1].lower(), found[2], found[3])
    if found := KEYED.fullmatch(word):
        return keyed(word, found[1].lower(), found[2].lower())
    if re.search("[<>=]", word):
        raise ValueError(f"“{word}” is not understood: write cpu>80.")
    return contains(word)


def is_address(word: str) -> bool:
    try:
        ip_address(word.strip("[]"))
    except ValueError:
        return "::" in word
    return True


def contains(word: str) -> Test:
    wanted = word.strip("[]").lower()
    return lambda host: wanted in host.name.lower() or wanted in host.address.lower()


def keyed(word: str, key: str, wanted: str) -> Test:
    if key == "tag":
        return lambda host: wanted in (tag.lower() for tag in host.tags)
    if key == "state":
        if wanted not in STATES:
            raise ValueError(f"There is no state “{wanted}”: {', '.join(STATES)}.")
        return lambda host: host.shown == wanted
    if key == "name":
        return lambda host: wanted in host.name.lower()
    raise ValueError(f"“{word}” is not understood: only tag:, state: and name: take a word.")


def compare(word: str, name: str, sign: str, text: str) -> Test:
    attribute = NUMBERS.get(name)
    if attribute is None:
        known = ", ".join(key for key in NUMBERS if key not in ("mem", "fs"))
        raise ValueError(f"“{word}” is not understood: {known} can be compared.")
    wanted, holds = quantity(word, name, text), COMPARE[sign]

    def test(host: Filterable) -> bool:
        # the numbers of a host that is not measured now are no longer true; its age is
        have = host.number(attribute) if host.fresh or attribute == "age" else None
        return have is not None and holds(have, wanted)

    return test


def quantity(word: str, name: str, text: str) -> float:
    found = QUANTITY.fullmatch(text)
    if found is None:
        raise ValueError(f"“{word}” is not understood: {text} is not a number.")
    unit = (found[2] or "").lower()
    factor = (60 if name == "age" else 1e6) if unit == "m" else FACTORS.get(unit, 1)
    return float(found[1]) * factor
