"""What is rare comes once in its time, at another moment for each host."""

from __future__ import annotations

import pytest

from pollers.tasks import job


@pytest.mark.parametrize("interval", [5, 15, 60])
def test_each_extra_comes_once_in_its_time(interval):
    asked = [job(7, slot, "1", interval).extras for slot in range(3, 3 + 3600, interval)]
    for extra, times in (("minute", 60), ("processes", 60), ("hour", 1), ("facts", 1)):
        assert sum(extra in extras for extras in asked) == times


def test_the_hours_of_hosts_are_spread():
    starts = {
        next(slot for slot in range(0, 3600, 15) if "hour" in job(host, slot, "1", 15).extras)
        for host in range(100)
    }
    assert len(starts) > 80
