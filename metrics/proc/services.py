"""What systemd and the clock's keeper say of themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from metrics.proc.rows import PLAIN, Row, fields
from metrics.text import clean

UNITS = 200
NAME = 200
# unit, load, active, sub, description; older releases begin the line with a dot
UNIT = re.compile(r"(?:\W\s+)?(\S+\.\w+)\s+(\S+)\s+(\S+)\s+(\S+)\s*(.*)")
OFFSET, LEAP = 4, 13
"""The columns of `chronyc -c tracking` we read: seconds off, and whether it follows anyone."""


def failed(text: str) -> list[dict[str, Any]]:
    """The lines of `systemctl list-units --failed --plain --no-legend`."""
    found = []
    for line in text.split("\n")[: UNITS + 1]:
        words = UNIT.fullmatch(line.strip())
        if words:
            unit, load, active, sub, description = (clean(word, NAME) for word in words.groups())
            found.append(
                {"unit": unit, "load": load, "active": active, "sub": sub, "description": description}
            )  # fmt: skip
    return found


def timers(text: str) -> list[dict[str, Any]]:
    """The paragraphs of `systemctl show '*.timer'`: when each ran last and runs next."""
    found = []
    for paragraph in text.split("\n\n")[:UNITS]:
        said = fields(paragraph)
        if said.get("Id"):
            found.append(
                {
                    "unit": clean(said["Id"], NAME),
                    "last": clean(said.get("LastTriggerUSec", ""), NAME),
                    "next": clean(said.get("NextElapseUSecRealtime", ""), NAME),
                    "result": clean(said.get("Result", ""), NAME),
                }
            )
    return found


def units_failed(text: str) -> Iterator[Row]:
    yield "systemd_units_failed", PLAIN, float(len(failed(text)))


def chrony(text: str) -> Iterator[Row]:
    """`chronyc -n -c tracking`: one line of values between commas."""
    words = text.strip().partition("\n")[0].split(",")
    if len(words) > LEAP:
        yield "ntp_synchronized", PLAIN, float(words[LEAP] != "Not synchronised")
        yield "ntp_offset_seconds", PLAIN, float(words[OFFSET])


def timesync(text: str) -> Iterator[Row]:
    """1 where systemd-timesyncd has left its mark that the clock is set, 0 where not yet."""
    if text.strip():
        yield "ntp_synchronized", PLAIN, float(text.strip() == "1")
