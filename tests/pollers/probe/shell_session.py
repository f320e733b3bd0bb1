"""A session without a network: the command runs in a local shell."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from pollers.transports.base import Receiver


class ShellChannel(asyncio.SubprocessProtocol):
    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self.transport: asyncio.SubprocessTransport | None = None
        self.sent = bytearray()

    def connection_made(self, transport) -> None:
        self.transport = transport

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.receiver.received(data, stderr=fd == 2)

    def connection_lost(self, error) -> None:
        status = self.transport.get_returncode()
        self.receiver.ended(None if status is None or status < 0 else status)

    @property
    def pid(self) -> int:
        return self.transport.get_pid()

    def write(self, data: bytes) -> None:
        self.sent += data
        self.transport.get_pipe_transport(0).write(data)

    def close(self) -> None:
        self.transport.get_pipe_transport(0).close()


class ShellSession:
    """Runs each command with `shell -c`, as an SSH server does with the account's shell."""

    host_key = None

    def __init__(self, shell=("sh", "-c"), *, edit=lambda command: command, home="/") -> None:
        self.shell, self.edit, self.home = shell, edit, home
        self.commands: list[str] = []
        self.channels: list[ShellChannel] = []
        self.closed = False

    async def start(self, command: str, receiver: Receiver) -> ShellChannel:
        self.commands.append(command)
        loop = asyncio.get_running_loop()
        _, channel = await loop.subprocess_exec(
            lambda: ShellChannel(receiver),
            *self.shell,
            self.edit(command),
            cwd=self.home,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C"},
            start_new_session=True,
        )
        self.channels.append(channel)
        return channel

    async def close(self) -> None:
        self.closed = True
        for channel in self.channels:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if channel.transport.get_returncode() is None:
                    os.killpg(channel.pid, signal.SIGKILL)
            channel.transport.close()


def with_interpreter(path: str | Path):
    """An edit of the command that runs this interpreter in place of every name, and no shell."""

    def edit(command: str) -> str:
        _, mark, arguments = command.partition(" -I ")
        return f"exec {path} -I {arguments}" if mark else "exit 127"

    return edit


def without_python(shell: str = "sh"):
    """An edit of the command as on a host that has no Python, and this as its `sh`."""

    def edit(command: str) -> str:
        name, _, arguments = command.partition(" ")
        return f"exec {shell} {arguments}" if name == "sh" else f"{name}: not found; exit 127"

    return edit
