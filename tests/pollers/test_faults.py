"""What a network and its machines can do to a poll: it ends in time, by its right name."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import psutil
import pytest

from fleet.states import State
from pollers.engine import Engine
from pollers.target import Target
from pollers.transports import addresses
from pollers.transports.registry import transport
from tests import hostile
from tests.pollers.test_engine import Host, failed
from tests.pollers.test_transports import at, eventually, open_files, refusal
from tests.proxy import Proxy, proxying
from tests.sshd import Sshd, free_port, running

pytestmark = pytest.mark.timeout(120)

PHASES = {
    "tcp": {"TCP_TIMEOUT", "DROPPED_BEFORE_AUTH"},
    "banner": {"TCP_TIMEOUT", "DROPPED_BEFORE_AUTH", "NOT_SSH"},
    "kex": {"PROBE_TIMEOUT", "DROPPED_BEFORE_AUTH"},
    "auth": {"PROBE_TIMEOUT", "DROPPED_BEFORE_AUTH"},
    "channel": {"PROBE_TIMEOUT", "DROPPED_BEFORE_AUTH", "PROBE_SILENT", "PROBE_TRUNCATED"},
    "script": {"PROBE_TIMEOUT", "DROPPED_BEFORE_AUTH", "PROBE_SILENT", "PROBE_TRUNCATED", "PROBE_CRASHED"},
    "output": {"PROBE_TIMEOUT", "DROPPED_BEFORE_AUTH", "PROBE_SILENT", "PROBE_TRUNCATED", "PROBE_CRASHED"},
}  # fmt: skip


CALM = "SetEnv SHLVL=5"
"""bash then reads no ~/.bashrc, which may hold a lock of its own when it is killed midway."""


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with running(options=CALM) as server:
        yield server


@pytest.fixture()
def own_sshd() -> Iterator[Sshd]:
    with running(options=CALM) as server:
        yield server


@pytest.fixture()
async def engine() -> AsyncIterator[Engine]:
    engine = Engine()
    yield engine
    await engine.aclose()


async def marks(proxy: Proxy, target: Target) -> dict[str, int]:
    """How many bytes of the server had come when each phase began, in a poll that works."""
    engine, seen = Engine(), {"tcp": 0, "banner": 3}
    way = transport("asyncssh")
    engine._transports["asyncssh"] = way
    begins = {"version": "kex", "host_key": "auth", "login": "channel"}
    connect = way.connect

    async def watched(target: Target, progress):
        def note(stage: str, seconds: float) -> None:
            progress(stage, seconds)
            if stage in begins:
                seen[begins[stage]] = proxy.came + 1

        return await connect(target, note)

    way.connect = watched
    outcome = await Host(engine, target).poll(keep=False, seconds=15)
    assert outcome.failure is None, outcome.failure
    seen["script"] = seen["channel"] + 900
    seen["output"] = proxy.came - 1500
    await engine.aclose()
    return seen


@pytest.mark.parametrize("then", ["silence", "reset"])
async def test_r29_r30_a_connection_that_dies_in_each_phase(sshd: Sshd, then: str) -> None:
    async with proxying(sshd.address, sshd.port) as (proxy, port):
        target = sshd.target(port=port)
        limits = await marks(proxy, target)
        files = open_files()
        for phase, allowed in PHASES.items():
            engine = Engine()
            host = Host(engine, target)
            proxy.then, proxy.limit = then, limits[phase]
            started = time.monotonic()
            outcome = await host.poll(seconds=3)
            assert failed(outcome) in allowed, (phase, outcome.failure)
            assert time.monotonic() - started < 4
            if then == "reset":
                assert outcome.failure.state is not State.DOWN, phase
            proxy.limit = None
            proxy.reset()
            assert (await host.poll(seconds=15)).failure is None, phase  # the next slot works
            await engine.aclose()
        await eventually(lambda: open_files() <= files + 4)


async def test_r29_a_kept_session_that_falls_silent(engine: Engine, sshd: Sshd) -> None:
    async with proxying(sshd.address, sshd.port) as (proxy, port):
        host = Host(engine, sshd.target(port=port))
        assert (await host.poll()).failure is None
        proxy.limit = 0
        assert failed(await host.poll(seconds=2)) == "PROBE_TIMEOUT"
        proxy.limit = None
        assert (await host.poll()).failure is None


async def test_r30_a_kept_session_that_is_reset_costs_no_poll(engine: Engine, sshd: Sshd) -> None:
    async with proxying(sshd.address, sshd.port) as (proxy, port):
        host = Host(engine, sshd.target(port=port))
        assert (await host.poll()).failure is None
        proxy.reset()
        assert (await host.poll()).failure is None


async def test_r35_a_line_of_8_kbit(engine: Engine, sshd: Sshd) -> None:
    async with proxying(sshd.address, sshd.port) as (proxy, port):
        proxy.rate = 1000
        good = Host(engine, sshd.target(host_id=1))
        slow = Host(engine, sshd.target(host_id=2, port=port))
        waiting = asyncio.create_task(slow.poll(seconds=6))
        for _ in range(4):
            assert (await good.poll()).failure is None
            await asyncio.sleep(0.5)
        outcome = await waiting
        assert outcome.failure is None or failed(outcome) == "PROBE_TIMEOUT"


async def test_r36_a_stopped_session_at_five_moments(engine: Engine, own_sshd: Sshd) -> None:
    host = Host(engine, own_sshd.target())
    for moment in (0.0, 0.1, 0.3, 0.8, 1.3):
        task = asyncio.create_task(host.poll(seconds=3))
        await asyncio.sleep(moment)
        stopped = own_sshd.processes()
        for process in stopped:
            process.suspend()
        outcome = await task
        if outcome.failure is not None:
            assert failed(outcome) in ("PROBE_TIMEOUT", "TCP_TIMEOUT", "PROBE_SILENT"), (
                outcome.failure
            )
        for process in stopped:
            process.resume()
        slot = int(time.time()) + 100
        after = await host.poll(seconds=10, slot=slot)
        assert after.failure is None
        assert after.slot == slot
        await engine.close_host(host.target.host_id)


# Floods after the login


class Misbehaves(asyncssh.SSHServer):
    """Lets anyone in; what it does then is its process."""

    def begin_auth(self, username: str) -> bool:
        return False


async def silent(process: asyncssh.SSHServerProcess) -> None:
    await asyncio.sleep(60)


async def drips(process: asyncssh.SSHServerProcess) -> None:
    while True:
        process.stdout.write(b"x")
        await asyncio.sleep(0.5)


async def floods_output(process: asyncssh.SSHServerProcess) -> None:
    while True:
        process.stdout.write(b"x" * 65536)
        await process.stdout.drain()


async def floods_errors(process: asyncssh.SSHServerProcess) -> None:
    while True:
        process.stderr.write(b"x" * 65536)
        await process.stderr.drain()


async def floods_both(process: asyncssh.SSHServerProcess) -> None:
    while True:
        process.stdout.write(b"x" * 65536)
        process.stderr.write(b"x" * 65536)
        await process.stdout.drain()


@pytest.mark.parametrize("library", ["asyncssh", "paramiko"])
@pytest.mark.parametrize(
    ("process", "codes"),
    [
        (None, {"CHANNEL_REFUSED"}),
        (silent, {"PROBE_TIMEOUT", "PROBE_SILENT"}),
        (drips, {"PROBE_TIMEOUT", "PROBE_SILENT"}),
        (floods_output, {"PROBE_TOO_BIG"}),
        (floods_errors, {"PROBE_TOO_BIG", "PROBE_TIMEOUT"}),
        (floods_both, {"PROBE_TOO_BIG"}),
    ],
    ids=lambda item: getattr(item, "__name__", "") if not isinstance(item, set) else "",
)
async def test_r4_a_server_that_misbehaves_after_the_login(
    engine: Engine, library: str, process, codes: set[str]
) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=Misbehaves, server_host_keys=[key],
        process_factory=process, encoding=None,
    )  # fmt: skip
    port = server.sockets[0].getsockname()[1]
    before = psutil.Process().memory_info().rss
    started = time.monotonic()
    outcome = await Host(engine, retarget(port, library)).poll(seconds=4)
    assert failed(outcome) in codes, outcome.failure
    assert time.monotonic() - started < 5
    assert psutil.Process().memory_info().rss - before < 64 << 20
    assert engine.sessions == 0
    server.close()


def retarget(port: int, library: str) -> Target:
    target = at(port)
    return Target(1, "1", library, target.address, port, target.login, (), True)


@pytest.mark.parametrize("library", ["asyncssh", "paramiko"])
async def test_r3_a_packet_of_4_gib_takes_no_memory(library: str) -> None:
    way = transport(library)
    async with hostile.serving(hostile.huge_packet) as port:
        before = psutil.Process().memory_info().rss
        failure = await refusal(way.connect(at(port)), 8)
        assert failure.code.name == "KEX_FAIL"
        assert psutil.Process().memory_info().rss - before < 64 << 20


# Names and routes


async def test_r26_the_first_of_several_addresses_is_dead(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        addresses.Address(socket.AF_INET, ("127.0.0.1", free_port())),
        addresses.Address(socket.AF_INET, (sshd.address, sshd.port)),
    ]
    monkeypatch.setattr(addresses, "_lookup", lambda host, port, flags: rows)
    way = transport("asyncssh")
    await (await way.connect(sshd.target(address="web.example"))).close()


async def test_r27_a_resolver_that_never_answers_blocks_nobody(
    engine: Engine, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = addresses._lookup

    def lookup(host: str, port: int, flags: int) -> list[addresses.Address]:
        if host.endswith(".example") and not flags:
            time.sleep(5)
        return real(host, port, flags)

    monkeypatch.setattr(addresses, "_lookup", lookup)
    stuck = [Host(engine, sshd.target(host_id=n, address=f"h{n}.example")) for n in range(40)]
    waiting = [asyncio.create_task(host.poll(seconds=3)) for host in stuck]
    await asyncio.sleep(0.1)
    started = time.monotonic()
    assert (await Host(engine, sshd.target(host_id=1000)).poll()).failure is None
    assert time.monotonic() - started < 5
    for outcome in await asyncio.gather(*waiting):
        assert failed(outcome) in ("DNS_FAIL", "MONITOR_LATE")
        assert outcome.failure.state is State.UNKNOWN


NETNS = """
ip link set lo up
ip route add unreachable 192.0.2.1
ip route add blackhole 192.0.2.2
ip route add prohibit 192.0.2.3
exec "$@"
"""

TRY = """
import asyncio, sys
from pollers.target import Login, Target
from pollers.transports.registry import transport
async def main():
    for n in (1, 2, 3, 4):
        target = Target(1, "1", "", f"192.0.2.{n}", 22, Login("a", "b"), (), True)
        try:
            await transport("asyncssh").connect(target)
        except Exception as failure:
            print(failure.code.name, failure.state.value)
asyncio.run(main())
"""


def test_no_route_in_a_network_of_our_own() -> None:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root, unshare and ip (Debian package: iproute2)")

    command = ["unshare", "-n", "sh", "-c", NETNS, "sh", sys.executable, "-c", TRY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == ["NO_ROUTE down"] * 4, done.stderr


# Another server


@pytest.fixture()
def dropbear(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """The port of a dropbear, and a private key it takes."""
    if shutil.which("dropbear") is None or os.geteuid() != 0:
        pytest.skip("needs root and dropbear (Debian package: dropbear-bin)")
    keys = []
    for kind in ("rsa", "ed25519"):  # without an RSA key its key exchange may end it
        path = tmp_path / kind
        subprocess.run(["dropbearkey", "-t", kind, "-f", path], check=True, capture_output=True)
        keys += ["-r", str(path)]
    key = asyncssh.generate_private_key("ssh-ed25519")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True, mode=0o700)
    file = home / ".ssh" / "authorized_keys"
    file.write_bytes(key.export_public_key())
    file.chmod(0o600)
    tmp_path.chmod(0o755)
    passwd = tmp_path / "passwd"
    passwd.write_text(f"root:x:0:0::{home}:/bin/sh\n")
    os.chmod(home, 0o700)
    port = free_port()
    script = f'mount --make-rprivate / && mount --bind {passwd} /etc/passwd && exec "$@"'
    command = [
        "unshare",
        "-m",
        "sh",
        "-c",
        script,
        "sh",
        "dropbear",
        "-F",
        "-E",
        "-p",
        f"127.0.0.1:{port}",
        *keys,
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    yield port, key.export_private_key().decode()
    server.kill()
    server.wait()


@pytest.mark.parametrize("library", ["asyncssh", "paramiko"])
async def test_a_dropbear_with_python(engine: Engine, sshd: Sshd, dropbear, library: str) -> None:
    port, key = dropbear
    login = sshd.login("root", private_key=key)
    target = sshd.target(
        port=port, login=login, host_keys=(), accept_first_key=True, transport=library
    )
    host = Host(engine, target)
    first = await host.poll(seconds=15)
    assert first.failure is None, first.failure
    assert (await host.poll()).failure is None


async def test_max_sessions_one_is_enough(engine: Engine) -> None:
    with running(options=f"MaxSessions 1\n{CALM}") as server:
        host = Host(engine, server.target())
        for _ in range(2):
            assert (await host.poll()).failure is None
