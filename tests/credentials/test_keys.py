"""The key file, and what becomes of stored secrets when it is wrong, missing or somebody else's."""

from __future__ import annotations

import io
import logging
import os
import stat
import traceback
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection

from config import env
from credentials.keyring import SecretUnreadable, new_key
from credentials.keys import keyring, read_key_file, write_key_file
from credentials.models import Credential
from fleet.failures import PollFailure
from fleet.states import State
from pollers.inventory import change_credential, make_credential
from pollers.states import state_after
from pollers.target import Login
from pollers.targets import load_target, revision_of
from tests.credentials.test_private_keys import PASSPHRASE, exported

pytestmark = pytest.mark.django_db
CANARY = "canary-5f2a"


@pytest.fixture
def key_file(settings, tmp_path: Path) -> Path:
    settings.CREDENTIAL_KEYS = []
    settings.CREDENTIAL_KEY_FILE = tmp_path / "credential_keys"
    return settings.CREDENTIAL_KEY_FILE


@pytest.fixture
def credential(key_file: Path) -> Credential:
    return make_credential(username="watch", password=CANARY, name="c")


def swap(first: tuple[Credential, str], second: tuple[Credential, str]) -> None:
    texts = [getattr(row, field) for row, field in (first, second)]
    for (row, field), text in zip((first, second), reversed(texts), strict=True):
        Credential.objects.filter(pk=row.pk).update(**{field: text})
    for row, _ in (first, second):
        row.refresh_from_db()


def test_the_key_file_is_made_once_with_mode_0600(key_file):
    first = keyring().first
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert keyring().first == first
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o602])
def test_a_key_file_that_others_can_use_is_refused_with_the_cure(credential, key_file, mode):
    key_file.chmod(mode)
    with pytest.raises(ImproperlyConfigured, match=f"chmod 600 {key_file}"):
        credential.reveal("password")


@pytest.mark.parametrize("content", [b"", b"# only words\n", b"short\n", b"\xff\xfe", b"x" * 44])
def test_a_damaged_key_file_is_a_refusal_that_names_it(credential, key_file, content):
    key_file.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match=str(key_file)):
        credential.reveal("password")


def test_a_missing_key_file_is_never_replaced_while_secrets_are_stored(credential, key_file):
    key_file.unlink()
    with pytest.raises(ImproperlyConfigured, match=str(key_file)):
        credential.reveal("password")
    assert not key_file.exists()


def test_a_wrong_key_is_a_refusal_that_names_the_file(credential, key_file):
    write_key_file(key_file, (new_key(),), replace=True)
    with pytest.raises(SecretUnreadable, match=str(key_file)):
        credential.reveal("password")


def test_keys_from_outside_are_named_as_such(credential, settings):
    settings.CREDENTIAL_KEYS = [new_key()]
    with pytest.raises(SecretUnreadable, match="CREDENTIAL_KEYS_FILE"):
        credential.reveal("password")
    settings.CREDENTIAL_KEYS = ["nonsense"]
    with pytest.raises(ImproperlyConfigured, match="CREDENTIAL_KEYS"):
        credential.reveal("password")


@pytest.mark.parametrize("damage", ["wrong", "missing", "readable"])
def test_a_host_whose_credential_cannot_be_read_is_unknown_and_never_down(
    credential, key_file, make_host, damage
):
    host = make_host(credential=credential)
    match damage:
        case "wrong":
            write_key_file(key_file, (new_key(),), replace=True)
        case "missing":
            key_file.unlink()
        case "readable":
            key_file.chmod(0o644)
    with pytest.raises(PollFailure) as problem:
        load_target(host.pk)
    failure = problem.value
    assert failure.code.name == "CREDENTIAL_UNREADABLE"
    assert str(key_file) in failure.detail
    for before in State:
        after = state_after(before, failure, 3, measured_before=True)
        assert after is State.UNKNOWN
        assert state_after(before, failure, 1, measured_before=True) in (before, State.UNKNOWN)


def test_the_ciphertext_of_two_rows_cannot_be_swapped(credential):
    other = make_credential(username="watch", password="another-1", name="d")
    swap((credential, "password"), (other, "password"))
    for row in (credential, other):
        with pytest.raises(SecretUnreadable, match="another row"):
            row.reveal("password")


def test_the_ciphertext_of_two_fields_cannot_be_swapped(credential):
    credential.set_private_key(exported("ed25519", "openssh", True), PASSPHRASE)
    credential.save()
    swap((credential, "password"), (credential, "passphrase"))
    for field in ("password", "passphrase"):
        with pytest.raises(SecretUnreadable, match="another row or field"):
            credential.reveal(field)


def test_a_copied_row_cannot_be_read_under_its_new_id(credential):
    copy = Credential(name="copy", username="watch", password=credential.password)
    copy.save()
    with pytest.raises(SecretUnreadable):
        copy.reveal("password")


def test_a_running_process_follows_a_rotation_without_a_restart(credential, key_file):
    call_command("rotate_keys", stdout=io.StringIO())
    credential.refresh_from_db()
    assert credential.reveal("password") == CANARY
    assert len(read_key_file(key_file)) == 1


# --- where a secret must not be ------------------------------------------------------------


def test_no_text_about_a_credential_holds_its_secrets(credential, caplog):
    login = Login("watch", CANARY, CANARY, CANARY)
    out = io.StringIO()
    call_command("dumpdata", "credentials", stdout=out)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM credentials_credential")
        stored = repr(cursor.fetchall())
    for text in (
        repr(credential),
        str(credential),
        repr(login),
        str(login),
        out.getvalue(),
        stored,
    ):
        assert CANARY not in text
    assert "watch" in out.getvalue(), "the dump does hold the row"


def test_a_refused_secret_is_in_no_traceback_and_no_log_line(credential, key_file, caplog):
    caplog.set_level(logging.DEBUG)
    write_key_file(key_file, (new_key(),), replace=True)
    try:
        credential.reveal("password")
    except SecretUnreadable:
        told = traceback.format_exc()
    kept = read_key_file(key_file)[0]
    assert CANARY not in told
    assert kept not in told
    assert kept not in caplog.text


def test_a_target_keeps_its_login_out_of_its_text(credential, make_host):
    target = load_target(make_host(credential=credential).pk)
    assert target.login.password == CANARY
    assert CANARY not in repr(target)
    assert "watch" not in repr(target)


# --- changing --------------------------------------------------------------------------------


def test_every_change_moves_the_revision_and_a_rotation_does_not(credential, make_host):
    host = make_host(credential=credential)
    seen = [revision_of(host)]
    for fields in ({"password": "another-2"}, {"username": "other"}, {"name": "e"}):
        change_credential(credential, **fields)
        host.refresh_from_db()
        seen.append(revision_of(host))
    assert len(set(seen)) == len(seen)
    call_command("rotate_keys", stdout=io.StringIO())
    host.refresh_from_db()
    assert revision_of(host) == seen[-1]


def test_a_change_of_the_name_does_not_bring_back_old_ciphertext(credential):
    stale = Credential.objects.get(pk=credential.pk)
    call_command("rotate_keys", stdout=io.StringIO())
    change_credential(stale, name="renamed")
    assert Credential.objects.get(pk=credential.pk).reveal("password") == CANARY


# --- files that somebody names ----------------------------------------------------------------


def named(tmp_path: Path, mode: int) -> Path:
    path = tmp_path / "secret"
    path.write_text("value\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440, 0o660])
def test_a_named_file_that_others_cannot_use_is_read_in_silence(
    tmp_path, monkeypatch, mode, recwarn
):
    monkeypatch.setenv("CANARY_FILE", str(named(tmp_path, mode)))
    assert env.secret("CANARY") == "value"
    assert not recwarn.list


@pytest.mark.parametrize("mode", [0o602, 0o622, 0o666])
def test_a_named_file_that_others_can_write_is_refused(tmp_path, monkeypatch, mode):
    path = named(tmp_path, mode)
    monkeypatch.setenv("CANARY_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match=f"CANARY_FILE names {path}"):
        env.secret("CANARY")


def test_a_named_file_that_others_can_read_is_warned_about(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY_FILE", str(named(tmp_path, 0o644)))
    with pytest.warns(UserWarning, match="CANARY_FILE"):
        assert env.secret("CANARY") == "value"


def test_a_readable_file_on_a_read_only_mount_is_read_in_silence(tmp_path, monkeypatch, recwarn):
    monkeypatch.setenv("CANARY_FILE", str(named(tmp_path, 0o644)))
    flags = os.statvfs(tmp_path)
    monkeypatch.setattr(
        os, "statvfs", lambda path: type("Mount", (), {"f_flag": flags.f_flag | os.ST_RDONLY})
    )
    assert env.secret("CANARY") == "value"
    assert not recwarn.list


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00"])
def test_an_empty_or_unreadable_named_file_is_refused_with_its_name(tmp_path, monkeypatch, content):
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    monkeypatch.setenv("CANARY_FILE", str(path))
    with pytest.raises(ImproperlyConfigured, match=str(path)):
        env.secret("CANARY")


def test_a_value_and_a_file_at_once_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", "x")
    monkeypatch.setenv("CANARY_FILE", str(named(tmp_path, 0o600)))
    with pytest.raises(ImproperlyConfigured, match="not both"):
        env.secret("CANARY")
