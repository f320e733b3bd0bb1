"""A Celery worker and beat as threads of this process, for the one-process set-up."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable

from celery import current_app
from celery.beat import EmbeddedService

from pollers.worker import start_poller, stop_poller

log = logging.getLogger(__name__)

THREADS = 6


class Embedded:
    """`start()`, look at `is_alive()` now and then, `stop()`.

    The worker is a WorkController and not a Worker: that one prints a banner, installs
    signal handlers and renames the process. Beat runs as a thread, because its own child
    process could not see an in-memory broker.
    """

    def __init__(self) -> None:
        self.name = f"embedded@{socket.gethostname()}"
        self.worker = current_app.WorkController(
            pool="threads",
            concurrency=THREADS,
            hostname=self.name,
            loglevel="WARNING",
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        self.beat = EmbeddedService(current_app, thread=True, scheduler_cls="celery.beat:Scheduler")
        self.thread = threading.Thread(target=self.worker.start, name="celery-worker", daemon=True)

    def start(self) -> None:
        start_poller(self.name)
        self.thread.start()
        self.beat.start()

    def is_alive(self) -> bool:
        return self.thread.is_alive() and self.beat.is_alive()

    def stop(self) -> None:
        """Schedule first, then the polls on their way, then what is left.

        Celery's own stops wait for ever where beat has died or the broker is away, so they
        run in threads that are left behind after a moment; the process ends anyway.
        """
        give_up_after(1.5, self.beat.stop)
        stop_poller()
        give_up_after(1.5, self.worker.stop)
        self.thread.join(0.5)


def give_up_after(seconds: float, function: Callable[[], object]) -> None:
    thread = threading.Thread(target=function, name="stopping", daemon=True)
    thread.start()
    thread.join(seconds)
