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
from metrics.proc import filesystems
from pollers.probe import bundle
from pollers.probe.conversation import Conversation
from tests.pollers.probe.shell_session import without_python

HELPER = Path(__file__).parent / "dead_mount.py"


@pytest.fixture
async def dead(shell_session, tmp_path):
    """A conversation with a probe beside a dead mount at `folder`."""
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        pytest.skip("a dead mount can only be made by root where there is FUSE")
    folder = tmp_path / "dead"
    folder.mkdir()
    words = (sys.executable, str(HELPER), str(folder))

    async def open_one(*count, first=""):
        edit = without_python("dash") if first else lambda command: command
        session = shell_session(edit=lambda command: shlex.join((*words, edit(command), *count)))
        try:
            return session, await Conversation.open(session, first=first)
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
    await gone(session, conversation)


async def gone(session, conversation):
    conversation.close()
    pid = session.channels[-1].pid
    for _ in range(50):
        if not os.path.exists(f"/proc/{pid}"):
            return
        await asyncio.sleep(0.1)
    pytest.fail("still there after 5 s")


async def test_twenty_dead_mounts_leave_the_good_ones_alone(dead, monkeypatch):
    open_one, _ = dead
    program = bundle.program().replace(b'b"fuse."', b'b"none."')
    monkeypatch.setattr(bundle, "program", lambda: program)
    session, conversation = await open_one("20")
    for _ in range(5):
        started = time.monotonic()
        report = await conversation.ask()
        assert time.monotonic() - started < 5
        got = dict(zip(report.series, report.values, strict=True))
        assert got["filesystem_size_bytes", (("mount", "/"),)] > 0
    assert time.monotonic() - started < 1
    await gone(session, conversation)


@pytest.mark.parametrize("count", [(), ("20",)])
async def test_the_shell_goes_on_beside_dead_mounts(dead, monkeypatch, count):
    open_one, folder = dead
    monkeypatch.setattr(filesystems, "SKIPPED_TREES", ("/proc/", "/sys/", "/dev/"))
    real = filesystems.mounts

    def mounts(text):
        return real(text.replace("fuse.dead dead", "ext4 dead"))

    monkeypatch.setattr(filesystems, "mounts", mounts)
    session, conversation = await open_one(*count, first="sh")
    for _ in range(3):
        started = time.monotonic()
        report = await conversation.ask(frozenset(("minute",)))
        assert time.monotonic() - started < 4
        got = dict(zip(report.series, report.values, strict=True))
        assert got["filesystem_size_bytes", (("mount", "/"),)] > 0
    assert time.monotonic() - started < 1.5
    run = next(run for run in report.collectors if run.name == "filesystems")
    assert f"{folder}{'/0' if count else ''} does not answer" in run.error
    await gone(session, conversation)
