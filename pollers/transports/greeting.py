"""Is it an SSH server? Judged from the first bytes, before anything parses them."""

from __future__ import annotations

from enum import Enum

GREETING_LIMIT = 16 * 1024
"""Bytes a server may send before its version (RFC 4253 allows lines before it)."""

FOREIGN_SECONDS = 2.0
"""How long a service that greets with something else has to come to its version."""

# What OpenSSH says to a connection it will not serve, instead of its version.
_TURNED_AWAY = (b"Exceeded MaxStartups", b"Not allowed at this time")


class Verdict(Enum):
    UNDECIDED = "nothing decisive yet"
    SSH = "an SSH server"
    FOREIGN = "something else"
    BUSY = "an SSH server that turns connections away"


class Greeting:
    """Takes the first bytes of a server until it is clear what it is."""

    def __init__(self) -> None:
        self._head = b""
        self.verdict = Verdict.UNDECIDED

    @property
    def heard(self) -> bool:
        """Whether the server said anything at all."""
        return bool(self._head)

    def feed(self, data: bytes) -> Verdict:
        """Judge again with more bytes. What was said is never quoted: it may be anything."""
        if self.verdict is not Verdict.UNDECIDED:
            return self.verdict
        self._head += data[: GREETING_LIMIT + 1 - len(self._head)]
        lines = self._head.split(b"\n")
        for line in lines[:-1]:
            if line.startswith(b"SSH-"):
                self.verdict = Verdict.SSH
                return self.verdict
            if line.startswith(_TURNED_AWAY):
                self.verdict = Verdict.BUSY
                return self.verdict
        if lines[0].startswith(b"HTTP/") or len(self._head) > GREETING_LIMIT:
            self.verdict = Verdict.FOREIGN
        return self.verdict
