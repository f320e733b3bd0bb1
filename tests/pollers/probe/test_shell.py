"""The probe in the shell: for hosts without Python, with what their shells have in common."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess

import pytest

from metrics import shell as sections
from metrics.catalog import CATALOG
from metrics.rates import Rates
from pollers.probe import bundle
from pollers.probe.conversation import Conversation
from pollers.probe.sums import cksum, right
from tests.pollers.probe.conftest import INTERPRETERS
from tests.pollers.probe.shell_session import with_interpreter, without_python

ALL = frozenset(("facts", "minute", "hour", "processes"))
FACTS = frozenset(("facts", "processes"))
SHELLS = ("dash", "busybox ash", "ksh", "bash", "bash --posix", "zsh")


@pytest.fixture(params=SHELLS)
def shell(request):
    if shutil.which(request.param.split()[0]) is None:
        pytest.skip(f"no {request.param} on this machine")
    return request.param


@pytest.fixture
async def opened(shell_session):
    async def open_one(shell="dash", **options):
        session = shell_session(edit=without_python(shell), **options)
        return session, await Conversation.open(session)

    return open_one


def values(report):
    return dict(zip(report.series, report.values, strict=True))


def test_the_command_is_words_only():
    assert re.fullmatch(r"[a-z -]+", bundle.SHELL_COMMAND)
    assert bundle.SHELL_COMMAND.endswith(" rollcall-probe")
    assert "\n" not in bundle.SHELL_LOADER.rstrip("\n")


def test_the_script_is_plain_text_and_writes_no_file():
    text = bundle.shell_program().decode("ascii")
    code = "\n".join(line.partition("#")[0] for line in text.split("\n"))
    targets = set(re.findall(r">\s*([^\s;)]+)", code.replace("%%", "")))
    assert targets <= {"/dev/null", "&1", "&2"}
    assert "<<" not in code  # a here-document is a temporary file in some shells


def test_the_script_sends_the_sections_the_central_expects():
    text = bundle.shell_program().decode()
    poll = text[text.index("poll() {") : text.index("minute() {")]
    assert poll.count("$mark") == len(sections.POLL) - 1
    for name, expected in {**sections.QUESTIONS, "disks": sections.DISKS}.items():
        body = text[text.index(f"\n{name}() {{") :]
        body = body[: body.index("\n}\n")]
        assert body.count('echo "= $') == len(expected) - 1


async def test_every_shell_gives_the_same_report(opened, shell):
    session, conversation = await opened(shell)
    assert conversation.interpreter == "sh"
    assert conversation.way == "shell, without Python"
    report = await conversation.ask(ALL)
    reference = await (await opened())[1].ask(ALL)
    assert report.series == reference.series
    assert {name for name, _ in report.series} <= {n for n, entry in CATALOG.items() if entry.sent}
    assert [run for run in report.collectors if run.error] == []
    assert report.facts == reference.facts
    assert report.boot_id == reference.boot_id
    assert report.time == pytest.approx(reference.time, abs=5)
    assert len(session.commands) == len(bundle.INTERPRETERS) + 1


LOOSE = ("memory_slab_bytes", "memory_dirty_bytes", "memory_writeback_bytes", "memory_page_tables_bytes")  # fmt: skip


def differences(got, wanted):
    """Series of which two ways, asked one after the other, say something else."""
    return {
        series: (got[series], value)
        for series, value in wanted.items()
        # the asking itself changes these
        if not series[0].startswith(("process_", "pressure_", "tcp_", "sockets", *LOOSE))
        and got[series]
        != pytest.approx(value, rel=0.02, abs=128 << 20 if "bytes" in series[0] else 60)
    }


@pytest.mark.parametrize("interpreter", [INTERPRETERS[-1]])
async def test_the_ways_agree(opened, shell_session, interpreter):
    _, conversation = await opened()
    python = await Conversation.open(shell_session(edit=with_interpreter(interpreter)))
    await conversation.ask(ALL)
    await python.ask(ALL)
    for _ in range(250):  # until both have what takes its time: package lists, on a busy machine
        ours, theirs = await conversation.ask(FACTS), await python.ask(FACTS)
        if all("updates_pending" in dict(one.series) for one in (ours, theirs)):
            break
        await asyncio.sleep(0.2)
    got, wanted = values(ours), values(theirs)
    assert set(wanted) - set(got) == set()
    for _ in range(10):  # the machine may do something between two answers, but not always
        apart = differences(got, wanted)
        if not apart:
            break
        got, wanted = values(await conversation.ask(FACTS)), values(await python.ask(FACTS))
    assert apart == {}
    size = ("filesystem_size_bytes", (("mount", "/"),))
    assert got[size] == wanted[size]
    for fact in ("hostname", "os", "kernel", "architecture", "cpu_model", "cpu_count", "boot_time", "memory_total_bytes", "swap_total_bytes", "virtualization"):  # fmt: skip
        assert ours.facts[fact] == theirs.facts[fact]
    assert ours.boot_id == theirs.boot_id
    assert ours.time == pytest.approx(theirs.time, abs=2)


async def test_it_makes_rates_and_stays_open(opened):
    session, conversation = await opened()
    rates = Rates()
    assert rates.measure(await conversation.ask(frozenset(("minute",)))) is None
    await asyncio.sleep(0.3)
    measured = rates.measure(await conversation.ask())
    got = dict(zip(measured.columns, measured.values, strict=True))
    assert 0 <= got["cpu_percent", ()] <= 100
    assert 0 < got["memory_percent", ()] < 100
    assert 0 < got["filesystem_percent", (("mount", "/"),)] < 100  # repeated from the minute
    assert got["context_switches_per_second", ()] > 0
    commands = len(session.commands)
    assert (await conversation.ask()).series is (await conversation.ask()).series
    assert len(session.commands) == commands


async def test_a_busy_process_is_at_the_top(opened):
    _, conversation = await opened()
    assert (await conversation.ask(frozenset(("processes",)))).details is None
    busy = await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done")
    try:
        await asyncio.sleep(1)
        report = await conversation.ask(frozenset(("processes",)))
    finally:
        busy.kill()
        await busy.wait()
    row = next(one for one in report.details["processes"]["by_cpu"] if one["pid"] == busy.pid)
    assert row["name"] == "sh"
    assert 30 < row["cpu_percent"] < 120
    assert values(report)["process_zombies", ()] is not None


async def test_it_costs_the_host_little(opened):
    _, conversation = await opened()
    first = await conversation.ask(frozenset(("minute",)))
    for _ in range(40):
        last = await conversation.ask()
    milliseconds = (last.cost.cpu_seconds - first.cost.cpu_seconds) / 40 * 1000
    assert milliseconds < 4 * 2  # twice the budget: the machine of a test is busy
    assert last.cost.memory_bytes < 2 << 20


async def test_it_is_gone_soon_after_its_input_ended(opened, shell):
    session, conversation = await opened(shell)
    await conversation.ask(frozenset(("minute",)))
    pid = session.channels[-1].pid
    conversation.close()
    for _ in range(50):
        if not os.path.exists(f"/proc/{pid}"):
            return
        await asyncio.sleep(0.1)
    pytest.fail("still there after 5 s")


@pytest.mark.parametrize("cut", [1, 100, 4000])
def test_a_script_cut_short_is_not_run(shell, cut):
    words = (*shell.split(), *bundle.SHELL_COMMAND.split()[1:])
    with subprocess.Popen(words, stdin=-1, stdout=-1, stderr=-1) as process:
        process.stdin.write(bundle.SHELL_LOADER.encode())
        process.stdin.flush()
        process.stdout.readline()
        assert process.stdout.readline() == b"ROLLCALL READY\n"
        process.stdin.write(bundle.shell_parcel(bundle.shell_program())[:-cut])
        output, errors = process.communicate(timeout=5)
    assert (process.returncode, output, errors) == (1, b"", b"ROLLCALL CUT\n")


async def test_noise_is_skipped(opened, shell_session):
    plain = without_python()
    noise = "printf 'Welcome {\"cpu\": 99}\\nROLLCALL '; echo password: >&2; "
    conversation = await Conversation.open(shell_session(edit=lambda c: noise + plain(c)))
    assert (await conversation.ask()).series


async def test_nothing_is_written(opened, shell, tmp_path):
    _, conversation = await opened(shell)
    await conversation.ask(ALL)
    assert sorted(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("missing", ["sha256sum", "sha256sum cksum"])
async def test_without_sha256sum_another_sum_will_do(opened, monkeypatch, missing):
    program = bundle.shell_program()
    for name in missing.split():
        program = program.replace(b"command -v " + name.encode(), b"false")
    monkeypatch.setattr(bundle, "shell_program", lambda: program)
    _, conversation = await opened()
    assert (await conversation.ask()).series


def test_sums_are_those_of_the_tools():
    assert cksum(b"") == 4294967295
    assert cksum(b"123456789") == 930766865
    assert right(b"cksum:930766865", b"123456789")
    assert not right(b"cksum:930766865", b"12345678")
    assert right(b"none:", b"x")
    assert not right(b"none:1", b"x")
    assert not right(b"md5:1", b"x")


async def test_a_silent_question_does_not_hold_up_the_poll(opened, monkeypatch):
    program = bundle.shell_program().replace(b"units() {", b"units() {\n  sleep 5\n")
    monkeypatch.setattr(bundle, "shell_program", lambda: program)
    monkeypatch.setattr("pollers.probe.shell.SECONDS", 0.5)
    _, conversation = await opened()
    report = await conversation.ask(frozenset(("minute",)))
    wrong = {run.name: run.error for run in report.collectors if run.error}
    assert wrong == {"units": "the host did not answer in time"}
    assert values(report)["filesystem_size_bytes", (("mount", "/"),)] > 0
    assert (await conversation.ask()).series


async def test_a_late_answer_is_taken_at_the_next_poll(opened, monkeypatch):
    program = bundle.shell_program().replace(b"hour() {", b"hour() {\n  sleep 0.3\n")
    program = program.replace(b"command -v apt-get", b"false").replace(b"-v apk", b"-v nothing")
    monkeypatch.setattr(bundle, "shell_program", lambda: program)
    _, conversation = await opened()
    report = await conversation.ask(frozenset(("hour",)))
    assert ("reboot_required", ()) not in report.series
    await asyncio.sleep(1)
    assert values(await conversation.ask())["reboot_required", ()] in (0, 1)
    assert ("reboot_required", ()) in (await conversation.ask()).series


async def test_what_worked_the_last_time_is_tried_first(shell_session):
    session = shell_session(edit=without_python())
    conversation = await Conversation.open(session, first="sh")
    assert conversation.interpreter == "sh"
    assert len(session.commands) == 1


async def test_a_wrapper_that_fails_moves_the_search_on(shell_session):
    def edit(command):
        if command.startswith("python3 "):
            return "echo 'Python is kept by another team, see the handbook'; exit 1"
        return command

    conversation = await Conversation.open(shell_session(edit=edit))
    assert conversation.interpreter == "/usr/bin/python3"
