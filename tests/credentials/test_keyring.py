"""Sealing and opening: what was sealed comes back at its place, and nothing else ever does."""

from __future__ import annotations

import json

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from credentials.keyring import Keyring, KeyringError, SecretUnreadable, key_id, new_key

OLD, NEW, OTHER = new_key(), new_key(), new_key()
PLACE = "credential/1/password"


@given(st.text(), st.text(), st.text())
def test_a_secret_comes_back_at_its_place_and_only_there(text, place, elsewhere):
    ring = Keyring([NEW])
    sealed = ring.seal(text, place)
    assert ring.open(sealed, place) == text
    if elsewhere != place:
        with pytest.raises(SecretUnreadable, match="another row"):
            ring.open(sealed, elsewhere)


def test_the_first_key_seals_and_every_key_opens():
    old = Keyring([OLD]).seal("canary", PLACE)
    both = Keyring([NEW, OLD])
    assert both.open(old, PLACE) == "canary"
    assert not both.is_current(old)
    new = both.seal("canary", PLACE)
    assert both.is_current(new)
    assert Keyring([NEW]).open(new, PLACE) == "canary"
    with pytest.raises(SecretUnreadable, match=key_id(NEW)):
        Keyring([OLD]).open(new, PLACE)


def test_the_same_secret_is_sealed_differently_each_time():
    ring = Keyring([NEW])
    assert ring.seal("canary", PLACE) != ring.seal("canary", PLACE)
    assert "canary" not in ring.seal("canary", PLACE)


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
def test_a_changed_byte_is_refused_and_never_read_as_another_secret(place, difference):
    ring = Keyring([NEW])
    sealed = bytearray(ring.seal("canary", PLACE), "ascii")
    sealed[place % len(sealed)] ^= difference
    try:
        opened = ring.open(sealed.decode("latin-1"), PLACE)
    except SecretUnreadable:
        return
    assert opened == "canary", "only a bit that base64 does not use may change without notice"


@pytest.mark.parametrize(
    "sealed",
    ["", "plain", "v1", "v1:", "v1::", "v2:00000000:x", f"v1:{key_id(NEW)}:", f"v1:{key_id(NEW)}:ä", "v1:deadbeef:x"],
)  # fmt: skip
def test_what_was_never_sealed_is_refused(sealed):
    with pytest.raises(SecretUnreadable):
        Keyring([NEW]).open(sealed, PLACE)


@pytest.mark.parametrize("document", ["[]", "1", '"x"', "{}", '{"place": 1}', "nonsense"])
def test_a_token_of_another_program_with_our_key_is_damage_and_no_crash(document):
    token = Fernet(NEW).encrypt(document.encode()).decode()
    with pytest.raises(SecretUnreadable, match="damaged"):
        Keyring([NEW]).open(f"v1:{key_id(NEW)}:{token}", PLACE)


def test_a_wrong_key_under_the_right_id_is_damage_and_not_garbage():
    sealed = Keyring([OLD]).seal("canary", PLACE).replace(key_id(OLD), key_id(NEW))
    with pytest.raises(SecretUnreadable, match="damaged"):
        Keyring([NEW]).open(sealed, PLACE)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "x" * 44], [NEW, ""]])
def test_what_is_no_key_is_refused_with_its_number_and_without_its_text(keys):
    with pytest.raises(KeyringError) as problem:
        Keyring(keys)
    assert not any(key in str(problem.value) for key in keys if key)
    if len(keys) == 2:
        assert "number 2" in str(problem.value)


def test_a_keyring_shows_the_ids_of_its_keys_and_no_key():
    ring = Keyring([NEW, OLD])
    assert key_id(NEW) in repr(ring)
    for key in (NEW, OLD):
        assert key not in repr(ring)
        assert key not in json.dumps(list(map(str, vars(ring).values())))
    assert len(key_id(NEW)) == 8
