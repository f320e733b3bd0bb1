"""What a way to a host must be able to do.

A transport opens sessions; a session runs one command at a time in a channel; a channel
carries bytes. Every wait in here is bounded by the caller (`asyncio.timeout`): cancelling
any of these coroutines must close what it had opened. Every refusal is a
`fleet.failures.PollFailure` with the code of `fleet.failures.CODES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from fleet.failures import CODES, PollFailure
from pollers.target import Target

Progress = Callable[[str, float], None]
"""Called as (stage, seconds) when a stage is done. Stages of a connection, in order."""

STAGES = ("resolve", "tcp", "version", "host_key", "login")
STAGES_BY_JUMP = ("way", *STAGES[1:])
"""The same by a jump host, which looks up the name itself: first there must be a session with it."""


def no_progress(stage: str, seconds: float) -> None:
    """For callers that do not show progress."""


@dataclass(frozen=True, slots=True)
class ShownKey:
    """The public key a server showed: `public` is "algorithm base64"."""

    algorithm: str
    public: str
    fingerprint: str
    """SHA-256 as OpenSSH prints it: "SHA256:…", 43 characters of base64 without padding."""


class HostKeyRefused(PollFailure):
    """HOSTKEY_UNKNOWN or HOSTKEY_CHANGED; `shown_key` is what the server showed.

    Nothing was sent to log in. The server need not have proven yet that it holds the key.
    """

    def __init__(self, code: str, shown_key: ShownKey, before: str = "") -> None:
        detail = f"{before}{shown_key.algorithm} {shown_key.fingerprint}"
        super().__init__(CODES[code], detail, stage="host_key")
        self.shown_key = shown_key


class Receiver(Protocol):
    """Takes what a channel brings. Called in the loop of the caller, never after `ended`."""

    def received(self, data: bytes, *, stderr: bool) -> None: ...

    def ended(self, status: int | None) -> None:
        """The command ended with this exit status; None: killed, or the connection is lost."""


class Channel(Protocol):
    """One running command."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None:
        """End the command: its standard input ends, and what stays is killed with the session."""


class Session(Protocol):
    """An open way to one host."""

    @property
    def host_key(self) -> ShownKey | None:
        """The key the host showed; None where the way has no such thing (local)."""

    @property
    def announced_keys(self) -> tuple[ShownKey, ...]:
        """All keys the host says it has and has proven to hold, once it said so; else empty."""

    @property
    def closed(self) -> bool: ...

    async def start(self, command: str, receiver: Receiver) -> Channel:
        """Run a command; at most one at a time. Raises CHANNEL_REFUSED, DROPPED_BEFORE_AUTH."""

    async def close(self) -> None:
        """Close at once; safe to call twice, never raises."""


class Transport(Protocol):
    """A way to hosts."""

    name: str

    async def connect(self, target: Target, progress: Progress = no_progress) -> Session:
        """Open a session. The host key is checked before any credential is sent."""

    async def fetch_host_key(self, target: Target, progress: Progress = no_progress) -> ShownKey:
        """Connect, read the host's key, and leave without a login attempt."""

    async def aclose(self) -> None:
        """Close what the sessions shared, once all of them are closed."""
