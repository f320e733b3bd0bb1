"""The far end of the conversation with the probe: takes the program, never runs it, and answers."""

from __future__ import annotations

import time
from hashlib import sha256

import asyncssh

from pollers.simulator.model import SimulatedHost
from pollers.simulator.report import document, frame

ONE_REPORT = "rollcall-simulator one-report"
"""A command that prints one report and ends: for programs that connect anew for each poll."""
LONGEST_LINE = 4096
LARGEST_PARCEL = 1 << 20


class SimulatedProbe(asyncssh.SSHServerSession[bytes]):
    """One channel of one session. Every other command ends like one that is not there."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self._channel: asyncssh.SSHServerChannel[bytes] | None = None
        self._command = ""
        self._input = bytearray()
        self._parcel: tuple[int, bytes] | None = None
        self._started = self._named = False

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan

    def exec_requested(self, command: str) -> bool:
        self._command = command
        return True

    def session_started(self) -> None:
        if self._command == ONE_REPORT:
            self._answer(b"poll once")
            self._exit(0)
        elif self._command.startswith("python3 ") and self._command.endswith("rollcall-probe"):
            self._say(b"ROLLCALL READY\n")
        else:
            self._exit(127)

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._input += data
        while self._channel is not None and self._step():
            pass

    def eof_received(self) -> bool:
        self._exit(0)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel = None

    def _step(self) -> bool:
        """Take one line, or the parcel, from what has come in; False when more is needed."""
        if self._parcel is not None:
            return self._take_parcel(*self._parcel)
        line, found, rest = bytes(self._input).partition(b"\n")
        if not found:
            if len(line) > LONGEST_LINE:
                self._exit(1)
            return False
        self._input[:] = rest
        if self._started:
            self._answer(line)
            return True
        size, _, digest = line.partition(b" ")
        if not size.isdigit() or int(size) > LARGEST_PARCEL:
            self._exit(1)
            return False
        self._parcel = int(size), digest.strip()
        return True

    def _take_parcel(self, size: int, digest: bytes) -> bool:
        if len(self._input) < size:
            return False
        whole = sha256(self._input[:size]).hexdigest().encode() == digest
        del self._input[:size]
        self._parcel = None
        if not whole:
            self._exit(1, b"ROLLCALL CUT\n")
            return False
        self._started = True
        self._say(b"\nROLLCALL STARTED psutil host\n")
        return True

    def _answer(self, line: bytes) -> None:
        word, nonce, *extras = line.split() if line.count(b" ") else (b"", b"")
        if word != b"poll":
            return
        asked = frozenset(extra.decode("ascii", "replace") for extra in extras)
        report = document(self._host, time.time(), asked, names=not self._named)
        self._named = True
        self._say(frame(nonce, report))

    def _say(self, data: bytes) -> None:
        if self._channel is not None and not self._channel.is_closing():
            self._channel.write(data)

    def _exit(self, status: int, errors: bytes = b"") -> None:
        if self._channel is not None and not self._channel.is_closing():
            if errors:
                self._channel.write_stderr(errors)
            self._channel.exit(status)
