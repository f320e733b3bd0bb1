"""A small device: dropbear as its SSH server, busybox ash as its shell, and no Python."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

import asyncssh
import pytest

from pollers.engine import Engine
from pollers.outcome import Job
from pollers.target import Login, Target
from tests.sshd import free_port

# Its programs are busybox's; /usr is hidden, so that there is no Python and no bash.
START = """
set -e
mount --make-rprivate /
mkdir -p "$1/bin" "$1/home/.ssh"
cp /usr/bin/busybox "$1/busybox"
for name in $(busybox --list); do ln -sf "$1/busybox" "$1/bin/$name"; done
printf 'root:x:0:0::%s:%s\\n' "$1/home" "$1/bin/sh" > "$1/passwd"
printf '%s\\n' "$1/bin/sh" > "$1/shells"
mount --bind "$1/passwd" /etc/passwd
test ! -e /etc/shells || mount --bind "$1/shells" /etc/shells
"$1/busybox" mount -t tmpfs none /usr/local
"$1/busybox" mount --bind "$1/bin" /usr/bin
exec "$2" -F -E -s -p "127.0.0.1:$3" -r "$1/key" -P "$1/pid"
"""


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Until it listens. What keeps it from starting is said, and fails the test."""
    for _ in range(150):
        if server.poll() is not None:
            pytest.fail(f"dropbear did not start: {server.stderr.read()!r}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    pytest.fail("dropbear does not listen")


@pytest.fixture
def device(tmp_path):
    dropbear, key_maker = shutil.which("dropbear"), shutil.which("dropbearkey")
    if os.geteuid() != 0 or not all((dropbear, key_maker, shutil.which("busybox"))):
        pytest.skip("needs root, dropbear and busybox (Debian packages: dropbear-bin, busybox)")
    folder = Path(tmp_path)
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    subprocess.run([key_maker, "-t", "rsa", "-f", folder / "key"], capture_output=True, check=True)
    key = asyncssh.generate_private_key("ssh-rsa")
    (folder / "home" / ".ssh").mkdir(parents=True)
    (folder / "home" / ".ssh" / "authorized_keys").write_bytes(key.export_public_key())
    (folder / "home").chmod(0o700)
    port = free_port()
    shown = subprocess.run([key_maker, "-y", "-f", folder / "key"], capture_output=True, text=True, check=True)  # fmt: skip
    public = next(line for line in shown.stdout.split("\n") if line.startswith("ssh-rsa "))
    words = ("unshare", "-m", "sh", "-c", START, "sh", folder, dropbear, str(port))  # fmt: skip
    with subprocess.Popen(words, stdout=-1, stderr=-1) as server:
        try:
            wait_for(port, server)
            login = Login("root", private_key=key.export_private_key().decode())
            host_key = " ".join(public.split()[:2])
            yield Target(1, "1", "asyncssh", "127.0.0.1", port, login, (host_key,))
        finally:
            server.kill()


async def test_it_is_measured_and_the_way_is_remembered(device):
    engine = Engine()

    async def prepare():
        return device

    async def poll(slot, keep):
        now = time.time()
        job = Job(1, slot, "1", now + 20, frozenset(("minute", "processes")), keep=keep)
        return await engine.poll(job, prepare)

    outcome = await poll(1, keep=False)
    assert outcome.failure is None
    got = dict(zip(outcome.measurement.columns, outcome.measurement.values, strict=True))
    assert 0 <= got["cpu_percent", ()] <= 100
    assert 0 < got["memory_percent", ()] < 100
    assert got["process_count", ()] > 1
    assert any(name == "filesystem_percent" for name, _ in got)
    assert outcome.measurement.facts["probe"] == "sh"
    assert engine._ways[1].interpreter == "sh"
    again = await poll(2, keep=True)
    assert again.failure is None
    assert (await poll(3, keep=True)).login is False
    await engine.aclose()
