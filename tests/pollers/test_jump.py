"""Hosts behind a jump host, over real servers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncssh
import pytest

from fleet.states import State
from pollers.engine import Engine
from pollers.target import Target
from pollers.transports import bastion
from pollers.transports.base import STAGES_BY_JUMP, Transport
from pollers.transports.registry import transport
from tests import hostile
from tests.pollers.conftest import Sink
from tests.pollers.test_engine import Host, failed
from tests.pollers.test_transports import eventually, open_files, refusal
from tests.sshd import Sshd, free_port, running

pytestmark = pytest.mark.timeout(90)


@pytest.fixture(params=["asyncssh", "paramiko"])
async def ssh(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    """Each transport that goes through a network, closed afterwards."""
    way = transport(request.param)
    yield way
    await way.aclose()


@pytest.fixture()
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    yield engine
    await engine.aclose()


def behind(jump: Sshd, target: Target, **changes: object) -> Target:
    """The target, reached through this jump host."""
    way = jump.target(host_id=jump.port, name="gate", **changes)
    return replace(target, via=way)


async def test_a_host_behind_a_jump_host(ssh: Transport, own_sshd: Sshd, sshd: Sshd) -> None:
    seen: list[str] = []
    target = behind(own_sshd, sshd.target())
    session = await ssh.connect(target, lambda stage, _: seen.append(stage))
    assert tuple(seen) == STAGES_BY_JUMP
    assert session.host_key is not None
    assert session.host_key.public == sshd.host_keys[0]
    sink = Sink()
    await session.start("head -c 8000000 /dev/zero", sink)
    assert await sink.end() == 0
    assert len(sink.out) == 8_000_000
    await session.close()


async def test_one_session_with_the_jump_host_for_all(ssh: Transport, own_sshd: Sshd) -> None:
    with running() as server:
        target = behind(own_sshd, server.target())
        sessions = await asyncio.gather(*(ssh.connect(target) for _ in range(4)))
        assert (own_sshd.logins, server.logins) == (1, 4)
        await asyncio.gather(*(session.close() for session in sessions))
        again = await ssh.connect(target)
        await again.close()
        assert own_sshd.logins == 1
    await ssh.aclose()
    await eventually(lambda: not own_sshd.processes())


async def test_fetches_the_key_of_a_host_behind(ssh: Transport, sshd: Sshd) -> None:
    with running() as server:
        key = await ssh.fetch_host_key(behind(sshd, server.target(login=None, host_keys=())))
        assert key.public == server.host_keys[0]


async def test_the_key_of_a_host_behind_is_judged(ssh: Transport, sshd: Sshd) -> None:
    with running() as server:
        wrong = behind(sshd, server.target(host_keys=sshd.host_keys))
        failure = await refusal(ssh.connect(wrong))
        assert failure.code.name == "HOSTKEY_CHANGED"
        assert server.attempts == 0


async def test_a_host_behind_that_refuses_is_down_itself(ssh: Transport, sshd: Sshd) -> None:
    failure = await refusal(ssh.connect(behind(sshd, sshd.target(port=free_port()))))
    assert (failure.code.name, failure.state) == ("TCP_REFUSED", State.DOWN)
    assert "gate" in failure.detail


async def test_a_name_that_the_jump_host_does_not_know(ssh: Transport, sshd: Sshd) -> None:
    target = behind(sshd, sshd.target(address="no-such-host.invalid"))
    failure = await refusal(ssh.connect(target), 30)
    assert failure.code.name in ("DNS_FAIL", "TCP_REFUSED")


async def test_a_jump_host_that_is_down(ssh: Transport, sshd: Sshd) -> None:
    failure = await refusal(ssh.connect(behind(sshd, sshd.target(), port=free_port())))
    assert (failure.code.name, failure.state) == ("WAY_NOT_UP", State.UNKNOWN)
    assert "gate: TCP_REFUSED" in failure.detail


async def test_a_refused_jump_login_is_tried_once_for_fifty(engine: Engine, sshd: Sshd) -> None:
    wrong = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    with running() as jump:
        login = jump.login(private_key=wrong)
        hosts = [
            Host(engine, behind(jump, sshd.target(host_id=number), login=login))
            for number in range(50)
        ]
        for _ in range(2):
            outcomes = await asyncio.gather(*(host.poll() for host in hosts))
            assert {failed(outcome) for outcome in outcomes} == {"WAY_NOT_UP"}
            assert {outcome.failure.state for outcome in outcomes} == {State.UNKNOWN}
            assert all("gate: AUTH_FAILED" in outcome.failure.detail for outcome in outcomes)
        await eventually(lambda: jump.attempts == 1)
        # A corrected credential is another revision: it is tried at once.
        good = behind(jump, sshd.target(host_id=1), revision="2")
        assert (await Host(engine, good).poll()).failure is None


async def test_a_jump_host_with_another_key_is_offered_nothing(
    ssh: Transport, sshd: Sshd, own_sshd: Sshd
) -> None:
    target = behind(own_sshd, sshd.target(), host_keys=sshd.host_keys)
    failure = await refusal(ssh.connect(target))
    assert failure.code.name == "WAY_NOT_UP"
    assert "gate: HOSTKEY_CHANGED" in failure.detail
    assert own_sshd.attempts == 0


async def test_a_jump_host_without_an_accepted_key(ssh: Transport, sshd: Sshd) -> None:
    failure = await refusal(ssh.connect(behind(sshd, sshd.target(), host_keys=())))
    assert "gate: HOSTKEY_UNKNOWN" in failure.detail


async def test_a_jump_host_that_forwards_nothing(ssh: Transport, sshd: Sshd) -> None:
    with running(options="AllowTcpForwarding no") as jump:
        failure = await refusal(ssh.connect(behind(jump, sshd.target())))
        assert (failure.code.name, failure.state) == ("WAY_NOT_UP", State.UNKNOWN)
        assert "gate: CHANNEL_REFUSED" in failure.detail
        assert "AllowTcpForwarding" in failure.detail


async def test_a_silent_jump_host_is_the_way_not_the_host(engine: Engine, sshd: Sshd) -> None:
    async with hostile.serving(hostile.never_speaks) as port:
        target = behind(sshd, sshd.target(), port=port)
        outcome = await Host(engine, target).poll(seconds=1)
        assert failed(outcome) == "WAY_NOT_UP"
        assert outcome.failure is not None
        assert outcome.failure.stage == "way"
        assert "gate" in outcome.failure.detail


async def test_a_silent_host_behind_a_jump_host(engine: Engine, sshd: Sshd) -> None:
    async with hostile.serving(hostile.never_speaks) as port:
        outcome = await Host(engine, behind(sshd, sshd.target(port=port))).poll(seconds=2)
        assert failed(outcome) == "TCP_TIMEOUT"


async def test_a_jump_host_that_comes_back(
    engine: Engine, sshd: Sshd, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bastion, "LEAST_WAIT", 0.0)
    monkeypatch.setattr(bastion, "wait_after", lambda failure, count: 0.0)
    host = Host(engine, behind(own_sshd, sshd.target()))
    assert (await host.poll()).failure is None
    assert not (await host.poll()).login
    own_sshd.restart()
    assert (await host.poll()).failure is None  # a restart costs no poll
    own_sshd.stop()
    assert failed(await host.poll()) == "WAY_NOT_UP"
    own_sshd.start()
    assert (await host.poll()).failure is None


async def test_an_unused_session_with_a_jump_host_is_closed(
    ssh: Transport, sshd: Sshd, own_sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bastion, "IDLE_SECONDS", 0.3)
    target = behind(own_sshd, sshd.target())
    session = await ssh.connect(target)
    await asyncio.sleep(0.6)
    assert not session.closed
    await session.close()
    await eventually(lambda: not own_sshd.processes())
    await (await ssh.connect(target)).close()
    assert own_sshd.logins == 2


async def test_forty_hosts_behind_a_narrow_door(engine: Engine) -> None:
    """R23: MaxStartups drops what comes at once; nothing of it is seen here."""
    narrow = "MaxStartups 3:50:6"
    with running(options=narrow) as jump, running(options=narrow) as server:
        hosts = [Host(engine, behind(jump, server.target(host_id=number))) for number in range(40)]
        for _ in range(3):
            outcomes = await asyncio.gather(*(host.poll(seconds=40) for host in hosts))
            assert [outcome.failure for outcome in outcomes] == [None] * 40
        assert (jump.logins, server.logins) == (1, 40)


async def test_cancelling_leaves_nothing_open(own_sshd: Sshd, sshd: Sshd) -> None:
    way = transport("asyncssh")
    await (await way.connect(behind(own_sshd, sshd.target()))).close()
    await way.aclose()
    await asyncio.sleep(0.2)
    files, tasks = open_files(), len(asyncio.all_tasks())
    for delay in (0, 0.005, 0.02, 0.04, 0.06, 0.08, 0.1):
        way = transport("asyncssh")
        task = asyncio.create_task(way.connect(behind(own_sshd, sshd.target())))
        await asyncio.sleep(delay)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await task).close()
        await way.aclose()
    await eventually(lambda: open_files() <= files and len(asyncio.all_tasks()) <= tasks)
    await eventually(lambda: not own_sshd.processes())
