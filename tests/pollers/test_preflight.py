"""Trying a host before it is saved, against real servers: in order, and with two connections at most."""

from __future__ import annotations

import asyncio
import getpass
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from credentials.keyring import new_key
from credentials.keys import reveal
from credentials.models import Credential
from pollers import preflight
from pollers.drafts import STAGES, accept_draft_key, draft_target, live_draft, make_draft
from pollers.inventory import InventoryError, make_credential
from pollers.models import Draft
from pollers.preflight import run_preflight
from tests import hostile
from tests import sshd as harness
from tests.credentials.test_private_keys import PASSPHRASE, exported
from tests.pollers.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)
ME = getpass.getuser()


@contextmanager
def serving(handler) -> Iterator[int]:
    """A misbehaving server in a thread of its own."""
    loop, ready, port = asyncio.new_event_loop(), threading.Event(), []

    async def serve() -> None:
        async with hostile.serving(handler) as number:
            port.append(number)
            ready.set()
            await stop.wait()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    ready.wait(5)
    try:
        yield port[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(5)


def tried(draft: Draft) -> Draft:
    run_preflight(str(draft.pk))
    draft.refresh_from_db()
    return draft


def accepted(draft: Draft) -> Draft:
    assert accept_draft_key(draft)
    return tried(draft)


def stages(draft: Draft) -> list[tuple[str, str]]:
    return [(stage["name"], stage["state"]) for stage in draft.stages]


def last(draft: Draft) -> dict:
    return draft.stages[-1]


def connections(server: harness.Sshd) -> int:
    return server.log.count("Connection from")


def by_key(alice, server: harness.Sshd) -> Draft:
    return make_draft(
        alice, address=server.address, port=server.port, username=ME, private_key=server.private_key
    )


def by_password(alice, server: harness.Sshd, password: str) -> Draft:
    return make_draft(
        alice, address=server.address, port=server.port, username="plain", password=password
    )


def test_a_host_is_tried_in_order_with_two_connections_and_one_login(alice, own_sshd):
    draft = tried(by_key(alice, own_sshd))
    assert stages(draft) == [
        ("resolve", "ok"),
        ("tcp", "ok"),
        ("version", "ok"),
        ("host_key", "ask"),
    ]
    assert draft.finished
    assert draft.shown_key in own_sshd.host_keys
    assert draft.shown_fingerprint in last(draft)["text"]
    assert (connections(own_sshd), own_sshd.attempts) == (1, 0), (
        "nothing is sent before the key is accepted"
    )
    draft = accepted(draft)
    assert stages(draft) == [(name, "ok") for name in STAGES if name != "way"]
    assert draft.finished
    texts = {stage["name"]: stage["text"] for stage in draft.stages}
    assert draft.shown_fingerprint in texts["host_key"]
    assert "CPU" in texts["sample"]
    assert "psutil" in texts["probe"]
    assert all(stage["seconds"] >= 0 for stage in draft.stages)
    assert (connections(own_sshd), own_sshd.logins, own_sshd.refusals) == (2, 1, 0)


def test_a_third_connection_is_never_made(alice, own_sshd):
    draft = accepted(tried(by_key(alice, own_sshd)))
    Draft.objects.update(finished=False)
    tried(draft)
    assert not accept_draft_key(draft)
    assert (connections(own_sshd), draft.connections) == (2, 2)


def test_the_same_task_twice_makes_no_connection_too_many(alice, own_sshd):
    draft = by_key(alice, own_sshd)
    threads = [threading.Thread(target=run_preflight, args=(str(draft.pk),)) for _ in range(2)]
    tried(draft)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connections(own_sshd) == 1, "a finished test is not begun again"


def test_a_wrong_password_fails_at_the_login_and_says_what_to_do(alice, odd_sshd):
    before = connections(odd_sshd), odd_sshd.refusals
    draft = accepted(tried(by_password(alice, odd_sshd, "wrong-canary")))
    assert stages(draft)[-2:] == [("host_key", "ok"), ("login", "failed")]
    assert last(draft)["text"].startswith("AUTH_FAILED")
    assert last(draft)["next_step"]
    assert draft.finished
    assert connections(odd_sshd) - before[0] == 2
    assert odd_sshd.refusals - before[1] == 1, "one try of the password"
    assert "canary" not in str(Draft.objects.values().get())


def test_a_right_password_gets_through(alice, odd_sshd):
    draft = accepted(tried(by_password(alice, odd_sshd, PASSWORD)))
    assert stages(draft)[-1] == ("sample", "ok")


def test_a_stored_credential_is_used_without_being_copied(alice, own_sshd):
    credential = make_credential(username=ME, private_key=own_sshd.private_key)
    draft = make_draft(alice, address=own_sshd.address, port=own_sshd.port, credential=credential)
    assert stages(accepted(tried(draft)))[-1] == ("sample", "ok")
    Credential.objects.all().delete()
    assert draft_text(draft)["credential"] == str(credential.pk)


def draft_text(draft: Draft) -> dict:

    return json.loads(reveal(draft, "document"))


def test_a_credential_removed_meanwhile_fails_before_any_connection(alice, own_sshd):
    credential = make_credential(username=ME, private_key=own_sshd.private_key)
    draft = make_draft(alice, address=own_sshd.address, port=own_sshd.port, credential=credential)
    Credential.objects.all().delete()
    draft = tried(draft)
    assert stages(draft) == [("resolve", "failed")]
    assert connections(own_sshd) == 0


def test_another_key_at_the_second_connection_gets_no_credential(alice, own_sshd):
    draft = tried(by_key(alice, own_sshd))
    own_sshd.change_host_keys()
    own_sshd.restart()
    draft = accepted(draft)
    assert stages(draft)[-1] == ("host_key", "failed")
    assert last(draft)["text"].startswith("HOSTKEY_CHANGED")
    assert own_sshd.attempts == 0


def test_a_server_gone_at_the_second_connection_fails_where_it_fails(alice, own_sshd):
    draft = tried(by_key(alice, own_sshd))
    own_sshd.stop()
    draft = accepted(draft)
    assert stages(draft) == [("resolve", "ok"), ("tcp", "failed")]
    assert last(draft)["text"].startswith("TCP_REFUSED")


@pytest.mark.parametrize(
    "handler",
    [hostile.speaks_http, hostile.speaks_smtp, hostile.endless_banner, hostile.turns_away],
)
def test_the_words_of_another_service_are_never_quoted(alice, handler):
    """Else anybody who may add hosts could read what listens in the network behind us."""
    with serving(handler) as port:
        draft = tried(make_draft(alice, address="127.0.0.1", port=port, username="x", password="y"))
    assert stages(draft)[-1] == ("version", "failed")
    assert draft.finished
    row = str(Draft.objects.values().get())
    for word in ("canary", "HTTP", "Cookie", "ESMTP", "Exceeded"):
        assert word not in row


@pytest.mark.parametrize(
    "handler", [hostile.never_speaks, hostile.tarpit, hostile.stops_after_version]
)
def test_a_server_that_stalls_is_given_up_in_time(alice, handler, monkeypatch):
    monkeypatch.setattr(preflight, "PATIENCE", 1.0)
    began = time.monotonic()
    with serving(handler) as port:
        draft = tried(make_draft(alice, address="127.0.0.1", port=port, username="x", password="y"))
        assert time.monotonic() - began < 4
    assert (last(draft)["state"], draft.finished) == ("failed", True)


@pytest.mark.parametrize(
    ("address", "code"), [("127.0.0.1", "TCP_REFUSED"), ("no-such-host.invalid", "DNS_FAIL")]
)
def test_a_host_that_cannot_be_reached_fails_at_its_stage(alice, address, code):
    draft = tried(
        make_draft(alice, address=address, port=harness.free_port(), username="x", password="y")
    )
    assert last(draft)["text"].startswith(code)
    assert last(draft)["next_step"]


def test_an_expired_draft_is_neither_shown_nor_tried(alice, own_sshd):
    draft = by_key(alice, own_sshd)
    Draft.objects.update(created_at=timezone.now() - timedelta(minutes=61))
    assert live_draft(str(draft.pk), alice) is None
    tried(draft)
    assert (connections(own_sshd), draft.finished) == (0, False)


def test_a_draft_belongs_to_who_made_it(alice, bob, own_sshd):
    draft = by_key(alice, own_sshd)
    assert live_draft(str(draft.pk), alice) == draft
    assert live_draft(str(draft.pk), bob) is None
    for nonsense in ("", "x", "0", "None", str(draft.pk)[:-1]):
        assert live_draft(nonsense, alice) is None


def test_a_key_that_was_not_shown_cannot_be_accepted(alice, own_sshd):
    draft = by_key(alice, own_sshd)
    assert not accept_draft_key(draft)
    tried(draft)
    assert [accept_draft_key(draft) for _ in range(3)] == [True, False, False]


def test_what_was_typed_is_nowhere_in_the_clear(alice, own_sshd):
    key = exported("ed25519", "openssh", True)
    draft = make_draft(
        alice,
        address="192.0.2.1",
        username="canary-user",
        password="canary-1",
        private_key=key,
        passphrase=PASSPHRASE,
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM pollers_draft")
        row = repr(cursor.fetchall())
    for word in ("canary", PASSPHRASE, key.splitlines()[2]):
        assert word not in row + repr(draft) + str(draft)
    target = draft_target(draft, "asyncssh")
    assert (target.login.password, target.login.passphrase) == ("canary-1", PASSPHRASE)
    assert "canary" not in repr(target)


def test_a_draft_that_cannot_be_read_says_so(alice, own_sshd, settings):
    draft = by_key(alice, own_sshd)
    settings.CREDENTIAL_KEYS = [new_key()]
    draft = tried(draft)
    assert last(draft)["text"].startswith("CREDENTIAL_UNREADABLE")
    assert draft.finished
    assert connections(own_sshd) == 0


def test_a_mistake_of_ours_ends_the_test_and_tells_nothing(alice, own_sshd, monkeypatch, caplog):
    def fail(*arguments):
        raise RuntimeError("canary")

    monkeypatch.setattr(preflight, "draft_target", fail)
    draft = tried(by_key(alice, own_sshd))
    assert draft.finished
    assert last(draft)["text"].startswith("INTERNAL")
    assert "canary" not in last(draft)["text"] + caplog.text


@pytest.mark.parametrize(
    "typed",
    [
        {"address": "-oProxyCommand=x", "username": "u", "password": "p"},
        {"address": "fe80::1%$(reboot)", "username": "u", "password": "p"},
        {"address": "192.0.2.1", "port": 0, "username": "u", "password": "p"},
        {"address": "192.0.2.1", "port": 65536, "username": "u", "password": "p"},
        {"address": "192.0.2.1", "username": "-x", "password": "p"},
        {"address": "192.0.2.1", "username": "u"},
        {"address": "192.0.2.1"},
        {"address": "192.0.2.1", "username": "u", "private_key": "nonsense"},
    ],
)
def test_what_cannot_be_tried_is_refused_with_a_sentence(alice, typed):
    with pytest.raises(InventoryError) as problem:
        make_draft(alice, **typed)
    assert str(problem.value).endswith((".", ")."))
    assert not Draft.objects.exists()
