"""The clock: who is due, claimed once, and what becomes of missed slots."""

from __future__ import annotations

from itertools import pairwise

import pytest

from fleet.models import Host, HostState
from metrics.models import Gap
from pollers.inventory import pause, resume
from pollers.models import Scheduler
from pollers.schedule import poll_deadline, poll_now, tick

pytestmark = [pytest.mark.django_db, pytest.mark.database]
NOW = 1_790_000_000.3


def state(host: Host) -> HostState:
    return HostState.objects.get(pk=host.pk)


def claimed(now: float) -> list[tuple[int, int]]:
    return [(one.host_id, one.slot) for one in tick(now)]


def test_a_new_host_is_due_at_once_and_then_at_its_own_slot(make_host):
    host = make_host(interval_seconds=15)
    assert claimed(NOW) == [(host.pk, int(NOW))]
    slot = state(host).next_poll_at
    assert int(NOW) < slot <= int(NOW) + 15
    assert slot % 15 == host.pk * 2654435761 % 15


def test_a_host_is_claimed_once_per_slot_at_a_steady_pace(make_host):
    host = make_host(interval_seconds=5)
    slots = [slot for second in range(60) for _, slot in claimed(NOW + second)]
    steady = slots[1:]
    assert len(steady) in (11, 12)
    assert [after - before for before, after in pairwise(steady)] == [5] * (len(steady) - 1)
    assert len(state(host).open_slots.split(";")) == len(slots) + 1


def test_hosts_of_one_interval_are_spread(make_host):
    hosts = [make_host(name=f"h{n}") for n in range(60)]
    claimed(NOW)
    phases = {row.next_poll_at % 15 for row in HostState.objects.filter(host__in=hosts)}
    assert len(phases) >= 10


def test_two_schedulers_do_not_claim_the_same_slot(make_host):
    make_host()
    assert len(claimed(NOW)) == 1
    assert claimed(NOW) == []


def test_a_night_without_a_scheduler_is_one_gap_and_no_burst(make_host):
    hosts = [make_host(name=f"h{n}") for n in range(5)]
    claimed(NOW)
    later = NOW + 8 * 3600
    assert claimed(later) == []
    assert [(gap.began_at, gap.ended_at) for gap in Gap.objects.all()] == [(int(NOW), int(later))]
    for host in hosts:
        assert later < state(host).next_poll_at <= later + 15


def test_a_short_pause_loses_no_slot_and_makes_no_gap(make_host):
    host = make_host(interval_seconds=15)
    claimed(NOW)
    slot = state(host).next_poll_at
    assert claimed(slot + 10.0) == [(host.pk, slot)]
    assert not Gap.objects.exists()


def test_a_clock_set_back_does_not_stop_polling(make_host):
    host = make_host(interval_seconds=15)
    claimed(NOW + 7200)
    claimed(NOW)
    assert NOW < state(host).next_poll_at <= NOW + 15


def test_a_shortened_interval_counts_at_once(make_host):
    host = make_host(interval_seconds=3600)
    claimed(NOW)
    Host.objects.filter(pk=host.pk).update(interval_seconds=15)
    claimed(NOW + 1)
    assert state(host).next_poll_at <= NOW + 17


def test_a_refused_credential_waits_longer_than_the_interval(make_host):
    host = make_host(interval_seconds=15)
    claimed(NOW)
    until = int(NOW) + 1800
    HostState.objects.filter(pk=host.pk).update(next_poll_at=until, backoff_until=until)
    assert [claimed(NOW + second) for second in (10, 600, 1700)] == [[], [], []]
    assert claimed(until) == [(host.pk, until)]


def test_poll_now_goes_at_once_also_during_a_back_off(make_host):
    host = make_host()
    claimed(NOW)
    HostState.objects.filter(pk=host.pk).update(
        next_poll_at=int(NOW) + 1800, backoff_until=int(NOW) + 1800
    )
    poll_now([host.pk])
    assert claimed(NOW + 3) == [(host.pk, int(NOW) + 3)]


def test_a_paused_host_is_not_claimed_and_goes_at_once_when_resumed(make_host):
    host = make_host()
    claimed(NOW)
    pause([host.pk])
    assert [claimed(NOW + second) for second in range(0, 40, 5)] == [[]] * 8
    resume([host.pk])
    assert claimed(NOW + 3600) == [(host.pk, int(NOW) + 3600)]


def test_saving_the_form_does_not_move_the_clock(make_host):
    host = make_host()
    claimed(NOW)
    before = state(host).next_poll_at
    host.name = "renamed"
    host.save()
    assert state(host).next_poll_at == before


def test_a_slot_whose_row_never_came_is_reported_once_its_time_is_over(make_host):
    host = make_host(interval_seconds=15)
    first = tick(NOW)[0].slot
    overdue: list[tuple[int, ...]] = []
    for second in range(1, 61):
        overdue += [one.overdue for one in tick(NOW + second)]
    assert overdue[0] == ()
    reported_at = next(index for index, slots in enumerate(overdue) if first in slots)
    assert reported_at >= 1
    assert state(host).open_slots.startswith(f"{first};")


def test_the_scheduler_writes_down_that_it_looked():
    tick(NOW)
    assert Scheduler.objects.get().ticked_at == NOW


@pytest.mark.parametrize(("interval", "seconds"), [(2, 5.0), (15, 9.0), (60, 10.0), (86_400, 10.0)])
def test_every_poll_has_a_deadline(interval, seconds):
    assert poll_deadline(interval) == seconds


@pytest.mark.parametrize(("late", "skipped"), [(14, False), (15, False), (16, True), (25, True)])
def test_a_slot_missed_by_more_than_its_interval_is_left_out(make_host, late, skipped):
    host = make_host(interval_seconds=15)
    claimed(NOW)
    slot = state(host).next_poll_at
    assert (claimed(slot + late) == []) is skipped
    assert state(host).next_poll_at > slot + late


def test_a_host_missed_while_the_schedule_was_looked_at_is_no_gap_of_all_hosts(make_host):
    make_host(interval_seconds=2)
    claimed(NOW)
    HostState.objects.update(next_poll_at=int(NOW) - 100)
    assert claimed(NOW + 1) == []
    assert not Gap.objects.exists()
