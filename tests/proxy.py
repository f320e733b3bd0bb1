"""A TCP proxy of our own: it falls silent, resets, or is slow where a test wants it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Proxy:
    """Between us and a server. After `limit` bytes of the server it does what `then` says:

    "silence": forwards nothing any more in either direction; "reset": resets the connection.
    `rate` is in bytes per second, each way.
    """

    def __init__(self, address: str, port: int) -> None:
        self._to = (address, port)
        self.limit: int | None = None
        self.then = "silence"
        self.rate = 0
        self.came = 0
        """Bytes of the server in the newest connection."""
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()

    @property
    def _over(self) -> bool:
        return self.limit is not None and self.came >= self.limit

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.came = 0
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._to)
        except OSError:
            writer.close()
            return
        self._writers.add(far_writer)
        try:
            await asyncio.gather(
                self._copy(reader, far_writer, ours=True),
                self._copy(far_reader, writer, ours=False),
            )
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            for one in (writer, far_writer):
                one.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, ours: bool
    ) -> None:
        while True:
            if not ours and self._over and self.then == "reset":
                self.reset()
                return
            data = await reader.read(self.rate // 10 if self.rate else 512)
            if self._over and self.then == "reset":
                self.reset()
                return
            if self._over:
                await asyncio.sleep(3600)
            if not data:
                writer.close()
                return
            if not ours:
                if self.limit is not None:
                    data = data[: self.limit - self.came]
                self.came += len(data)
            writer.write(data)
            await writer.drain()
            if self.rate:
                await asyncio.sleep(len(data) / self.rate)

    def reset(self) -> None:
        """Reset all connections at once, as a firewall may."""
        for writer in list(self._writers):
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self._writers.clear()


@asynccontextmanager
async def proxying(address: str, port: int) -> AsyncIterator[tuple[Proxy, int]]:
    """A running proxy and its port."""
    proxy = Proxy(address, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    try:
        yield proxy, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        proxy.reset()
        for task in asyncio.all_tasks():
            if "Proxy.serve" in repr(task.get_coro()):
                task.cancel()
