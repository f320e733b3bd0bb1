"""A mount that never answers: named, skipped, and no reason to stay."""

from __future__ import annotations

import asyncio
import os
import shlex
import sys
import time
from pathlib import Path

import pytest

from fleet.failures import PollFailure
from pollers.probe import bundle
from pollers.probe.conversation import Conversation

HELPER = Path(__file__).parent / "dead_mount.py"


@pytest.fixture
async def dead(shell_session, tmp_path):
    """A conversation with a probe beside a dead mount at `folder`."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("a dead mount can only be made by root where there is FUSE")
    folder = tmp_path / "dead"
    folder.mkdir()
    words = (sys.executable, str(HELPER), str(folder))

    async def open_one():
        session = shell_session(edit=lambda command: shlex.join((*words, command)))
        try:
            return session, await Conversation.open(session)
        except PollFailure as failure:
            if "99" in str(failure):
                pytest.skip("this machine does not let us mount")
            raise

    return open_one, str(folder)


async def test_a_network_mount_is_not_even_asked(dead):
    open_one, folder = dead
    _, conversation = await open_one()
    report = await conversation.ask()
    assert [run for run in report.collectors if run.error] == []
    assert ("filesystem_size_bytes", (("mount", folder),)) not in report.series


async def test_a_dead_mount_is_named_and_the_probe_still_leaves(dead, monkeypatch):
    open_one, folder = dead
    program = bundle.program().replace(b'b"fuse."', b'b"none."')
    monkeypatch.setattr(bundle, "program", lambda: program)
    session, conversation = await open_one()
    started = time.monotonic()
    report = await conversation.ask()
    assert 1.5 < time.monotonic() - started < 5
    run = next(run for run in report.collectors if run.name == "filesystems")
    assert run.error == f"OSError: {folder} does not answer"
    got = dict(zip(report.series, report.values, strict=True))
    assert got["filesystem_size_bytes", (("mount", folder),)] is None
    assert got["filesystem_size_bytes", (("mount", "/"),)] > 0
    started = time.monotonic()
    assert (await conversation.ask()).series is report.series
    assert time.monotonic() - started < 1
    conversation.close()
    pid = session.channels[-1].pid
    for _ in range(50):
        if not os.path.exists(f"/proc/{pid}"):
            return
        await asyncio.sleep(0.1)
    pytest.fail("still there after 5 s")
