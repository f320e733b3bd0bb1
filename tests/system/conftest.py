"""One running installation for the tests of a module, and real SSH servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import sshd as harness
from tests.system.rollcall import Rollcall


@pytest.fixture(scope="module")
def rollcall() -> Iterator[Rollcall]:
    """`manage.py up` on SQLite, watching this machine."""
    installation = Rollcall()
    try:
        installation.start()
        yield installation
    finally:
        installation.close()


@pytest.fixture(scope="module")
def server() -> Iterator[harness.Sshd]:
    with harness.running("127.0.0.2") as running:
        yield running


@pytest.fixture(scope="module")
def key_file(server: harness.Sshd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "id_ed25519"
    path.write_text(server.private_key)
    path.chmod(0o600)
    return path
