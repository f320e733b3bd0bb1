"""This machine: the command runs as a child process of ours, without SSH."""

from __future__ import annotations

import asyncio
import os
import pwd
import shlex
import signal
from typing import cast

from fleet.failures import CODES, PollFailure
from pollers.target import Target
from pollers.transports.base import (
    Channel,
    Progress,
    Receiver,
    Session,
    ShownKey,
    no_progress,
)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

LINGER_SECONDS = 1.0
"""How long output may still come after the command ended."""

NOT_FOUND = 127
"""The exit status with which a shell says that there is no such program."""


class LocalTransport:
    """A `Transport`."""

    name = "local"

    async def connect(self, target: Target, progress: Progress = no_progress) -> Session:
        return LocalSession()

    async def fetch_host_key(self, target: Target, progress: Progress = no_progress) -> ShownKey:
        raise PollFailure(CODES["INTERNAL"], "This machine has no host key to fetch.")

    async def aclose(self) -> None:
        """Nothing is shared."""


def clean_environment() -> dict[str, str]:
    """What a login over SSH would set; nothing of this process, whose settings are secrets."""
    try:
        user = pwd.getpwuid(os.getuid())
        name, home = user.pw_name, user.pw_dir
    except KeyError:  # a container may run us under a number without a name
        name, home = str(os.getuid()), "/"
    return {"PATH": PATH, "HOME": home, "USER": name, "LOGNAME": name, "LANG": "C.UTF-8"}


class LocalSession:
    """A `Session`: nothing is open but the command."""

    host_key: ShownKey | None = None
    announced_keys: tuple[ShownKey, ...] = ()

    def __init__(self) -> None:
        self._channel: LocalChannel | None = None
        self.closed = False

    async def start(self, command: str, receiver: Receiver) -> Channel:
        if self._channel is not None and self._channel.running:
            raise RuntimeError("a session runs one command at a time")
        channel = LocalChannel(receiver)
        words = shlex.split(command)
        try:
            await asyncio.get_running_loop().subprocess_exec(
                lambda: channel, *words, env=clean_environment(), cwd="/", start_new_session=True
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError) as exc:
            # Said as a shell says it, so that it is read like the answer of any other host.
            message = f"{words[0]}: {exc.strerror}\n".encode()
            asyncio.get_running_loop().call_soon(channel.fail, message)
        except OSError as exc:
            detail = f"No process can be started: {exc.strerror}"
            raise PollFailure(CODES["INTERNAL"], detail, stage="channel") from None
        self._channel = channel
        return channel

    async def close(self) -> None:
        self.closed = True
        if self._channel is not None:
            self._channel.kill()
            await self._channel.gone.wait()


class LocalChannel(asyncio.SubprocessProtocol):
    """A `Channel`: one child process with its process group."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.SubprocessTransport | None = None
        self._silent = False
        self.running = True
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if not self._silent:
            self._receiver.received(data, stderr=fd == 2)

    def process_exited(self) -> None:
        # What the command left behind would hold the pipes open; what left the group still may.
        self._signal_group()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._close_pipes)

    def connection_lost(self, exc: Exception | None) -> None:
        status = None if self._transport is None else self._transport.get_returncode()
        self._end(status if status is not None and status >= 0 else None)

    def fail(self, message: bytes) -> None:
        """The command could not be started."""
        if not self._silent:
            self._receiver.received(message, stderr=True)
        self._end(NOT_FOUND)

    def write(self, data: bytes) -> None:
        pipe = self._input()
        if pipe is not None and not pipe.is_closing():
            pipe.write(data)

    def close(self) -> None:
        pipe = self._input()
        if pipe is not None:
            pipe.close()

    def kill(self) -> None:
        """End the command with all it started, at once."""
        self._silent = True
        if self._transport is not None and self.running:
            self._signal_group()
            self._close_pipes()  # not the transport: it would race the loop for the exit status
        else:
            self.gone.set()

    def _input(self) -> asyncio.WriteTransport | None:
        pipe = None if self._transport is None else self._transport.get_pipe_transport(0)
        return cast("asyncio.WriteTransport | None", pipe)

    def _close_pipes(self) -> None:
        for number in (0, 1, 2):
            pipe = None if self._transport is None else self._transport.get_pipe_transport(number)
            if pipe is not None:
                pipe.close()

    def _signal_group(self) -> None:
        if self._transport is None:
            return
        try:
            os.killpg(self._transport.get_pid(), signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    def _end(self, status: int | None) -> None:
        self.running = False
        self.gone.set()
        self._receiver.ended(status)
