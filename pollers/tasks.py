"""Where Celery meets the pollers. Tasks carry ids, slots and revisions: never a secret, never an object."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutdown
from celery.utils.nodenames import worker_direct

from fleet.failures import CODES, PollFailure
from pollers.cleaning import clean_up
from pollers.ingest import record
from pollers.outcome import Job, Outcome
from pollers.owners import live_workers, owner
from pollers.preflight import run_preflight
from pollers.schedule import Claim, poll_deadline, tick
from pollers.targets import revisions
from pollers.worker import running_poller, start_poller, stop_poller

log = logging.getLogger(__name__)

BATCH = 500
KEEP_UP_TO = 300
"""Seconds: hosts polled more rarely keep no session."""

CADENCES = {60: ("processes", "minute"), 3600: ("facts", "hour")}
"""What is asked only so often, by seconds."""

SPREAD = 2654435761
"""Times the host, it scatters the moments: machines may share a processor."""


@shared_task
def dispatch() -> None:
    """Each second: claim what is due, and hand each host to the worker that owns it."""
    now = time.time()
    claims = tick(now)
    if not claims:
        return
    close_overdue(claims, now)
    revision = revisions(claim.host_id for claim in claims)
    workers = live_workers(now)
    shares: dict[str | None, list[Claim]] = defaultdict(list)
    for one in claims:
        shares[owner(one.host_id, workers)].append(one)
    for worker, share in shares.items():
        for batch in batches(share):
            expires = max(1.0, min(claim.interval for claim in batch))
            jobs = [[c.host_id, c.slot, revision.get(c.host_id, ""), c.interval] for c in batch]
            queue = worker_direct(worker) if worker else "celery"
            poll_hosts.apply_async(args=[jobs], queue=queue, expires=expires)


def batches(claims: list[Claim]) -> Iterator[list[Claim]]:
    """Batches of one task; short intervals apart from long ones, because a task expires with the shortest."""
    claims.sort(key=lambda claim: claim.interval)
    start = 0
    for end in range(1, len(claims) + 1):
        if (
            end == len(claims)
            or end - start >= BATCH
            or claims[end].interval > 2 * claims[start].interval
        ):
            yield claims[start:end]
            start = end


def close_overdue(claims: list[Claim], now: float) -> None:
    """Slots that were claimed but never ended: a worker was killed, or a task expired."""
    late = [
        Outcome(one.host_id, slot, "", now, 0.0, failure=PollFailure(CODES["MONITOR_LATE"]))
        for one in claims
        for slot in one.overdue
    ]
    if late:
        record(late)


@shared_task
def poll_hosts(jobs: list[list[Any]]) -> None:
    """Take a batch of claimed slots: [[host id, slot, revision, interval], …]."""
    poller = running_poller()
    if poller is None:
        log.warning("%d polls came before this worker was ready", len(jobs))
        return
    poller.submit([job(*one) for one in jobs])


def job(host_id: int, slot: int, revision: str, interval: int) -> Job:
    extras = {
        extra
        for seconds, extras in CADENCES.items()
        if (slot + host_id * SPREAD) % seconds < interval
        for extra in extras
    }
    return Job(
        host_id=host_id,
        slot=slot,
        revision=revision,
        deadline=slot + poll_deadline(interval),
        extras=frozenset(extras),
        keep=interval <= KEEP_UP_TO,
    )


PREFLIGHTS = ThreadPoolExecutor(4, thread_name_prefix="preflight")
"""Threads of their own: a silent host holds one for twenty seconds, and nothing else may wait for it."""


@shared_task
def preflight(draft_id: str) -> None:
    """Try a host that is not saved yet; returns at once."""
    PREFLIGHTS.submit(run_preflight, draft_id)


@shared_task
def clean() -> None:
    """Each minute: forget what is past its time, in slices."""
    clean_up()


@worker_ready.connect
def begin(sender: Any = None, **_: Any) -> None:
    start_poller(str(sender.hostname))


@worker_shutdown.connect
def end(**_: Any) -> None:
    stop_poller()
