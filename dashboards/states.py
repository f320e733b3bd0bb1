"""The states a page can show: colour, shape and word, always together. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.filters import STATES
from fleet.states import State


@dataclass(frozen=True, slots=True)
class Look:
    """How a state looks: `css` names its colours and its shape in the sprite."""

    key: str
    word: str
    css: str
    order: int
    meaning: str


MEANINGS = {
    "down": "cannot be reached: the host's fault",
    "critical": "measured, over a critical limit",
    "warning": "measured, over a warning limit",
    "blocked": "answers, but will not let us measure: somebody must act",
    "unknown": "we could not look",
    "up": "measured, within limits",
    "maintenance": "measured, not alerted",
    "paused": "switched off by a person",
    "pending": "never looked at",
}
LOOKS: dict[str, Look] = {
    key: Look(key, key.capitalize(), "maint" if key == "maintenance" else key, order, MEANINGS[key])
    for order, key in enumerate(STATES)
}

TROUBLE = ("down", "critical", "blocked", "warning", "unknown")
"""What needs a person, in the order in which a sentence names it."""

DARK = frozenset({"down", "blocked", "unknown", "paused", "pending"})
"""States without fresh numbers: what is shown is the last that was known."""

RULE_LOOKS = {
    "up": "down",
    "host_down": "down",
    "host_blocked": "blocked",
    "host_unknown": "unknown",
}
"""An alert about one of these metrics looks like the state it tells of."""


def shown_state(enabled: bool, state: str, severity: str | None) -> str:
    """The state a page shows: paused wins, an alert lies over `up` only."""
    if not enabled:
        return State.PAUSED.value
    if state == State.UP and severity in ("critical", "warning"):
        return severity
    return state if state in LOOKS else State.UNKNOWN.value


def alert_look(metric: str, severity: str) -> Look:
    return LOOKS[RULE_LOOKS.get(metric, severity)]
