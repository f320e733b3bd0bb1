"""Drives one probe over one session: finds an interpreter, loads the program, asks.

Nothing in here waits on its own clock: the caller bounds everything with one deadline, and
`phase` tells where it struck. What a host prints beside our frames is noise: it is skipped,
and its beginning is kept for the page that explains a failure.
"""

from __future__ import annotations

import asyncio
import secrets
from hashlib import sha256
from typing import NoReturn

from fleet.failures import CODES, PollFailure
from metrics.report import MAX_BYTES, InvalidReport, Report, ReportReader
from pollers.probe import bundle
from pollers.probe.refusals import Refusals
from pollers.transports.base import Channel, Session

OUTPUT_LIMIT = 2 << 20
"""Bytes a host may send per question, noise and standard error included."""
NOISE_LIMIT = 2048
READY = b"ROLLCALL READY\n"
NEEDS = b"\nROLLCALL NEEDS psutil\n"
STARTED = b"\nROLLCALL STARTED psutil "
HEAD_LIMIT = 200


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


class Conversation:
    """One probe that runs on a host.

    `phase` is "shell" until the loader has said that it is ready, "probe" until the probe
    has started, then "sample". `interpreter` is the command that worked, `psutil` is "host"
    or "sent", `bytes_received` counts everything the host sent.
    """

    def __init__(self) -> None:
        self.phase = "shell"
        self.interpreter = ""
        self.psutil = ""
        self._output = Output()
        self._channel: Channel | None = None
        self._reader = ReportReader()
        self._earlier = 0
        self._taken = self._before = b""

    @property
    def bytes_received(self) -> int:
        return self._earlier + self._output.total

    @property
    def closed(self) -> bool:
        """Whether it can no longer be asked."""
        return self._channel is None or self._output.has_ended

    @classmethod
    async def open(cls, session: Session, *, into: Conversation | None = None) -> Conversation:
        """Start the probe with the first interpreter that works.

        Raises PollFailure. To know the phase when cancelled, pass a conversation made
        before as `into`.
        """
        self = into if into is not None else cls()
        try:
            await self._load(session)
            await self._start()
        except BaseException as error:
            self._abandon(error)
            raise
        return self

    async def ask(self, extras: frozenset[str] = frozenset()) -> Report:
        """Poll once. `extras`: "facts", "processes". After a failure it is closed.

        Raises PollFailure: PROBE_TRUNCATED, PROBE_TOO_BIG, PROBE_BAD_FRAME, PROBE_CRASHED,
        PROBE_SILENT.
        """
        output = self._output
        output.budget = OUTPUT_LIMIT
        output.noise.clear()
        output.errors.clear()
        output.skip(len(output.data))
        nonce = secrets.token_hex(8)
        try:
            self._write(" ".join(("poll", nonce, *sorted(extras))).encode() + b"\n")
            payload = await self._frame(nonce.encode())
            return self._reader.read(payload)
        except InvalidReport as error:
            self.close()
            raise PollFailure(CODES["PROBE_BAD_FRAME"], str(error), stage=self.phase) from None
        except BaseException as error:
            self._abandon(error)
            raise

    def close(self) -> None:
        """End the probe; safe to call twice."""
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.close()

    def _abandon(self, error: BaseException) -> None:
        """Leave nothing open behind a failure or a cancellation."""
        self.close()
        if isinstance(error, PollFailure):
            error.stage = error.stage or self.phase

    def late(self) -> PollFailure:
        """What to say when the caller's deadline struck: by the phase, with the noise quoted."""
        code = "PROBE_SILENT" if self.phase == "shell" else "PROBE_TIMEOUT"
        return PollFailure(CODES[code], self._output.quote(), stage=self.phase)

    async def _load(self, session: Session) -> None:
        """Try the interpreters until a loader says that it is ready."""
        refusals = Refusals()
        budget = OUTPUT_LIMIT  # for all attempts together
        for name, command in zip(bundle.INTERPRETERS, bundle.LOADER_COMMANDS, strict=True):
            self._earlier += self._output.total
            output = self._output = Output()
            output.budget = budget
            self._channel = await session.start(command, output)
            if await self._found(READY):
                self.interpreter = name
                return
            budget = output.budget
            self.close()
            refusals.add(name, output.ended_with, bytes(output.data), bytes(output.errors))
            if session.closed:
                break
        raise refusals.failure()

    async def _start(self) -> None:
        """Send the program, and psutil if it is asked for; wait until the probe has started."""
        self.phase = "probe"
        self._write(bundle.parcel(bundle.program()))
        if not await self._found(STARTED, NEEDS):
            self._fail()
        if not self._taken.startswith(STARTED):
            self._write(bundle.parcel(bundle.psutil_sent_along()))
            if not await self._found(STARTED):
                self._fail()
        if not await self._found(b"\n"):
            self._fail()
        self.psutil = "host" if self._before.strip() == b"host" else "sent"
        self.phase = "sample"

    def _write(self, data: bytes) -> None:
        if self._channel is None or self._output.has_ended:
            self._fail()
        self._channel.write(data)

    async def _found(self, *marks: bytes) -> bool:
        """Take everything up to and with the first of these marks; False if it ended first."""
        output, start = self._output, 0
        longest = max(map(len, marks))
        while True:
            places = [(output.data.find(mark, start), mark) for mark in marks]
            found = min((one for one in places if one[0] >= 0), default=None)
            if found is not None:
                place, self._taken = found
                self._before = bytes(output.data[:place][:HEAD_LIMIT])
                output.skip(place)
                del output.data[: len(self._taken)]
                return True
            start = max(0, len(output.data) - longest)
            if output.has_ended:
                return False
            await output.more()

    async def _frame(self, nonce: bytes) -> bytes:
        """The payload of the frame with this nonce; anything before it is noise."""
        output = self._output
        if not await self._found(b"\nROLLCALL " + nonce + b" "):
            self._fail()
        size, digest = await self._head()
        if size > MAX_BYTES:
            raise PollFailure(CODES["PROBE_TOO_BIG"], f"a report of {size} bytes", stage=self.phase)
        while len(output.data) < size:
            if output.has_ended:
                self._fail(begun=True)
            await output.more()
        payload = bytes(output.data[:size])
        del output.data[:size]
        if sha256(payload).hexdigest().encode() != digest:
            self._bad("the report was altered on its way")
        return payload

    async def _head(self) -> tuple[int, bytes]:
        """The length and hash that a frame begins with."""
        output = self._output
        while (end := output.data.find(b"\n", 0, HEAD_LIMIT)) < 0:
            if len(output.data) >= HEAD_LIMIT:
                self._bad("the head of the frame does not end")
            if output.has_ended:
                self._fail(begun=True)
            await output.more()
        words = bytes(output.data[:end]).split(b" ")
        if len(words) != 2 or not words[0].isdigit() or len(words[0]) > 9:
            self._bad("the head of the frame is damaged")
        del output.data[: end + 1]
        return int(words[0]), words[1]

    def _bad(self, why: str) -> NoReturn:
        quote = self._output.quote()
        detail = f"{why}: {quote}" if quote else why
        raise PollFailure(CODES["PROBE_BAD_FRAME"], detail, stage=self.phase)

    def _fail(self, *, begun: bool = False) -> NoReturn:
        """The command ended although the probe should still run: say why."""
        output = self._output
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
