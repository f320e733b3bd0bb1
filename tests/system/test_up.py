"""The main job, end to end: one process, a server added by its address, its numbers."""

from __future__ import annotations

import getpass
import json
import os
import signal
import socket
import sys
import time
from itertools import pairwise

import psutil
import pytest

from tests import sshd as harness
from tests.system.rollcall import Rollcall

ME = getpass.getuser()


def test_the_machine_itself_is_watched_from_the_start(rollcall: Rollcall):
    host = rollcall.wait_for_state(1, "up")
    assert host["facts"]["memory_total_bytes"] == psutil.virtual_memory().total
    assert host["name"] == socket.gethostname()


def test_a_server_added_by_address_shows_its_own_numbers(rollcall: Rollcall, server, key_file):
    began = time.monotonic()
    number = rollcall.add(
        "127.0.0.2",
        "--port",
        str(server.port),
        "--user",
        ME,
        "--key",
        str(key_file),
        "--accept-host-key",
        "--name",
        "added",
    )
    host = rollcall.wait_for_state(number, "up", 15)
    rollcall.until(
        lambda: rollcall.points(number, "cpu_percent"),
        "a point of cpu_percent",
        15 - (time.monotonic() - began),
    )
    latest = host["latest"]
    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    assert host["facts"]["memory_total_bytes"] == memory.total
    assert latest["memory_used_bytes"] == pytest.approx(memory.used, rel=0.03, abs=64 << 20)
    root = next(
        one["value"] for one in latest["filesystem_percent"] if one["labels"] == {"mount": "/"}
    )
    assert root == pytest.approx(disk.percent, abs=1)
    assert server.logins == 1, "the session is kept: one login"


def test_the_command_line_polls_and_says_what_it_found(rollcall: Rollcall, server):
    said = json.loads(rollcall.manage("poll", "added", "--json").stdout)
    assert said["failure"] is None
    assert said["latest"]["memory_total_bytes"] == psutil.virtual_memory().total
    assert "cpu" in rollcall.manage("poll", "added").stdout


def test_a_host_removed_is_gone_and_its_name_free(rollcall: Rollcall):
    number = rollcall.add(
        "192.0.2.9", "--user", "x", "--password-stdin", "--name", "gone", stdin="secret\n"
    )
    rollcall.manage("hosts", "remove", "gone")
    assert rollcall.host(number)[0] == 404
    rollcall.add("192.0.2.9", "--user", "x", "--password-stdin", "--name", "gone", stdin="secret\n")
    rollcall.manage("hosts", "remove", "gone")


def test_what_is_typed_wrong_is_said_and_saves_nothing(rollcall: Rollcall):
    before = len(json.loads(rollcall.manage("hosts", "list", "--json").stdout))
    for arguments in (
        ["300.1.1.1", "--user", "x"],
        ["web-1"],
        ["-oProxyCommand=x", "--user", "x"],
        ["web-1", "--user", "x", "--key", "/nonexistent"],
        ["192.0.2.1", "--user", "x", "--password-stdin", "--interval", "1"],
    ):
        done = rollcall.manage("hosts", "add", *arguments, check=False, stdin="p\n")
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr
        assert done.stderr.strip()
    assert len(json.loads(rollcall.manage("hosts", "list", "--json").stdout)) == before


@pytest.mark.timeout(400)
def test_each_kind_of_failure_is_typed_while_the_others_miss_no_slot(
    rollcall: Rollcall, server, key_file
):
    """Wrong password, refused port, unknown and changed key, no shell, silence: with 20 healthy neighbours."""
    harness.need_users()
    key = ["--user", ME, "--key", str(key_file)]
    neighbours = [
        rollcall.add(
            "127.0.0.2",
            "--port",
            str(server.port),
            *key,
            "--accept-host-key",
            "--interval",
            "2",
            "--name",
            f"n{i}",
        )
        for i in range(20)
    ]
    users = (harness.User("plain", "/bin/sh", "right"), harness.User("none", "/bin/false", "right"))
    silent = socket.create_server(("127.0.0.3", 0))
    with harness.running("127.0.0.4", users=users) as odd, harness.running("127.0.0.5") as changing:
        rollcall.until(
            lambda: all(rollcall.host(n)["state"] == "up" for n in neighbours), "20 neighbours", 60
        )
        began = int(time.time())
        port = ["--port", str(odd.port), "--accept-host-key", "--interval", "5"]
        wrong = rollcall.add(
            "127.0.0.4",
            *port,
            "--user",
            "plain",
            "--password-stdin",
            "--name",
            "wrong",
            stdin="wrong\n",
        )
        shell = rollcall.add(
            "127.0.0.4",
            *port,
            "--user",
            "none",
            "--password-stdin",
            "--name",
            "shell",
            stdin="right\n",
        )
        refused = rollcall.add(
            "127.0.0.4",
            "--port",
            str(harness.free_port("127.0.0.4")),
            *key,
            "--interval",
            "5",
            "--name",
            "refused",
        )
        mute = rollcall.add(
            "127.0.0.3",
            "--port",
            str(silent.getsockname()[1]),
            *key,
            "--interval",
            "5",
            "--name",
            "mute",
        )
        unknown = rollcall.add(
            "127.0.0.5", "--port", str(changing.port), *key, "--interval", "5", "--name", "unknown"
        )
        (key_file.parent / "changing").write_text(changing.private_key)
        changed = rollcall.add(
            "127.0.0.5",
            "--port",
            str(changing.port),
            "--user",
            ME,
            "--key",
            str(key_file.parent / "changing"),
            "--accept-host-key",
            "--interval",
            "5",
            "--name",
            "changed",
        )
        rollcall.wait_for_state(changed, "up")
        changing.stop()
        changing.change_host_keys()
        changing.start()
        expected = {
            wrong: ("blocked", "AUTH_FAILED"),
            shell: ("blocked", "SHELL_UNUSABLE"),
            refused: ("down", "TCP_REFUSED"),
            mute: ("down", "TCP_TIMEOUT"),
            unknown: ("blocked", "HOSTKEY_UNKNOWN"),
            changed: ("blocked", "HOSTKEY_CHANGED"),
        }
        for number, (state, code) in expected.items():
            host = rollcall.wait_for_state(number, state, 60)
            assert host["failure"]["code"] == code
            assert host["failure"]["next_step"]
            said = rollcall.manage("poll", host["name"], "--json", check=False)
            assert said.returncode == 1
            assert json.loads(said.stdout)["failure"]["code"] == code
            assert code in rollcall.manage("hosts", "list").stdout
        assert odd.refusals <= 6, "a refused password is not tried again on schedule"
        time.sleep(3)
        ended = int(time.time()) - 8
        for number in neighbours:
            times = [
                point[0]
                for point in rollcall.points(
                    number, "cpu_percent", **{"from": began, "to": ended, "points": 5000}
                )
            ]
            holes = [after - before for before, after in pairwise(times) if after - before > 2]
            assert not holes, f"neighbour {number} missed slots: {holes}"
            assert len(times) >= (ended - began) // 2 - 1
    silent.close()
    rollcall.manage("hosts", "remove", *[str(number) for number in (*neighbours, *expected)])


@pytest.mark.timeout(200)
def test_sessions_of_removed_hosts_end(rollcall: Rollcall, server):
    rollcall.until(lambda: len(server.processes()) <= 8, "the end of the sessions", 30)


def test_a_second_start_is_fast_and_ctrl_c_ends_it_cleanly():
    """Seconds of processor, not of the clock: other tests may share the machine."""
    installation = Rollcall()
    try:
        process = installation.start()
        installation.stop(process)
        assert process.returncode == 0
        process = installation.spawn("again", sys.executable, "manage.py", "up")
        installation.until(installation.answers, "the second start", 30)
        spent = psutil.Process(process.pid).cpu_times()
        assert spent.user + spent.system < 5
        installation.stop(process, signal.SIGTERM)
        assert process.returncode == 0
        assert "Traceback" not in installation.log
    finally:
        installation.close()


def test_a_link_makes_the_first_administrator_where_none_was_named():
    installation = Rollcall(ADMIN_USERNAME="", ADMIN_PASSWORD="")
    try:
        installation.start()
        installation.until(lambda: "/welcome/" in installation.log, "the link")
    finally:
        installation.close()


@pytest.mark.parametrize(
    ("setting", "value", "word"),
    [
        ("PORT", "http", "PORT"),
        ("DATABASE_URL", "oracle://x", "DATABASE_URL"),
        ("BROKER_URL", "ftp://x", "BROKER_URL"),
        ("DATA_DIR", "/proc/none", "DATA_DIR"),
        ("PUBLIC_URL", "rollcall", "PUBLIC_URL"),
        ("TRUSTED_PROXIES", "foo", "TRUSTED_PROXIES"),
        ("TIME_ZONE", "Mars/Olympus", "TIME_ZONE"),
        ("EMAIL_URL", "mail.example.org", "EMAIL_URL"),
        ("EMAIL_URL", "smtp://h:notaport", "EMAIL_URL"),
        ("BROKER_URL", "redis://127.0.0.1:1/0", "BROKER_URL"),
        ("SECRET_KEY_FILE", "/nonexistent", "SECRET_KEY_FILE"),
        ("CREDENTIAL_KEYS", "short", "key"),
        ("ADMIN_PASSWORD", "123", "ADMIN_PASSWORD"),
    ],
)
def test_a_wrong_setting_is_refused_with_one_sentence(setting, value, word):
    installation = Rollcall()
    try:
        installation.manage("migrate", "--verbosity", "0")
        installation.environment[setting] = value
        done = installation.manage("up", check=False)
        assert done.returncode != 0
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1
        assert word in lines[0]
    finally:
        installation.close()


def test_a_port_in_use_is_said(rollcall: Rollcall):
    installation = Rollcall(PORT=str(rollcall.port))
    try:
        installation.manage("migrate", "--verbosity", "0")
        done = installation.manage("up", check=False)
        assert done.returncode != 0
        assert str(rollcall.port) in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    finally:
        installation.close()


def test_a_key_file_that_others_can_read_is_refused():
    installation = Rollcall()
    try:
        installation.manage("migrate", "--verbosity", "0")
        data = installation.directory / "data"
        (data / "credential_keys").write_text("x")
        os.chmod(data / "credential_keys", 0o644)
        done = installation.manage("up", check=False)
        assert done.returncode != 0
        assert "chmod 600" in done.stderr
    finally:
        installation.close()
