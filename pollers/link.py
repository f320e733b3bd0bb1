"""A link to one host: a session, the probe that runs over it, and what its counters stood at."""

from __future__ import annotations

import asyncio

from fleet.failures import CODES, PollFailure
from metrics.rates import Measurement, Rates
from pollers.probe.conversation import Conversation
from pollers.target import Target
from pollers.transports.base import Session, ShownKey, Transport
from pollers.transports.stages import timed_out

SEED_SECONDS = 1.0
"""Between the two questions of a new link: the first answer only seeds the counters."""

FIRST = frozenset(("facts", "minute"))
"""What a new link is asked for besides: it knows nothing yet."""

SECOND = "hour"
"""What it is asked for at its next minute, if the hour has not brought it: reading package
lists takes a processor for a second or two, too much for the poll that opens a session."""


class Attempt:
    """What one poll did so far; tells what it means when its time is up."""

    WAITING = "waiting"
    QUEUED = "queued"
    PREPARING = "preparing"
    CONNECTING = "connecting"
    TALKING = "talking"

    def __init__(self) -> None:
        self.doing = self.WAITING
        self.stages: list[tuple[str, float]] = []
        self.shown_key: ShownKey | None = None
        self.bytes_received = 0
        self.conversation: Conversation | None = None
        self.session: Session | None = None
        self.via = ""
        """The name of the jump host of the connection."""

    def announced_keys(self) -> tuple[ShownKey, ...]:
        """What the session opened for this poll tells of its host's keys."""
        return () if self.session is None else self.session.announced_keys

    @property
    def logged_in(self) -> bool:
        return any(stage == "login" for stage, _ in self.stages)

    def connecting(self, target: Target) -> None:
        """A connection is opened; the stages of one before it are forgotten."""
        self.doing = self.CONNECTING
        self.via = target.via.name if target.via else ""
        self.stages.clear()

    def progress(self, stage: str, seconds: float) -> None:
        self.stages.append((stage, seconds))

    def late(self) -> PollFailure:
        """The failure of a poll whose deadline struck now."""
        if self.doing == self.WAITING:
            detail = "the poll before it was still running"
            return PollFailure(CODES["PROBE_TIMEOUT"], detail, stage=self.doing)
        if self.doing == self.QUEUED:
            detail = "too many other hosts were being connected"
            return PollFailure(CODES["MONITOR_LATE"], detail, stage=self.doing)
        if self.doing == self.PREPARING:
            detail = "the host's settings could not be read in time"
            return PollFailure(CODES["MONITOR_LATE"], detail, stage=self.doing)
        if self.doing == self.TALKING and self.conversation is not None:
            return self.conversation.late()
        return timed_out([stage for stage, _ in self.stages], self.via)


class Link:
    """Open it, ask it, close it. Belongs to one revision of its host."""

    def __init__(self, target: Target, session: Session) -> None:
        self.revision = target.revision
        self.session = session
        self._conversation = Conversation()
        self._rates = Rates()
        self._opened = self._asked_second = False

    @classmethod
    async def open(
        cls, transport: Transport, target: Target, attempt: Attempt, first: str = ""
    ) -> Link:
        """Connect, log in and start the probe. Raises PollFailure; leaves nothing open then.

        `first` is the interpreter to try first.
        """
        attempt.connecting(target)
        session = await transport.connect(target, attempt.progress)
        attempt.shown_key = session.host_key
        attempt.session = session
        link = cls(target, session)
        try:
            await link._start(attempt, first)
        except BaseException:
            await link.close()
            raise
        return link

    @property
    def alive(self) -> bool:
        """Whether it can be asked, as far as is known without asking."""
        return not self.session.closed and not self._conversation.closed

    @property
    def interpreter(self) -> str:
        """The command that runs the probe."""
        return self._conversation.interpreter

    @property
    def lost(self) -> bool:
        """Whether the connection itself is gone."""
        return self.session.closed

    async def ask(self, extras: frozenset[str], attempt: Attempt) -> Measurement | None:
        """One question, one measurement; None the first time. Raises PollFailure."""
        self._talk(attempt)
        if self._opened and not self._asked_second and "minute" in extras:
            extras |= {SECOND}
        self._asked_second |= SECOND in extras
        before = self._conversation.bytes_received
        try:
            report = await self._conversation.ask(extras)
        finally:
            attempt.bytes_received += self._conversation.bytes_received - before
        return self._rates.measure(report)

    async def first_measurement(self, extras: frozenset[str], attempt: Attempt) -> Measurement:
        """Ask a new link twice: rates need two answers. Raises PollFailure."""
        await self.ask(frozenset(), attempt)
        await asyncio.sleep(SEED_SECONDS)
        measurement = await self.ask(extras | FIRST, attempt)
        if measurement is None:
            raise PollFailure(CODES["PROBE_BAD_FRAME"], "two reports make no measurement")
        self._opened = True
        return measurement

    async def close(self) -> None:
        """Close at once; safe to call twice."""
        self._conversation.close()
        await self.session.close()

    async def _start(self, attempt: Attempt, first: str) -> None:
        self._talk(attempt)
        try:
            await Conversation.open(self.session, into=self._conversation, first=first)
        finally:
            attempt.bytes_received += self._conversation.bytes_received

    def _talk(self, attempt: Attempt) -> None:
        attempt.doing = Attempt.TALKING
        attempt.conversation = self._conversation
