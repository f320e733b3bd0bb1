"""The engine, over real SSH servers and the real probe."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import psutil
import pytest

from fleet.failures import CODES, PollFailure
from fleet.states import State
from pollers.engine import Engine
from pollers.outcome import Job, Outcome
from pollers.target import Login, Target
from pollers.transports import lanes
from tests import hostile
from tests.pollers.conftest import PASSWORD, SHELLS
from tests.sshd import Sshd

pytestmark = pytest.mark.timeout(90)


@pytest.fixture()
async def engine() -> AsyncIterator[Engine]:
    """An engine, closed afterwards."""
    engine = Engine()
    yield engine
    await engine.aclose()
    assert engine.sessions == 0


class Host:
    """One host row: polls it, and counts how often its secrets were asked for."""

    def __init__(self, engine: Engine, target: Target) -> None:
        self.engine = engine
        self.target = target
        self.prepared = 0

    async def prepare(self) -> Target:
        self.prepared += 1
        return self.target

    async def poll(self, seconds: float = 8.0, **changes: object) -> Outcome:
        """Poll once; whatever comes of it is there in time and well-formed."""
        values = {"slot": int(time.time()), "revision": self.target.revision, **changes}
        job = Job(host_id=self.target.host_id, deadline=time.time() + seconds, **values)
        started = time.monotonic()
        outcome = await self.engine.poll(job, self.prepare)
        took = time.monotonic() - started
        assert took <= seconds + 0.5
        assert abs(outcome.seconds - took) < 0.2
        assert (outcome.failure is None) != (outcome.measurement is None)
        assert (outcome.host_id, outcome.slot) == (job.host_id, job.slot)
        return outcome


def failed(outcome: Outcome) -> str:
    assert outcome.failure is not None
    return outcome.failure.code.name


def value(outcome: Outcome, name: str) -> float:
    assert outcome.failure is None, outcome.failure
    assert outcome.measurement is not None
    pairs = zip(outcome.measurement.columns, outcome.measurement.values, strict=True)
    return next(number for (column, _), number in pairs if column == name)


async def eventually(condition: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold in time"
        await asyncio.sleep(0.05)


# The kept session


async def test_a_session_is_kept(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    first = await host.poll()
    assert 0 <= value(first, "cpu_percent") <= 100
    assert first.measurement is not None
    assert first.measurement.facts
    assert first.login
    assert [stage for stage, _ in first.stages][-1] == "login"
    assert first.shown_key is not None
    for _ in range(5):
        await asyncio.sleep(0.25)
        later = await host.poll()
        assert 0 <= value(later, "cpu_percent") <= 100
        assert not later.login
        assert later.stages == ()
        assert later.seconds < 0.5
        assert later.bytes_received > 0
    assert host.prepared == 1
    assert own_sshd.logins == 1
    assert engine.sessions == 1


async def test_extras_come_when_asked_for(engine: Engine, sshd: Sshd) -> None:
    host = Host(engine, sshd.target())
    await host.poll()
    outcome = await host.poll()
    assert outcome.measurement is not None
    assert outcome.measurement.facts is None
    outcome = await host.poll(extras=frozenset({"facts", "processes"}))
    assert outcome.measurement is not None
    assert outcome.measurement.facts
    assert outcome.measurement.details


async def test_this_machine_can_be_polled(engine: Engine) -> None:
    before = psutil.Process().children(recursive=True)
    host = Host(engine, Target(1, "1", "local", "", 0))
    assert 0 <= value(await host.poll(), "cpu_percent") <= 100
    assert not (await host.poll()).login
    assert engine.sessions == 1
    assert len(psutil.Process().children(recursive=True)) == len(before) + 1
    await engine.close_host(1)
    assert psutil.Process().children(recursive=True) == before


async def test_another_revision_logs_in_anew(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    await host.poll()
    host.target = replace(host.target, revision="2")
    assert (await host.poll()).login
    assert (own_sshd.logins, engine.sessions) == (2, 1)
    await eventually(lambda: own_sshd.log.count("Disconnected from") == 1)


async def test_a_restarted_server_costs_no_poll(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    await host.poll()
    own_sshd.restart()
    outcome = await host.poll()
    assert outcome.failure is None
    assert outcome.login


async def test_a_stopped_server_is_down_and_comes_back(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    await host.poll()
    own_sshd.stop()
    outcome = await host.poll()
    assert failed(outcome) == "TCP_REFUSED"
    assert engine.sessions == 0
    own_sshd.start()
    assert (await host.poll()).failure is None


async def test_a_killed_probe_costs_no_poll(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    await host.poll()
    for process in own_sshd.processes():
        if "python" in process.name():
            process.kill()
    await asyncio.sleep(0.2)
    assert (await host.poll()).failure is None


async def test_long_intervals_keep_nothing(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    for number in (1, 2):
        assert (await host.poll(keep=False)).login
        assert own_sshd.logins == number
        assert engine.sessions == 0
    await eventually(lambda: not own_sshd.processes())


async def test_nothing_runs_on_the_host_once_closed(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    await host.poll()
    assert own_sshd.processes()
    await engine.close_host(host.target.host_id)
    assert engine.sessions == 0
    await eventually(lambda: not own_sshd.processes())
    await engine.close_host(12345)
    await engine.close_all()


# What fails


async def test_a_refused_credential_is_tried_once(engine: Engine, odd_sshd: Sshd) -> None:
    before = odd_sshd.attempts
    outcome = await Host(engine, odd_sshd.target(login=Login("plain", "wrong"))).poll()
    assert failed(outcome) == "AUTH_FAILED"
    await eventually(lambda: odd_sshd.attempts == before + 1)
    outcome = await Host(engine, odd_sshd.target(login=Login("plain", PASSWORD))).poll()
    assert outcome.failure is None


async def test_a_refused_host_key_is_shown(engine: Engine, own_sshd: Sshd, sshd: Sshd) -> None:
    outcome = await Host(engine, own_sshd.target(host_keys=sshd.host_keys)).poll()
    assert failed(outcome) == "HOSTKEY_CHANGED"
    assert outcome.shown_key is not None
    assert outcome.shown_key.public == own_sshd.host_keys[0]
    assert not outcome.login
    assert own_sshd.attempts == 0


async def test_an_expired_password_is_named(engine: Engine, odd_sshd: Sshd) -> None:
    outcome = await Host(engine, odd_sshd.target(login=Login("late", PASSWORD))).poll()
    assert failed(outcome) == "PASSWORD_EXPIRED"


@pytest.mark.parametrize("shell", SHELLS)
async def test_any_shell_will_do(engine: Engine, odd_sshd: Sshd, shell: str) -> None:
    login = Login(f"in-{shell}", PASSWORD)
    outcome = await Host(engine, odd_sshd.target(login=login)).poll()
    assert outcome.failure is None, outcome.failure


async def test_paramiko_will_do(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target(transport="paramiko"))
    assert (await host.poll()).login
    assert not (await host.poll()).login
    own_sshd.restart()
    assert (await host.poll()).failure is None


@pytest.mark.parametrize("user", ["false", "nologin"])
async def test_a_useless_shell_is_named(engine: Engine, odd_sshd: Sshd, user: str) -> None:
    outcome = await Host(engine, odd_sshd.target(login=Login(user, PASSWORD))).poll()
    assert failed(outcome) == "SHELL_UNUSABLE"
    assert engine.sessions == 0


@pytest.mark.parametrize(
    ("handler", "code"),
    [(hostile.never_speaks, "TCP_TIMEOUT"), (hostile.stops_after_version, "PROBE_TIMEOUT")],
    ids=lambda item: getattr(item, "__name__", item),
)
async def test_silence_ends_at_the_deadline(
    engine: Engine, sshd: Sshd, handler: hostile.Handler, code: str
) -> None:
    files = len(os.listdir("/proc/self/fd"))
    async with hostile.serving(handler) as port:
        outcome = await Host(engine, sshd.target(port=port)).poll(seconds=1)
        assert failed(outcome) == code
        assert outcome.seconds > 0.9
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= files + 1)


async def test_a_stopped_process_of_the_host(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    await host.poll()
    stopped = own_sshd.processes()
    for process in stopped:
        process.suspend()
    outcome = await host.poll(seconds=1)
    assert failed(outcome) == "PROBE_TIMEOUT"
    assert outcome.failure is not None
    assert outcome.failure.stage == "sample"
    assert engine.sessions == 0
    for process in stopped:
        process.resume()
    assert (await host.poll()).failure is None
    await eventually(lambda: not any(process.is_running() for process in stopped))


async def test_a_poll_waits_for_the_one_before_it(engine: Engine, sshd: Sshd) -> None:
    async with hostile.serving(hostile.never_speaks) as port:
        host = Host(engine, sshd.target(port=port))
        slow = asyncio.create_task(host.poll(seconds=2))
        await asyncio.sleep(0.1)
        outcome = await host.poll(seconds=0.5)
        assert failed(outcome) == "PROBE_TIMEOUT"
        assert outcome.failure is not None
        assert "still running" in outcome.failure.detail
        assert failed(await slow) == "TCP_TIMEOUT"


async def test_a_late_job_says_nothing_about_the_host(engine: Engine, sshd: Sshd) -> None:
    host = Host(engine, sshd.target())
    outcome = await host.poll(seconds=-1 + 0.6)
    assert failed(outcome) == "MONITOR_LATE"
    assert host.prepared == 0


async def test_a_failed_preparation_is_the_outcome(engine: Engine, sshd: Sshd) -> None:
    host = Host(engine, sshd.target())

    async def unreadable() -> Target:
        raise PollFailure(CODES["CREDENTIAL_UNREADABLE"])

    async def broken() -> Target:
        raise LookupError("s3cret-canary")

    async def slow() -> Target:
        await asyncio.sleep(60)
        raise AssertionError

    host.prepare = unreadable  # type: ignore[method-assign]
    assert failed(await host.poll()) == "CREDENTIAL_UNREADABLE"
    host.prepare = broken  # type: ignore[method-assign]
    outcome = await host.poll()
    assert failed(outcome) == "INTERNAL"
    assert outcome.failure is not None
    assert outcome.failure.detail == "LookupError"
    host.prepare = slow  # type: ignore[method-assign]
    outcome = await host.poll(seconds=0.6)
    assert failed(outcome) == "MONITOR_LATE"
    assert outcome.failure is not None
    assert outcome.failure.state is State.UNKNOWN


async def test_cancelling_a_poll_closes_its_session(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    for seconds in (0.02, 0.2, 0.6):
        task = asyncio.create_task(host.poll())
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert engine.sessions == 0
    await eventually(lambda: not own_sshd.processes())


# Neighbours


async def many(count: int, poll: Callable[[int], Awaitable[Outcome]]) -> list[Outcome]:
    return await asyncio.gather(*(poll(number) for number in range(count)))


async def test_bad_hosts_do_not_delay_good_ones(sshd: Sshd) -> None:
    engine = Engine(connects=4, doubtful_connects=4)
    good = [Host(engine, sshd.target(host_id=1000 + number)) for number in range(20)]
    async with hostile.serving(hostile.never_speaks) as port:
        bad = [Host(engine, sshd.target(host_id=number, port=port)) for number in range(8)]
        for turn in range(3):
            # In the first turn nobody knows yet which hosts are bad, and they come first.
            waiting = [asyncio.create_task(host.poll(seconds=8)) for host in bad]
            await asyncio.sleep(0)
            outcomes = await many(20, lambda number: good[number].poll(seconds=12))
            assert [outcome.failure for outcome in outcomes] == [None] * 20
            if turn:
                assert max(outcome.seconds for outcome in outcomes) < 1
            late = await asyncio.gather(*waiting)
            assert {failed(outcome) for outcome in late} == {"TCP_TIMEOUT"}
    assert engine.sessions == 20
    await engine.close_all()
    assert engine.sessions == 0
    await engine.aclose()


async def test_hosts_that_failed_queue_in_a_lane_of_their_own(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody gives a place away here: a good host in the same lane would not get through at all."""
    monkeypatch.setattr(lanes, "PLACE_SECONDS", 600.0)
    engine = Engine(connects=2, doubtful_connects=2)
    good = Host(engine, sshd.target(host_id=1000))
    async with hostile.serving(hostile.never_speaks) as port:
        bad = [Host(engine, sshd.target(host_id=number, port=port)) for number in range(2)]
        await asyncio.gather(*(host.poll(seconds=1) for host in bad))
        waiting = [asyncio.create_task(host.poll(seconds=60)) for host in bad]
        await eventually(lambda: all(host.prepared == 2 for host in bad))
        outcome = await good.poll(seconds=40)
        assert good.prepared == 1, "it had its turn"
        assert "login" in dict(outcome.stages)
        assert not any(task.done() for task in waiting)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    await engine.aclose()
