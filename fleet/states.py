"""The states of a host, in the order in which they need a person."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """What we can say of a host right now. "Could not look" is never "down" and never "fine"."""

    DOWN = "down"
    """It cannot be reached: the host's fault."""
    BLOCKED = "blocked"
    """It answers, but will not let us measure: somebody must act."""
    UNKNOWN = "unknown"
    """We could not look: the monitor was late or cut off."""
    UP = "up"
    """Measured."""
    PAUSED = "paused"
    """Switched off by a person."""
    PENDING = "pending"
    """Never looked at."""


WORST_FIRST: tuple[State, ...] = tuple(State)
