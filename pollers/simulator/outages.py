"""When which simulated host is in trouble, and how: read from a script of one line each.

    # host    trouble    [after seconds [for seconds]]
    edge-01   down
    db-02     silent     120  300

Seconds count from the start of the simulator. The file may change while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Trouble = Literal["down", "silent", "key", "password"]
"""The port is closed; nobody speaks; another host key; the login is refused."""
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)


class ScriptError(ValueError):
    """A line that cannot be understood; the message says which."""


@dataclass(frozen=True, slots=True)
class Outage:
    name: str
    trouble: Trouble
    begins: float = 0.0
    ends: float = float("inf")


def read_script(text: str) -> tuple[Outage, ...]:
    """Raises ScriptError."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        trouble = next((one for one in TROUBLES if one in words[1:2]), None)
        if trouble is None or len(words) > 4:
            known = ", ".join(TROUBLES)
            raise ScriptError(f"Line {number}: a host, one of {known}, and two numbers at most.")
        try:
            times = [float(word) for word in words[2:]]
        except ValueError:
            raise ScriptError(f"Line {number}: seconds are numbers.") from None
        begins = times[0] if times else 0.0
        ends = begins + times[1] if len(times) > 1 else float("inf")
        found.append(Outage(words[0], trouble, begins, ends))
    return tuple(found)


def troubles_at(outages: tuple[Outage, ...], seconds: float) -> dict[str, Trouble]:
    """Who is in trouble so many seconds after the start."""
    return {one.name: one.trouble for one in outages if one.begins <= seconds < one.ends}


class Script:
    """A script in a file, which may not be there, and may change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0.0
        self._outages: tuple[Outage, ...] = ()

    def troubles_at(self, seconds: float) -> dict[str, Trouble]:
        """Raises ScriptError once for each change that cannot be understood; then what was goes on."""
        try:
            changed_at = self._path.stat().st_mtime
            if changed_at != self._read_at:
                self._read_at = changed_at
                self._outages = read_script(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            self._outages = ()
        return troubles_at(self._outages, seconds)
