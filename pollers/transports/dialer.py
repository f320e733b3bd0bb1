"""An open connection to a host: straight, or through its jump host."""

from __future__ import annotations

import socket

from pollers.target import Target
from pollers.transports.addresses import Resolver, connect_tcp
from pollers.transports.bastion import Bastions, LogIn
from pollers.transports.stages import Stopwatch


class Dialer:
    """One per transport: it keeps the sessions with jump hosts."""

    def __init__(self, log_in: LogIn) -> None:
        self._resolver = Resolver()
        self._bastions = Bastions(log_in)

    async def dial(self, target: Target, stopwatch: Stopwatch) -> socket.socket:
        """A connected, non-blocking socket. Raises PollFailure of the stages up to "tcp"."""
        if target.via is not None:
            bastion = await self._bastions.reach(target.via)
            stopwatch.done("way")
            sock = await bastion.connect(target)
        else:
            addresses = await self._resolver.resolve(target.address, target.port)
            stopwatch.done("resolve")
            sock = await connect_tcp(addresses)
        stopwatch.done("tcp")
        return sock

    async def aclose(self) -> None:
        await self._bastions.aclose()
