"""The simulated hosts on the network: asked by the real engine, and in every trouble."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from pollers.engine import Engine
from pollers.outcome import Job, Outcome
from pollers.simulator.keys import host_key, new_user_key, public_part
from pollers.simulator.servers import Fleet
from pollers.target import Login, Target
from tests.services import free_port

BASE = "127.78.0.0"
KEY = new_user_key()


class Watch:
    """Three simulated hosts, and an engine that polls them."""

    def __init__(self) -> None:
        self.port = free_port()
        self.fleet = Fleet(3, BASE, self.port, public_part(KEY))
        self.engine = Engine()

    async def poll(self, number: int, *, key: str = KEY, seconds: float = 8.0) -> Outcome:
        server = self.fleet.servers[number - 1]
        target = Target(
            number, "1", "asyncssh", server.address, self.port, Login("monitor", private_key=key),
            host_keys=(host_key(number).export_public_key().decode().strip(),),
        )  # fmt: skip

        async def prepare() -> Target:
            return target

        now = time.time()
        return await self.engine.poll(Job(number, int(now), "1", now + seconds), prepare)


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    watch = Watch()
    watch.fleet.open()
    yield watch
    await watch.engine.aclose()
    watch.fleet.close()


def code(outcome: Outcome) -> str:
    return outcome.failure.code.name if outcome.failure else ""


async def test_a_simulated_host_is_measured_over_one_kept_session(watch: Watch):
    first, second = await watch.poll(1), await watch.poll(1)
    assert first.failure is None
    assert second.failure is None
    assert first.login
    assert not second.login
    assert first.measurement
    assert first.measurement.facts
    assert first.measurement.facts["hostname"] == "web-01"
    values = dict(zip(second.measurement.columns, second.measurement.values, strict=True))
    assert 0.0 < values["cpu_percent", ()] < 100.0


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [("down", "TCP_REFUSED"), ("key", "HOSTKEY_CHANGED"), ("password", "AUTH_FAILED"), ("silent", "TCP_TIMEOUT")],
)  # fmt: skip
async def test_each_trouble_is_its_typed_failure_and_passes(watch: Watch, trouble, expected):
    assert code(await watch.poll(2)) == ""
    watch.fleet.apply({"db-01": trouble}, time.time())
    assert code(await watch.poll(2, seconds=3.0)) == expected
    assert code(await watch.poll(1)) == "", "the others go on"
    watch.fleet.apply({}, time.time())
    assert code(await watch.poll(2)) == ""


async def test_another_key_is_not_let_in(watch: Watch):
    assert code(await watch.poll(3, key=new_user_key())) == "AUTH_FAILED"
