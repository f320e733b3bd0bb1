"""Private keys as people paste them: every usual form, however the clipboard has treated it."""

from __future__ import annotations

import textwrap
from functools import cache

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st

from credentials.private_keys import PrivateKeyError, fingerprint, tidy

PASSPHRASE = "correct horse ä"
KEYS = {
    "rsa": asyncssh.generate_private_key("ssh-rsa", key_size=2048),
    "ecdsa": asyncssh.generate_private_key("ecdsa-sha2-nistp256"),
    "ed25519": asyncssh.generate_private_key("ssh-ed25519"),
}
FORMS = [
    (kind, form, encrypted)
    for kind in KEYS
    for form in ("openssh", "pkcs1-pem", "pkcs8-pem")
    for encrypted in (False, True)
    if not (kind == "ed25519" and form == "pkcs1-pem")  # there is no such form
]


@cache
def exported(kind: str, form: str, encrypted: bool) -> str:
    passphrase = PASSPHRASE if encrypted else None
    few = {"rounds": 1, "ignore_few_rounds": True} if form == "openssh" else {}
    return KEYS[kind].export_private_key(form, passphrase=passphrase, **few).decode()


def mangled(text: str, how: str) -> str:
    match how:
        case "as it is":
            return text
        case "crlf":
            return text.replace("\n", "\r\n")
        case "old mac":
            return text.replace("\n", "\r")
        case "indented":
            return textwrap.indent(text, "    ", lambda line: True)
        case "trailing blanks":
            return "\n\n" + text.replace("\n", " \t\n") + "\n \n"
        case "byte order mark":
            return "\ufeff" + text
        case "no last line feed":
            return text.rstrip("\n")
    raise AssertionError(how)


@pytest.mark.parametrize(("kind", "form", "encrypted"), FORMS)
@pytest.mark.parametrize(
    "how", ["as it is", "crlf", "old mac", "indented", "trailing blanks", "byte order mark", "no last line feed"]
)  # fmt: skip
def test_a_pasted_key_is_taken(kind, form, encrypted, how):
    key = tidy(mangled(exported(kind, form, encrypted), how))
    expected = KEYS[kind].get_fingerprint()
    assert fingerprint(key, PASSPHRASE if encrypted else "") == expected
    # what is stored is what will be used to log in
    assert asyncssh.import_private_key(key, PASSPHRASE if encrypted else None) == KEYS[kind]


@pytest.mark.parametrize(("kind", "form"), [(kind, form) for kind, form, locked in FORMS if locked])
def test_an_encrypted_key_asks_for_its_passphrase_and_refuses_a_wrong_one(kind, form):
    key = tidy(exported(kind, form, True))
    with pytest.raises(PrivateKeyError, match="needs a passphrase"):
        fingerprint(key)
    with pytest.raises(PrivateKeyError) as problem:
        fingerprint(key, "wrong")
    assert "wrong" not in str(problem.value)


def test_a_public_key_is_told_from_a_private_one():
    public = KEYS["rsa"].export_public_key().decode()
    with pytest.raises(PrivateKeyError, match=r"without \.pub"):
        fingerprint(tidy(public))


@pytest.mark.parametrize(
    "text", ["x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_what_is_no_key_is_refused_with_what_a_key_looks_like(text):
    with pytest.raises(PrivateKeyError, match="BEGIN"):
        fingerprint(tidy(text))


@given(st.data())
def test_a_damaged_key_is_refused_with_a_sentence_that_quotes_nothing_of_it(data):
    kind, form, _ = data.draw(st.sampled_from([one for one in FORMS if not one[2]]))
    key = exported(kind, form, False)
    start = data.draw(st.integers(0, len(key) - 1))
    length = data.draw(st.integers(1, 60))
    new = data.draw(st.text(max_size=20))
    damaged = tidy(key[:start] + new + key[start + length :])
    try:
        found = fingerprint(damaged)
    except PrivateKeyError as problem:
        assert "\n" not in str(problem)
        assert len(str(problem)) < 100
    else:
        assert found.startswith("SHA256:")


@given(st.text(max_size=300))
def test_any_text_ends_in_a_fingerprint_or_a_refusal(text):
    wrapped = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----"
    for candidate in (text, wrapped, wrapped.replace("OPENSSH ", "RSA ")):
        with pytest.raises(PrivateKeyError):
            fingerprint(tidy(candidate))
