"""The ranges of time a host page can show. Pure."""

from __future__ import annotations

RANGES: dict[str, tuple[int, str]] = {
    "1h": (3600, "1\u00a0h"),
    "6h": (6 * 3600, "6\u00a0h"),
    "24h": (24 * 3600, "24\u00a0h"),
    "7d": (7 * 86_400, "7\u00a0d"),
    "30d": (30 * 86_400, "30\u00a0d"),
    "1y": (365 * 86_400, "1\u00a0y"),
}
DEFAULT = "1h"


def chosen(text: str | None) -> str:
    return text if text in RANGES else DEFAULT


SHORTEST = 300
"""Seconds that are always shown, however young the host is."""


def seconds(name: str) -> int:
    return RANGES[name][0]


def start_of(end: int, span: int, added_at: float) -> int:
    """Where a range begins: nothing can have been measured before the host was added."""
    return max(end - span, min(int(added_at), end - SHORTEST))
