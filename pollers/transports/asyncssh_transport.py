"""SSH through asyncssh: all of it in the caller's loop, no thread per host."""

from __future__ import annotations

import getpass
import logging
import os
from typing import Any

import asyncssh

from fleet.failures import CODES, PollFailure
from pollers.target import Login, Target
from pollers.transports.asyncssh_errors import CONNECT_ERRORS, connect_failure
from pollers.transports.asyncssh_login import LoginClient, parse_private_key
from pollers.transports.asyncssh_wire import Wire
from pollers.transports.base import (
    Channel,
    Progress,
    Receiver,
    ShownKey,
    no_progress,
)
from pollers.transports.dialer import Dialer
from pollers.transports.hostkeys import shown_key, signature_algorithms
from pollers.transports.relay import Relay
from pollers.transports.stages import Stopwatch

KEEPALIVE_SECONDS = 60

# AES-GCM first: it costs a third of ChaCha20 where the processor helps with AES.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes192-ctr",
    "aes256-ctr",
)

# Each of these would otherwise be read from the home or the environment of this process.
_NOTHING_OF_OURS: dict[str, Any] = {
    "client_keys": None,
    "x509_trusted_certs": None,
    "x509_trusted_cert_paths": None,
    "gss_host": None,
    "client_username": "rollcall",
}


class AsyncsshTransport:
    """A `Transport`."""

    name = "asyncssh"

    def __init__(self) -> None:
        self._dialer = Dialer(self.connect)
        # At INFO it writes ten lines per login, with names of users and hosts.
        logging.getLogger("asyncssh").setLevel(logging.WARNING)
        _have_a_name()

    async def connect(self, target: Target, progress: Progress = no_progress) -> AsyncsshSession:
        if target.login is None:
            raise PollFailure(CODES["AUTH_FAILED"], "The host has no credential.", stage="login")
        # A key that cannot be read is found out before the host sees a connection.
        key = await parse_private_key(target.login)
        stopwatch = Stopwatch(progress)
        wire = await self._open(target, stopwatch)
        client = LoginClient(target, target.login, key, stopwatch)
        try:
            connection = await asyncssh.connect(
                target.address,
                target.port,
                config=None,
                options=_options(target, target.login, client),
                tunnel=wire,
            )
        except CONNECT_ERRORS as exc:
            raise connect_failure(exc, wire.greeting, client) from None
        finally:
            wire.release()
        stopwatch.done("login")
        return AsyncsshSession(connection, client)

    async def fetch_host_key(self, target: Target, progress: Progress = no_progress) -> ShownKey:
        stopwatch = Stopwatch(progress)
        wire = await self._open(target, stopwatch)
        try:
            key = await asyncssh.get_server_host_key(
                target.address,
                target.port,
                config=None,
                options=_key_options(target),
                server_host_key_algs=signature_algorithms(target.host_keys),
                tunnel=wire,
            )
        except CONNECT_ERRORS as exc:
            raise connect_failure(exc, wire.greeting, None) from None
        finally:
            wire.release()
        if key is None:
            raise PollFailure(CODES["KEX_FAIL"], "The host showed no key.", stage="host_key")
        stopwatch.done("host_key")
        return shown_key(key.public_data)

    async def aclose(self) -> None:
        await self._dialer.aclose()

    async def _open(self, target: Target, stopwatch: Stopwatch) -> Wire:
        return Wire(await self._dialer.dial(target, stopwatch), stopwatch)


def _have_a_name() -> None:
    """asyncssh insists on a name for our own user, though it never needs it.

    A container may run us under a number that has none.
    """
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = "rollcall"


def _options(
    target: Target, login: Login, client: LoginClient
) -> asyncssh.SSHClientConnectionOptions:
    try:
        return asyncssh.SSHClientConnectionOptions(
            **_NOTHING_OF_OURS,
            config=None,
            client_factory=lambda: client,
            username=login.username,
            preferred_auth=client.methods,
            public_key_auth=True,
            agent_path=None,
            agent_forwarding=False,
            # No key is known to asyncssh, so that it asks the client about each one.
            known_hosts=([], [], []),
            server_host_key_algs=client.host_key_algorithms,
            server_host_keys_handler=client.keys_announced,
            encryption_algs=CIPHERS,
            compression_algs=None,
            utf8_decode_errors="replace",
            encoding=None,
            request_pty=False,
            env=(),
            send_env=(),
            connect_timeout=None,
            login_timeout=0,  # the caller's deadline bounds the login
            keepalive_interval=KEEPALIVE_SECONDS,
            keepalive_count_max=2,
        )
    except ValueError:
        detail = "The user name holds characters that no SSH server accepts."
        raise PollFailure(CODES["AUTH_FAILED"], detail, stage="login") from None


def _key_options(target: Target) -> asyncssh.SSHClientConnectionOptions:
    return asyncssh.SSHClientConnectionOptions(
        **_NOTHING_OF_OURS,
        config=None,
        username="rollcall",
        encryption_algs=CIPHERS,
        compression_algs=None,
        utf8_decode_errors="replace",
        connect_timeout=None,
        login_timeout=0,
    )


class AsyncsshSession:
    """A `Session` over one connection, which it owns."""

    def __init__(self, connection: asyncssh.SSHClientConnection, client: LoginClient) -> None:
        self._connection = connection
        self._client = client
        self._channel: AsyncsshChannel | None = None

    @property
    def host_key(self) -> ShownKey | None:
        return self._client.host_key

    @property
    def announced_keys(self) -> tuple[ShownKey, ...]:
        return self._client.announced_keys

    @property
    def closed(self) -> bool:
        return self._connection.is_closed()

    async def forward(self, relay: Relay, host: str, port: int) -> None:
        """Let the host connect to another one, for `pollers.transports.bastion`."""
        await self._connection.create_connection(lambda: relay, host, port)

    async def start(self, command: str, receiver: Receiver) -> Channel:
        if self._channel is not None and self._channel.running:
            raise RuntimeError("a session runs one command at a time")
        channel = AsyncsshChannel(receiver)
        try:
            await self._connection.create_session(
                lambda: channel,
                command,
                encoding=None,
                request_pty=False,
                x11_forwarding=False,
            )
        except asyncssh.ChannelOpenError as exc:
            name = "DROPPED_BEFORE_AUTH" if self.closed else "CHANNEL_REFUSED"
            raise PollFailure(CODES[name], str(exc.reason), stage="channel") from None
        except CONNECT_ERRORS as exc:
            detail = type(exc).__name__
            raise PollFailure(CODES["DROPPED_BEFORE_AUTH"], detail, stage="channel") from None
        self._channel = channel
        return channel

    async def close(self) -> None:
        if self._channel is not None:
            self._channel.kill()
        self._connection.close()
        await self._connection.wait_closed()


class AsyncsshChannel(asyncssh.SSHClientSession[bytes]):
    """A `Channel`, and at the same time what asyncssh calls a session."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._raw: asyncssh.SSHClientChannel[bytes] | None = None
        self._status: int | None = None
        self._closing = False
        self.running = True

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._raw = chan

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._receiver.received(data, stderr=datatype == asyncssh.EXTENDED_DATA_STDERR)

    def eof_received(self) -> bool:
        return True  # the command may close its output and go on reading

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self._raw = None
        self.running = False
        self._receiver.ended(self._status)

    def write(self, data: bytes) -> None:
        if self._raw is not None and not self._raw.is_closing():
            self._raw.write(data)

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()

    def kill(self) -> None:
        """Ask the host to end what still runs; what only reads its input ends without."""
        if self._raw is not None and not self._raw.is_closing():
            self._raw.terminate()
