"""The demo's hosts: rows like any other, but of machines that are simulated, and muted."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from alerts.models import Muted
from credentials.models import Credential
from fleet.models import Host
from pollers.history import OlderHistory, write_recent
from pollers.inventory import add_host, make_credential
from pollers.simulator.keys import host_key, new_user_key, public_part
from pollers.simulator.model import SimulatedHost
from pollers.simulator.process import Simulator
from pollers.transports.hostkeys import shown_key

BASE = "127.77.0.0"
PORT = 22022
MOST = 10_000
REASON = "a simulated host of the demo"
BY = "the demo"
HISTORY = timedelta(hours=24)
SECONDS_AT_MOST = 20.0
"""For the last hour of all hosts; the rest of the day is written while the demo runs."""
QUIET = 20
"""Fleets smaller than this have no troubles."""

TROUBLES = """\
# Who is in trouble, and how: host, trouble, and, if you like, after how many seconds and for how many.
# Troubles: down (the port is closed), silent (nobody speaks), key (another host key),
# password (the login is refused). Change this file while the demo runs, and look at the pages.
edge-02     down       150  240
worker-03   silent
cache-02    key        90
build-02    password
"""


class DemoError(RuntimeError):
    """There can be no demo here; the message is for the person who asked for one."""


@dataclass(frozen=True)
class Demo:
    """The demo's rows, ready to be polled. `new` are those that have no history yet."""

    hosts: dict[int, Host]
    """By the number of the simulated host."""
    new: dict[int, Host]
    credential: Credential
    port: int

    def start(self, data: Path) -> RunningDemo:
        """Start the machines behind the rows, and give new ones their last hour.

        Raises SimulatorError, SecretUnreadable.
        """
        script = data / "troubles.txt"
        if not script.exists():
            script.write_text(TROUBLES if len(self.hosts) >= QUIET else "", encoding="utf-8")
        key = public_part(self.credential.reveal("private_key"))
        count = max(self.hosts)
        now = time.time()
        running = RunningDemo(
            Simulator(count, base=BASE, port=self.port, user_key=key, script=script),
            OlderHistory(self.new, now),
        )
        try:
            write_recent(self.new, now, SECONDS_AT_MOST)
            running.simulator.wait()
            running.history.start()
        except BaseException:
            running.stop()
            raise
        return running


@dataclass(frozen=True)
class RunningDemo:
    simulator: Simulator
    history: OlderHistory

    def is_alive(self) -> bool:
        return self.simulator.is_alive()

    def stop(self) -> None:
        self.history.stop()
        self.simulator.stop()


@transaction.atomic
def prepare(count: int) -> Demo:
    """Make the hosts of the demo that are not there yet. Raises DemoError."""
    if not 1 <= count <= MOST:
        raise DemoError(f"A demo has 1 to {MOST} hosts.")
    rows = Host.objects.present().filter(muted__reason=REASON).select_related("credential")
    present = {host.address: host for host in rows}
    if not present and Host.objects.present().exists():
        raise DemoError(
            "This database watches real hosts; a demo would mix simulated ones into them. "
            "Choose an empty DATA_DIR for it, or run: make demo"
        )
    ports = [host.port for host in present.values()] or [PORT if is_free(PORT) else free_port()]
    simulated = [SimulatedHost(number) for number in range(1, count + 1)]
    missing = [host for host in simulated if host.address(BASE) not in present]
    credential = next((host.credential for host in present.values() if host.credential), None)
    credential = credential or make_credential(username="monitor", private_key=new_user_key())
    new = {host.number: add(host, ports[0], credential) for host in missing}
    kept = {number_of(host): host for host in present.values()}
    return Demo({**kept, **new}, new, credential, ports[0])


def add(simulated: SimulatedHost, port: int, credential: Credential) -> Host:
    host = add_host(
        address=simulated.address(BASE),
        port=port,
        name=simulated.name,
        tags=simulated.tags,
        interval_seconds=simulated.role.interval,
        credential=credential,
        accepted_key=shown_key(host_key(simulated.number).public_data),
        by=BY,
    )
    Muted.objects.create(host=host, reason=REASON)
    # It has a history of a day, and charts begin where a host was added.
    host.created_at = timezone.now() - HISTORY
    Host.objects.filter(pk=host.pk).update(created_at=host.created_at)
    return host


def number_of(host: Host) -> int:
    packed = socket.inet_aton(host.address)
    return int.from_bytes(packed, "big") - int.from_bytes(socket.inet_aton(BASE), "big")


def is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((SimulatedHost(1).address(BASE), port))
        except OSError:
            return False
        return True


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind((SimulatedHost(1).address(BASE), 0))
        return int(trial.getsockname()[1])
