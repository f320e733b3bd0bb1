"""Host keys from first contact to rotation, through real servers into rows."""

from __future__ import annotations

import asyncio
import base64
import hmac
import time
from io import StringIO
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from django.core.management import call_command

from fleet.models import Event, Host, HostAuthority, HostKey, HostState, Policy
from pollers.engine import Engine
from pollers.ingest import record
from pollers.inventory import add_host, make_credential
from pollers.known_hosts import authorities_of, import_known_hosts
from pollers.outcome import Job, Outcome
from pollers.targets import load_target
from pollers.transports.hostkeys import shown_key
from tests.sshd import Sshd, running

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(90)]


class Poller:
    """Polls rows as a worker does, one slot after the other, over one loop."""

    def __init__(self) -> None:
        self.engine = Engine()
        self.loop = asyncio.new_event_loop()
        self.slot = int(time.time())

    def poll(self, host: Host) -> Outcome:
        self.slot += 1
        target, failure = None, None
        try:
            target = load_target(host.pk)
        except Exception as exc:
            failure = exc

        async def prepare() -> Any:
            if failure is not None:
                raise failure
            return target

        revision = target.revision if target else ""
        job = Job(host.pk, self.slot, revision, time.time() + 10)
        outcome = self.loop.run_until_complete(self.engine.poll(job, prepare))
        record([outcome])
        return outcome

    def close_sessions(self) -> None:
        self.loop.run_until_complete(self.engine.close_all())

    def close(self) -> None:
        self.loop.run_until_complete(self.engine.aclose())
        self.loop.close()


@pytest.fixture()
def poller() -> Any:
    poller = Poller()
    yield poller
    poller.close()


def host_at(server: Sshd, **changes: Any) -> Host:
    login = server.login()
    credential = make_credential(
        username=login.username, private_key=login.private_key, name=f"for {server.port}"
    )
    values = {"address": server.address, "port": server.port, "by": "alice", **changes}
    return add_host(credential=credential, **values)


def code(outcome: Outcome) -> str:
    return outcome.failure.code.name if outcome.failure else ""


def pinned(host: Host) -> set[str]:
    return set(host.host_keys.exclude(accepted_at=None).values_list("public", flat=True))


def told(host: Host, kind: str) -> int:
    return Event.objects.filter(host=host, kind=kind).count()


def test_r18_strict_an_unknown_key_stops_before_the_login(poller: Poller, own_sshd: Sshd) -> None:
    host = host_at(own_sshd)
    assert code(poller.poll(host)) == "HOSTKEY_UNKNOWN"
    offered = HostKey.objects.get(host=host)
    assert offered.public == own_sshd.host_keys[0]
    assert offered.accepted_at is None
    assert own_sshd.attempts == 0
    assert "Connection from" in own_sshd.log
    assert "publickey" not in own_sshd.log


def test_r18_first_contact_is_recorded(poller: Poller, own_sshd: Sshd) -> None:
    Policy.objects.create(host_keys=Policy.HostKeys.FIRST_CONTACT, changed_by="carol")
    host = host_at(own_sshd)
    assert poller.poll(host).failure is None
    kept = HostKey.objects.get(host=host)
    assert kept.public == own_sshd.host_keys[0]
    assert kept.accepted_by == "the fleet's policy, set by carol"
    assert kept.accepted_at is not None
    event = Event.objects.get(host=host, kind=Event.Kind.KEY_ACCEPTED)
    assert kept.fingerprint in event.text
    assert "carol" in event.text


def test_r19_a_changed_key_stops_before_the_login(poller: Poller, own_sshd: Sshd) -> None:
    host = host_at(own_sshd, accept_first_key=True)
    assert poller.poll(host).failure is None
    poller.close_sessions()
    old = own_sshd.host_keys
    own_sshd.change_host_keys()
    own_sshd.restart()
    logins = own_sshd.attempts
    assert code(poller.poll(host)) == "HOSTKEY_CHANGED"
    assert own_sshd.attempts == logins
    assert pinned(host) == set(old)
    assert told(host, Event.Kind.KEY_CHANGED) == 1
    state = HostState.objects.get(host=host)
    assert state.state == "blocked"
    assert state.failure_stage == "host_key"
    assert state.backoff_until > time.time()


def test_r20_a_graceful_rotation_goes_unnoticed(poller: Poller) -> None:
    with running(key_types=("ssh-ed25519",)) as server:
        host = host_at(server, accept_first_key=True)
        assert poller.poll(host).failure is None
        poller.close_sessions()
        add_key(server, "ecdsa-sha2-nistp256")
        server.restart()
        assert poller.poll(host).failure is None
        assert pinned(host) == set(server.host_keys)
        assert told(host, Event.Kind.KEY_LEARNED) == 1
        poller.close_sessions()
        drop_key(server, "ssh-ed25519")
        server.restart()
        assert poller.poll(host).failure is None  # no gap
        assert pinned(host) == set(server.host_keys)
        assert told(host, Event.Kind.KEY_RETIRED) == 1
        assert told(host, Event.Kind.KEY_CHANGED) == 0  # no alarm
        learned = HostKey.objects.get(host=host)
        assert learned.accepted_by.startswith("the host itself, known by SHA256:")


def test_r20_the_retired_key_is_trusted_no_more(poller: Poller) -> None:
    with running(key_types=("ssh-ed25519", "ecdsa-sha2-nistp256")) as server:
        host = host_at(server, accept_first_key=True)
        poller.poll(host)
        assert len(pinned(host)) == 2
        old = (server.directory / "host_ssh-ed25519").read_bytes()
        poller.close_sessions()
        drop_key(server, "ssh-ed25519")
        server.restart()
        assert poller.poll(host).failure is None
        poller.close_sessions()
        drop_key(server, "ecdsa-sha2-nistp256")
        (server.directory / "host_ssh-ed25519").write_bytes(old)  # whoever found it
        (server.directory / "host_ssh-ed25519").chmod(0o600)
        server.restart()
        assert code(poller.poll(host)) == "HOSTKEY_CHANGED"


def add_key(server: Sshd, key_type: str) -> None:
    key = asyncssh.generate_private_key(key_type)
    path = server.directory / f"host_{key_type}"
    path.write_bytes(key.export_private_key())
    path.chmod(0o600)
    server.host_keys = (*server.host_keys, shown_key(key.public_data).public)


def drop_key(server: Sshd, key_type: str) -> None:
    (server.directory / f"host_{key_type}").unlink()
    server.host_keys = tuple(key for key in server.host_keys if not key.startswith(key_type))


def test_r21_swapped_addresses_mix_no_samples(poller: Poller) -> None:
    with running() as one, running() as other:
        hosts = [host_at(one, accept_first_key=True), host_at(other, accept_first_key=True)]
        for host in hosts:
            assert poller.poll(host).failure is None
        poller.close_sessions()
        attempts = one.attempts, other.attempts
        one.stop()
        other.stop()
        one.port, other.port = other.port, one.port
        one.start()
        other.start()
        for host in hosts:
            outcome = poller.poll(host)
            assert code(outcome) == "HOSTKEY_CHANGED"
            assert outcome.measurement is None
        assert (one.attempts, other.attempts) == attempts


# known_hosts


def test_keys_of_a_known_hosts_file(poller: Poller, own_sshd: Sshd, tmp_path: Path) -> None:
    host = host_at(own_sshd)
    assert code(poller.poll(host)) == "HOSTKEY_UNKNOWN"
    file = tmp_path / "known_hosts"
    file.write_text(f"# ours\n[{own_sshd.address}]:{own_sshd.port} {own_sshd.host_keys[0]} me\n")
    out = StringIO()
    call_command("hosts", "known-hosts", str(file), stdout=out)
    assert "Accepted 1 keys" in out.getvalue()
    kept = HostKey.objects.get(host=host)
    assert kept.accepted_by.startswith("known_hosts import by ")
    assert HostState.objects.get(host=host).backoff_until == 0
    assert poller.poll(host).failure is None


def some_key() -> str:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return shown_key(key.public_data).public


def hashed(name: str) -> str:
    salt = b"s" * 20
    digest = hmac.new(salt, name.encode(), "sha1").digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.mark.parametrize(
    ("pattern", "port", "matches"),
    [
        ("192.0.2.7", 22, True),
        ("192.0.2.7", 2222, False),
        ("[192.0.2.7]:2222", 2222, True),
        ("[192.0.2.7]:2222", 22, False),
        ("other,192.0.2.*", 22, True),
        ("192.0.2.*,!192.0.2.7", 22, False),
        (hashed("192.0.2.7"), 22, True),
        (hashed("192.0.2.8"), 22, False),
        (hashed("[192.0.2.7]:2222"), 2222, True),
    ],
)
def test_lines_are_matched_as_openssh_does(pattern: str, port: int, matches: bool) -> None:
    credential = make_credential(username="probe", password="s3cret")
    host = add_host(address="192.0.2.7", port=port, by="alice", credential=credential)
    done = import_known_hosts(f"{pattern} {some_key()}\n", by="alice")
    assert bool(done.keys) == matches
    assert bool(pinned(host)) == matches


def test_what_is_of_no_use_in_a_known_hosts_file() -> None:
    credential = make_credential(username="probe", password="s3cret")
    host = add_host(address="192.0.2.7", by="alice", credential=credential)
    revoked = some_key()
    text = f"192.0.2.7 {revoked}\n@revoked * {revoked}\n192.0.2.7 nonsense\n@strange * {revoked}\nword\n"
    done = import_known_hosts(text, by="alice")
    assert (done.keys, done.revoked, done.unread) == ([], 1, [3, 4, 5])
    assert not pinned(host)


# Authorities


def certified(server: Sshd, authority: asyncssh.SSHKey, principal: str, **times: Any) -> None:
    key = asyncssh.read_private_key(server.directory / "host_ssh-ed25519")
    certificate = authority.generate_host_certificate(key, "web1", principals=[principal], **times)
    path = server.directory / "certificate.pub"
    path.write_bytes(certificate.export_certificate())
    server._options = f"HostCertificate {path}"
    server.restart()


def test_a_host_signed_by_an_authority_needs_no_key(poller: Poller, own_sshd: Sshd) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    certified(own_sshd, authority, own_sshd.address)
    host = host_at(own_sshd)
    assert code(poller.poll(host)) == "HOSTKEY_UNKNOWN"
    public = shown_key(authority.public_data).public
    done = import_known_hosts(f"@cert-authority * {public}\n", by="alice")
    assert len(done.authorities) == 1
    assert HostAuthority.objects.get().added_by == "known_hosts import by alice"
    assert poller.poll(host).failure is None
    assert not pinned(host)  # the certificate is enough, nothing is held to
    poller.close_sessions()
    own_sshd.change_host_keys()
    certified(own_sshd, authority, own_sshd.address)
    assert poller.poll(host).failure is None  # a reinstalled machine, signed again


@pytest.mark.parametrize("wrong", ["signer", "principal", "time"])
def test_a_wrong_certificate_stops_before_the_login(
    poller: Poller, own_sshd: Sshd, wrong: str
) -> None:
    authority = asyncssh.generate_private_key("ssh-ed25519")
    signer = asyncssh.generate_private_key("ssh-ed25519") if wrong == "signer" else authority
    times = {"valid_after": 0, "valid_before": 1000} if wrong == "time" else {}
    certified(own_sshd, signer, "other" if wrong == "principal" else own_sshd.address, **times)
    host = host_at(own_sshd)
    public = shown_key(authority.public_data).public
    import_known_hosts(f"@cert-authority * {public}\n", by="alice")
    outcome = poller.poll(host)
    assert code(outcome) == "HOSTKEY_UNKNOWN", outcome.failure
    assert own_sshd.attempts == 0


def test_an_authority_speaks_for_its_pattern_only() -> None:
    credential = make_credential(username="probe", password="s3cret")
    names = ("web.example.org", "web.example.com")
    ours, theirs = (add_host(address=name, by="alice", credential=credential) for name in names)
    import_known_hosts(f"@cert-authority *.example.org {some_key()}\n", by="alice")
    assert len(authorities_of(ours)) == 1
    assert not authorities_of(theirs)


# Pages


def test_policy_and_authorities_in_the_admin(client: Any, alice: Any) -> None:
    client.force_login(alice)
    assert client.get("/admin/fleet/policy/", follow=True).status_code == 200
    client.post("/admin/fleet/policy/1/change/", {"host_keys": "first_contact"})
    assert Policy.current().first_contact() == "the fleet's policy, set by alice"
    key = some_key()
    answer = client.post("/admin/fleet/hostauthority/add/", {"patterns": "*", "public": "word"})
    assert "not a public key" in answer.content.decode()
    client.post("/admin/fleet/hostauthority/add/", {"patterns": "*.example.org", "public": key})
    assert HostAuthority.objects.get().added_by == "alice"
