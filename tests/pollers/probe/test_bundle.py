"""What is sent to a host is small, whole, and runs on Python 3.6."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from pollers.probe import bundle

ON_THE_HOST = [
    bundle.ROOM / "main.py",
    bundle.ROOM / "psutil_linux.py",
    *(bundle.ROOM / "collectors").glob("*.py"),
]


def test_a_parcel_says_its_length_and_hash():
    assert bundle.parcel(b"abc") == b"3 " + sha256(b"abc").hexdigest().encode() + b"\nabc"


def test_the_program_is_plain_text_that_compiles():
    program = bundle.program()
    program.decode("ascii")
    compile(program, "program", "exec")
    assert len(program) < 64 << 10


def test_psutil_is_sent_in_about_sixty_kilobytes():
    assert 20 << 10 < len(bundle.psutil_sent_along()) < 70 << 10


@pytest.mark.parametrize("path", ON_THE_HOST, ids=lambda path: path.stem)
def test_what_runs_on_the_host_needs_no_more_than_python_3_6(path):
    vermin = Path(sys.executable).parent / "vermin"
    if not vermin.exists():
        pytest.skip("vermin is not installed")
    words = (vermin, "-t=3.6-", "--no-tips", "--violations", str(path))
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_the_command_carries_our_name():
    for command in bundle.LOADER_COMMANDS:
        assert command.endswith(" rollcall-probe")


def test_the_loader_falls_back_to_hashlib_where_the_small_hashes_were_left_out():
    line = bundle.LOADER.replace('"_sha2", "_sha256", ', '"_nothing", ')
    program = b"import sys; print(sorted(sys.argv))"
    words = (sys.executable, "-I", "-B", "-c", line, "rollcall-probe")
    result = subprocess.run(words, input=bundle.parcel(program), capture_output=True, check=True)
    assert result.stdout == b"ROLLCALL READY\n['-c', 'rollcall-probe']\n"


@pytest.mark.parametrize("change", [lambda data: data[:-1], lambda data: data[:-1] + b"x"])
def test_a_program_that_did_not_arrive_whole_is_not_run(change):
    words = (sys.executable, "-I", "-B", "-c", bundle.LOADER)
    data = change(bundle.parcel(b"print(1); " * 1000))
    result = subprocess.run(words, input=data, capture_output=True, check=False)
    assert result.returncode == 1
    assert result.stdout == b"ROLLCALL READY\n"
    assert result.stderr == b"ROLLCALL CUT\n"


def test_the_program_opens_files_for_reading_only():
    for path in ON_THE_HOST:
        text = path.read_text()
        assert re.search(r"O_(CREAT|WRONLY|RDWR|APPEND)", text) is None
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "open":
                assert call.args[1].value == "rb"
