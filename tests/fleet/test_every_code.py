"""Every code of the vocabulary is reached by a test, named here; a new code needs a line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.failures import CODES

TESTS = Path(__file__).resolve().parents[1]

REACHED_BY = {
    "DNS_FAIL": "pollers/test_transports.py::test_a_name_that_does_not_exist",
    "TCP_REFUSED": "pollers/test_transports.py::test_a_refused_port",
    "TCP_TIMEOUT": "pollers/test_engine.py::test_silence_ends_at_the_deadline",
    "NO_ROUTE": "pollers/test_faults.py::test_no_route_in_a_network_of_our_own",
    "NOT_SSH": "pollers/test_transports.py::test_what_answers_is_told_apart",
    "KEX_FAIL": "pollers/test_transports.py::test_no_shared_cipher",
    "HOSTKEY_UNKNOWN": "pollers/test_host_keys.py::test_r18_strict_an_unknown_key_stops_before_the_login",
    "HOSTKEY_CHANGED": "pollers/test_host_keys.py::test_r19_a_changed_key_stops_before_the_login",
    "AUTH_FAILED": "pollers/test_transports.py::test_a_wrong_password_is_tried_once",
    "AUTH_NEEDS_INTERACTIVE": "pollers/test_logins.py::test_r25_no_unknown_prompt_is_answered",
    "PASSWORD_EXPIRED": "pollers/test_engine.py::test_an_expired_password_is_named",
    "DROPPED_BEFORE_AUTH": "pollers/test_transports.py::test_what_answers_is_told_apart",
    "CHANNEL_REFUSED": "pollers/test_transports.py::test_no_sessions_allowed",
    "SHELL_UNUSABLE": "pollers/test_engine.py::test_a_useless_shell_is_named",
    "FORCED_COMMAND": "pollers/probe/test_conversation.py",
    "NO_PYTHON": "pollers/probe/test_conversation.py",
    "PYTHON_TOO_OLD": "pollers/probe/test_conversation.py",
    "PROBE_TIMEOUT": "pollers/test_engine.py::test_a_stopped_process_of_the_host",
    "PROBE_TRUNCATED": "pollers/probe/test_conversation.py",
    "PROBE_TOO_BIG": "pollers/test_faults.py::test_r4_a_server_that_misbehaves_after_the_login",
    "PROBE_BAD_FRAME": "pollers/probe/test_conversation.py",
    "PROBE_SILENT": "pollers/probe/test_conversation.py",
    "PROBE_CRASHED": "pollers/probe/test_conversation.py",
    "MONITOR_LATE": "pollers/test_engine.py::test_a_late_job_says_nothing_about_the_host",
    "INTERNAL": "pollers/test_engine.py::test_a_failed_preparation_is_the_outcome",
    "CREDENTIAL_UNREADABLE": "pollers/test_engine.py::test_a_failed_preparation_is_the_outcome",
    "WAY_NOT_UP": "pollers/test_jump.py::test_a_jump_host_that_is_down",
}

NOT_YET = {
    "PARTIAL": "shown as the failed collectors of a session",
    "CLOCK_SKEW": "shown as clock_offset_seconds",
    "MONITOR_ISOLATED": "nothing raises it so far",
}
"""Codes that no poll ends with. Whoever raises one moves it up, with its test."""


def test_every_code_has_its_line() -> None:
    assert set(REACHED_BY) | set(NOT_YET) == set(CODES)
    assert not set(REACHED_BY) & set(NOT_YET)


@pytest.mark.parametrize("name", REACHED_BY)
def test_the_named_test_expects_the_code(name: str) -> None:
    file, _, test = REACHED_BY[name].partition("::")
    source = (TESTS / file).read_text()
    if test:
        assert re.search(rf"^(async )?def {test}\(", source, re.MULTILINE), f"{file} has no {test}"
    assert re.search(rf"\b{name}\b", source), f"{file} does not speak of {name}"


@pytest.mark.parametrize("name", NOT_YET)
def test_no_poll_ends_with_what_is_not_raised_yet(name: str) -> None:
    root = TESTS.parent
    raised = [
        str(path)
        for room in ("pollers", "metrics", "alerts")
        for path in (root / room).rglob("*.py")
        if f'CODES["{name}"]' in path.read_text()
    ]
    assert not raised, f"{name} is raised in {raised}: give it a test and a line"
