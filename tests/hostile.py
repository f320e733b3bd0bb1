"""Servers that misbehave on purpose, each on a free port of a loopback address."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncssh

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def never_speaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1024):
        pass


async def closes_at_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def speaks_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 400 Bad Request\r\nSet-Cookie: secret=canary\r\n\r\n")


async def speaks_smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 canary ESMTP\r\n")
    await never_speaks(reader, writer)


async def endless_banner(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"canary " * 1000 + b"\r\n")
        await writer.drain()


async def tarpit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"canary\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)


async def turns_away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"Exceeded MaxStartups\r\n")


async def stops_after_version(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await never_speaks(reader, writer)


async def drops_after_version(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
    await reader.readline()


async def huge_packet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\xff\xff\xff\xff")
    while True:
        writer.write(b"\x00" * 65536)
        await writer.drain()


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[int]:
    """The port of a server that gives each connection to the handler, then closes it."""

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(run, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Questions(asyncssh.SSHServer):
    """Asks these prompts, one round after the other, and keeps what was answered."""

    def __init__(self, rounds: list[list[tuple[str, bool]]], answers: list[list[str]]) -> None:
        self._rounds = list(rounds)
        self._answers = answers

    def begin_auth(self, username: str) -> bool:
        return True

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str):
        return "", "", "", self._rounds.pop(0)

    def validate_kbdint_response(self, username: str, responses: list[str]):
        self._answers.append(list(responses))
        return ("", "", "", self._rounds.pop(0)) if self._rounds else True


class ExpiredPassword(asyncssh.SSHServer):
    """Takes any password, but wants a new one."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        raise asyncssh.PasswordChangeRequired("Your password has expired.")


class NoChannels(asyncssh.SSHServer):
    """Lets anyone in, and runs nothing."""

    def begin_auth(self, username: str) -> bool:
        return False

    def session_requested(self) -> bool:
        return False


@asynccontextmanager
async def ssh_serving(factory: Callable[[], asyncssh.SSHServer]) -> AsyncIterator[int]:
    """The port of an SSH server of asyncssh with a host key of its own."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen("127.0.0.1", 0, server_factory=factory, server_host_keys=[key])
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
