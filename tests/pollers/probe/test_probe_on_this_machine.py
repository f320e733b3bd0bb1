"""The real probe, by every interpreter there is, against what psutil says itself."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from pathlib import Path

import psutil
import pytest

from metrics.catalog import CATALOG
from metrics.rates import Rates
from pollers.probe import bundle
from pollers.probe.conversation import Conversation
from tests.pollers.probe.conftest import INTERPRETERS
from tests.pollers.probe.shell_session import with_interpreter

each_interpreter = pytest.mark.parametrize(
    "interpreter", INTERPRETERS, ids=lambda path: path.parts[-3]
)


async def opened(shell_session, interpreter):
    session = shell_session(edit=with_interpreter(interpreter))
    return session, await Conversation.open(session)


def values(report):
    return dict(zip(report.series, report.values, strict=True))


@each_interpreter
async def test_every_interpreter_measures_the_same_series(shell_session, interpreter):
    _, conversation = await opened(shell_session, interpreter)
    report = await conversation.ask(frozenset(("facts", "processes")))
    _, reference = await opened(shell_session, INTERPRETERS[0])
    assert report.series == (await reference.ask()).series
    assert [run for run in report.collectors if run.error] == []
    assert report.facts["probe"] == "psutil"
    assert report.facts["psutil_origin"] == conversation.psutil


@each_interpreter
async def test_values_agree_with_psutil(shell_session, interpreter):
    _, conversation = await opened(shell_session, interpreter)
    report = await conversation.ask(frozenset(("facts", "processes")))
    got, memory, disk = values(report), psutil.virtual_memory(), psutil.disk_usage("/")
    assert got["memory_total_bytes", ()] == memory.total == report.facts["memory_total_bytes"]
    assert got["memory_used_bytes", ()] == pytest.approx(memory.used, rel=0.03, abs=256 << 20)
    assert got["memory_available_bytes", ()] == pytest.approx(memory.available, rel=0.03)
    root = (("mount", "/"),)
    if ("filesystem_size_bytes", root) in got:
        assert got["filesystem_size_bytes", root] == disk.total
        assert got["filesystem_used_bytes", root] == pytest.approx(disk.used, rel=0.01)
        assert got["filesystem_available_bytes", root] == pytest.approx(disk.free, rel=0.01)
    assert got["users_logged_in", ()] == len(psutil.users())
    assert got["process_count", ()] == pytest.approx(len(psutil.pids()), abs=20)
    assert got["load1", ()] == pytest.approx(os.getloadavg()[0], abs=0.5)
    assert got["uptime_seconds", ()] == pytest.approx(
        time.clock_gettime(time.CLOCK_BOOTTIME), abs=3
    )
    nics = psutil.net_io_counters(pernic=True)
    for (name, labels), value in got.items():
        if name == "network_receive_bytes_total":
            assert value == pytest.approx(nics[labels[0][1]].bytes_recv, rel=0.03, abs=1 << 20)
    idle = psutil.cpu_times().idle
    assert got["cpu_seconds_total", (("mode", "idle"),)] == pytest.approx(idle, rel=0.01, abs=5)
    assert report.facts["cpu_count"] == psutil.cpu_count()
    assert report.facts["boot_time"] == pytest.approx(psutil.boot_time(), abs=2)
    assert report.facts["hostname"] == os.uname().nodename


@each_interpreter
async def test_the_second_report_has_rates(shell_session, interpreter):
    _, conversation = await opened(shell_session, interpreter)
    rates = Rates()
    assert rates.measure(await conversation.ask()) is None
    await asyncio.sleep(0.3)
    measured = rates.measure(await conversation.ask())
    got = dict(zip(measured.columns, measured.values, strict=True))
    assert 0 <= got["cpu_percent", ()] <= 100
    assert 0 < got["memory_percent", ()] < 100
    assert 0 < got["probe_cpu_milliseconds", ()] < 200
    assert all(CATALOG[name].stored for name, _ in measured.columns)
    disk = psutil.disk_usage("/").percent
    assert got["filesystem_percent", (("mount", "/"),)] == pytest.approx(disk, abs=0.2)


@each_interpreter
async def test_nothing_is_written_on_the_host(shell_session, interpreter, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    libraries = interpreter.parents[1] / "lib"
    stamp = time.time()
    _, conversation = await opened(shell_session, interpreter)
    await conversation.ask(frozenset(("facts", "processes")))
    assert sorted(tmp_path.rglob("*")) == before == []
    written = [
        path
        for folder in libraries.glob("python3*")
        for path in (folder / "__pycache__").glob("*.pyc")
        if path.stat().st_mtime > stamp
    ]
    assert written == []


async def test_a_busy_process_is_at_the_top_of_the_list(shell_session):
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    await conversation.ask(frozenset(("processes",)))
    busy = await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done")
    try:
        await asyncio.sleep(1)
        report = await conversation.ask(frozenset(("processes",)))
    finally:
        busy.kill()
        await busy.wait()
    rows = report.details["processes"]["by_cpu"]
    assert len(rows) <= 10
    row = next(row for row in rows if row["pid"] == busy.pid)
    assert row["name"] == "sh"
    assert 30 < row["cpu_percent"] < 120
    by_memory = [row["rss"] for row in report.details["processes"]["by_memory"]]
    assert by_memory == sorted(by_memory, reverse=True)


async def test_details_and_facts_come_only_when_asked(shell_session):
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    report = await conversation.ask()
    assert report.facts is None
    assert report.details is None


@each_interpreter
async def test_the_probe_is_gone_soon_after_its_input_ended(shell_session, interpreter):
    session, conversation = await opened(shell_session, interpreter)
    pid = session.channels[-1].pid
    conversation.close()
    for _ in range(50):
        if not os.path.exists(f"/proc/{pid}"):
            return
        await asyncio.sleep(0.1)
    pytest.fail("still there after 5 s")


async def test_names_are_sent_once(shell_session):
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    first = await conversation.ask()
    received = conversation.bytes_received
    second = await conversation.ask()
    assert second.series is first.series
    assert conversation.bytes_received - received < 2500


async def test_every_name_the_probe_sends_is_in_the_catalogue(shell_session):
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    payloads = []
    read = conversation._reader.read
    conversation._reader.read = lambda payload: payloads.append(payload) or read(payload)
    report = await conversation.ask()
    sent = {name for name, _ in json.loads(payloads[0])["series"]}
    assert sent <= {name for name, entry in CATALOG.items() if entry.sent}
    received = {name for name, _ in report.series}
    assert sent < received
    assert {"context_switches_total", "memory_slab_bytes", "tcp_established"} <= received - sent


async def test_the_host_sees_who_we_are(shell_session):
    session, _ = await opened(shell_session, INTERPRETERS[-1])
    line = Path(f"/proc/{session.channels[-1].pid}/cmdline").read_bytes()
    assert b"rollcall-probe" in line


async def test_names_that_are_no_text_arrive_escaped(shell_session, tmp_path):
    program = tmp_path / "bin" / "a) \udcff\n(b"
    program.parent.mkdir()
    shutil.copy(shutil.which("sleep"), program)
    hostile = await asyncio.create_subprocess_exec(program, "60")
    try:
        _, conversation = await opened(shell_session, INTERPRETERS[0])
        await asyncio.sleep(0.1)
        report = await conversation.ask(frozenset(("processes",)))
    finally:
        hostile.kill()
        await hostile.wait()
    assert report.details is not None
    states = report.details["processes"]["states"]
    assert sum(states.values()) > 3


async def test_a_probe_nobody_asks_leaves(shell_session, monkeypatch):
    program = bundle.program().replace(b"IDLE_SECONDS = 600", b"IDLE_SECONDS = 0.5")
    monkeypatch.setattr(bundle, "program", lambda: program)
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    await conversation.ask()
    assert not conversation.closed
    await asyncio.sleep(1)
    assert conversation.closed


@pytest.mark.parametrize("change", [b"(99, 0)", b"None"])
async def test_an_old_or_broken_psutil_of_the_host_is_replaced(shell_session, monkeypatch, change):
    program = bundle.program().replace(b"MINIMUM = (5, 3)", b"MINIMUM = " + change)
    monkeypatch.setattr(bundle, "program", lambda: program)
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    assert conversation.psutil == "sent"
    report = await conversation.ask(frozenset(("facts",)))
    assert report.facts["psutil"] == psutil.__version__
    assert [run for run in report.collectors if run.error] == []


async def test_a_collector_that_fails_leaves_the_others(shell_session, monkeypatch):
    program = bundle.program().replace(b"os.getloadavg()", b"os.nothing()")
    monkeypatch.setattr(bundle, "program", lambda: program)
    _, conversation = await opened(shell_session, INTERPRETERS[-1])
    report = await conversation.ask()
    failed = [(run.name, run.error) for run in report.collectors if run.error]
    assert [name for name, _ in failed] == ["load"]
    assert "AttributeError" in failed[0][1]
    assert ("load1", ()) not in report.series
    assert ("memory_total_bytes", ()) in report.series


def private_kilobytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("Private"))


@each_interpreter
async def test_it_costs_the_host_little(shell_session, interpreter):
    bare = await asyncio.create_subprocess_exec(
        interpreter, "-I", "-B", "-c", "import sys; sys.stdin.read()", stdin=asyncio.subprocess.PIPE
    )
    session, conversation = await opened(shell_session, interpreter)
    report = await conversation.ask(frozenset(("facts", "processes")))
    costs = []
    for _ in range(20):
        last, report = report, await conversation.ask()
        costs.append(report.cost.cpu_seconds - last.cost.cpu_seconds)
    extra = private_kilobytes(session.channels[-1].pid) - private_kilobytes(bare.pid)
    bare.stdin.close()
    await bare.wait()
    assert extra < 10 << 10
    assert sorted(costs)[10] < 0.003 * 2  # twice the budget: the machine of a test is busy


def test_the_registry_names_every_collector_in_the_folder():
    files = {path.stem for path in (bundle.ROOM / "collectors").glob("*.py")} - {"__init__"}
    assert files == set(bundle.COLLECTORS)
    assert len(bundle.COLLECTORS) == len(files)
