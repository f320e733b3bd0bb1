"""Jump hosts: one session with each, shared by all hosts behind it."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import asyncssh
from asyncssh.constants import OPEN_CONNECT_FAILED

from fleet.failures import CODES, PollFailure
from pollers.states import wait_after
from pollers.target import Target
from pollers.transports.lanes import place_in
from pollers.transports.relay import Relay
from pollers.transports.stages import timed_out

OPENING = 8
"""Connections asked of one jump host at a time: each may cost it a process and a look-up."""

WAY_SECONDS = 10.0
"""To open the session with a jump host. It is for all hosts behind it: no single poll's deadline."""

IDLE_SECONDS = 60.0
"""A session with a jump host that no host uses is closed after this."""

SESSION_SECONDS = 20 * 3600.0
"""After this the next host opens a new one; the old one ends with the last host that uses it."""

LEAST_WAIT = 3.0
"""Seconds in which a jump host that failed is not tried again, whatever failed."""

# The words of the operating system of the jump host, as OpenSSH and dropbear pass them on.
_REFUSED = "connection refused", "connection reset"
_NO_NAME = "name or service", "no address", "unknown host", "not known", "resolve"
_SILENT = "timed out", "timeout"


class JumpSession(Protocol):
    """What a bastion needs of a session."""

    @property
    def closed(self) -> bool: ...

    async def forward(self, relay: Relay, host: str, port: int) -> None:
        """Raises asyncssh.ChannelOpenError, asyncssh.Error."""

    async def close(self) -> None: ...


LogIn = Callable[[Target, Callable[[str, float], None]], Awaitable[JumpSession]]


class Bastions:
    """The jump hosts of one worker."""

    def __init__(self, log_in: LogIn) -> None:
        self._log_in = log_in
        self._open: dict[object, _Bastion] = {}
        self._failures: dict[object, _Failed] = {}

    async def reach(self, jump: Target) -> _Bastion:
        """The session with a jump host. Raises WAY_NOT_UP with what is wrong there.

        Who asks while it is being opened waits for the same one; who asks soon after it failed
        is told the same: fifty hosts behind it make no fifty attempts.
        """
        key = (jump.host_id, jump.revision, jump.address, jump.port, jump.host_keys)
        failed = self._failures.get(key)
        if failed is not None and failed.holds():
            raise way_not_up(jump, failed.failure)
        bastion = self._open.get(key)
        if bastion is None or not bastion.usable:
            self._forget_old()
            bastion = self._open[key] = _Bastion(jump, self._log_in)
        try:
            await bastion.up()
        except PollFailure as failure:
            if self._open.get(key) is bastion:
                del self._open[key]
                count = failed.count + 1 if failed else 1
                self._failures[key] = _Failed(failure, count)
            raise way_not_up(jump, failure) from None
        self._failures.pop(key, None)
        return bastion

    async def aclose(self) -> None:
        await asyncio.gather(*(bastion.close() for bastion in self._open.values()))
        self._open.clear()

    def _forget_old(self) -> None:
        self._open = {key: one for key, one in self._open.items() if one.usable}
        self._failures = {key: one for key, one in self._failures.items() if not one.forgotten()}


class _Failed:
    """Why a jump host could not be reached, and until when it is left in peace."""

    def __init__(self, failure: PollFailure, count: int) -> None:
        self.failure = failure
        self.count = count
        self._until = time.monotonic() + max(LEAST_WAIT, wait_after(failure, count) or 0.0)

    def holds(self) -> bool:
        return time.monotonic() < self._until

    def forgotten(self) -> bool:
        return time.monotonic() > self._until + 3600


class _Bastion:
    """One session with a jump host."""

    def __init__(self, jump: Target, log_in: LogIn) -> None:
        self._jump = jump
        self._lane = asyncio.Semaphore(OPENING)
        self._users = 0
        self._idle: asyncio.TimerHandle | None = None
        self._expires = time.monotonic() + SESSION_SECONDS
        self._closing: asyncio.Task[None] | None = None
        self._closed = False
        self._opening = asyncio.create_task(self._log_in_to(jump, log_in))
        self._opening.add_done_callback(lambda task: task.cancelled() or task.exception())

    @property
    def usable(self) -> bool:
        """Whether it is open or being opened, and young enough for a new host."""
        if self._closed or time.monotonic() > self._expires:
            return False
        if not self._opening.done():
            return True
        lost = self._opening.cancelled() or self._opening.exception() is not None
        return not lost and not self._opening.result().closed

    async def up(self) -> None:
        """Wait until it is open. Raises PollFailure; to be cancelled harms nobody else."""
        await asyncio.shield(self._opening)
        if not self._users and self._idle is None:
            self._rest()

    async def connect(self, target: Target) -> socket.socket:
        """A connection from the jump host to a host behind it. Raises PollFailure."""
        session = self._opening.result()
        self._begin_use()
        relay = Relay(self._end_use)
        try:
            sock = await relay.socket()
        except BaseException:
            relay.end()
            raise
        try:
            async with place_in(self._lane):
                await session.forward(relay, target.address, target.port)
        except BaseException as exc:
            relay.end()
            sock.close()
            if isinstance(exc, asyncssh.ChannelOpenError):
                raise _refusal(exc, self._jump, target, lost=session.closed) from None
            if isinstance(exc, (asyncssh.Error, OSError)):
                failure = PollFailure(CODES["DROPPED_BEFORE_AUTH"], type(exc).__name__)
                raise way_not_up(self._jump, failure) from None
            raise
        return sock

    async def close(self) -> None:
        """Close at once; safe to call twice."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        self._opening.cancel()
        try:
            session = await self._opening
        except (PollFailure, asyncio.CancelledError):
            return
        await session.close()

    async def _log_in_to(self, jump: Target, log_in: LogIn) -> JumpSession:
        stages: list[str] = []
        try:
            async with asyncio.timeout(WAY_SECONDS):
                return await log_in(jump, lambda stage, _: stages.append(stage))
        except TimeoutError:
            raise timed_out(stages) from None

    def _begin_use(self) -> None:
        self._users += 1
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _end_use(self) -> None:
        self._users -= 1
        if not self._users and not self._closed:
            self._rest()

    def _rest(self) -> None:
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE_SECONDS, self._close_later)

    def _close_later(self) -> None:
        self._closing = asyncio.create_task(self.close())


def way_not_up(jump: Target, failure: PollFailure) -> PollFailure:
    """What a failure of the jump host means for a host behind it."""
    if failure.code.name == "WAY_NOT_UP":
        return failure
    detail = f": {failure.detail}" if failure.detail else ""
    text = f"jump host {jump.name}: {failure.code.name}{detail}"
    return PollFailure(CODES["WAY_NOT_UP"], text, stage="way")


def _refusal(
    exc: asyncssh.ChannelOpenError, jump: Target, target: Target, *, lost: bool
) -> PollFailure:
    """Why a jump host that is up makes no connection: its own fault, or that of the host."""
    if lost:
        return way_not_up(jump, PollFailure(CODES["DROPPED_BEFORE_AUTH"], "the session was lost"))
    reason = str(exc.reason)
    if exc.code != OPEN_CONNECT_FAILED:
        detail = f"it forwards no connections (AllowTcpForwarding, PermitOpen): {reason}"
        return way_not_up(jump, PollFailure(CODES["CHANNEL_REFUSED"], detail))
    words = reason.lower()
    if any(part in words for part in _NO_NAME):
        name = "DNS_FAIL"
    elif any(part in words for part in _SILENT):
        name = "TCP_TIMEOUT"
    elif "route" in words or "unreachable" in words:
        name = "NO_ROUTE"
    else:
        name = "TCP_REFUSED"
    detail = f"{target.address} from jump host {jump.name}: {reason}"
    return PollFailure(CODES[name], detail, stage="tcp")
