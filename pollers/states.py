"""What a poll's outcome makes of a host's state. Pure."""

from __future__ import annotations

from fleet.failures import PollFailure
from fleet.states import State

FAILURES_UNTIL_DOWN = 3
"""Down and unknown only after this many failures in a row, retried fast; blocked at once."""
RETRY_SECONDS = 4
DOWN_IF_MEASURED_BEFORE = {"PROBE_TIMEOUT", "PROBE_SILENT"}

AUTH_BACKOFF = (120, 420, 1800)
"""Seconds to wait after the first, second, further refusals of a credential: at most three tries in ten minutes."""
REFUSED_LOGIN = {"AUTH_FAILED", "AUTH_NEEDS_INTERACTIVE", "PASSWORD_EXPIRED"}
KEY_BACKOFF = {"HOSTKEY_UNKNOWN": 86_400, "HOSTKEY_CHANGED": 1800}
"""An unknown key waits for a person; a changed one is looked at now and then, in case the old machine is back."""


def state_after(
    current: State, failure: PollFailure | None, failures_in_row: int, *, measured_before: bool
) -> State:
    """The state after this outcome. `failures_in_row` counts this one."""
    if failure is None:
        return State.UP
    wanted = failure.state
    if wanted is None:
        return current
    if failure.code.name in DOWN_IF_MEASURED_BEFORE and measured_before:
        wanted = State.DOWN
    if wanted is State.BLOCKED or failures_in_row >= FAILURES_UNTIL_DOWN:
        return wanted
    return current


def wait_after(failure: PollFailure, failures_in_row: int) -> int | None:
    """Seconds until the next try where it differs from the interval; None: the next slot."""
    name = failure.code.name
    if name in REFUSED_LOGIN:
        return AUTH_BACKOFF[min(failures_in_row, len(AUTH_BACKOFF)) - 1]
    if name in KEY_BACKOFF:
        return KEY_BACKOFF[name]
    if failures_in_row < FAILURES_UNTIL_DOWN and failure.state in (State.DOWN, State.UNKNOWN):
        return RETRY_SECONDS
    return None


def is_backoff(failure: PollFailure) -> bool:
    """Whether the wait must outlast the interval: nobody's account is to be locked."""
    return failure.code.name in REFUSED_LOGIN or failure.code.name in KEY_BACKOFF
