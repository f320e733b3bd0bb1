"""What the readers yield."""

from __future__ import annotations

Row = tuple[str, dict[str, str], float | None]
"""A raw name of the catalogue, its labels, its value."""

PLAIN: dict[str, str] = {}
"""The labels of what has none."""


def numbers(text: str) -> dict[str, float]:
    """{key: number} of lines such as "MemFree:  12 kB" or "pswpin 12"."""
    found = {}
    for line in text.split("\n"):
        words = line.split(None, 2)
        if len(words) > 1:
            found[words[0].rstrip(":")] = float(words[1])
    return found


def fields(text: str) -> dict[str, str]:
    """{key: value} of lines such as "NAME=value", without quotes."""
    found = {}
    for line in text.split("\n"):
        key, mark, value = line.partition("=")
        if mark:
            found[key.strip()] = value.strip().strip("\"'")
    return found
