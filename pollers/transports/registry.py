"""The ways to a host, by the name that a host's row carries."""

from __future__ import annotations

from collections.abc import Callable

from pollers.transports.asyncssh_transport import AsyncsshTransport
from pollers.transports.base import Transport
from pollers.transports.local_transport import LocalTransport

TRANSPORTS: dict[str, Callable[[], Transport]] = {
    AsyncsshTransport.name: AsyncsshTransport,
    LocalTransport.name: LocalTransport,
}


def transport(name: str) -> Transport:
    """A transport by its name; raises KeyError for an unknown one."""
    return TRANSPORTS[name]()
