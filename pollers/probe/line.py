"""The line to one running probe: marks, frames, and what it means when they do not come.

Nothing in here waits on its own clock: the caller bounds everything with one deadline. What
a host prints beside our frames is noise: it is skipped, and its beginning is kept for the
page that explains a failure.
"""

from __future__ import annotations

import re
from typing import NoReturn

from fleet.failures import CODES, PollFailure
from metrics.report import MAX_BYTES
from pollers.probe.output import OUTPUT_LIMIT, Output
from pollers.probe.sums import right
from pollers.transports.base import Channel, Session

HEAD_LIMIT = 200
HEAD = re.compile(rb"(\d{1,9}) (\S{1,100})\n")


class Line:
    """One command that runs on a host, and what it prints.

    `phase` is "shell" until a loader has said that it is ready, "probe" until the probe has
    started, then "sample".
    """

    def __init__(self) -> None:
        self.phase = "shell"
        self.output = Output()
        self._channel: Channel | None = None
        self._earlier = 0
        self.taken = self.before = b""
        """The mark that was found last, and the beginning of what stood before it."""
        self.given_up: set[bytes] = set()
        """The nonces nobody waits for; one is taken out when its frame comes late."""
        self.came_late: dict[bytes, bytes] = {}
        """What those late frames held, by nonce."""

    @property
    def bytes_received(self) -> int:
        return self._earlier + self.output.total

    @property
    def closed(self) -> bool:
        """Whether nothing can be asked any more."""
        return self._channel is None or self.output.has_ended

    async def start(self, session: Session, command: str, budget: int) -> None:
        """Run a command in place of the one before it."""
        self.close()
        self._earlier += self.output.total
        self.output = Output()
        self.output.budget = budget
        self._channel = await session.start(command, self.output)

    def close(self) -> None:
        """End the command; safe to call twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def fresh(self) -> None:
        """Before a new question: what still lies about is noise of the past."""
        output = self.output
        output.budget = OUTPUT_LIMIT
        output.noise.clear()
        output.errors.clear()
        self._skip(len(output.data))

    def write(self, data: bytes) -> None:
        if self._channel is None or self.output.has_ended:
            self.fail()
        self._channel.write(data)

    async def found(self, *marks: bytes) -> bool:
        """Take everything up to and with the first of these marks; False if it ended first."""
        output, start = self.output, 0
        longest = max(map(len, marks))
        while True:
            places = [(output.data.find(mark, start), mark) for mark in marks]
            found = min((one for one in places if one[0] >= 0), default=None)
            if found is not None:
                place, self.taken = found
                self.before = bytes(output.data[:place][:HEAD_LIMIT])
                self._skip(place)
                del output.data[: len(self.taken)]
                return True
            start = max(0, len(output.data) - longest)
            if output.has_ended:
                return False
            await output.more()

    async def frame(self, nonce: bytes) -> bytes:
        """The payload of the frame with this nonce; anything before it is noise."""
        output = self.output
        if not await self.found(b"\nROLLCALL " + nonce + b" "):
            self.fail()
        size, digest = await self._head()
        if size > MAX_BYTES:
            raise PollFailure(CODES["PROBE_TOO_BIG"], f"a report of {size} bytes", stage=self.phase)
        while len(output.data) < size:
            if output.has_ended:
                self.fail(begun=True)
            await output.more()
        payload = bytes(output.data[:size])
        del output.data[:size]
        if not right(digest, payload):
            self.bad("the report was altered on its way")
        return payload

    def _skip(self, count: int) -> None:
        """Drop noise, but for late frames in it."""
        for nonce in [*self.given_up]:
            mark = b"\nROLLCALL " + nonce + b" "
            place = self.output.data.find(mark, 0, count)
            if place < 0:
                continue
            self.given_up.remove(nonce)
            frame = HEAD.match(self.output.data, place + len(mark))
            if frame is not None:
                payload = bytes(self.output.data[frame.end() : frame.end() + int(frame[1])])
                if len(payload) == int(frame[1]) and right(bytes(frame[2]), payload):
                    self.came_late[nonce] = payload
        self.output.skip(count)

    async def _head(self) -> tuple[int, bytes]:
        """The length and sum that a frame begins with."""
        output = self.output
        while (end := output.data.find(b"\n", 0, HEAD_LIMIT)) < 0:
            if len(output.data) >= HEAD_LIMIT:
                self.bad("the head of the frame does not end")
            if output.has_ended:
                self.fail(begun=True)
            await output.more()
        words = bytes(output.data[:end]).split(b" ")
        if len(words) != 2 or not words[0].isdigit() or len(words[0]) > 9:
            self.bad("the head of the frame is damaged")
        del output.data[: end + 1]
        return int(words[0]), words[1]

    def bad(self, why: str) -> NoReturn:
        quote = self.output.quote()
        detail = f"{why}: {quote}" if quote else why
        raise PollFailure(CODES["PROBE_BAD_FRAME"], detail, stage=self.phase)

    def fail(self, *, begun: bool = False) -> NoReturn:
        """The command ended although the probe should still run: say why."""
        output = self.output
        status, quote = output.ended_with, output.quote()
        errors = bytes(output.errors)
        if begun or status is None or status >= 128 or b"ROLLCALL CUT" in errors:
            code = "PROBE_TRUNCATED"
        elif status == 0 and not quote:
            code = "PROBE_SILENT"
        else:
            code = "PROBE_CRASHED"
        how = "the connection was lost" if status is None else f"it ended with status {status}"
        detail = f"{how}: {quote}" if quote else how
        raise PollFailure(CODES[code], detail, stage=self.phase)
