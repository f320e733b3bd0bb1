"""Interpreters to try, and a session that runs in a local shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pollers.probe.shell_session import ShellSession

INTERPRETERS = sorted((Path.home() / ".pyenv" / "versions").glob("3.*/bin/python3"))
if Path("/usr/bin/python3").exists():
    INTERPRETERS.append(Path("/usr/bin/python3"))


@pytest.fixture
async def shell_session(tmp_path):
    """Makes sessions, and ends them: shell_session(shell, edit=…)."""
    made = []

    def make(*args, **options):
        options.setdefault("home", tmp_path)
        made.append(ShellSession(*args, **options))
        return made[-1]

    yield make
    for session in made:
        await session.close()
