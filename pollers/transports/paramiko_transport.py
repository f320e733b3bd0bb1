"""SSH through paramiko: one child process per connection.

paramiko takes packets of any size and runs a thread per connection; a process of its own
bounds what a hostile host can make it use. Costs 0.3 s and some 30 MB per connection.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import cast

from fleet.failures import CODES, PollFailure
from fleet.states import State
from pollers.target import Target
from pollers.transports import frames
from pollers.transports.asyncssh_login import parse_private_key
from pollers.transports.asyncssh_transport import AsyncsshTransport
from pollers.transports.base import (
    Channel,
    HostKeyRefused,
    Progress,
    Receiver,
    Session,
    ShownKey,
    no_progress,
)
from pollers.transports.dialer import Dialer
from pollers.transports.hostkeys import shown_key
from pollers.transports.local_transport import clean_environment
from pollers.transports.stages import Stopwatch


class ParamikoTransport:
    """A `Transport`."""

    name = "paramiko"

    def __init__(self) -> None:
        # A jump host is a host like any other, but only asyncssh can share one session.
        self._dialer = Dialer(AsyncsshTransport().connect)

    async def connect(self, target: Target, progress: Progress = no_progress) -> Session:
        if target.login is None:
            raise PollFailure(CODES["AUTH_FAILED"], "The host has no credential.", stage="login")
        key = await parse_private_key(target.login)
        login = {
            "username": target.login.username,
            "password": target.login.password,
            "private_key": key.export_private_key().decode() if key else "",
        }
        return ParamikoSession(await self._open(target, login, progress))

    async def fetch_host_key(self, target: Target, progress: Progress = no_progress) -> ShownKey:
        child = await self._open(target, None, progress)
        await child.close()
        if child.host_key is None:
            raise PollFailure(CODES["KEX_FAIL"], "The host showed no key.", stage="host_key")
        return child.host_key

    async def aclose(self) -> None:
        await self._dialer.aclose()

    async def _open(
        self, target: Target, login: dict[str, str] | None, progress: Progress
    ) -> Child:
        stopwatch = Stopwatch(progress)
        with await self._dialer.dial(target, stopwatch) as sock:
            sock.setblocking(True)
            child = Child(progress)
            try:
                await child.spawn(sock.fileno())
            except BaseException:
                await child.close()
                raise
        asked = {
            "login": login,
            "host_keys": target.host_keys,
            "accept_first_key": target.accept_first_key,
        }
        try:
            await child.ask(frames.CONNECT, json.dumps(asked).encode())
        except BaseException:
            await child.close()
            raise
        return child


class Child(asyncio.SubprocessProtocol):
    """The process that holds the connection, and what it says."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._frames = frames.Frames()
        self._transport: asyncio.SubprocessTransport | None = None
        self._answer: asyncio.Future[None] | None = None
        self._gone = asyncio.Event()
        self._silent = False
        self.receiver: Receiver | None = None
        self.host_key: ShownKey | None = None
        self.lost = False

    async def spawn(self, fd: int) -> None:
        """Start it with this connected socket."""
        environment = {
            **clean_environment(),
            "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
            "MALLOC_ARENA_MAX": "1",  # an arena per thread would use up its address space
        }
        await asyncio.get_running_loop().subprocess_exec(
            lambda: self,
            sys.executable,
            "-m",
            "pollers.transports.paramiko_child",
            str(fd),
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            pass_fds=[fd],
        )

    async def ask(self, kind: bytes, body: bytes) -> None:
        """Send a request and wait until it is done. Raises PollFailure."""
        if self.lost:
            raise _lost("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self.tell(kind, body)
        try:
            await self._answer
        finally:
            self._answer = None

    def tell(self, kind: bytes, body: bytes = b"") -> None:
        """Send a frame that has no answer."""
        pipe = None if self._transport is None else self._transport.get_pipe_transport(0)
        if pipe is not None and not pipe.is_closing():
            cast(asyncio.WriteTransport, pipe).write(frames.frame(kind, body))

    async def close(self) -> None:
        """End the process at once; safe to call twice."""
        self.lost = self._silent = True
        if self._transport is None:
            return
        if self._transport.get_returncode() is None:
            self._transport.kill()
        for number in (0, 1):
            pipe = self._transport.get_pipe_transport(number)
            if pipe is not None:
                pipe.close()
        await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        for kind, body in self._frames.feed(data):
            if not self._silent:
                self._take(kind, body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self.lost = True
        # It ends by itself only when it used up its memory, or was killed.
        self._settle(_lost("the process that held the connection ended"))
        self._end(None)

    def _take(self, kind: bytes, body: bytes) -> None:
        if kind in (frames.OUTPUT, frames.ERRORS):
            if self.receiver is not None:
                self.receiver.received(body, stderr=kind == frames.ERRORS)
        elif kind == frames.STAGE:
            stage, seconds = json.loads(body)
            self._progress(stage, seconds)
        elif kind == frames.KEY:
            self.host_key = shown_key(body)
        elif kind == frames.DONE:
            self._settle(None)
        elif kind == frames.FAILED:
            self._settle(self._failure(*json.loads(body)))
        elif kind == frames.LOST:
            self.lost = True
        elif kind == frames.ENDED:
            self._end(int(body) if body else None)

    def _failure(self, code: str, detail: str, stage: str, state: str) -> PollFailure:
        if code.startswith("HOSTKEY_") and self.host_key is not None:
            return HostKeyRefused(code, self.host_key)
        return PollFailure(CODES[code], detail, stage=stage, state=State(state) if state else None)

    def _settle(self, failure: PollFailure | None) -> None:
        if self._answer is None or self._answer.done():
            return
        if failure is None:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(failure)

    def _end(self, status: int | None) -> None:
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.ended(status)


def _lost(detail: str) -> PollFailure:
    return PollFailure(CODES["DROPPED_BEFORE_AUTH"], detail)


class ParamikoSession:
    """A `Session`: a child process with its connection."""

    def __init__(self, child: Child) -> None:
        self._child = child

    @property
    def host_key(self) -> ShownKey | None:
        return self._child.host_key

    @property
    def announced_keys(self) -> tuple[ShownKey, ...]:
        return ()  # paramiko does not read what a host tells of its keys

    @property
    def closed(self) -> bool:
        return self._child.lost

    async def start(self, command: str, receiver: Receiver) -> Channel:
        if self._child.receiver is not None:
            raise RuntimeError("a session runs one command at a time")
        self._child.receiver = receiver
        try:
            await self._child.ask(frames.START, command.encode())
        except BaseException:
            self._child.receiver = None
            raise
        return ParamikoChannel(self._child, receiver)

    async def close(self) -> None:
        await self._child.close()


class ParamikoChannel:
    """A `Channel`."""

    def __init__(self, child: Child, receiver: Receiver) -> None:
        self._child = child
        self._receiver = receiver

    def write(self, data: bytes) -> None:
        if self._child.receiver is self._receiver:
            self._child.tell(frames.INPUT, data)

    def close(self) -> None:
        if self._child.receiver is self._receiver:
            self._child.tell(frames.INPUT_END)
