"""Credentials over the API: what they hold goes in and never comes out."""

from __future__ import annotations

import json
import logging

import pytest

from credentials.keyring import new_key
from credentials.keys import write_key_file
from credentials.models import Credential
from fleet.models import HostState
from pollers.targets import revision_of
from tests.api.conftest import CANARY
from tests.credentials.test_private_keys import KEYS, PASSPHRASE, exported

pytestmark = [pytest.mark.django_db, pytest.mark.database]

SHAPE = {
    "id",
    "name",
    "username",
    "kind",
    "key_fingerprint",
    "certificate_identity",
    "certificate_valid_until",
    "created_at",
    "changed_at",
}


def add(client, **fields):
    return client.post("/api/v1/credentials/", {"username": "watch", **fields}, format="json")


def patch(client, credential, **fields):
    return client.patch(f"/api/v1/credentials/{credential.pk}/", fields, format="json")


def stored(credential) -> tuple[str, str, str]:
    credential = Credential.objects.get(pk=credential.pk)
    return tuple(credential.reveal(name) for name in ("password", "private_key", "passphrase"))


def test_no_answer_holds_a_secret(as_alice, credential):
    key = exported("ed25519", "openssh", True)
    canaries = [
        CANARY,
        PASSPHRASE,
        key.splitlines()[2],
        *Credential.objects.values_list("password", flat=True),
    ]
    path = f"/api/v1/credentials/{credential.pk}/"
    answers = [
        add(as_alice, name="d", password=CANARY, private_key=key, passphrase=PASSPHRASE),
        as_alice.get("/api/v1/credentials/"),
        as_alice.get(path),
        as_alice.patch(path, {"password": CANARY + "2"}, format="json"),
        as_alice.patch(path, {"password": CANARY, "nonsense": 1}, format="json"),
        as_alice.patch(path, {"private_key": CANARY}, format="json"),
        as_alice.patch(path, {"private_key": key, "passphrase": CANARY}, format="json"),
        as_alice.patch(path, {"password": [CANARY]}, format="json"),
        as_alice.options(path),
        as_alice.get("/api/v1/hosts/"),
        add(as_alice, name="c", password=CANARY),
    ]
    assert [answer.status_code for answer in answers] == [
        201,
        200,
        200,
        200,
        400,
        400,
        400,
        400,
        200,
        200,
        400,
    ]
    for answer in answers:
        for canary in canaries:
            assert canary not in answer.content.decode(), answer.content
    for answer in (answers[0], answers[2]):
        assert set(answer.json()) == SHAPE


def test_no_log_line_holds_a_secret(as_alice, credential, caplog):
    caplog.set_level(logging.DEBUG)
    patch(as_alice, credential, password=CANARY + "-9")
    patch(as_alice, credential, private_key=CANARY + "-9")
    add(as_alice, password=CANARY + "-9")
    assert CANARY not in "".join(
        map(
            str,
            [
                record.getMessage()
                for record in caplog.records
                if record.name != "django.db.backends"
            ],
        )
    )


@pytest.mark.parametrize("field", ["password", "private_key", "passphrase", "password__startswith"])
def test_nothing_can_be_found_out_by_filters_or_order(as_alice, credential, field):
    first = as_alice.get("/api/v1/credentials/").json()
    for query in (f"{field}=x", f"ordering={field}", f"search={CANARY}", f"fields={field}"):
        assert as_alice.get(f"/api/v1/credentials/?{query}").json() == first


def test_a_key_is_taken_and_shown_by_its_fingerprint(as_alice):
    answer = add(
        as_alice,
        private_key=exported("ecdsa", "pkcs8-pem", True).replace("\n", "\r\n"),
        passphrase=PASSPHRASE,
    )
    assert answer.status_code == 201
    document = answer.json()
    assert document["key_fingerprint"] == KEYS["ecdsa"].get_fingerprint()
    assert (document["kind"], document["name"]) == ("key", "watch (key)")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "detail"),
        ({"password": ""}, "detail"),
        ({"password": None}, "password"),
        ({"password": 12345}, "password"),
        ({"password": ["x"]}, "password"),
        ({"password": "x" * 1001}, "password"),
        ({"password": "********"}, "detail"),
        ({"password": "••••••"}, "detail"),
        ({"private_key": "nonsense"}, "private_key"),
        ({"private_key": "ssh-ed25519 AAAA me"}, "private_key"),
        ({"password": "p", "username": ""}, "username"),
        ({"password": "p", "username": "-oProxyCommand=x"}, "detail"),
        ({"password": "p", "username": "a b"}, "detail"),
        ({"password": "p", "username": "root\nx"}, "detail"),
        ({"password": "p", "username": "x" * 65}, "username"),
        ({"password": "p", "name": "c"}, "name"),
        ({"password": "p", "name": "x" * 101}, "name"),
        ({"password": "p", "key_fingerprint": "x", "colour": "red"}, "colour"),
        ({"passphrase": "only"}, "detail"),
    ],
)
def test_what_cannot_be_is_refused(as_alice, credential, fields, name):
    answer = add(as_alice, **fields)
    assert answer.status_code == 400
    assert list(answer.json()) == [name]
    assert Credential.objects.count() == 1


def test_what_is_left_out_of_a_patch_stays(as_alice, credential):
    assert patch(as_alice, credential, name="renamed").status_code == 200
    assert stored(credential) == (CANARY, "", "")


def test_an_empty_password_is_cleared_if_a_key_is_left(as_alice, credential):
    answer = patch(as_alice, credential, password="")
    assert answer.status_code == 400, "nothing would be left to log in with"
    assert stored(credential)[0] == CANARY
    patch(as_alice, credential, private_key=exported("ed25519", "openssh", False))
    assert patch(as_alice, credential, password="").json()["kind"] == "key"
    assert stored(credential)[0] == ""
    assert patch(as_alice, credential, private_key="").status_code == 400


@pytest.mark.parametrize("mask", ["*", "********", "•••", "●●●●"])
def test_a_mask_is_never_taken_for_a_password(as_alice, credential, mask):
    assert patch(as_alice, credential, password=mask).status_code == 400
    assert stored(credential)[0] == CANARY


def test_a_key_and_its_passphrase_come_together(as_alice, credential):
    key = exported("rsa", "openssh", True)
    assert patch(as_alice, credential, private_key=key, passphrase=PASSPHRASE).status_code == 200
    assert stored(credential) == (CANARY, key, PASSPHRASE)
    assert patch(as_alice, credential, passphrase="another").status_code == 400
    assert (
        patch(as_alice, credential, private_key=exported("rsa", "openssh", False)).status_code
        == 200
    )
    assert stored(credential)[2] == "", "the passphrase of the old key goes with it"
    assert patch(as_alice, credential, private_key="").json()["key_fingerprint"] == ""


@pytest.mark.parametrize("fields", [{"username": "-x"}, {"username": "a b"}, {"name": ""}, {"name": "taken"}, {"username": None}])  # fmt: skip
def test_a_wrong_change_changes_nothing(as_alice, credential, fields):
    add(as_alice, name="taken", password="p")
    before = Credential.objects.filter(pk=credential.pk).values().get()
    assert patch(as_alice, credential, password="new", **fields).status_code == 400
    assert Credential.objects.filter(pk=credential.pk).values().get() == before


def test_a_change_is_tried_at_once_and_closes_the_old_session(as_alice, credential, web):
    web.refresh_from_db()
    before = revision_of(web)
    HostState.objects.update(next_poll_at=2**33, backoff_until=2**33)
    patch(as_alice, credential, password="corrected")
    web.refresh_from_db()
    assert revision_of(web) != before
    row = HostState.objects.get()
    assert (row.next_poll_at, row.backoff_until) == (0, 0)


def test_a_credential_in_use_is_not_removed(as_alice, credential, web):
    answer = as_alice.delete(f"/api/v1/credentials/{credential.pk}/")
    assert answer.status_code == 400
    assert Credential.objects.exists()


def test_without_its_key_file_the_api_says_so(as_alice, credential, settings, tmp_path):
    settings.CREDENTIAL_KEYS = []
    settings.CREDENTIAL_KEY_FILE = tmp_path / "gone"
    answer = add(as_alice, name="x", password="p")
    assert answer.status_code == 503
    assert str(tmp_path / "gone") in answer.json()["detail"]
    write_key_file(tmp_path / "gone", (new_key(),), replace=False)
    assert as_alice.get(f"/api/v1/credentials/{credential.pk}/").status_code == 200
    assert add(as_alice, name="x", password="p").status_code == 201


def test_the_same_key_of_the_same_user_is_kept_once(as_alice):
    key = exported("ed25519", "openssh", False)
    first, second = (add(as_alice, private_key=key).json() for _ in range(2))
    assert first["id"] == second["id"]
    assert json.dumps(first)
