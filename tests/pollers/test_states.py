"""What an outcome makes of a host's state: "could not look" is never "down", and nothing is "fine"."""

from __future__ import annotations

import pytest

from fleet.failures import CODES, PollFailure
from fleet.states import State
from pollers.states import is_backoff, state_after, wait_after

MONITORS_FAULT = ("MONITOR_LATE", "MONITOR_ISOLATED", "INTERNAL", "CREDENTIAL_UNREADABLE")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("before", State)
def test_blocked_at_once_the_rest_after_three_failures_in_a_row(code, before):
    failure = PollFailure(CODES[code])
    for number in (1, 2, 3, 4):
        after = state_after(before, failure, number, measured_before=False)
        wanted = CODES[code].state
        if wanted is None:
            assert after is before
        elif wanted is State.BLOCKED or number >= 3:
            assert after is wanted
        else:
            assert after is before


@pytest.mark.parametrize("code", MONITORS_FAULT)
@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("measured_before", [True, False])
def test_our_own_faults_never_make_a_host_down(code, before, measured_before):
    for number in range(1, 10):
        after = state_after(
            before, PollFailure(CODES[code]), number, measured_before=measured_before
        )
        assert after in (before, State.UNKNOWN)


@pytest.mark.parametrize("before", State)
def test_a_measurement_is_up(before):
    assert state_after(before, None, 0, measured_before=True) is State.UP


@pytest.mark.parametrize("code", ["PROBE_TIMEOUT", "PROBE_SILENT"])
def test_a_host_that_was_measured_and_falls_silent_is_down_after_three(code):
    failure = PollFailure(CODES[code])
    found = [state_after(State.UP, failure, n, measured_before=True) for n in (1, 2, 3)]
    assert found == [State.UP, State.UP, State.DOWN]


def test_down_is_looked_at_again_soon_until_it_is_sure():
    assert [wait_after(PollFailure(CODES["TCP_REFUSED"]), n) for n in (1, 2, 3, 9)] == [
        4,
        4,
        None,
        None,
    ]


def test_a_refused_login_waits_longer_each_time_and_never_fails_soon():
    for code in ("AUTH_FAILED", "AUTH_NEEDS_INTERACTIVE", "PASSWORD_EXPIRED"):
        failure = PollFailure(CODES[code])
        assert [wait_after(failure, n) for n in (1, 2, 3, 100)] == [120, 420, 1800, 1800]
        assert is_backoff(failure)
