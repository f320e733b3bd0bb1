"""A real OpenSSH server of our own, on a free port of a loopback address.

Its users may have any shell and password without touching the machine's own: sshd then runs
in a mount namespace where /etc/passwd and /etc/shadow are ours (this needs root).
"""

from __future__ import annotations

import getpass
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import psutil
import pytest

from pollers.target import Login, Target

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin:/usr/local/sbin")
CAN_MAKE_USERS = os.geteuid() == 0 and shutil.which("unshare") is not None
FIRST_UID = 61000
LISTENING = "Server listening"

CONFIG = """
ListenAddress {address}:{port}
AuthorizedKeysFile {directory}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
KbdInteractiveAuthentication no
PasswordAuthentication yes
LogLevel VERBOSE
MaxStartups 200
PrintMotd no
"""


def need_sshd() -> None:
    """Skip the test where there is no sshd to start."""
    if SSHD is None:
        pytest.skip("no sshd here (Debian package: openssh-server)")


def need_users() -> None:
    """Skip the test where sshd cannot be given users of its own."""
    need_sshd()
    if not CAN_MAKE_USERS:
        pytest.skip("users with other shells need root and unshare (Debian package: util-linux)")


@dataclass(frozen=True)
class User:
    """A user of the server: `shell` is a program's path or name; "" as password: none."""

    name: str
    shell: str = "/bin/sh"
    password: str = ""
    expired: bool = False


def free_port(address: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as sock:
        sock.bind((address, 0))
        return int(sock.getsockname()[1])


class Sshd:
    """One server. `start` it, or use `running`; everything it has is below `directory`."""

    def __init__(
        self,
        address: str = "127.0.0.1",
        *,
        users: tuple[User, ...] = (),
        options: str = "",
        key_types: tuple[str, ...] = ("ssh-ed25519",),
    ) -> None:
        self.address = address
        self.port = free_port(address)
        self.users = users
        self.directory = Path(tempfile.mkdtemp(prefix="rollcall-sshd-"))
        self.directory.chmod(0o755)
        self._process: subprocess.Popen[bytes] | None = None
        self._options = options
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        authorized = self.directory / "authorized_keys"
        authorized.write_bytes(self.client_key.export_public_key())
        authorized.chmod(0o644)
        self.change_host_keys(key_types)
        if users:
            self._write_users()

    # What it shows and takes

    def change_host_keys(self, key_types: tuple[str, ...] = ("ssh-ed25519",)) -> None:
        """New host keys of these types; seen after the next start."""
        for old in self.directory.glob("host_*"):
            old.unlink()
        self.host_keys: tuple[str, ...] = ()
        for key_type in key_types:
            key = asyncssh.generate_private_key(key_type)
            path = self.directory / f"host_{key_type}"
            path.write_bytes(key.export_private_key())
            path.chmod(0o600)
            public = " ".join(key.export_public_key().decode().split()[:2])
            self.host_keys = (*self.host_keys, public)

    @property
    def private_key(self) -> str:
        return self.client_key.export_private_key().decode()

    def login(self, username: str = "", **changes: Any) -> Login:
        """The login that works by key."""
        return Login(username or getpass.getuser(), **{"private_key": self.private_key, **changes})

    def target(self, **changes: Any) -> Target:
        """A target for this server which works, but for the changes."""
        values: dict[str, Any] = {
            "host_id": self.port,
            "revision": "1",
            "transport": "asyncssh",
            "address": self.address,
            "port": self.port,
            "login": self.login(),
            "host_keys": self.host_keys,
        }
        return Target(**{**values, **changes})

    # What it did

    @property
    def log(self) -> str:
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def logins(self) -> int:
        return len(re.findall(r"^Accepted (?!key)", self.log, re.MULTILINE))

    @property
    def refusals(self) -> int:
        return self.log.count("Failed ")

    @property
    def attempts(self) -> int:
        """Attempts to log in, successful or not."""
        return self.logins + self.refusals

    def processes(self) -> list[psutil.Process]:
        """What runs for the sessions of this server, the listener not counted."""
        if self._process is None:
            return []
        return psutil.Process(self._process.pid).children(recursive=True)

    # Its life

    def start(self) -> None:
        need_sshd()
        assert SSHD is not None
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        address = f"[{self.address}]" if ":" in self.address else self.address
        config = CONFIG.format(address=address, port=self.port, directory=self.directory)
        if not self.users:
            # Login scripts of whoever runs the tests are not part of them.
            home = self.directory / "home"
            home.mkdir(exist_ok=True)
            config += f"SetEnv HOME={home}\n"
        # The first value of an option counts: what a test sets goes first.
        lines = [self._options, config]
        lines += [f"HostKey {path}" for path in sorted(self.directory.glob("host_*"))]
        (self.directory / "config").write_text("\n".join(lines) + "\n")
        starts = self.log.count(LISTENING)
        command = [SSHD, "-D", "-f", f"{self.directory}/config", "-E", f"{self.directory}/log"]
        if self.users:
            command = ["unshare", "-m", "sh", "-c", self._namespace(), "sh", *command]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._wait_for_port(starts)

    def stop(self) -> None:
        """End the server with all its sessions, as a switched off machine would."""
        if self._process is None:
            return
        for process in [*self.processes(), psutil.Process(self._process.pid)]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self._process.communicate()
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _wait_for_port(self, starts: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                assert self._process.stderr is not None
                said = self._process.stderr.read().decode(errors="replace")
                raise RuntimeError(f"sshd ended: {said} {self.log}")
            if self.log.count(LISTENING) > starts:
                return
            time.sleep(0.02)
        raise RuntimeError(f"sshd did not begin to listen: {self.log}")

    def _namespace(self) -> str:
        mounts = [
            f"mount --bind {self.directory}/{name} /etc/{name}" for name in ("passwd", "shadow")
        ]
        return " && ".join(["mount --make-rprivate /", *mounts, 'exec "$@"'])

    def _write_users(self) -> None:
        passwd = Path("/etc/passwd").read_text().splitlines()
        shadow = ["root:*:19000:0:99999:7:::", "sshd:!:19000::::::"]
        for number, user in enumerate(self.users):
            home = self.directory / user.name
            home.mkdir()
            uid = FIRST_UID + number
            os.chown(home, uid, uid)
            shell = shutil.which(user.shell) or user.shell
            passwd.append(f"{user.name}:x:{uid}:{uid}::{home}:{shell}")
            changed = "0" if user.expired else "19000"
            shadow.append(f"{user.name}:{_hash(user.password)}:{changed}:0:99999:7:::")
        (self.directory / "passwd").write_text("\n".join(passwd) + "\n")
        (self.directory / "shadow").write_text("\n".join(shadow) + "\n")


def _hash(password: str) -> str:
    if not password:
        return "*"
    command = ["openssl", "passwd", "-5", "-stdin"]
    done = subprocess.run(command, input=password.encode(), stdout=subprocess.PIPE, check=True)
    return done.stdout.decode().strip()


@contextmanager
def running(address: str = "127.0.0.1", **options: Any) -> Iterator[Sshd]:
    """A started server, removed afterwards."""
    need_sshd()
    server = Sshd(address, **options)
    try:
        server.start()
        yield server
    finally:
        server.remove()
