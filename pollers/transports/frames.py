"""Frames between a transport and its child process: 4 bytes of length, one of kind, a body."""

from __future__ import annotations

from collections.abc import Iterator

LIMIT = 4 << 20
"""The largest body."""

# To the child
CONNECT = b"C"  # JSON: see paramiko_child
START = b"S"  # a command
INPUT = b"I"
INPUT_END = b"E"
# From the child
STAGE = b"P"  # JSON: [stage, seconds]
KEY = b"K"  # the host key in wire form; nothing was sent to log in yet
DONE = b"D"  # what was asked for is done
FAILED = b"F"  # JSON: [code, detail, stage, name of the state]
OUTPUT = b"O"
ERRORS = b"X"
ENDED = b"Z"  # the exit status in decimal, empty if there is none
LOST = b"L"  # the connection is gone


class BadFrame(ValueError):
    """The other side does not keep to the protocol."""


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """One frame, ready to be sent."""
    return len(body).to_bytes(4, "big") + kind + body


class Frames:
    """Cuts a stream of bytes into (kind, body)."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames that are whole now. Raises BadFrame."""
        self._data += data
        while len(self._data) >= 5:
            size = int.from_bytes(self._data[:4], "big")
            if size > LIMIT:
                raise BadFrame(f"a frame of {size} bytes")
            if len(self._data) < 5 + size:
                return
            kind, body = bytes(self._data[4:5]), bytes(self._data[5 : 5 + size])
            del self._data[: 5 + size]
            yield kind, body
