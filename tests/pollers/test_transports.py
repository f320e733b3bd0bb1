"""What every transport in the registry must do, tried against real and hostile servers."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shlex
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncssh
import psutil
import pytest

from fleet.failures import PollFailure
from fleet.states import State
from pollers.target import Login, Target
from pollers.transports.base import STAGES, HostKeyRefused, Transport
from pollers.transports.registry import TRANSPORTS, transport
from pollers.transports.stages import timed_out
from tests import hostile
from tests.pollers.conftest import PASSWORD, SHELLS, Sink
from tests.sshd import Sshd, free_port, running

NETWORKED = [name for name in TRANSPORTS if name != "local"]
LOCAL = Target(1, "1", "local", "", 0)

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(params=TRANSPORTS)
def way(request: pytest.FixtureRequest) -> Transport:
    """Each transport."""
    return transport(request.param)


@pytest.fixture(params=NETWORKED)
def ssh(request: pytest.FixtureRequest) -> Transport:
    """Each transport that goes through a network."""
    return transport(request.param)


@pytest.fixture()
def target(way: Transport, sshd: Sshd) -> Target:
    return LOCAL if way.name == "local" else sshd.target()


def at(port: int, **changes: object) -> Target:
    """A target at a hostile server, any key of which is taken."""
    values = {"login": Login("probe", "s3cret-canary"), "accept_first_key": True, **changes}
    return Target(1, "1", "", "127.0.0.1", port, **values)


async def refusal(waiting: Awaitable[object], seconds: float = 10) -> PollFailure:
    """The failure with which this must end, in time."""
    async with asyncio.timeout(seconds):
        with pytest.raises(PollFailure) as caught:
            await waiting
    failure = caught.value
    assert "canary" not in f"{failure} {failure.detail!r}"
    return failure


async def eventually(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to hold in time"
        await asyncio.sleep(0.05)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


# Running commands


async def test_streams_both_ways_with_errors_apart_and_status(
    way: Transport, target: Target
) -> None:
    session = await way.connect(target)
    sink = Sink()
    script = "read line; echo got $line; echo oops >&2; exit 7"
    channel = await session.start(f"sh -c {shlex.quote(script)}", sink)
    channel.write(b"hello\n")
    assert await sink.end() == 7
    assert (sink.out, sink.err) == (b"got hello\n", b"oops\n")
    await session.close()


async def test_keeps_bytes_intact(way: Transport, target: Target) -> None:
    session = await way.connect(target)
    sink = Sink()
    channel = await session.start("cat", sink)
    data = bytes(range(256)) * 40 + b"\xff\x00\r\n\x04\x03"
    channel.write(data)
    assert await sink.until(len(data)) == data
    channel.close()
    await session.close()


async def test_carries_much_output(way: Transport, target: Target) -> None:
    session = await way.connect(target)
    sink = Sink()
    await session.start("head -c 8000000 /dev/zero", sink)
    assert await sink.end() == 0
    assert len(sink.out) == 8_000_000
    assert hashlib.sha256(sink.out).digest() == hashlib.sha256(bytes(8_000_000)).digest()
    await session.close()


async def test_runs_one_command_after_the_other(way: Transport, target: Target) -> None:
    session = await way.connect(target)
    for number in range(3):
        sink = Sink()
        await session.start(f"echo {number}", sink)
        assert await sink.end() == 0
        assert sink.out == f"{number}\n".encode()
    await session.close()


async def test_refuses_a_second_command_beside_the_first(way: Transport, target: Target) -> None:
    session = await way.connect(target)
    await session.start("cat", Sink())
    with pytest.raises(RuntimeError):
        await session.start("cat", Sink())
    await session.close()


async def test_says_so_when_there_is_no_such_program(way: Transport, target: Target) -> None:
    session = await way.connect(target)
    sink = Sink()
    await session.start("no-such-program-here", sink)
    assert await sink.end() == 127
    assert b"no-such-program-here" in sink.err
    await session.close()


async def test_closing_ends_what_runs(way: Transport, target: Target) -> None:
    session = await way.connect(target)
    sink = Sink()
    mark = f"rollcall-{time.monotonic_ns()}"
    await session.start(f"sh -c 'echo $$; cat; : {mark}'", sink)
    process = psutil.Process(int(await sink.until(2)))
    assert any(mark in word for word in process.cmdline())
    await session.close()
    await session.close()
    assert session.closed
    await eventually(lambda: not process.is_running())


async def test_leaves_no_file_and_no_thread(way: Transport, target: Target) -> None:
    async def once() -> None:
        session = await way.connect(target)
        sink = Sink()
        await session.start("echo", sink)
        await sink.end()
        await session.close()

    await once()  # executors and caches come to be here
    files, threads = open_files(), threading.active_count()
    for _ in range(3):
        await once()
    await eventually(lambda: open_files() <= files)
    await eventually(lambda: threading.active_count() <= threads + 1)


async def test_reports_its_stages_in_order(ssh: Transport, sshd: Sshd) -> None:
    seen: list[tuple[str, float]] = []
    session = await ssh.connect(sshd.target(), lambda *stage: seen.append(stage))
    await session.close()
    assert tuple(stage for stage, _ in seen) == STAGES
    assert all(seconds >= 0 for _, seconds in seen)


# Host keys


async def test_an_accepted_key_is_shown(ssh: Transport, sshd: Sshd) -> None:
    session = await ssh.connect(sshd.target())
    assert session.host_key is not None
    assert session.host_key.public == sshd.host_keys[0]
    await session.close()


async def test_an_unknown_key_stops_before_the_login(ssh: Transport, own_sshd: Sshd) -> None:
    failure = await refusal(ssh.connect(own_sshd.target(host_keys=())))
    assert failure.code.name == "HOSTKEY_UNKNOWN"
    assert isinstance(failure, HostKeyRefused)
    assert failure.shown_key.public == own_sshd.host_keys[0]
    await eventually(lambda: "[preauth]" in own_sshd.log)
    assert own_sshd.attempts == 0


async def test_another_key_stops_before_the_login(ssh: Transport, own_sshd: Sshd) -> None:
    target = own_sshd.target(accept_first_key=True)
    own_sshd.change_host_keys()
    own_sshd.restart()
    failure = await refusal(ssh.connect(target))
    assert failure.code.name == "HOSTKEY_CHANGED"
    assert isinstance(failure, HostKeyRefused)
    assert failure.shown_key.public == own_sshd.host_keys[0]
    assert failure.shown_key.fingerprint in failure.detail
    await eventually(lambda: "[preauth]" in own_sshd.log)
    assert own_sshd.attempts == 0


async def test_a_key_of_another_type_is_another_key(ssh: Transport, sshd: Sshd) -> None:
    with running(key_types=("ecdsa-sha2-nistp256",)) as other:
        failure = await refusal(ssh.connect(other.target(host_keys=sshd.host_keys)))
        assert failure.code.name == "HOSTKEY_CHANGED"


@pytest.mark.parametrize("number", [0, 1, 2])
async def test_the_pinned_type_is_asked_for(ssh: Transport, number: int) -> None:
    with running(key_types=("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256")) as server:
        pinned = server.host_keys[number]
        session = await ssh.connect(server.target(host_keys=(pinned,)))
        assert session.host_key is not None
        assert session.host_key.public == pinned
        await session.close()


async def test_the_first_key_is_taken_when_told_so(ssh: Transport, sshd: Sshd) -> None:
    session = await ssh.connect(sshd.target(host_keys=(), accept_first_key=True))
    assert session.host_key is not None
    assert session.host_key.public == sshd.host_keys[0]
    await session.close()


async def test_fetches_the_key_without_a_login(ssh: Transport, own_sshd: Sshd) -> None:
    key = await ssh.fetch_host_key(own_sshd.target(login=None, host_keys=()))
    assert key.public == own_sshd.host_keys[0]
    imported = asyncssh.import_public_key(key.public)
    assert key.fingerprint == imported.get_fingerprint()
    await eventually(lambda: "[preauth]" in own_sshd.log)
    assert own_sshd.attempts == 0


# Logging in


async def test_logs_in_by_password(ssh: Transport, odd_sshd: Sshd) -> None:
    session = await ssh.connect(odd_sshd.target(login=Login("plain", PASSWORD)))
    await session.close()


async def test_a_wrong_password_is_tried_once(ssh: Transport, odd_sshd: Sshd) -> None:
    before = odd_sshd.attempts
    failure = await refusal(ssh.connect(odd_sshd.target(login=Login("plain", "canary"))))
    assert failure.code.name == "AUTH_FAILED"
    await eventually(lambda: odd_sshd.attempts == before + 1)


async def test_a_wrong_key_is_tried_once(ssh: Transport, own_sshd: Sshd) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    failure = await refusal(ssh.connect(own_sshd.target(login=own_sshd.login(private_key=other))))
    assert failure.code.name == "AUTH_FAILED"
    await eventually(lambda: own_sshd.attempts == 1)


async def test_the_password_comes_after_a_refused_key(ssh: Transport, odd_sshd: Sshd) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    login = Login("plain", PASSWORD, key)
    session = await ssh.connect(odd_sshd.target(login=login))
    await session.close()


async def test_reads_an_encrypted_key(ssh: Transport, sshd: Sshd) -> None:
    text = sshd.client_key.export_private_key(passphrase="open sesame").decode()
    session = await ssh.connect(
        sshd.target(login=sshd.login(private_key=text, passphrase="open sesame"))
    )
    await session.close()
    failure = await refusal(
        ssh.connect(sshd.target(login=sshd.login(private_key=text, passphrase="canary")))
    )
    assert failure.code.name == "AUTH_FAILED"
    assert "passphrase" in failure.detail


@pytest.mark.parametrize("text", ["canary", "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n", "\0"])
async def test_an_unreadable_key_is_not_a_connection(
    ssh: Transport, own_sshd: Sshd, text: str
) -> None:
    failure = await refusal(ssh.connect(own_sshd.target(login=own_sshd.login(private_key=text))))
    assert failure.code.name == "AUTH_FAILED"
    assert "private key" in failure.detail
    assert "Connection from" not in own_sshd.log


@pytest.mark.parametrize("shell", SHELLS)
async def test_runs_under_any_shell(ssh: Transport, odd_sshd: Sshd, shell: str) -> None:
    session = await ssh.connect(odd_sshd.target(login=Login(f"in-{shell}", PASSWORD)))
    sink = Sink()
    await session.start("echo hello", sink)
    assert await sink.end() == 0
    assert sink.out == b"hello\n"
    await session.close()


@pytest.mark.parametrize("user", ["false", "nologin"])
async def test_a_shell_that_runs_nothing_ends(ssh: Transport, odd_sshd: Sshd, user: str) -> None:
    session = await ssh.connect(odd_sshd.target(login=Login(user, PASSWORD)))
    sink = Sink()
    await session.start("echo hello", sink)
    assert await sink.end() == 1
    assert b"hello" not in sink.out
    await session.close()


async def test_the_plain_password_prompt_is_answered(ssh: Transport) -> None:
    answers: list[list[str]] = []
    rounds = [[("(probe@host) Password: ", False)]]
    async with hostile.ssh_serving(lambda: hostile.Questions(rounds, answers)) as port:
        session = await ssh.connect(at(port))
        await session.close()
    assert answers == [["s3cret-canary"]]


@pytest.mark.parametrize(
    "rounds",
    [
        [[("Verification code: ", False)]],
        [[("Password: ", True)]],
        [[("Passcode or password for your token: ", False)]],
        [[("Password: ", False), ("Code: ", False)]],
        [[("New password: ", False)]],
    ],
)
async def test_no_other_prompt_gets_the_password(
    ssh: Transport, rounds: list[list[tuple[str, bool]]]
) -> None:
    answers: list[list[str]] = []
    async with hostile.ssh_serving(lambda: hostile.Questions(rounds, answers)) as port:
        failure = await refusal(ssh.connect(at(port)))
    assert failure.code.name == "AUTH_NEEDS_INTERACTIVE"
    assert not any("s3cret-canary" in answer for answer in answers)


async def test_a_second_factor_after_the_password(ssh: Transport) -> None:
    answers: list[list[str]] = []
    rounds = [[("Password: ", False)], [("One-time code: ", False)]]
    async with hostile.ssh_serving(lambda: hostile.Questions(rounds, answers)) as port:
        failure = await refusal(ssh.connect(at(port)))
    assert failure.code.name == "AUTH_NEEDS_INTERACTIVE"
    assert answers in ([["s3cret-canary"]], [["s3cret-canary"], []])


async def test_a_second_factor_after_the_key(ssh: Transport) -> None:
    options = "AuthenticationMethods publickey,password"
    with running(options=options) as server:
        failure = await refusal(ssh.connect(server.target()))
    assert failure.code.name in ("AUTH_NEEDS_INTERACTIVE", "AUTH_FAILED")


async def test_an_expired_password_by_its_prompt(ssh: Transport) -> None:
    rounds = [[("Password: ", False)], [("New password: ", False)]]
    async with hostile.ssh_serving(lambda: hostile.Questions(rounds, [])) as port:
        failure = await refusal(ssh.connect(at(port)))
    assert failure.code.name == "PASSWORD_EXPIRED"


async def test_an_expired_password_by_the_protocol(ssh: Transport) -> None:
    async with hostile.ssh_serving(hostile.ExpiredPassword) as port:
        failure = await refusal(ssh.connect(at(port)))
    assert failure.code.name == "PASSWORD_EXPIRED"


async def test_no_channel_for_us(ssh: Transport) -> None:
    async with hostile.ssh_serving(hostile.NoChannels) as port:
        session = await ssh.connect(at(port))
        failure = await refusal(session.start("echo", Sink()))
        assert failure.code.name == "CHANNEL_REFUSED"
        await session.close()


async def test_no_sessions_allowed(ssh: Transport) -> None:
    with running(options="MaxSessions 0") as server:
        session = await ssh.connect(server.target())
        failure = await refusal(session.start("echo", Sink()))
        assert failure.code.name == "CHANNEL_REFUSED"
        await session.close()


# The way there


async def test_a_name_that_does_not_exist(ssh: Transport) -> None:
    failure = await refusal(ssh.connect(replace(at(22), address="no-such-host.invalid")), 30)
    assert failure.code.name == "DNS_FAIL"
    assert failure.stage == "resolve"


@pytest.mark.parametrize("address", ["", "a\0b", "x" * 70 + ".example", "ü" * 300])
async def test_what_is_no_name_at_all(ssh: Transport, address: str) -> None:
    failure = await refusal(ssh.connect(replace(at(22), address=address)), 30)
    assert failure.code.name == "DNS_FAIL"


async def test_a_refused_port(ssh: Transport) -> None:
    failure = await refusal(ssh.connect(at(free_port())))
    assert failure.code.name == "TCP_REFUSED"
    assert failure.state is State.DOWN


async def test_no_way_there(ssh: Transport) -> None:
    failure = await refusal(ssh.connect(replace(at(22), address="255.255.255.255")))
    assert failure.code.name == "NO_ROUTE"


@pytest.mark.parametrize(
    ("handler", "code"),
    [
        (hostile.speaks_http, "NOT_SSH"),
        (hostile.speaks_smtp, "NOT_SSH"),
        (hostile.endless_banner, "NOT_SSH"),
        (hostile.tarpit, "NOT_SSH"),
        (hostile.closes_at_once, "DROPPED_BEFORE_AUTH"),
        (hostile.turns_away, "DROPPED_BEFORE_AUTH"),
        (hostile.drops_after_version, "DROPPED_BEFORE_AUTH"),
        (hostile.huge_packet, "KEX_FAIL"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_what_answers_is_told_apart(
    ssh: Transport, handler: hostile.Handler, code: str
) -> None:
    async with hostile.serving(handler) as port:
        for waiting in (ssh.connect(at(port)), ssh.fetch_host_key(at(port))):
            failure = await refusal(waiting, 5)
            assert failure.code.name == code


@pytest.mark.parametrize(
    ("handler", "code"),
    [(hostile.never_speaks, "TCP_TIMEOUT"), (hostile.stops_after_version, "PROBE_TIMEOUT")],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_a_silent_server_is_left_at_the_deadline(
    ssh: Transport, handler: hostile.Handler, code: str
) -> None:
    async with hostile.serving(handler) as port:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):  # the first one may load what it needs
                await ssh.connect(at(port))
        await asyncio.sleep(0.2)
        files = open_files()
        stages: list[str] = []
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await ssh.connect(at(port), lambda stage, _: stages.append(stage))
        assert time.monotonic() - started < 2.5
        assert timed_out(stages).code.name == code
        await eventually(lambda: open_files() <= files)


async def test_no_shared_cipher(ssh: Transport) -> None:
    with running(options="Ciphers 3des-cbc") as server:
        failure = await refusal(ssh.connect(server.target()))
    assert failure.code.name == "KEX_FAIL"


async def test_a_host_that_goes_away_ends_the_command(ssh: Transport, own_sshd: Sshd) -> None:
    session = await ssh.connect(own_sshd.target())
    sink = Sink()
    await session.start("cat", sink)
    own_sshd.stop()
    assert await sink.end() is None
    await eventually(lambda: session.closed)
    failure = await refusal(session.start("cat", Sink()))
    assert failure.code.name == "DROPPED_BEFORE_AUTH"
    await session.close()


async def test_cancelling_closes_everything(ssh: Transport, sshd: Sshd) -> None:
    session = await ssh.connect(sshd.target())
    await session.close()
    await asyncio.sleep(0.1)
    files, tasks = open_files(), len(asyncio.all_tasks())
    for delay in (0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03):
        task = asyncio.create_task(ssh.connect(sshd.target()))
        await asyncio.sleep(delay)
        if not task.cancel():
            await (await task).close()
        else:
            try:
                await (await task).close()
            except asyncio.CancelledError:
                continue
    await eventually(lambda: open_files() <= files and len(asyncio.all_tasks()) <= tasks)
