"""Numbers as people read them. Pure.

A number never parts from its unit: the blank between them does not break.
"""

from __future__ import annotations

GAP = "\u00a0"
NOTHING = "\u2013"
BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def percent(value: float | None, digits: int = 0) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}{GAP}%"


def size(value: float | None, per: str = "") -> str:
    """Bytes by powers of a thousand: 412 MB."""
    if value is None:
        return NOTHING
    value, place = abs(value), 0
    while value >= 999.5 and place < len(BYTE_UNITS) - 1:
        value, place = value / 1000, place + 1
    digits = 0 if place == 0 or value >= 99.95 else 1
    return f"{value:.{digits}f}{GAP}{BYTE_UNITS[place]}{per}"


def rate(value: float | None) -> str:
    return size(value, "/s")


def number(value: float | None) -> str:
    """A plain number with as many digits as say something: 0.42, 3.1, 27."""
    if value is None:
        return NOTHING
    if abs(value) >= 10 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"


def age(seconds: float | None) -> str:
    """A span of time in its largest fitting unit: 12 s, 38 min, 3 h, 2 d."""
    if seconds is None:
        return NOTHING
    seconds = max(0, int(seconds))
    if seconds < 120:
        return f"{seconds}{GAP}s"
    if seconds < 120 * 60:
        return f"{seconds // 60}{GAP}min"
    if seconds < 48 * 3600:
        return f"{seconds // 3600}{GAP}h"
    return f"{seconds // 86400}{GAP}d"


def spent(seconds: float | None) -> str:
    """How long something took: 23 ms, 1.4 s."""
    if seconds is None:
        return NOTHING
    if seconds < 0.001:
        return f"<{GAP}1{GAP}ms"
    if seconds < 1:
        return f"{seconds * 1000:.0f}{GAP}ms"
    return f"{seconds:.1f}{GAP}s" if seconds < 100 else age(seconds)


def in_unit(value: float | None, unit: str) -> str:
    """A value of the catalogue, with the unit the catalogue gives it."""
    match unit:
        case "percent":
            return percent(value)
        case "bytes":
            return size(value)
        case "bytes/s":
            return rate(value)
        case "seconds":
            return spent(value)
        case "milliseconds":
            return NOTHING if value is None else spent(value / 1000)
        case "per second":
            return f"{number(value)}/s" if value is not None else NOTHING
    return number(value)


def count(number_of: int, singular: str, plural: str = "") -> str:
    """1 host, 2 hosts."""
    return f"{number_of}{GAP}{singular if number_of == 1 else plural or singular + 's'}"
