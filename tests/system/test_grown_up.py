"""PostgreSQL, Redis, separate workers, beat and gunicorn: killed while they poll.

The series here are short; `make torture` runs the same ones long.
"""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests import sshd as harness
from tests.services import Redis, private_postgresql, private_redis
from tests.system.rollcall import PASSWORD, ROOT, Rollcall

ME = getpass.getuser()
HOSTS = 12
INTERVAL = 2
SCALE = int(os.environ.get("TEST_SCALE", "1"))
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.timeout(400)


class GrownUp(Rollcall):
    """Each part a process of its own."""

    def __init__(self, database: str, redis: Redis) -> None:
        super().__init__(
            DATABASE_URL=database, BROKER_URL=redis.url, DJANGO_SUPERUSER_PASSWORD=PASSWORD
        )
        self.database = database
        self.redis = redis
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def start_all(self) -> None:
        self.manage("migrate", "--verbosity", "0")
        self.manage(
            "createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org"
        )
        for name in ("w1", "w2"):
            self.start_worker(name)
        self.spawn("beat", str(BIN / "celery"), "-A", "config", "beat", "-l", "WARNING")
        self.spawn(
            "web",
            str(BIN / "gunicorn"),
            "config.wsgi",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--threads",
            "4",
            "--no-control-socket",
        )
        self.until(self.answers, "the web page")

    def start_worker(self, name: str) -> None:
        self.workers[name] = self.spawn(
            name,
            str(BIN / "celery"),
            "-A",
            "config",
            "worker",
            "-P",
            "threads",
            "-c",
            "4",
            "-n",
            f"{name}@%h",
            "-l",
            "WARNING",
        )

    def rows(self, sql: str, *arguments: Any) -> list[Any]:
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(sql, arguments).fetchall()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def grown_up() -> Iterator[GrownUp]:
    with private_postgresql() as database, private_redis() as redis:
        installation = GrownUp(database, redis)
        try:
            installation.start_all()
            yield installation
        finally:
            installation.close()


@pytest.fixture(scope="module")
def hosts(grown_up: GrownUp, server: harness.Sshd, key_file: Path) -> list[int]:
    numbers = [
        grown_up.add(
            "127.0.0.2",
            "--port",
            str(server.port),
            "--user",
            ME,
            "--key",
            str(key_file),
            "--accept-host-key",
            "--interval",
            str(INTERVAL),
            "--name",
            f"h{i}",
        )
        for i in range(HOSTS)
    ]
    grown_up.until(lambda: measured_since(grown_up, 0) == HOSTS, "all hosts measured", 60)
    return numbers


def measured_since(installation: GrownUp, moment: float) -> int:
    return int(
        installation.rows(
            "SELECT count(DISTINCT host_id) FROM metrics_metric WHERE outcome = 0 AND slot >= %s",
            int(moment),
        )[0][0]
    )


def holes(installation: GrownUp, began: int, ended: int) -> list[tuple[int, int]]:
    """(host, slot) of slots without a row and outside every gap."""
    gaps = installation.rows("SELECT began_at, ended_at FROM metrics_gap")
    missing = []
    for (host,) in installation.rows("SELECT id FROM fleet_host WHERE removed_at IS NULL"):
        phase = host * 2654435761 % INTERVAL
        have = {
            slot
            for (slot,) in installation.rows(
                "SELECT slot FROM metrics_metric WHERE host_id = %s AND slot >= %s", host, began
            )
        }
        first = began + (phase - began) % INTERVAL
        for slot in range(first, ended, INTERVAL):
            if slot not in have and not any(start - 3 <= slot <= end + 3 for start, end in gaps):
                missing.append((host, slot))
    return missing


def test_two_workers_share_the_hosts_and_keep_their_sessions(
    grown_up: GrownUp, hosts: list[int], server: harness.Sshd
):
    grown_up.until(
        lambda: len(grown_up.rows("SELECT 1 FROM pollers_worker WHERE sessions > 0")) == 2,
        "two busy workers",
    )
    logins = server.logins
    time.sleep(4 * INTERVAL)
    assert server.logins == logins
    assert grown_up.host(hosts[0])["state"] == "up"


def test_a_killed_worker_loses_and_doubles_nothing(grown_up: GrownUp, hosts: list[int]):
    began = int(time.time())
    for number in range(3 * SCALE):
        name = ("w1", "w2")[number % 2]
        time.sleep(1.3)
        worker = grown_up.workers[name]
        worker.kill()
        worker.wait()
        killed = time.time()
        # The other worker takes the dead one's hosts over before it comes back.
        grown_up.until(
            lambda since=killed + 1: measured_since(grown_up, since) == HOSTS,
            f"all hosts after kill {number}",
            40,
        )
        grown_up.start_worker(name)
        grown_up.until(
            lambda: (
                len(
                    grown_up.rows(
                        "SELECT 1 FROM pollers_worker WHERE seen_at > %s", time.time() - 3
                    )
                )
                == 2
            ),
            "both workers",
            40,
        )
    check_nothing_lost(grown_up, began)


def test_a_killed_redis_loses_and_doubles_nothing(grown_up: GrownUp, hosts: list[int]):
    began = int(time.time())
    for number in range(2 * SCALE):
        time.sleep(1.7)
        grown_up.redis.kill()
        time.sleep(3)
        grown_up.redis.start()
        started = time.time()
        grown_up.until(
            lambda since=started: measured_since(grown_up, since) == HOSTS,
            f"all hosts after reset {number}",
            60,
        )
    check_nothing_lost(grown_up, began)


def check_nothing_lost(installation: GrownUp, began: int) -> None:
    """Every slot is a row, a typed failure, or inside a gap; late rows are closed by the next claims."""
    ended = int(time.time())
    time.sleep(5.0 + 3 * INTERVAL)
    installation.until(
        lambda: not holes(installation, began + INTERVAL, ended), "every slot to be closed", 20
    )
    doubled = installation.rows(
        "SELECT host_id, slot, count(*) FROM metrics_metric GROUP BY 1, 2 HAVING count(*) > 1"
    )
    assert doubled == []


def test_a_worker_told_to_stop_ends_by_itself(grown_up: GrownUp, hosts: list[int]):
    worker = grown_up.workers["w2"]
    grown_up.stop(worker, signal.SIGTERM, 30)
    assert worker.returncode == 0
    assert len(grown_up.rows("SELECT 1 FROM pollers_worker")) == 1, "its heartbeat is taken away"
    stopped = time.time()
    grown_up.until(
        lambda: measured_since(grown_up, stopped) == HOSTS, "the other worker to take over", 20
    )


def test_the_tests_of_clock_and_ingest_pass_on_postgresql():
    with private_postgresql() as database:
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "-m",
                "database",
                "-p",
                "no:cacheprovider",
                "tests",
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "ROLLCALL_TEST_DATABASE": database},
            timeout=110,
        )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
