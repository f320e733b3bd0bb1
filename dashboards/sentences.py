"""The sentence a page begins with. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dashboards.states import LOOKS, TROUBLE, Look
from dashboards.units import GAP


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the sentence in the colour of its state."""

    look: Look
    text: str
    tail: str


VERBS = {
    "down": ("is down", "are down"),
    "critical": ("is critical", "are critical"),
    "blocked": ("is blocked", "are blocked"),
    "warning": ("is over a warning limit", "are over a warning limit"),
    "unknown": ("could not be looked at", "could not be looked at"),
}
SHORT = {
    "critical": "critical",
    "blocked": "blocked",
    "warning": ("warning", "warnings"),
    "unknown": "not looked at",
}


def fleet_sentence(tally: Sequence[tuple[Look, int]]) -> tuple[list[Part], str]:
    """What is wrong (the two worst kinds), and the rest in grey."""
    counts = {look.key: number for look, number in tally}
    total = sum(counts.values())
    bad = [key for key in TROUBLE if counts.get(key)][:2]
    parts: list[Part] = []
    for place, key in enumerate(bad):
        tail = "," if place + 1 < len(bad) else "."
        parts.append(Part(LOOKS[key], clause(key, counts[key], first=place == 0), tail))
    return parts, the_rest(counts, total, troubled=bool(bad))


def clause(key: str, number: int, *, first: bool) -> str:
    if first:
        return f"{number}{GAP}{'host' if number == 1 else 'hosts'} {VERBS[key][number != 1]}"
    short = SHORT[key]
    return f"{number}{GAP}{short if isinstance(short, str) else short[number != 1]}"


def the_rest(counts: dict[str, int], total: int, *, troubled: bool) -> str:
    fine = counts.get("up", 0) + counts.get("maintenance", 0)
    if fine == total:
        return "The one host is fine." if total == 1 else f"All {total} hosts are fine."
    if fine:
        return f"{fine} of {total} {'is' if fine == 1 else 'are'} fine."
    if troubled:
        return f"None of {total} is fine." if total > 1 else ""
    if waiting := counts.get("pending"):
        verb, whose = ("host waits", "its") if waiting == 1 else ("hosts wait", "their")
        return f"{waiting}{GAP}{verb} for {whose} first look."
    return "Every host is paused."
