"""Adding, changing and removing hosts: one way for the admin, the API and the command line."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError

from credentials.models import Credential
from fleet.models import Event, Host, HostKey, HostState, Tag
from pollers.inventory import (
    InventoryError,
    accept_key,
    add_host,
    change_credential,
    change_host,
    make_credential,
    pause,
    remove,
    resume,
)
from pollers.transports.base import ShownKey
from tests.credentials.test_private_keys import exported

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def later() -> None:
    HostState.objects.update(next_poll_at=2**33, backoff_until=2**33)


def due(host: Host) -> bool:
    return HostState.objects.get(pk=host.pk).next_poll_at == 0


def test_a_host_without_a_name_goes_by_its_address_and_a_number(make_host):
    names = [make_host(address="192.0.2.1").name for _ in range(3)]
    assert names == ["192.0.2.1", "192.0.2.1-2", "192.0.2.1-3"]
    assert not Host.objects.filter(name_is_own=True).exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"address": "a b"},
        {"port": 0},
        {"interval_seconds": 1},
        {"name": "a\x00b"},
        {"name": "x" * 101},
    ],
)
def test_a_refused_host_leaves_nothing_behind(fields):
    with pytest.raises(ValidationError):
        add_host(**{"address": "192.0.2.1", "by": "me", "tags": ["t"], **fields})
    assert not Host.objects.exists()
    assert not HostState.objects.exists()
    assert not Tag.objects.exists()


def test_an_accepted_key_is_pinned_with_who_and_when():
    host = add_host(
        address="192.0.2.1",
        by="x" * 400,
        accepted_key=ShownKey("ssh-ed25519", "ssh-ed25519 A", "SHA256:a"),
    )
    key = HostKey.objects.get(host=host)
    assert key.accepted_at is not None
    assert len(key.accepted_by) == 150
    assert Event.objects.get().kind == "host_key_accepted"


def test_accepting_an_offered_key_replaces_the_old_one_and_looks_at_once(make_host):
    host = make_host()
    for name in "ab":
        HostKey.objects.create(
            host=host, algorithm="ssh-ed25519", public=f"ssh-ed25519 {name}", fingerprint=name
        )
    later()
    before = Host.objects.get().changed_at
    accept_key(HostKey.objects.get(fingerprint="b"), by="alice")
    key = HostKey.objects.get()
    assert (key.fingerprint, key.accepted_by) == ("b", "alice")
    assert due(host)
    assert Host.objects.get().changed_at > before


def test_a_change_of_the_form_does_not_undo_what_a_poll_has_written(make_host):
    host = make_host(address="192.0.2.1")
    in_the_form = Host.objects.get(pk=host.pk)
    Host.objects.filter(pk=host.pk).update(name="its-own-name", name_is_own=True)
    change_host(in_the_form, interval_seconds=60)
    row = Host.objects.get()
    assert (row.name, row.name_is_own, row.interval_seconds) == ("its-own-name", True, 60)


@pytest.mark.parametrize(
    ("fields", "at_once"),
    [
        ({"address": "192.0.2.2"}, True),
        ({"port": 23}, True),
        ({"interval_seconds": 60}, False),
        ({"name": "x"}, False),
        ({"tags": ["x"]}, False),
        ({"address": "192.0.2.1"}, False),
    ],
)
def test_another_way_to_the_host_is_tried_at_once(make_host, fields, at_once):
    host = make_host(address="192.0.2.1")
    later()
    change_host(host, **fields)
    assert due(host) is at_once


def test_another_credential_is_tried_at_once(make_host):
    host = make_host()
    later()
    change_host(host, credential=make_credential(username="u", password="p"))
    assert due(host)


def test_a_refused_change_changes_nothing(make_host):
    host = make_host(name="a", tags=("t",))
    with pytest.raises(ValidationError):
        change_host(host, address="192.0.2.2", port=0, tags=["u"])
    row = Host.objects.get()
    assert (row.address, row.port, [tag.name for tag in row.tags.all()]) == ("192.0.2.1", 22, ["t"])


def test_pausing_and_resuming_move_the_revision_once(make_host):
    host = make_host()
    seen = [Host.objects.get().changed_at]
    later()
    assert pause([host.pk]) == 1
    assert pause([host.pk]) == 0
    seen.append(Host.objects.get().changed_at)
    assert not due(host)
    assert resume([host.pk]) == 1
    assert resume([host.pk]) == 0
    seen.append(Host.objects.get().changed_at)
    assert seen == sorted(set(seen))
    assert due(host)


def test_a_removed_host_gives_back_its_name_and_its_credential(make_host):
    credential = make_credential(username="u", password="p")
    hosts = [make_host(name=name, credential=credential) for name in ("a", "b")]
    assert remove([host.pk for host in hosts]) == 2
    assert remove([host.pk for host in hosts]) == 0
    assert not Host.objects.present().exists()
    assert make_host(name="a").name == "a"
    credential.delete()


def test_a_credential_is_made_once_for_one_key(db):
    key = exported("ed25519", "openssh", False)
    first = make_credential(username="u", private_key=key)
    assert make_credential(username="u", private_key=key) == first
    assert make_credential(username="v", private_key=key) != first
    assert make_credential(username="u", private_key=key, password="p") != first
    assert make_credential(username="u", private_key=key, name="named") != first
    assert Credential.objects.count() == 4


def test_credentials_without_a_name_get_names_that_differ(db):
    names = [make_credential(username="u", password=f"p{n}").name for n in range(3)]
    assert names == ["u (password)", "u (password) 2", "u (password) 3"]


@pytest.mark.parametrize(
    "fields", [{}, {"private_key": " \n"}, {"password": "***"}, {"username": "", "password": "p"}]
)
def test_a_credential_that_cannot_log_in_is_refused(db, fields):
    with pytest.raises(InventoryError):
        make_credential(**{"username": "u", **fields})
    assert not Credential.objects.exists()


def test_a_change_of_one_field_leaves_the_others_alone(db):
    credential = make_credential(
        username="u", password="p", private_key=exported("ed25519", "openssh", False)
    )
    stale = Credential.objects.get(pk=credential.pk)
    change_credential(credential, password="new")
    change_credential(stale, name="renamed")
    row = Credential.objects.get()
    assert (row.name, row.reveal("password")) == ("renamed", "new")
    assert row.key_fingerprint == credential.key_fingerprint
