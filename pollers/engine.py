"""Polls hosts, each over a session that is kept between its polls.

Lives in one asyncio loop. Whatever a host does, a poll ends by its deadline as exactly one
`Outcome`, and no other host notices.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from fleet.failures import CODES, PollFailure
from metrics.rates import Measurement
from pollers.link import Attempt, Link
from pollers.outcome import Job, Outcome
from pollers.probe.conversation import SHELL
from pollers.target import Target
from pollers.transports.base import HostKeyRefused, Transport
from pollers.transports.lanes import Doors, place_in
from pollers.transports.registry import transport

CONNECTS = 50
"""Hosts that are being connected at a time."""

DOUBTFUL_CONNECTS = 25
"""The same for hosts whose last poll failed."""

AT_ONE_DOOR = 3
"""Connections being opened to one address and port: more at once, and sshd may drop some
(MaxStartups)."""

CALM = 8
"""From so many connections being opened on, the next ones start with a jitter …"""

JITTER_SECONDS = 0.25
"""… of up to this."""

SESSION_SECONDS = 24 * 3600.0
"""The longest life of a session; each gets 80 to 100 % of it, so that they do not end at once."""

SHELL_SECONDS = 24 * 3600.0
"""After so long a host that was read through its shell is asked for a Python again."""

Prepare = Callable[[], Awaitable[Target]]
"""Gives the target with its secrets; called only to log in. May raise PollFailure."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """What worked on a host, in this life of it."""

    interpreter: str
    boot_id: str
    until: float


class _Host:
    """What the engine remembers of one host row."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.link: Link | None = None
        self.expires = 0.0
        self.doubtful = False
        self.users = 0
        self.used_at = 0.0

    async def drop(self) -> None:
        link, self.link = self.link, None
        if link is not None:
            await link.close()


class Engine:
    """One per loop."""

    def __init__(
        self, *, connects: int = CONNECTS, doubtful_connects: int = DOUBTFUL_CONNECTS
    ) -> None:
        self._hosts: dict[int, _Host] = {}
        self._transports: dict[str, Transport] = {}
        self._ways: dict[int, Way] = {}
        self._lane = asyncio.Semaphore(connects)
        self._doubtful_lane = asyncio.Semaphore(doubtful_connects)
        self._doors = Doors(AT_ONE_DOOR)
        self._connecting = 0
        self._stopping = False

    @property
    def sessions(self) -> int:
        """How many sessions are open."""
        return sum(host.link is not None for host in self._hosts.values())

    def revisions(self) -> dict[int, tuple[str, float]]:
        """The revision of each open session, and when it was last used (Unix time)."""
        return {
            host_id: (host.link.revision, host.used_at)
            for host_id, host in list(self._hosts.items())
            if host.link is not None
        }

    async def poll(self, job: Job, prepare: Prepare) -> Outcome:
        """Poll one host. Never raises but when cancelled."""
        started = time.monotonic()
        attempt = Attempt()
        measurement: Measurement | None = None
        failure: PollFailure | None = None
        with self._host(job.host_id) as host:
            try:
                measurement = await self._in_time(host, job, prepare, attempt)
            except PollFailure as exc:
                failure = exc
            except Exception as exc:
                failure = _mistake(job, exc)
            host.doubtful = failure is not None
            host.used_at = time.time()
        if isinstance(failure, HostKeyRefused):
            attempt.shown_key = failure.shown_key
        return Outcome(
            host_id=job.host_id,
            slot=job.slot,
            revision=job.revision,
            finished_at=time.time(),
            seconds=time.monotonic() - started,
            failure=failure,
            measurement=measurement,
            stages=tuple(attempt.stages),
            shown_key=attempt.shown_key,
            announced_keys=attempt.announced_keys(),
            login=attempt.logged_in,
            bytes_received=attempt.bytes_received,
            extras=job.extras,
        )

    async def close_host(self, host_id: int) -> None:
        """Close the session of a host, after the poll that may be running on it."""
        self._ways.pop(host_id, None)
        if host_id not in self._hosts:
            return
        with self._host(host_id) as host:
            async with host.lock:
                await host.drop()

    async def close_all(self) -> None:
        """`close_host` for all of them."""
        await asyncio.gather(*(self.close_host(host_id) for host_id in list(self._hosts)))

    async def aclose(self) -> None:
        """Close everything at once; polls that run now fail as MONITOR_LATE or by their loss."""
        self._stopping = True
        await asyncio.gather(*(host.drop() for host in list(self._hosts.values())))
        await asyncio.gather(*(way.aclose() for way in self._transports.values()))

    async def _in_time(
        self, host: _Host, job: Job, prepare: Prepare, attempt: Attempt
    ) -> Measurement:
        left = job.deadline - time.time()
        if left <= 0:
            raise PollFailure(CODES["MONITOR_LATE"], "it began after its deadline")
        try:
            async with asyncio.timeout(left), host.lock:
                return await self._measure(host, job, prepare, attempt)
        except TimeoutError:
            raise attempt.late() from None

    async def _measure(
        self, host: _Host, job: Job, prepare: Prepare, attempt: Attempt
    ) -> Measurement:
        """Under the lock of the host. A link that failed or is not to be kept is closed."""
        keep = False
        try:
            measurement = await self._over_kept_link(host, job, attempt)
            if measurement is None:
                link = await self._connect(host, job, prepare, attempt)
                measurement = await link.first_measurement(job.extras, attempt)
                self._remember(job.host_id, link, measurement)
            keep = job.keep
            return measurement
        finally:
            if not keep:
                await host.drop()

    async def _over_kept_link(self, host: _Host, job: Job, attempt: Attempt) -> Measurement | None:
        """None if there is no link to ask, or if it proved to be dead: then connect anew."""
        link = host.link
        if link is None:
            return None
        if link.revision != job.revision or not link.alive or time.monotonic() > host.expires:
            await host.drop()
            return None
        try:
            return await link.ask(job.extras, attempt)
        except PollFailure:
            if not link.lost:
                raise
            await host.drop()
            return None

    async def _connect(self, host: _Host, job: Job, prepare: Prepare, attempt: Attempt) -> Link:
        attempt.doing = Attempt.QUEUED
        async with self._turn(host.doubtful):
            self._refuse_when_stopping()
            attempt.doing = Attempt.PREPARING
            target = await prepare()
            way = self._transports.get(target.transport)
            if way is None:
                way = self._transports[target.transport] = transport(target.transport)
            attempt.doing = Attempt.QUEUED
            jump = target.via.host_id if target.via else 0
            async with self._doors.at((jump, target.address, target.port)):
                link = host.link = await Link.open(way, target, attempt, self._first(job))
            # Now, or the sweep would take a session in its first poll for an idle one.
            host.used_at = time.time()
        self._refuse_when_stopping()
        host.expires = time.monotonic() + SESSION_SECONDS * random.uniform(0.8, 1.0)
        return link

    def _first(self, job: Job) -> str:
        """The interpreter that worked the last time, if that still counts."""
        known = self._ways.get(job.host_id)
        if known is None or (known.interpreter == SHELL and time.monotonic() > known.until):
            return ""
        return known.interpreter

    def _remember(self, host_id: int, link: Link, measurement: Measurement) -> None:
        """What worked. A host that was restarted may have got its Python meanwhile."""
        known = self._ways.get(host_id)
        if known is None or known.interpreter != link.interpreter:
            until = time.monotonic() + SHELL_SECONDS
            self._ways[host_id] = Way(link.interpreter, measurement.boot_id, until)
        elif known.boot_id != measurement.boot_id:
            del self._ways[host_id]

    def _refuse_when_stopping(self) -> None:
        if self._stopping:
            raise PollFailure(CODES["MONITOR_LATE"], "this worker is being stopped")

    @asynccontextmanager
    async def _turn(self, doubtful: bool) -> AsyncIterator[None]:
        """A place in the lane: hosts that fail must not stand in the way of those that answer."""
        lane = self._doubtful_lane if doubtful else self._lane
        async with place_in(lane):
            self._connecting += 1
            try:
                if self._connecting > CALM:
                    await asyncio.sleep(random.uniform(0.0, JITTER_SECONDS))
                yield
            finally:
                self._connecting -= 1

    @contextmanager
    def _host(self, host_id: int) -> Iterator[_Host]:
        """The entry of a host; forgotten when nobody uses it and it has nothing to remember."""
        host = self._hosts.setdefault(host_id, _Host())
        host.users += 1
        try:
            yield host
        finally:
            host.users -= 1
            if not host.users and host.link is None and not host.doubtful:
                del self._hosts[host_id]


def _mistake(job: Job, exc: Exception) -> PollFailure:
    """INTERNAL. The text of an unknown exception may hold a secret: only its type is told."""
    where = "".join(traceback.format_tb(exc.__traceback__))
    logger.error("The poll of host %d failed: %s\n%s", job.host_id, type(exc).__name__, where)
    return PollFailure(CODES["INTERNAL"], type(exc).__name__)
