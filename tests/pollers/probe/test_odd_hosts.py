"""Hosts that are not as they should be: they are measured, or say why not."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

import pytest

from fleet.failures import PollFailure
from metrics.proc import filesystems
from pollers.probe import bundle
from pollers.probe.conversation import Conversation
from tests.pollers.probe.shell_session import without_python

MANY_MOUNTS = Path(__file__).parent / "many_mounts.py"
ALL = frozenset(("facts", "minute", "processes"))
WAYS = pytest.mark.parametrize("way", ["python", "shell"])


def before(words: str, way: str = "python"):
    """An edit that runs these words in the login shell before the command."""
    plain = without_python("dash") if way == "shell" else lambda command: command
    return lambda command: f"{words}; {plain(command)}"


@pytest.fixture
async def host(shell_session):
    """A conversation with a host on which these words come first: host(words, way)."""

    async def make(words, way="python", **options):
        return await Conversation.open(shell_session(edit=before(words, way), **options))

    return make


def values(report):
    return dict(zip(report.series, report.values, strict=True))


def failed(report):
    return [(run.name, run.error) for run in report.collectors if run.error]


def need_root():
    if os.geteuid() != 0:
        pytest.skip("only root can make this")


FRAME = "\\nROLLCALL 0011223344556677 2 0\\n{}\\n"


@WAYS
@pytest.mark.parametrize("size", [100, 64 << 10])
async def test_noise_with_an_old_frame_in_it_is_skipped(host, way, size):
    noise = f"printf 'Welcome {{\"cpu\": 99}}{FRAME}'; head -c {size} /dev/zero | tr '\\0' x"
    report = await (await host(noise, way)).ask(ALL)
    assert failed(report) == []
    assert values(report)["memory_total_bytes", ()] > 1 << 20


async def test_noise_without_end_is_too_big_and_quoted(host):
    noise = "echo Welcome to the machine; head -c 5000000 /dev/zero | tr '\\0' x"
    with pytest.raises(PollFailure) as caught:
        await host(noise)
    assert caught.value.code.name == "PROBE_TOO_BIG"
    assert "Welcome to the machine" in caught.value.detail


@WAYS
@pytest.mark.parametrize(
    "words",
    [
        "export LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8",
        "export LANG=C LC_ALL=C",
        "export PYTHONIOENCODING=ascii",
        "export PYTHONPATH=$PWD PYTHONHOME=/nonexistent PYTHONSTARTUP=x.py",
        "unset HOME",
        "export HOME=/nonexistent",
        "export TZ=Pacific/Kiritimati",
        "export POSIXLY_CORRECT=1 GREP_OPTIONS=-v BLOCK_SIZE=1 DF_BLOCK_SIZE=1 IFS=/",
        "ulimit -n 20",
        "umask 777",
        "mkdir gone; cd gone; rmdir ../gone",
    ],
)
async def test_an_odd_environment_changes_nothing(host, way, words, tmp_path):
    for name in ("psutil", "json", "sitecustomize", "usercustomize", "re"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('foreign code ran')")
    report = await (await host(words, way)).ask(ALL)
    assert failed(report) == []
    got = values(report)
    disk = os.statvfs("/")
    root = (("mount", "/"),)
    if ("filesystem_size_bytes", root) in got:
        assert got["filesystem_size_bytes", root] == disk.f_blocks * disk.f_frsize
    assert got["process_count", ()] > 1


@pytest.mark.parametrize(
    "wrapper",
    [
        "echo 'No version is set for command python3' >&2; exit 126",
        "echo 'pyenv: python3: command not found' >&2; exit 127",
        "echo 'Use the blessed Python.'; exit 1",
        "echo 'Traceback (most recent call last):' >&2; exit 1",
        "exit 1",
        "echo ready when you are",
    ],
)
async def test_a_shim_that_fails_moves_the_search_on(shell_session, wrapper):
    def edit(command):
        return wrapper if command.startswith("python3 ") else command

    session = shell_session(edit=edit)
    conversation = await Conversation.open(session)
    assert conversation.interpreter == "/usr/bin/python3"
    assert failed(await conversation.ask()) == []


@WAYS
async def test_thousands_of_mounts_with_odd_names(shell_session, tmp_path, monkeypatch, way):
    need_root()
    words = (sys.executable, str(MANY_MOUNTS), str(tmp_path), "2000")
    program = bundle.program().replace(b" tmpfs", b" tmpf5")
    monkeypatch.setattr(bundle, "program", lambda: program)
    monkeypatch.setattr(filesystems, "SKIPPED", filesystems.SKIPPED - {"tmpfs"})
    plain = without_python("dash") if way == "shell" else lambda command: command
    session = shell_session(edit=lambda command: shlex.join((*words, plain(command))))
    if way == "python":
        conversation = await Conversation.open(session)
    else:  # the mounts are made anew for each command
        conversation = await Conversation.open(session, first="sh")
    started = time.monotonic()
    report = await conversation.ask(ALL)
    assert time.monotonic() - started < 3
    mounts = {dict(labels)["mount"] for name, labels in report.series if name == "filesystem_size_bytes"}  # fmt: skip
    assert len(mounts) >= 60
    assert all(mount.isprintable() for mount in mounts)
    assert "/" in mounts
    assert values(report)["process_count", ()] > 1


async def test_five_thousand_processes(shell_session):
    need_root()
    if shutil.which("unshare") is None:
        pytest.skip("no unshare on this machine")
    many = "i=0; while test $i -lt 5000; do sleep 60 & i=$((i+1)); done; "
    edit = lambda command: f"unshare -p -f --mount-proc --kill-child sh -c {shlex.quote(many + command)}"  # noqa: E731  # fmt: skip
    conversation = await Conversation.open(shell_session(edit=edit))
    first = await conversation.ask()
    report = await conversation.ask(ALL)
    assert failed(report) == []
    assert report.cost.cpu_seconds - first.cost.cpu_seconds < 2
    assert values(report)["process_count", ()] > 5000
    assert len(report.details["processes"]["by_cpu"]) == 10


async def test_hidden_processes_are_said_not_zero(shell_session):
    need_root()
    hide = "mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups "  # fmt: skip
    if shutil.which("setpriv") is None or shutil.which("unshare") is None:
        pytest.skip("no setpriv or unshare on this machine")
    edit = lambda command: f"unshare -m sh -c {shlex.quote(hide + command)}"  # noqa: E731  # fmt: skip
    conversation = await Conversation.open(shell_session(edit=edit))
    report = await conversation.ask(ALL)
    assert values(report)["process_count", ()] is None
    assert [name for name, _ in failed(report)] == ["processes"]


async def test_a_program_that_hangs_holds_up_nothing(host, shell_session, monkeypatch):
    program = bundle.program().replace(b'"chronyc", "-n", "-c", "tracking"', b'"sleep", "30"')
    assert b'"sleep", "30"' in program
    monkeypatch.setattr(bundle, "program", lambda: program)
    session = shell_session()
    conversation = await Conversation.open(session)
    started = time.monotonic()
    for _ in range(3):
        report = await conversation.ask(ALL)
        assert failed(report) == []
    assert time.monotonic() - started < 2
    children = [
        path
        for path in Path("/proc").glob("[0-9]*/stat")
        if int(path.read_text().rpartition(")")[2].split()[1]) == session.channels[-1].pid
    ]
    assert len(children) == 1
    conversation.close()
    for _ in range(50):
        if not children[0].exists():
            return
        await asyncio.sleep(0.1)
    pytest.fail("the helper was left behind")
