"""What a running command prints: kept within limits, with the beginning of the noise.

A plain receiver of bytes, no stream: a poll is one or two calls.
"""

from __future__ import annotations

import asyncio

from fleet.failures import CODES, PollFailure

OUTPUT_LIMIT = 2 << 20
"""Bytes a host may send per question, noise and standard error included."""
NOISE_LIMIT = 2048


class Output:
    """Receives what a command prints; wakes the one who waits for it."""

    def __init__(self) -> None:
        self.data = bytearray()
        """Standard output that nobody has taken yet."""
        self.noise = bytearray()
        self.errors = bytearray()
        self.total = 0
        self.budget = OUTPUT_LIMIT
        self.over = False
        self.ended_with: int | None = None
        self.has_ended = False
        self._waiter: asyncio.Future[None] | None = None

    def received(self, data: bytes, *, stderr: bool) -> None:
        self.total += len(data)
        self.budget -= len(data)
        if self.budget < 0:
            self.over = True
        elif stderr:
            keep(self.errors, data)
            return
        else:
            self.data += data
        self._wake()

    def ended(self, status: int | None) -> None:
        self.has_ended, self.ended_with = True, status
        self._wake()

    def skip(self, count: int) -> None:
        """Drop noise from the front, keeping the first of it for the error page."""
        keep(self.noise, bytes(self.data[: min(count, NOISE_LIMIT)]))
        del self.data[:count]

    async def more(self) -> None:
        """Wait for more output or the end. Raises PROBE_TOO_BIG."""
        if not self.over and not self.has_ended:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.over:
            raise PollFailure(CODES["PROBE_TOO_BIG"], self.quote())

    def quote(self) -> str:
        """The beginning of what the host said that was not ours; hostile text."""
        said = bytes(self.noise) + bytes(self.data[:NOISE_LIMIT])
        parts = [bytes(self.errors).strip(), said.strip()]
        return b" | ".join(part for part in parts if part).decode("utf-8", "backslashreplace")

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


def keep(store: bytearray, data: bytes) -> None:
    store += data[: max(0, NOISE_LIMIT - len(store))]
