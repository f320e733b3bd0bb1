"""Certificates and prompts: what is offered, what is answered, and what never is."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import asyncssh
import pytest
from django.core.exceptions import ValidationError

from credentials.certificates import read_certificate
from credentials.models import Credential
from credentials.private_keys import PrivateKeyError
from fleet.models import Host
from pollers.inventory import add_host, change_credential, make_credential
from pollers.states import AUTH_BACKOFF, wait_after
from pollers.targets import load_target
from pollers.transports.base import Transport
from pollers.transports.registry import transport
from tests import hostile
from tests.pollers.conftest import PASSWORD
from tests.pollers.test_transports import at, eventually, refusal
from tests.sshd import Sshd, running

pytestmark = pytest.mark.timeout(60)

AUTHORITY = asyncssh.generate_private_key("ssh-ed25519")


@pytest.fixture(params=["asyncssh", "paramiko"])
async def ssh(request: pytest.FixtureRequest) -> AsyncIterator[Transport]:
    way = transport(request.param)
    yield way
    await way.aclose()


def certificate(key: asyncssh.SSHKey, principal: str = "root", **values: Any) -> str:
    made = AUTHORITY.generate_user_certificate(key, "probe-1", principals=[principal], **values)
    return made.export_certificate().decode()


@pytest.fixture()
def trusting(tmp_path: Any) -> Any:
    """A server that takes no key but those which the authority signed."""
    file = tmp_path / "ca.pub"
    file.write_bytes(AUTHORITY.export_public_key())
    tmp_path.chmod(0o755)
    options = f"TrustedUserCAKeys {file}\nAuthorizedKeysFile none"
    with running(options=options) as server:
        yield server


@pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
async def test_a_certificate_logs_in(ssh: Transport, trusting: Sshd, kind: str) -> None:
    key = asyncssh.generate_private_key(kind)
    text = key.export_private_key().decode()
    user = trusting.login().username
    login = trusting.login(private_key=text, certificate=certificate(key, user))
    session = await ssh.connect(trusting.target(login=login))
    await session.close()
    assert trusting.log.count("Accepted publickey") == 1
    assert trusting.refusals == 0
    assert "probe-1" in trusting.log


async def test_a_certificate_is_offered_once_and_alone(ssh: Transport, trusting: Sshd) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    text = key.export_private_key().decode()
    login = trusting.login(private_key=text, certificate=certificate(key, "somebody-else"))
    failure = await refusal(ssh.connect(trusting.target(login=login)))
    assert failure.code.name == "AUTH_FAILED"
    await eventually(lambda: trusting.log.count("Failed publickey") == 1)


async def test_an_expired_certificate_is_not_a_connection(ssh: Transport, trusting: Sshd) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    text = key.export_private_key().decode()
    old = certificate(key, valid_after=0, valid_before=int(time.time()) - 60)
    failure = await refusal(ssh.connect(trusting.target(login=trusting.login(private_key=text, certificate=old))))  # fmt: skip
    assert failure.code.name == "AUTH_FAILED"
    assert "expired" in failure.detail
    assert "Connection from" not in trusting.log


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("word", "not a certificate"),
        (lambda key: certificate(asyncssh.generate_private_key("ssh-ed25519")), "another key"),
        (
            lambda key: AUTHORITY.generate_host_certificate(key, "x").export_certificate().decode(),
            "of a host",
        ),
        (lambda key: key.export_public_key().decode(), "not a certificate"),
    ],
)
def test_what_is_no_certificate_of_the_key(text: Any, sentence: str) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    pasted = text(key) if callable(text) else text
    with pytest.raises(PrivateKeyError, match=sentence):
        read_certificate(pasted, key.export_private_key().decode())


@pytest.mark.django_db
def test_a_certificate_is_stored_beside_its_key(client: Any, alice: Any) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    text = key.export_private_key("pkcs8-pem", passphrase="open sesame").decode()
    until = int(time.time()) + 3600
    pasted = certificate(key, valid_after=0, valid_before=until)
    client.force_login(alice)
    body = {
        "username": "probe",
        "private_key": text,
        "passphrase": "open sesame",
        "certificate": pasted,
    }
    answer = client.post("/api/v1/credentials/", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert shown["kind"] == "key and certificate"
    assert shown["certificate_identity"] == "probe-1"
    assert shown["certificate_valid_until"]
    assert "certificate" not in shown
    row = Credential.objects.get()
    assert int(row.certificate_valid_until.timestamp()) == until
    page = client.get(f"/admin/credentials/credential/{row.pk}/change/").content.decode()
    assert "probe-1" in page
    assert row.certificate.split()[1] not in page
    host = add_host(address="192.0.2.1", by="alice", credential=row)
    target = load_target(host.pk)
    assert target.login is not None
    assert target.login.certificate == row.certificate
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    change_credential(row, private_key=other)
    row.refresh_from_db()
    assert not row.certificate
    with pytest.raises(PrivateKeyError, match="another key"):
        change_credential(row, certificate=pasted)
    with pytest.raises(PrivateKeyError, match="needs its private key"):
        make_credential(username="probe", password="s3cret", certificate=pasted)


@pytest.mark.parametrize(
    ("rounds", "code"),
    [
        ([[("Verification code: ", False)]], "AUTH_NEEDS_INTERACTIVE"),
        ([[("One-time password (OATH) for `probe': ", False)]], "AUTH_NEEDS_INTERACTIVE"),
        ([[("Enter PASSCODE: ", False)]], "AUTH_NEEDS_INTERACTIVE"),
        ([[("Password: ", False), ("Token: ", False)]], "AUTH_NEEDS_INTERACTIVE"),
        ([[("New password: ", False)]], "AUTH_NEEDS_INTERACTIVE"),
        ([[("Old password: ", False)]], "AUTH_NEEDS_INTERACTIVE"),
        ([[("Password:\n(or push to your phone) ", False)]], "AUTH_NEEDS_INTERACTIVE"),
    ],
)
async def test_r25_no_unknown_prompt_is_answered(
    ssh: Transport, rounds: list[list[tuple[str, bool]]], code: str
) -> None:
    answers: list[list[str]] = []
    async with hostile.ssh_serving(lambda: hostile.Questions(rounds, answers)) as port:
        failure = await refusal(ssh.connect(at(port)))
    assert failure.code.name == code
    assert failure.code.next_step
    assert not any("s3cret-canary" in answer for answer in answers)


async def test_r24_a_refused_credential_is_tried_thrice_in_ten_minutes(
    ssh: Transport, odd_sshd: Sshd
) -> None:
    """Ten minutes of polls every 15 seconds, the waits between them as the scheduler keeps them."""
    before, now, failures = odd_sshd.refusals, 0.0, 0
    while now < 600:
        login = odd_sshd.login("plain", private_key="", password="wrong")
        failure = await refusal(ssh.connect(odd_sshd.target(login=login)))
        failures += 1
        wait = wait_after(failure, failures)
        assert wait in AUTH_BACKOFF
        now += max(wait, 15)
    assert failures <= 3
    await eventually(lambda: odd_sshd.refusals == before + failures)
    right = odd_sshd.login("plain", private_key="", password=PASSWORD)
    await (await ssh.connect(odd_sshd.target(login=right))).close()


# Addresses


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "port", "stored"),
    [
        ("::1", 22, ("::1", 22)),
        ("[::1]", 22, ("::1", 22)),
        ("[::1]:2222", 22, ("::1", 2222)),
        ("192.0.2.1:2222", 22, ("192.0.2.1", 2222)),
        ("web.example.org.:2222", 22, ("web.example.org", 2222)),
        ("web.example.org:2222", 2222, ("web.example.org", 2222)),
        ("bücher.example", 22, ("xn--bcher-kva.example", 22)),
        ("2001:DB8:0::1", 22, ("2001:db8::1", 22)),
    ],
)
def test_r26_addresses_as_people_type_them(typed: str, port: int, stored: tuple[str, int]) -> None:
    credential = make_credential(username="probe", password="s3cret")
    host = add_host(address=typed, port=port, by="alice", credential=credential)
    assert (host.address, host.port) == stored


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("typed", "port", "field"),
    [
        ("web1:2222", 23, "port"),
        ("web1:99999", 22, "address"),
        ("[::1]:0", 22, "address"),
        ("fe80::1%eth0", 22, "address"),
        ("[web1", 22, "address"),
        ("web1:", 22, "address"),
        ("a" * 254, 22, "address"),
    ],
)
def test_r26_what_is_no_address_is_refused(typed: str, port: int, field: str) -> None:
    credential = make_credential(username="probe", password="s3cret")
    with pytest.raises(ValidationError) as caught:
        add_host(address=typed, port=port, by="alice", credential=credential)
    assert field in caught.value.message_dict


@pytest.mark.django_db
def test_r26_a_port_behind_the_address_in_the_api_and_the_admin(client: Any, alice: Any) -> None:
    client.force_login(alice)
    credential = make_credential(username="probe", password="s3cret")
    body = {"address": "[::1]:2222", "credential": str(credential.pk)}
    answer = client.post("/api/v1/hosts/", body, content_type="application/json")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["address"], answer.json()["port"]) == ("::1", 2222)
    url = f"/api/v1/hosts/{answer.json()['id']}/"
    answer = client.patch(url, {"address": "web1:2200"}, content_type="application/json")
    assert (answer.json()["address"], answer.json()["port"]) == ("web1", 2200)
    form = {
        "address": "web2:2022", "port": "22", "credential": str(credential.pk), "interval_seconds": "15",
        "first_key": "ask", "enabled": "on",
    }  # fmt: skip
    answer = client.post("/admin/fleet/host/add/", form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    host = Host.objects.get(address="web2")
    assert host.port == 2022


async def test_r26_an_ipv6_host_is_reached(ssh: Transport) -> None:
    with running("::1") as server:
        await (await ssh.connect(server.target())).close()
