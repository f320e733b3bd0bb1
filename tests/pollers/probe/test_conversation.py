"""Talking to the probe: noise, refusals, and hosts that lie."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from hashlib import sha256

import pytest

from fleet.failures import PollFailure
from pollers.probe import bundle
from pollers.probe.conversation import Conversation
from pollers.probe.refusals import judge
from tests.pollers.probe.conftest import INTERPRETERS
from tests.pollers.probe.shell_session import with_interpreter

SHELLS = ("sh", "bash", "dash", "csh", "tcsh", "fish", "zsh", "ksh", "busybox")


def document(**changes):
    whole = {
        "protocol": 1,
        "boot_id": "b",
        "monotonic": 1.0,
        "time": 1.0,
        "names": 1,
        "series": [["load1", {}]],
        "values": [0.5],
        "collectors": [["load", 0.1, None]],
        "cost": {"cpu_seconds": 0.1, "memory_bytes": 1},
    }
    return json.dumps(whole | changes).encode()


def frame(nonce: bytes, payload: bytes, *, size=None, digest=None) -> bytes:
    digest = digest or sha256(payload).hexdigest()
    return b"\nROLLCALL %s %d %s\n%s\n" % (nonce, size or len(payload), digest.encode(), payload)


class Script:
    """A host that answers as it is told: `reply(channel, data)` sees what is written to it."""

    host_key = None

    def __init__(self, reply, ready=b"ROLLCALL READY\n"):
        self.reply, self.ready = reply, ready
        self.closed, self.commands, self.channel_closed = False, [], 0

    async def start(self, command, receiver):
        self.commands.append(command)
        self.receiver = receiver
        self.receiver.received(self.ready, stderr=False)
        return self

    def write(self, data):
        if data.startswith(b"poll "):
            self.reply(self, data.split()[1])
        else:
            self.say(b"\nROLLCALL STARTED psutil host\n")

    def say(self, data, stderr=False):
        self.receiver.received(data, stderr=stderr)

    def end(self, status):
        self.receiver.ended(status)

    def close(self):
        self.channel_closed += 1


async def code_of(awaitable):
    with pytest.raises(PollFailure) as caught:
        await awaitable
    return caught.value


def test_the_loader_passes_every_shell_unchanged():
    assert len(bundle.LOADER_COMMANDS) == len(bundle.INTERPRETERS)
    for command in bundle.LOADER_COMMANDS:
        assert re.fullmatch(r"[^'\\!\n$`]+'[^'\\!\n$`]+' rollcall-probe", command)


@pytest.mark.parametrize("shell", SHELLS)
async def test_every_login_shell_runs_the_probe(shell_session, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} on this machine")
    words = ("busybox", "ash", "-c") if shell == "busybox" else (shell, "-c")
    conversation = await Conversation.open(shell_session(words))
    assert conversation.interpreter == "python3"
    assert len((await conversation.ask()).series) > 20


async def test_noise_of_login_scripts_is_skipped(shell_session):
    noise = "printf 'Welcome {\"cpu\": 99}\\nROLLCALL '; echo password: >&2; "
    session = shell_session(edit=lambda command: noise + command)
    conversation = await Conversation.open(session)
    assert (await conversation.ask()).series
    assert (await conversation.ask()).series


async def test_noise_before_between_and_after_frames_is_skipped():
    def reply(host, nonce):
        host.say(b"broadcast message\xff\x00")
        for byte in frame(nonce, document()):
            host.say(bytes((byte,)))
        host.say(b"more noise without an end")

    conversation = await Conversation.open(Script(reply, b"hello" * 1000 + b"ROLLCALL READY\n"))
    for _ in range(3):
        assert (await conversation.ask()).values == (0.5,)
    assert conversation.bytes_received > 5000


async def test_a_replayed_frame_is_ignored():
    seen = []

    def reply(host, nonce):
        for old in seen:
            host.say(frame(old, document(values=[99.0])))
        seen.append(nonce)
        host.say(frame(nonce, document()))

    conversation = await Conversation.open(Script(reply))
    assert [(await conversation.ask()).values for _ in range(3)] == [(0.5,)] * 3
    assert len(set(seen)) == 3


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda nonce: frame(nonce, document(), digest="0" * 64), "PROBE_BAD_FRAME"),
        (lambda nonce: frame(nonce, b"[]"), "PROBE_BAD_FRAME"),
        (lambda nonce: b"\nROLLCALL %s x y\n" % nonce, "PROBE_BAD_FRAME"),
        (lambda nonce: b"\nROLLCALL %s -1 y\n" % nonce, "PROBE_BAD_FRAME"),
        (lambda nonce: b"\nROLLCALL %s %s" % (nonce, b"1" * 500), "PROBE_BAD_FRAME"),
        (lambda nonce: frame(nonce, document(), size=2 << 20), "PROBE_TOO_BIG"),
        (lambda nonce: b"x" * (2 << 20) + frame(nonce, document()), "PROBE_TOO_BIG"),
    ],
)
async def test_a_damaged_frame_is_refused_and_closes_the_conversation(answer, code):
    host = Script(lambda host, nonce: host.say(answer(nonce)))
    conversation = await Conversation.open(host)
    failure = await code_of(conversation.ask())
    assert failure.code.name == code
    assert failure.stage == "sample"
    assert conversation.closed
    assert host.channel_closed == 1


async def test_endless_errors_are_too_big():
    def reply(host, nonce):
        for _ in range(40):
            host.say(b"e" * 65536, stderr=True)

    conversation = await Conversation.open(Script(reply))
    assert (await code_of(conversation.ask())).code.name == "PROBE_TOO_BIG"


async def test_a_shell_that_prints_without_end_is_too_big():
    host = Script(None, b"y\n" * (2 << 20))
    assert (await code_of(Conversation.open(host))).code.name == "PROBE_TOO_BIG"


@pytest.mark.parametrize(
    ("said", "status", "code"),
    [
        (b"\nROLLCALL NONCE 500 abc\n{", 0, "PROBE_TRUNCATED"),
        (b"", None, "PROBE_TRUNCATED"),
        (b"", 137, "PROBE_TRUNCATED"),
        (b"", 0, "PROBE_SILENT"),
        (b"MemoryError", 1, "PROBE_CRASHED"),
    ],
)
async def test_a_probe_that_ends_has_a_reason(said, status, code):
    def reply(host, nonce):
        host.say(said.replace(b"NONCE", nonce))
        host.end(status)

    failure = await code_of((await Conversation.open(Script(reply))).ask())
    assert failure.code.name == code


async def test_a_program_cut_short_is_not_run(shell_session, tmp_path):
    session = shell_session(edit=lambda command: "head -c 3000 | " + command)
    failure = await code_of(Conversation.open(session))
    assert failure.code.name == "PROBE_TRUNCATED"
    assert failure.stage == "probe"


async def test_a_cancelled_question_closes_and_knows_its_phase(shell_session):
    host = Script(lambda host, nonce: host.say(b"waiting"))
    conversation = await Conversation.open(host)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await conversation.ask()
    assert (conversation.phase, conversation.closed, host.channel_closed) == ("sample", True, 1)
    assert conversation.late().code.name == "PROBE_TIMEOUT"
    assert conversation.late().detail == "waiting"


async def test_a_login_script_that_waits_is_cancelled_in_the_shell_phase(shell_session):
    session = shell_session(edit=lambda command: "echo Press a key; read key; " + command)
    conversation = Conversation()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await Conversation.open(session, into=conversation)
    assert conversation.phase == "shell"
    assert conversation.late().code.name == "PROBE_SILENT"
    assert "Press a key" in conversation.late().detail


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("exit 127", "NO_PYTHON"),
        ("echo 'sh: 1: python3: not found' >&2; exit 127", "NO_PYTHON"),
        ("echo 'python3: Command not found.'; exit 1", "NO_PYTHON"),
        ("exit 1", "SHELL_UNUSABLE"),
        ("exit 0", "SHELL_UNUSABLE"),
        ("echo 'This account is currently not available.'; exit 1", "SHELL_UNUSABLE"),
        ("echo 'This service allows sftp connections only.'; exit 1", "SHELL_UNUSABLE"),
        ("echo 1. Backup 2. Quit; exit 0", "FORCED_COMMAND"),
        ("echo Unknown option: -I >&2; exit 2", "PYTHON_TOO_OLD"),
        ("echo 'ROLLCALL OLD 3.5.2' >&2; exit 1", "PYTHON_TOO_OLD"),
        ("echo 'Fatal Python error: init_fs_encoding' >&2; exit 1", "PROBE_CRASHED"),
        ("kill -9 $$", "PROBE_TRUNCATED"),
    ],
)
async def test_a_host_that_does_not_run_the_probe_says_why(shell_session, answer, code):
    session = shell_session(edit=lambda command: answer)
    failure = await code_of(Conversation.open(session))
    assert failure.code.name == code
    assert failure.stage == "shell"


@pytest.mark.parametrize("shell", ["/bin/false", "/bin/true", "/usr/sbin/nologin"])
async def test_shells_that_run_nothing_are_unusable(shell_session, shell):
    failure = await code_of(Conversation.open(shell_session((shell, "-c"))))
    assert failure.code.name == "SHELL_UNUSABLE"


async def test_the_next_interpreter_is_tried(shell_session):
    def edit(command):
        if command.startswith("python3 "):
            return "nosuchpython -c 1"
        return command

    session = shell_session(edit=edit)
    conversation = await Conversation.open(session)
    assert conversation.interpreter == "/usr/bin/python3"
    assert len(session.commands) == 2


async def test_python_2_is_too_old(shell_session):
    python2 = INTERPRETERS[0].parents[2] / "2.7.18" / "bin" / "python2"
    if not python2.exists():
        pytest.skip("no Python 2 on this machine")
    failure = await code_of(Conversation.open(shell_session(edit=with_interpreter(python2))))
    assert failure.code.name == "PYTHON_TOO_OLD"


def test_a_restricted_shell_may_still_have_another_name():
    text = b"rbash: /usr/bin/python3: restricted: cannot specify `/' in command names"
    assert judge(127, b"", text) == "missing"


async def test_a_foreign_psutil_in_the_login_directory_is_not_imported(shell_session, tmp_path):
    for name in ("psutil", "json", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('foreign code ran')")
    conversation = await Conversation.open(shell_session(home=tmp_path))
    assert (await conversation.ask()).series
