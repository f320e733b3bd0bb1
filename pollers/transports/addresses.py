"""From what a person typed as an address to an open TCP connection.

A name server may never answer, and a look-up cannot be cancelled: names are looked up in
daemon threads, a bounded number at a time, so that they hold up neither the loop nor the
end of the process.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from dataclasses import dataclass
from typing import Any

from fleet.failures import CODES, PollFailure
from fleet.states import State

LOOKUPS = 16
"""Look-ups at a time; a name server that answers is done with one in milliseconds."""

ADDRESSES = 6
"""Addresses of one name that are tried."""

ATTEMPT_SECONDS = 2.5
"""For one address while others are left: a dead first one must not use up the deadline."""

_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
# A route can be a black hole (EINVAL) or prohibited (EACCES); a local firewall says EPERM.
_REFUSED = {errno.ECONNREFUSED, errno.ECONNRESET}
_SILENT = {errno.ETIMEDOUT}
_OUT_OF_FILES = {errno.EMFILE, errno.ENFILE}


@dataclass(frozen=True, slots=True)
class Address:
    """One numeric address as `socket.connect` wants it."""

    family: int
    sockaddr: tuple[Any, ...]

    def __str__(self) -> str:
        return str(self.sockaddr[0])


class Resolver:
    """Looks names up in threads of its own."""

    def __init__(self, limit: int = LOOKUPS) -> None:
        self._free = asyncio.Semaphore(limit)

    async def resolve(self, host: str, port: int) -> list[Address]:
        """The addresses of a name, or of a number typed as such. Raises DNS_FAIL."""
        if not host or "\0" in host:
            raise PollFailure(CODES["DNS_FAIL"], "the address is empty", stage="resolve")
        try:
            found = _lookup(host, port, socket.AI_NUMERICHOST)
        except (socket.gaierror, UnicodeError):
            found = await self._in_thread(host, port)
        return found[:ADDRESSES]

    async def _in_thread(self, host: str, port: int) -> list[Address]:
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Address]] = loop.create_future()

        def deliver(result: list[Address] | OSError | UnicodeError) -> None:
            # Not before the thread is done: who no longer waits still takes up its place.
            self._free.release()
            if future.done():
                return
            if isinstance(result, list):
                future.set_result(result)
            else:
                future.set_exception(result)

        def work() -> None:
            result: list[Address] | OSError | UnicodeError
            try:
                result = _lookup(host, port, 0)
            except (OSError, UnicodeError) as exc:
                result = exc
            if not loop.is_closed():
                loop.call_soon_threadsafe(deliver, result)

        threading.Thread(target=work, name="resolve", daemon=True).start()
        try:
            return await future
        except UnicodeError:
            raise PollFailure(CODES["DNS_FAIL"], "not a valid name", stage="resolve") from None
        except socket.gaierror as exc:
            state = None if exc.errno in _NO_SUCH_NAME else State.UNKNOWN
            detail = exc.strerror or "the name server does not answer"
            raise PollFailure(CODES["DNS_FAIL"], detail, stage="resolve", state=state) from None


def _lookup(host: str, port: int, flags: int) -> list[Address]:
    flags |= socket.AI_NUMERICSERV
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in rows]


async def connect_tcp(addresses: list[Address]) -> socket.socket:
    """A connected, non-blocking socket to the first address that answers.

    Raises TCP_REFUSED, TCP_TIMEOUT or NO_ROUTE of the last address, INTERNAL when this
    process is out of files.
    """
    for address in addresses[:-1]:
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await _connect(address)
        except (PollFailure, TimeoutError):
            continue
    return await _connect(addresses[-1])


async def _connect(address: Address) -> socket.socket:
    sock: socket.socket | None = None
    try:
        sock = socket.socket(address.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except OSError as exc:
        if sock is not None:
            sock.close()
        raise _tcp_failure(exc, address) from None
    except BaseException:
        if sock is not None:
            sock.close()
        raise
    return sock


def _tcp_failure(exc: OSError, address: Address) -> PollFailure:
    if exc.errno in _OUT_OF_FILES:
        return PollFailure(CODES["INTERNAL"], "this process is out of open files", stage="tcp")
    if exc.errno in _REFUSED:
        name = "TCP_REFUSED"
    elif exc.errno in _SILENT:
        name = "TCP_TIMEOUT"
    else:
        name = "NO_ROUTE"
    return PollFailure(CODES[name], f"{address}: {exc.strerror or 'no reason given'}", stage="tcp")
