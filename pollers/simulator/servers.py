"""The SSH servers of the simulated fleet: one address each, one port, one process for all."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket

import asyncssh

from pollers.simulator.keys import host_key
from pollers.simulator.model import SimulatedHost
from pollers.simulator.outages import Trouble
from pollers.simulator.probe import SimulatedProbe

BACKLOG = 16
BROKEN = (OSError, asyncssh.Error)
FILES_EACH = 2
"""A listening socket and a session."""
FILES_BESIDES = 64


class Login(asyncssh.SSHServer):
    """Lets in who holds the one key."""

    def __init__(self, server: HostServer) -> None:
        self._server = server

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        server = self._server
        return server.trouble != "password" and key.public_data == server.user_key.public_data

    def session_requested(self) -> SimulatedProbe:
        return SimulatedProbe(self._server.host)


class HostServer:
    """One simulated host on the network."""

    def __init__(
        self, host: SimulatedHost, address: str, port: int, user_key: asyncssh.SSHKey
    ) -> None:
        self.host = host
        self.address = address
        self.port = port
        self.user_key = user_key
        self.trouble: Trouble | None = None
        self._listening: socket.socket | None = None
        self._options: asyncssh.SSHServerConnectionOptions | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._mute: list[socket.socket] = []

    def open(self) -> None:
        """Listen. Raises OSError."""
        if self._listening is not None:
            return
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((self.address, self.port))
            listening.listen(BACKLOG)
            listening.setblocking(False)
        except OSError:
            listening.close()
            raise
        self._listening = listening
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def close(self) -> None:
        """Stop listening and cut every connection, as a machine that loses its power."""
        listening, self._listening = self._listening, None
        if listening is not None:
            asyncio.get_running_loop().remove_reader(listening)
            listening.close()
        for connection in list(self._connections):
            connection.abort()
        for task in list(self._tasks):
            task.cancel()
        for sock in self._mute:
            sock.close()
        self._mute.clear()

    def suffer(self, trouble: Trouble | None) -> None:
        """Begin a trouble, or end it; sessions of before do not outlive the change."""
        if trouble == self.trouble:
            return
        self.trouble, self._options = trouble, None
        self.close()
        if trouble != "down":
            self.open()

    def _accept(self, listening: socket.socket) -> None:
        try:
            sock, _ = listening.accept()
        except OSError:
            return
        if self.trouble == "silent":
            self._mute.append(sock)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.get_running_loop().create_task(self._serve(sock))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, sock: socket.socket) -> None:
        if self._options is None:
            self._options = self._make_options()
        try:
            connection = await asyncssh.run_server(sock, config=None, options=self._options)
        except BROKEN:
            sock.close()
            return
        self._connections.add(connection)
        try:
            with contextlib.suppress(*BROKEN):
                await connection.wait_closed()
        finally:
            self._connections.discard(connection)

    def _make_options(self) -> asyncssh.SSHServerConnectionOptions:
        key = host_key(self.host.number, changed=self.trouble == "key")
        return asyncssh.SSHServerConnectionOptions(
            config=None,
            server_factory=lambda: Login(self),
            server_host_keys=[key],
            compression_algs=None,
            encoding=None,
            allow_scp=False,
            x11_forwarding=False,
            agent_forwarding=False,
            keepalive_interval=0,
            server_version="OpenSSH_9.2p1_simulated",
        )


class Fleet:
    """All of them."""

    def __init__(self, count: int, base: str, port: int, user_key: str) -> None:
        logging.getLogger("asyncssh").setLevel(logging.CRITICAL)
        key = asyncssh.import_public_key(user_key)
        hosts = (SimulatedHost(number) for number in range(1, count + 1))
        self.servers = [HostServer(host, host.address(base), port, key) for host in hosts]

    def open(self) -> None:
        """Raises OSError when an address and port cannot be used."""
        allow_files(FILES_EACH * len(self.servers) + FILES_BESIDES)
        for server in self.servers:
            server.open()

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def apply(self, troubles: dict[str, Trouble], now: float) -> None:
        """Let each host suffer what is its share now; one that restarts is down as well."""
        for server in self.servers:
            restarting: Trouble | None = "down" if server.host.restarting(now) else None
            server.suffer(troubles.get(server.host.name, restarting))


def allow_files(wanted: int) -> None:
    """Raise the soft limit of open files as far as it may be, if so many are needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
