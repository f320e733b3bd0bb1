"""A forwarded connection as a socket, so that all transports can speak over it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, cast

import asyncssh

Ended = Callable[[], None]


class Relay(asyncssh.SSHTCPSession[bytes]):
    """Copies between the channel of a jump host and one end of a socket pair, both ways.

    A side that is slow holds up the other: nothing piles up in this process.
    """

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._far: asyncssh.SSHTCPChannel[bytes] | None = None
        self._near: asyncio.Transport | None = None
        self._over = False

    async def socket(self) -> socket.socket:
        """The other end of the pair, made before the channel; close it to end the connection."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Near(self), sock=ours)
        except BaseException:
            ours.close()
            theirs.close()
            self.end()
            raise
        return theirs

    def end(self) -> None:
        """Close both sides, once."""
        if self._over:
            return
        self._over = True
        if self._far is not None:
            self._far.abort()
        if self._near is not None:
            self._near.close()  # what the host said last is still written
        self._ended()

    # The far side: what asyncssh calls a session

    def connection_made(self, chan: Any) -> None:
        self._far = cast("asyncssh.SSHTCPChannel[bytes]", chan)

    def data_received(self, data: bytes, datatype: Any = None) -> None:
        if self._near is not None and not self._near.is_closing():
            self._near.write(data)

    def eof_received(self) -> bool:
        self.end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._far = None
        self.end()

    def pause_writing(self) -> None:
        if self._near is not None:
            self._near.pause_reading()

    def resume_writing(self) -> None:
        if self._near is not None:
            self._near.resume_reading()

    # The near side: our end of the socket pair

    def near_made(self, transport: asyncio.Transport) -> None:
        self._near = transport

    def near_data(self, data: bytes) -> None:
        if self._far is not None and not self._far.is_closing():
            self._far.write(data)

    def near_full(self, full: bool) -> None:
        if self._far is not None:
            (self._far.pause_reading if full else self._far.resume_reading)()


class _Near(asyncio.Protocol):
    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._relay.near_made(cast(asyncio.Transport, transport))

    def data_received(self, data: bytes) -> None:
        self._relay.near_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._relay.end()

    def pause_writing(self) -> None:
        self._relay.near_full(True)

    def resume_writing(self) -> None:
        self._relay.near_full(False)
