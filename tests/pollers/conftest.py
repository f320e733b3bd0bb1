"""Servers and helpers shared by the tests of the pollers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests import sshd as harness

SHELLS = ("bash", "dash", "tcsh", "fish", "zsh", "ksh")
PASSWORD = "pa ss'wörd"


@pytest.fixture(scope="session")
def sshd() -> Iterator[harness.Sshd]:
    """A server into which the current user logs in by key."""
    with harness.running() as server:
        yield server


@pytest.fixture()
def own_sshd() -> Iterator[harness.Sshd]:
    """A server of this test alone, to be restarted and changed; its log starts empty."""
    with harness.running() as server:
        yield server


@pytest.fixture(scope="session")
def odd_sshd() -> Iterator[harness.Sshd]:
    """A server with users of its own: user "plain" with a password, one per shell, and more."""
    harness.need_users()
    users = (
        harness.User("plain", "/bin/sh", PASSWORD),
        harness.User("false", "/bin/false", PASSWORD),
        harness.User("nologin", "/usr/sbin/nologin", PASSWORD),
        harness.User("late", "/bin/sh", PASSWORD, expired=True),
        *(harness.User(f"in-{shell}", shell, PASSWORD) for shell in SHELLS),
    )
    with harness.running(users=users) as server:
        yield server


class Sink:
    """A receiver that keeps everything."""

    def __init__(self) -> None:
        self.out = b""
        self.err = b""
        self.status: int | None = None
        self.done = asyncio.Event()
        self._news = asyncio.Event()

    def received(self, data: bytes, *, stderr: bool) -> None:
        assert not self.done.is_set(), "data after the end"
        if stderr:
            self.err += data
        else:
            self.out += data
        self._news.set()

    def ended(self, status: int | None) -> None:
        assert not self.done.is_set(), "ended twice"
        self.status = status
        self.done.set()
        self._news.set()

    async def until(self, size: int, seconds: float = 10) -> bytes:
        """The output, once there are so many bytes of it."""
        async with asyncio.timeout(seconds):
            while len(self.out) < size and not self.done.is_set():
                self._news.clear()
                await self._news.wait()
        return self.out

    async def end(self, seconds: float = 10) -> int | None:
        """The exit status, once the command ended."""
        async with asyncio.timeout(seconds):
            await self.done.wait()
        return self.status
