"""What people type as an address, a user or a name: the usual is tidied, the rest is refused."""

from __future__ import annotations

import ipaddress
import re

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from fleet.addresses import clean_address, clean_name, clean_username
from fleet.models import validate_name

HOSTILE = [
    "-oProxyCommand=reboot", "$(reboot)", "`id`", "a;b", "a|b", "a&b", "a b", "a\nb", "a\r\nb", "a\x00b", "=cmd|'x'!A0",
    "../etc", "a/b", "user@host", "http://x", "a:22", "[::1", "::1]", "[1.2.3.4", "a..b", ".a", "-a.b", "a-.b", "a_-.b",
    "<script>", "'", '"', "\\", "%00", "a%0ab", "fe80::1%eth0", "fe80::1%$(reboot)", "[fe80::1%1]", "\u202eabc", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        (" 192.0.2.1\n", "192.0.2.1"),
        ("::1", "::1"),
        ("[2001:DB8:0:0::1]", "2001:db8::1"),
        ("Web.Example.ORG", "web.example.org"),
        ("web.example.org.", "web.example.org"),
        ("web", "web"),
        ("a_b.example", "a_b.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1a.example", "1a.example"),
    ],
)
def test_an_address_is_brought_into_its_usual_form(typed, address):
    assert clean_address(typed) == address
    assert clean_address(address) == address


@pytest.mark.parametrize(
    "typed",
    [*HOSTILE, "", ".", "1.2.3", "1.2.3.4.5", "256.1.1.1", "127.1", "0x7f.1", "2130706433", "1.2.3.4/24",
     "01.2.3.4", "x" * 64, ".".join(["x" * 60] * 5), "a.1", "\uff11\uff12\uff17.0.0.1"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_a_sentence(typed):
    with pytest.raises(ValueError) as problem:
        clean_address(typed)
    assert str(problem.value).endswith(".")
    assert "\n" not in str(problem.value)


@given(st.text(max_size=40) | st.from_regex(r"[a-z0-9.:\[\]%-]{1,30}", fullmatch=True))
def test_whatever_is_accepted_is_a_literal_or_a_plain_name(typed):
    try:
        address = clean_address(typed)
    except ValueError:
        return
    try:
        ipaddress.ip_address(address)
        assert "%" not in address
    except ValueError:
        assert re.fullmatch(r"[a-z0-9_][a-z0-9_.-]{0,252}", address)
    assert clean_address(address) == address


@pytest.mark.parametrize(
    "name", ["root", "web-1", "a.b", "_x", "svc_mon", "DOMAIN\\user", "me@corp", "machine$", "0day"]
)
def test_user_names_of_hosts_are_taken(name):
    assert clean_username(f" {name} ") == name


@pytest.mark.parametrize(
    "name", [*HOSTILE[:12], "", " ", "x" * 65, "a$b", "-x", "ä", "root\nx", "a\tb"]
)
def test_what_is_no_user_name_is_refused(name):
    with pytest.raises(ValueError):
        clean_username(name)


@pytest.mark.parametrize(
    ("typed", "name"), [("  web  1 ", "web 1"), ("web\n1", "web 1"), ("Büro", "Büro"), ("-x", "-x")]
)
def test_a_name_is_brought_onto_one_line(typed, name):
    assert clean_name(typed) == name
    validate_name(name)
    if typed != name:
        with pytest.raises(ValidationError):
            validate_name(typed)


@pytest.mark.parametrize(
    "name",
    ["", "  ", "\n", "x" * 101, "a\x00b", "a\x1b[31mb", "\x7fremoved 1", "a\u202eb", "a\u200bb"],
)
def test_what_is_no_name_is_refused(name):
    with pytest.raises(ValueError):
        clean_name(name)
    with pytest.raises(ValidationError):
        validate_name(name)
