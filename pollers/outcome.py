"""What became of one claimed slot."""

from __future__ import annotations

from dataclasses import dataclass, field

from fleet.failures import PollFailure
from metrics.rates import Measurement
from pollers.transports.base import ShownKey


@dataclass(frozen=True, slots=True)
class Job:
    """One claimed slot of one host. `slot` is Unix time in whole seconds.

    `extras` are the parts of a report that are not sent every time: "facts" and "hour",
    "processes" and "minute".
    """

    host_id: int
    slot: int
    revision: str
    deadline: float
    """Unix time by which the outcome is there, whatever happens."""
    extras: frozenset[str] = frozenset()
    keep: bool = True
    """Whether the session stays open for the next slot (not for intervals over 5 minutes)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Exactly one of `failure` and `measurement` is set."""

    host_id: int
    slot: int
    revision: str
    finished_at: float
    """Unix time of this machine's clock."""
    seconds: float
    """How long the poll took, connecting included."""
    failure: PollFailure | None = None
    measurement: Measurement | None = None
    stages: tuple[tuple[str, float], ...] = ()
    """(stage, seconds) of a connection opened for this poll; empty when one was kept."""
    shown_key: ShownKey | None = None
    """The host key seen when a connection was opened or refused for its key."""
    announced_keys: tuple[ShownKey, ...] = ()
    """All keys of a host that was measured over a session opened for this poll, as far as it
    tells and proves them."""
    login: bool = False
    """Whether this poll logged in."""
    bytes_received: int = 0
    extras: frozenset[str] = field(default_factory=frozenset)
