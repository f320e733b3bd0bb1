"""Rows that say how a host is reached: jump hosts, what voids keys, the policy of the fleet."""

from __future__ import annotations

import time
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from fleet.failures import CODES, PollFailure
from fleet.models import Event, Host, HostKey, HostState, Policy
from pollers.ingest import record
from pollers.inventory import (
    InventoryError,
    add_host,
    change_host,
    keep_key,
    make_credential,
    remove,
)
from pollers.outcome import Outcome
from pollers.targets import load_target, revision_of, revisions
from pollers.transports.base import ShownKey

pytestmark = pytest.mark.django_db

KEY = ShownKey("ssh-ed25519", "ssh-ed25519 AAAA", "SHA256:" + "a" * 43)


def host(address: str, **changes: Any) -> Host:
    credential = make_credential(username="probe", password="s3cret", name=f"for {address}")
    return add_host(address=address, by="alice", credential=credential, **changes)


def pinned(row: Host) -> list[str]:
    return list(row.host_keys.exclude(accepted_at=None).values_list("fingerprint", flat=True))


def test_the_jump_host_is_part_of_the_target() -> None:
    jump = host("10.0.0.1", name="gate", port=2222)
    keep_key(jump, KEY, by="alice")
    target = load_target(host("10.0.0.2", via=jump).pk)
    assert target.via is not None
    assert (target.via.address, target.via.port, target.via.name) == ("10.0.0.1", 2222, "gate")
    assert target.via.host_keys == (KEY.public,)
    assert target.via.login is not None
    assert not target.via.accept_first_key


def test_a_change_of_the_jump_host_ends_the_sessions_behind_it() -> None:
    jump = host("10.0.0.1")
    one = host("10.0.0.2", via=jump)
    before = revisions([one.pk])
    assert before == {one.pk: revision_of(Host.objects.get(pk=one.pk))}
    change_host(jump, port=2222)
    assert revisions([one.pk]) != before


def test_one_jump_host_is_the_most() -> None:
    jump = host("10.0.0.1", name="gate")
    one = host("10.0.0.2", via=jump)
    with pytest.raises(ValidationError, match="reached through gate"):
        host("10.0.0.3", via=one)
    with pytest.raises(ValidationError, match="its own jump host"):
        change_host(jump, via=jump)
    other = host("10.0.0.4")
    with pytest.raises(ValidationError, match="is reached through this host"):
        change_host(jump, via=other)
    with pytest.raises(ValidationError, match="without SSH"):
        add_host(address="127.0.0.1", by="a", transport=Host.Transport.LOCAL, via=other)


def test_a_jump_host_in_use_is_not_removed() -> None:
    jump = host("10.0.0.1", name="gate")
    one = host("10.0.0.2", via=jump)
    with pytest.raises(InventoryError, match="reached through gate"):
        remove([jump.pk])
    assert remove([jump.pk, one.pk]) == 2
    Host.objects.filter(pk=jump.pk).delete()


def test_a_jump_host_whose_login_was_refused_is_left_in_peace() -> None:
    jump = host("10.0.0.1", name="gate")
    one = host("10.0.0.2", via=jump)
    HostState.objects.filter(host=jump).update(
        failure_number=CODES["AUTH_FAILED"].number, backoff_until=int(time.time()) + 60
    )
    with pytest.raises(PollFailure) as caught:
        load_target(one.pk)
    assert caught.value.code.name == "WAY_NOT_UP"
    assert "gate: AUTH_FAILED" in caught.value.detail


@pytest.mark.parametrize("field", ["address", "port", "via", "credential"])
def test_another_way_voids_the_keys(field: str) -> None:
    one = host("10.0.0.2", accept_first_key=True)
    keep_key(one, KEY, by="alice")
    values = {
        "address": "10.0.0.3",
        "port": 2222,
        "via": host("10.0.0.1"),
        "credential": make_credential(username="other", password="s3cret"),
    }
    change_host(one, name="renamed")
    assert pinned(one) == [KEY.fingerprint]
    change_host(one, **{field: values[field]})
    assert pinned(one) == []
    assert Event.objects.filter(host=one, kind=Event.Kind.KEYS_VOIDED).count() == 1
    one.refresh_from_db()
    assert bool(one.first_key_accepted_by) == (field == "credential")


def test_the_policy_decides_about_the_keys_of_new_hosts() -> None:
    assert host("10.0.0.1").first_key_accepted_by == ""
    Policy.objects.create(host_keys=Policy.HostKeys.FIRST_CONTACT, changed_by="alice")
    assert "policy, set by alice" in host("10.0.0.2").first_key_accepted_by
    assert host("10.0.0.3", accept_first_key=True).first_key_accepted_by == "alice"


def test_via_on_the_command_line() -> None:
    host("10.0.0.1", name="gate")
    out = StringIO()
    call_command("hosts", "add", "10.0.0.2", "--credential", "for 10.0.0.1", "--via", "gate",
                 stdout=out)  # fmt: skip
    assert Host.objects.get(address="10.0.0.2").via == Host.objects.get(name="gate")
    with pytest.raises(CommandError, match="no host 'nowhere'") as caught:
        call_command("hosts", "add", "10.0.0.3", "--credential", "for 10.0.0.1", "--via", "nowhere")
    assert caught.value.returncode == 2
    with pytest.raises(CommandError, match="Nothing was removed"):
        call_command("hosts", "remove", "gate")
    out = StringIO()
    call_command("hosts", "list", "--json", stdout=out)
    assert '"via": "gate"' in out.getvalue()


def test_via_in_the_api(client: Any, alice: Any) -> None:
    client.force_login(alice)
    jump, one = host("10.0.0.1", name="gate"), host("10.0.0.2")
    url = f"/api/v1/hosts/{one.pk}/"
    answer = client.patch(url, {"via": jump.pk}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert answer.json()["via"] == jump.pk
    answer = client.patch(
        f"/api/v1/hosts/{jump.pk}/", {"via": one.pk}, content_type="application/json"
    )
    assert answer.status_code == 400
    assert "reached through" in answer.content.decode()
    assert client.delete(f"/api/v1/hosts/{jump.pk}/").status_code == 400
    answer = client.patch(url, {"via": None}, content_type="application/json")
    assert answer.json()["via"] is None
    assert not HostKey.objects.exists()


def test_the_stage_of_a_failure_is_kept() -> None:
    one = host("10.0.0.2")
    failure = PollFailure(CODES["TCP_TIMEOUT"], "tcp: silence", stage="tcp")
    record([Outcome(one.pk, 1_790_000_000, "1", 1_790_000_001.0, 1.0, failure=failure)])
    state = HostState.objects.get(host=one)
    assert state.failure_stage == "tcp"
    assert state.failure_json is not None
    assert state.failure_json["stage"] == "tcp"
