"""Rotating the keys in a real process, killed at any moment: no secret is ever lost."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECRETS = 120
FILL = f"""
from credentials.models import Credential
for n in range({SECRETS}):
    c = Credential(name=f"c{{n}}", username="watch")
    c.set_password(f"secret-{{n}}")
    c.save()
"""
READ = """
from credentials.models import Credential
from credentials.keys import keyring, read_key_file
from django.conf import settings
rows = list(Credential.objects.all())
assert all(c.reveal("password") == "secret-" + c.name[1:] for c in rows)
print(len(rows), sum(keyring().is_current(c.password) for c in rows), len(read_key_file(settings.CREDENTIAL_KEY_FILE)))
"""


class Installation:
    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {"PATH": os.environ["PATH"], "DATA_DIR": str(directory)}

    @property
    def key_file(self) -> Path:
        return self.directory / "credential_keys"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def manage(self, *arguments: str) -> tuple[int, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out + err

    def shell(self, code: str) -> str:
        status, said = self.manage("shell", "-v", "0", "-c", code)
        assert status == 0, said
        return said

    def counts(self) -> tuple[int, int, int]:
        """(secrets that open, secrets under the first key, keys in the file)."""
        rows, current, keys = map(int, self.shell(READ).split())
        return rows, current, keys


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    found = Installation(tmp_path_factory.mktemp("rotation"))
    assert found.manage("migrate", "-v", "0")[0] == 0
    found.shell(FILL)
    return found


def test_a_rotation_seals_everything_under_one_new_key(installation):
    before = installation.key_file.read_text()
    status, said = installation.manage("rotate_keys")
    assert (status, said.split()[0]) == (0, str(SECRETS))
    assert installation.key_file.read_text() != before
    assert installation.key_file.stat().st_mode & 0o777 == 0o600
    assert installation.counts() == (SECRETS, SECRETS, 1)


def test_a_rotation_killed_at_any_moment_is_resumed_with_zero_unreadable_secrets(installation):
    caught = 0
    for _ in range(4):
        key = installation.key_file.read_bytes()
        process = installation.start("rotate_keys")
        while process.poll() is None and installation.key_file.read_bytes() == key:
            time.sleep(0.002)
        time.sleep(random.uniform(0.0, 0.25))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        rows, current, keys = installation.counts()
        assert rows == SECRETS
        caught += keys > 1 and current < SECRETS
    assert caught, "no kill came half-way"
    status, said = installation.manage("rotate_keys", "--resume")
    assert status == 0, said
    assert installation.counts() == (SECRETS, SECRETS, 1)


def test_two_rotations_at_once_do_not_drop_each_others_key(installation):
    with (installation.directory / ".credential_keys.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = installation.key_file.read_bytes()
        status, said = installation.manage("rotate_keys")
    assert status == 1
    assert "Another rotation" in said
    assert installation.key_file.read_bytes() == before


def test_a_rotation_without_the_old_key_stops_and_drops_nothing(installation):
    old = installation.key_file.read_text()
    new = "A" * 43 + "="
    installation.key_file.write_text(new + "\n")
    status, said = installation.manage("rotate_keys")
    assert status == 1
    assert str(installation.key_file) in said
    assert "Traceback" not in said
    assert new in installation.key_file.read_text(), "no key is dropped"
    installation.key_file.write_text(installation.key_file.read_text() + old)
    assert installation.manage("rotate_keys", "--resume")[0] == 0
    assert installation.counts() == (SECRETS, SECRETS, 1)


def test_a_missing_key_file_is_said_and_not_made_anew(installation):
    away = installation.key_file.rename(installation.directory / "away")
    try:
        status, said = installation.manage("rotate_keys")
        assert status == 1
        assert f"{installation.key_file} is missing" in said
        assert "Traceback" not in said
        assert not installation.key_file.exists()
    finally:
        away.rename(installation.key_file)
