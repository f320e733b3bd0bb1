"""One rung of the ladder, in a process of its own: one worker polls N simulated hosts.

Everything a worker does is in it, from the claim of the slots to the rows, but Celery: the
claims of `pollers.schedule` go straight to the poller. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from threading import Event, Thread
from typing import NamedTuple

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connections, transaction  # noqa: E402
from django.utils import timezone  # noqa: E402

from benchmarks.machine import free_port, pin, resident  # noqa: E402
from fleet.models import Host, HostKey, HostState  # noqa: E402
from fleet.states import State  # noqa: E402
from metrics.models import Metric  # noqa: E402
from pollers import worker  # noqa: E402
from pollers.inventory import make_credential  # noqa: E402
from pollers.outcome import Outcome  # noqa: E402
from pollers.schedule import tick  # noqa: E402
from pollers.simulator.keys import host_key, new_user_key, public_part  # noqa: E402
from pollers.simulator.model import SimulatedHost  # noqa: E402
from pollers.simulator.process import Simulator  # noqa: E402
from pollers.targets import revisions  # noqa: E402
from pollers.tasks import job  # noqa: E402
from pollers.transports.hostkeys import shown_key  # noqa: E402

BASE = "127.79.0.0"
INTERVAL = 10
COLD_AT_MOST = 120.0
SETTLE = 12.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("hosts", type=int)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    call_command("migrate", verbosity=0)
    key, port = new_user_key(), free_port(SimulatedHost(1).address(BASE))
    add_hosts(given.hosts, port, key)
    simulator = Simulator(given.hosts, base=BASE, port=port, user_key=public_part(key))
    pin(simulator.process.pid, 1)
    pin(0, 0)
    try:
        simulator.wait()
        json.dump(measure(given.hosts, given.seconds), sys.stdout)
    finally:
        simulator.stop()


@transaction.atomic
def add_hosts(count: int, port: int, key: str) -> None:
    credential = make_credential(username="monitor", private_key=key)
    simulated = [SimulatedHost(number) for number in range(1, count + 1)]
    hosts = Host.objects.bulk_create(
        Host(name=one.name, address=one.address(BASE), port=port, credential=credential, interval_seconds=INTERVAL)
        for one in simulated
    )  # fmt: skip
    now = timezone.now()
    HostState.objects.bulk_create(
        HostState(host=host, state=State.PENDING, state_since=now) for host in hosts
    )
    keys = [shown_key(host_key(one.number).public_data) for one in simulated]
    HostKey.objects.bulk_create(
        HostKey(host=host, algorithm=key.algorithm, public=key.public, fingerprint=key.fingerprint, accepted_at=now)
        for host, key in zip(hosts, keys, strict=True)
    )  # fmt: skip


class Dispatcher(Thread):
    """Each second: claim what is due, and hand it to the poller."""

    def __init__(self, poller: worker.Poller) -> None:
        super().__init__(daemon=True)
        self.poller = poller
        self.stopping = Event()

    def run(self) -> None:
        while not self.stopping.wait(1.0 - time.time() % 1.0):
            claims = tick(time.time())
            revision = revisions(claim.host_id for claim in claims)
            self.poller.submit([job(c.host_id, c.slot, revision[c.host_id], c.interval) for c in claims])  # fmt: skip
        connections.close_all()


class Poll(NamedTuple):
    """What is remembered of an outcome: not its values, whose memory is not the worker's."""

    host_id: int
    late: float
    seconds: float
    columns: int


def poll_of(outcome: Outcome) -> Poll:
    planned = outcome.slot + worker.tick_of(outcome.host_id)
    columns = len(outcome.measurement.columns) if outcome.measurement else 0
    began = outcome.finished_at - outcome.seconds
    return Poll(outcome.host_id, began - planned, outcome.seconds, columns)


def measure(hosts: int, seconds: float) -> dict[str, float]:
    seen: list[Poll] = []
    record = worker.record

    def noted(outcomes: list[Outcome]) -> None:
        seen.extend(map(poll_of, outcomes))
        record(outcomes)

    worker.record = noted  # type: ignore[assignment]
    before, cpu_before = resident(), time.process_time()
    poller = worker.start_poller("bench")
    began = time.monotonic()
    dispatcher = Dispatcher(poller)
    dispatcher.start()
    up: set[int] = set()
    looked = 0
    while len(up) < hosts and time.monotonic() - began < COLD_AT_MOST:
        time.sleep(0.1)
        fresh, looked = seen[looked:], len(seen)
        up.update(poll.host_id for poll in fresh if poll.columns)
    cold, cold_cpu = time.monotonic() - began, time.process_time() - cpu_before
    time.sleep(SETTLE)
    cpu, wall, start = time.process_time(), time.monotonic(), int(time.time()) + 1
    mark = len(seen)
    time.sleep(seconds)
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    polled = seen[mark:]
    memory, sessions = resident(), poller.engine.sessions
    time.sleep(8.0)  # what was claimed in the window ends by its deadline
    dispatcher.stopping.set()
    dispatcher.join(5)
    worker.stop_poller()
    # Whole intervals: each host is due equally often.
    end = start + max(1, int(seconds) // INTERVAL) * INTERVAL
    filled = Metric.objects.filter(slot__gte=start, slot__lt=end, outcome=0).count()
    late = sorted(poll.late for poll in polled)
    answers = sorted(poll.seconds for poll in polled)
    columns = max((poll.columns for poll in polled), default=0)
    return {
        "hosts": hosts,
        "up": len(up),
        "polls_per_second": len(polled) / wall,
        "filled_percent": 100.0 * filled / (hosts * (end - start) / INTERVAL),
        "late_p50": percentile(late, 50),
        "late_p99": percentile(late, 99),
        "answer_p50": percentile(answers, 50),
        "answer_p99": percentile(answers, 99),
        "cpu_percent": 100.0 * cpu / wall,
        "cpu_us_per_poll": 1e6 * cpu / max(1, len(polled)),
        "rss_mb": memory / 1e6,
        "kb_per_session": (memory - before) / 1024 / max(1, sessions),
        "cold_seconds": cold,
        "cold_cpu_ms_per_host": 1e3 * cold_cpu / hosts,
        "columns": columns,
    }


def percentile(values: list[float], percent: int) -> float:
    if len(values) < 2:
        return float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


if __name__ == "__main__":
    main()
