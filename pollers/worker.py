"""The part of a worker process that polls: one asyncio loop, one writer, one heartbeat.

Celery hands over claimed slots and goes on; the loop keeps the SSH sessions; a writer
thread stores what has come in every 300 ms, whatever batch it belongs to, so that a slow
host holds up nobody.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import defaultdict, deque
from collections.abc import Sequence

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connections,
)

from fleet.models import Host
from pollers.engine import Engine
from pollers.ingest import record
from pollers.models import Worker
from pollers.outcome import Job, Outcome
from pollers.owners import DEAD_AFTER, HEARTBEAT_EVERY
from pollers.target import Target
from pollers.targets import WITH_REVISION, load_target, revision_of

log = logging.getLogger(__name__)

WRITE_EVERY = 0.3
TICKS = 8
"""Moments within a second at which the hosts of its slot are polled together."""
SWEEP_EVERY = 5.0
MOST_UNWRITTEN = 100_000
"""Outcomes kept in memory while the database is away; the oldest are dropped, and said."""


class Poller:
    """One per worker process. `start()` once, `submit()` often, `stop()` once."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.engine = Engine()
        self.loop = asyncio.new_event_loop()
        self.unwritten: deque[Outcome] = deque()
        self.stopping = threading.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.threads = [
            threading.Thread(target=self.run_loop, name="poller-loop", daemon=True),
            threading.Thread(target=self.run_writer, name="poller-writer", daemon=True),
            threading.Thread(target=self.run_heartbeat, name="poller-heartbeat", daemon=True),
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def stop(self, timeout: float = 3.0) -> None:
        """End sessions, write what has come in, take the heartbeat away."""
        closing = asyncio.run_coroutine_threadsafe(self.close(), self.loop)
        try:
            closing.result(timeout)
        except TimeoutError:
            log.warning("sessions did not close in %.0f s", timeout)
        self.stopping.set()
        for thread in self.threads[1:]:
            thread.join(timeout)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.threads[0].join(timeout)

    async def close(self) -> None:
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.engine.aclose()

    # --- polling ---------------------------------------------------------------------------

    def submit(self, jobs: Sequence[Job]) -> None:
        """Take claimed slots; each ends as one outcome by its deadline."""
        self.loop.call_soon_threadsafe(self.begin, list(jobs))

    def begin(self, jobs: list[Job]) -> None:
        """Spread the hosts of a second over its ticks: a timer a tick, never one a host."""
        batches: dict[float, list[Job]] = defaultdict(list)
        for job in jobs:
            batches[job.slot + tick_of(job.host_id)].append(job)
        now = time.time()
        for moment, batch in batches.items():
            self.loop.call_later(max(0.0, moment - now), self.poll_together, batch)

    def poll_together(self, jobs: list[Job]) -> None:
        for job in jobs:
            task = self.loop.create_task(self.poll(job))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def poll(self, job: Job) -> None:
        self.unwritten.append(await self.engine.poll(job, lambda: self.prepare(job.host_id)))

    async def prepare(self, host_id: int) -> Target:
        return await asyncio.to_thread(with_database, load_target, host_id)

    def run_loop(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    # --- writing ---------------------------------------------------------------------------

    def run_writer(self) -> None:
        while not self.stopping.wait(WRITE_EVERY):
            self.write()
        self.write()
        connections.close_all()

    def write(self) -> None:
        """Store what has come in; on failure keep it for the next round."""
        outcomes = [self.unwritten.popleft() for _ in range(len(self.unwritten))]
        if not outcomes:
            return
        try:
            close_old_connections()
            record(outcomes)
        except (OperationalError, InterfaceError) as problem:
            log.warning(
                "the database is away, %d polls wait: %s", len(outcomes), type(problem).__name__
            )
            room = max(0, MOST_UNWRITTEN - len(self.unwritten))
            if len(outcomes) > room:
                log.error("%d polls were dropped while the database was away", len(outcomes) - room)
            self.unwritten.extendleft(reversed(outcomes[len(outcomes) - room :]))
            connections.close_all()
        except Exception:
            # One bad row must not stop the writer for good: try one by one, drop what fails, and say so.
            log.exception("storing %d polls failed; trying one by one", len(outcomes))
            for outcome in outcomes:
                self.write_alone(outcome)

    def write_alone(self, outcome: Outcome) -> None:
        try:
            record([outcome])
        except Exception:
            # Recorded in the log; the slot stays open and is closed as MONITOR_LATE by a later claim.
            log.exception("the poll of host %d at %d was dropped", outcome.host_id, outcome.slot)

    # --- heartbeat and sweep -----------------------------------------------------------------

    def run_heartbeat(self) -> None:
        swept = 0.0
        while True:
            try:
                close_old_connections()
                self.beat()
                if time.monotonic() - swept > SWEEP_EVERY:
                    swept = time.monotonic()
                    self.sweep()
            except DatabaseError as problem:
                log.warning("no heartbeat: %s", type(problem).__name__)
                connections.close_all()
            if self.stopping.wait(HEARTBEAT_EVERY):
                break
        try:
            Worker.objects.filter(name=self.name).delete()
        except DatabaseError:
            log.warning("the heartbeat row stays; it is ignored after %.0f s", DEAD_AFTER)
        connections.close_all()

    def beat(self) -> None:
        Worker.objects.update_or_create(
            name=self.name,
            defaults={"seen_at": time.time(), "sessions": len(self.engine.revisions())},
        )

    def sweep(self) -> None:
        """Close sessions of hosts that were changed, paused, removed, or went to another worker."""
        held = self.engine.revisions()
        if not held:
            return
        now = time.time()
        good: dict[int, tuple[str, float]] = {
            host.pk: (revision_of(host), now - 3 * host.interval_seconds - 10)
            for host in Host.objects.filter(
                pk__in=list(held), enabled=True, removed_at=None
            ).select_related(*WITH_REVISION)
        }
        for host_id, (revision, used_at) in held.items():
            if host_id not in good or good[host_id][0] != revision or used_at < good[host_id][1]:
                asyncio.run_coroutine_threadsafe(self.engine.close_host(host_id), self.loop)


def with_database(function, *arguments):  # type: ignore[no-untyped-def]
    """Call in a thread of the loop's executor, leaving no stale connection behind."""
    close_old_connections()
    return function(*arguments)


def tick_of(host_id: int) -> float:
    """Seconds into the second of its slot at which a host is polled; always the same for a host."""
    return (host_id * 2654435761 >> 7) % TICKS / TICKS


_poller: Poller | None = None
_lock = threading.Lock()


def running_poller() -> Poller | None:
    return _poller


def start_poller(name: str) -> Poller:
    """The poller of this process, started at the first call."""
    global _poller
    with _lock:
        if _poller is None:
            _poller = Poller(name)
            _poller.start()
        return _poller


def stop_poller() -> None:
    global _poller
    with _lock:
        if _poller is not None:
            _poller.stop()
            _poller = None
