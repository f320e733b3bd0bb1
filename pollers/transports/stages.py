"""How far a connection has come, and what it means when the time is up there."""

from __future__ import annotations

import time
from collections.abc import Collection

from fleet.failures import CODES, PollFailure
from fleet.states import State
from pollers.transports.base import STAGES, STAGES_BY_JUMP, Progress

_DOING = {
    "resolve": "the name server did not answer",
    "way": "no session with the jump host in time",
    "tcp": "no answer to the connection attempt",
    "version": "connected, but the server said nothing",
    "host_key": "no end of the key exchange",
    "login": "no answer to the login",
}


class Stopwatch:
    """Reports each stage once, with the seconds since the one before."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last = time.monotonic()
        self._done: set[str] = set()

    def done(self, stage: str) -> None:
        """A stage is done; a second call for the same one is ignored (a key is exchanged anew)."""
        if stage in self._done:
            return
        self._done.add(stage)
        now = time.monotonic()
        self._progress(stage, now - self._last)
        self._last = now


def timed_out(done: Collection[str], via: str = "") -> PollFailure:
    """The failure of a connection whose time was up when these stages were done.

    `via` names the jump host, if there is one: its name is looked up there.

    Nothing heard of the host before its SSH version is "down"; a silent name server says
    nothing about the host; after the version the host answers, but too slowly.
    """
    stages = STAGES_BY_JUMP if via else STAGES
    stage = next((stage for stage in stages if stage not in done), "channel")
    detail = f"{stage}: {_DOING.get(stage, 'no answer to the request for a channel')}"
    if stage == "way":
        return PollFailure(CODES["WAY_NOT_UP"], f"{via}: {_DOING[stage]}", stage=stage)
    if stage == "resolve":
        return PollFailure(CODES["DNS_FAIL"], detail, stage=stage, state=State.UNKNOWN)
    name = "TCP_TIMEOUT" if stage in ("tcp", "version") else "PROBE_TIMEOUT"
    return PollFailure(CODES[name], detail, stage=stage)
