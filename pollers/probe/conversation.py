"""Drives one probe over one session: finds a way to run it, loads it, asks it.

The ways, in this order: Python with the host's psutil; Python with psutil sent along; the
shell. The way that worked the last time is tried first. Nothing in here waits on its own
clock but what the shell may leave unanswered: the caller bounds everything with one
deadline, and `phase` tells where it struck.
"""

from __future__ import annotations

import secrets

from fleet.failures import CODES, PollFailure
from metrics.report import InvalidReport, Report, ReportReader
from pollers.probe import bundle
from pollers.probe.line import Line
from pollers.probe.output import OUTPUT_LIMIT
from pollers.probe.refusals import Refusals
from pollers.probe.shell import ShellProbe
from pollers.transports.base import Session

READY = b"ROLLCALL READY\n"
NEEDS = b"\nROLLCALL NEEDS psutil\n"
STARTED = b"\nROLLCALL STARTED "
SHELL = "sh"


class Conversation:
    """One probe that runs on a host.

    `phase` is "shell" until the loader has said that it is ready, "probe" until the probe
    has started, then "sample". `interpreter` is the command that worked, "sh" without
    Python; `psutil` is "host", "sent", or nothing; `bytes_received` counts everything the
    host sent.
    """

    def __init__(self) -> None:
        self.interpreter = ""
        self.psutil = ""
        self._line = Line()
        self._reader = ReportReader()
        self._shell: ShellProbe | None = None

    @property
    def phase(self) -> str:
        return self._line.phase

    @property
    def bytes_received(self) -> int:
        return self._line.bytes_received

    @property
    def closed(self) -> bool:
        """Whether it can no longer be asked."""
        return self._line.closed

    @property
    def way(self) -> str:
        """For people: how the host is read."""
        if self.interpreter == SHELL:
            return "shell, without Python"
        return "psutil of the host" if self.psutil == "host" else "psutil sent along"

    @classmethod
    async def open(
        cls, session: Session, *, into: Conversation | None = None, first: str = ""
    ) -> Conversation:
        """Start the probe in the first way that works.

        Raises PollFailure. `first` is the `interpreter` that worked the last time. To know
        the phase when cancelled, pass a conversation made before as `into`.
        """
        self = into if into is not None else cls()
        try:
            await self._load(session, first)
        except BaseException as error:
            self._abandon(error)
            raise
        return self

    async def ask(self, extras: frozenset[str] = frozenset()) -> Report:
        """Poll once. `extras`: "facts", "processes", "minute", "hour". After a failure it is closed.

        Raises PollFailure: PROBE_TRUNCATED, PROBE_TOO_BIG, PROBE_BAD_FRAME, PROBE_CRASHED,
        PROBE_SILENT.
        """
        try:
            if self._shell is not None:
                return await self._shell.ask(extras)
            self._line.fresh()
            nonce = secrets.token_hex(8)
            self._line.write(" ".join(("poll", nonce, *sorted(extras))).encode() + b"\n")
            payload = await self._line.frame(nonce.encode())
            return self._reader.read(payload)
        except InvalidReport as error:
            self.close()
            raise PollFailure(CODES["PROBE_BAD_FRAME"], str(error), stage=self.phase) from None
        except BaseException as error:
            self._abandon(error)
            raise

    def close(self) -> None:
        """End the probe; safe to call twice."""
        self._line.close()

    def _abandon(self, error: BaseException) -> None:
        """Leave nothing open behind a failure or a cancellation."""
        self.close()
        if isinstance(error, PollFailure):
            error.stage = error.stage or self.phase

    def late(self) -> PollFailure:
        """What to say when the caller's deadline struck: by the phase, with the noise quoted."""
        code = "PROBE_SILENT" if self.phase == "shell" else "PROBE_TIMEOUT"
        return PollFailure(CODES[code], self._line.output.quote(), stage=self.phase)

    async def _load(self, session: Session, first: str) -> None:
        """Try the interpreters until a loader says that it is ready, then start what it loads."""
        commands = dict(zip(bundle.INTERPRETERS, bundle.LOADER_COMMANDS, strict=True))
        names = [SHELL] if first == SHELL else []
        names += [first] if first in commands else []
        names += [name for name in (*commands, SHELL) if name not in names]
        refusals, line = Refusals(), self._line
        for name in names:
            shell = name == SHELL
            budget = line.output.budget if refusals.attempts else OUTPUT_LIMIT
            await line.start(session, bundle.SHELL_COMMAND if shell else commands[name], budget)
            if shell:
                line.write(bundle.SHELL_LOADER.encode())
            if await line.found(READY):
                self.interpreter = name
                return await (self._start_shell() if shell else self._start_python())
            line.close()
            output = line.output
            refusals.add(name, output.ended_with, bytes(output.data), bytes(output.errors))
            if session.closed:
                break
        raise refusals.failure()

    async def _start_python(self) -> None:
        """Send the program, and psutil if it is asked for; wait until the probe has started."""
        line = self._line
        line.phase = "probe"
        line.write(bundle.parcel(bundle.program()))
        await self._mark(STARTED, NEEDS)
        if line.taken != STARTED:
            line.write(bundle.parcel(bundle.psutil_sent_along()))
            await self._mark(STARTED)
        await self._mark(b"\n")
        self.psutil = "host" if line.before.strip() == b"psutil host" else "sent"
        line.phase = "sample"

    async def _start_shell(self) -> None:
        line = self._line
        line.phase = "probe"
        line.write(bundle.shell_parcel(bundle.shell_program()))
        await self._mark(STARTED)
        await self._mark(b"\n")
        self._shell = ShellProbe(line)
        line.phase = "sample"

    async def _mark(self, *marks: bytes) -> None:
        if not await self._line.found(*marks):
            self._line.fail()
