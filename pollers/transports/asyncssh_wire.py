"""A connected socket, handed to asyncssh only when an SSH server speaks on it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

from pollers.transports.greeting import FOREIGN_SECONDS, Greeting, Verdict
from pollers.transports.stages import Stopwatch


class Wire:
    """What asyncssh calls a tunnel: it asks it for the connection to speak over.

    asyncssh itself would read a thousand lines of any service before giving up, and tells
    nobody when the version came.
    """

    def __init__(self, sock: socket.socket, stopwatch: Stopwatch) -> None:
        self._sock = sock
        self._stopwatch = stopwatch
        self._taken = False
        self.greeting = Greeting()

    async def create_connection(
        self, session_factory: Callable[[], Any], remote_host: str, remote_port: int
    ) -> tuple[Any, Any]:
        guard = _Guard(cast(asyncio.Protocol, session_factory()), self.greeting, self._stopwatch)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(lambda: guard, sock=self._sock)
        self._taken = True
        return transport, guard.inner

    def release(self) -> None:
        """Close the socket, unless a connection took it over and closes it itself."""
        if not self._taken:
            self._sock.close()

    def close(self) -> None:
        """Asked for by asyncssh; nothing is shared between connections here."""

    async def wait_closed(self) -> None:
        """Asked for by asyncssh."""


class _Guard(asyncio.Protocol):
    """Holds back what a server says until its version is there, then steps aside."""

    def __init__(self, inner: asyncio.Protocol, greeting: Greeting, stopwatch: Stopwatch) -> None:
        self.inner = inner
        self._greeting = greeting
        self._stopwatch = stopwatch
        self._held = b""
        self._transport: asyncio.Transport | None = None
        self._patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._held += data
        verdict = self._greeting.feed(data)
        if verdict is Verdict.SSH:
            self._pass_on()
        elif verdict is not Verdict.UNDECIDED:
            self._give_up()
        elif self._patience is None:
            loop = asyncio.get_running_loop()
            self._patience = loop.call_later(FOREIGN_SECONDS, self._out_of_patience)

    def eof_received(self) -> None:
        self._give_up()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self.inner.connection_lost(exc)

    def _pass_on(self) -> None:
        self._stop_waiting()
        self._stopwatch.done("version")
        if self._transport is not None:
            self._transport.set_protocol(self.inner)
        self.inner.data_received(self._held)
        self._held = b""

    def _out_of_patience(self) -> None:
        self._greeting.verdict = Verdict.FOREIGN
        self._give_up()

    def _give_up(self) -> None:
        self._stop_waiting()
        self._held = b""
        if self._transport is not None:
            self._transport.abort()

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
