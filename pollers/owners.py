"""Which worker polls which host: rendezvous hashing over the live workers.

Each host belongs to one live worker, so that its SSH session is kept; when a worker comes
or goes only its own share moves. Pure but for `live_workers`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pollers.models import Worker

HEARTBEAT_EVERY = 1.0
DEAD_AFTER = 6.0
"""Seconds of silence after which a worker's hosts go to the others."""


def live_workers(now: float) -> list[str]:
    return sorted(Worker.objects.filter(seen_at__gt=now - DEAD_AFTER).values_list("name", flat=True))


def owner(host_id: int, workers: Sequence[str]) -> str | None:
    """The worker with the highest hash for this host; None when there is none."""
    return max(workers, key=lambda name: weight(name, host_id), default=None)


def weight(name: str, host_id: int) -> bytes:
    return hashlib.blake2b(f"{name}/{host_id}".encode(), digest_size=8).digest()
