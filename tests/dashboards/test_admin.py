"""The admin: hosts, credentials, channels."""

from __future__ import annotations

from typing import Any

import pytest
from asyncssh import generate_private_key
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from alerts.models import Channel, Rule
from credentials.models import Credential
from fleet.models import Host, HostState, Tag
from pollers.drafts import make_draft
from pollers.models import Draft

pytestmark = pytest.mark.django_db
SECRET = "correct-horse-battery"
TYPED = {"address": "192.0.2.5", "port": "22", "username": "watcher", "password": SECRET, "name": "", "interval_seconds": "15", "first_key": "ask", "enabled": "on"}  # fmt: skip
TEST = "/admin/fleet/host/test/"


@pytest.fixture
def key() -> str:
    return generate_private_key("ssh-ed25519").export_private_key().decode()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The drafts whose test was started."""
    ids: list[str] = []
    monkeypatch.setattr("dashboards.admin.preflight.preflight.delay", ids.append)
    return ids


@pytest.mark.parametrize(
    "page",
    ["", "fleet/host/", "fleet/host/add/", "fleet/tag/", "fleet/event/", "credentials/credential/", "credentials/credential/add/",
     "alerts/rule/", "alerts/rule/add/", "alerts/channel/", "alerts/channel/add/", "alerts/alert/", "auth/user/", "auth/user/add/"],
)  # fmt: skip
def test_every_page_of_the_admin_opens_for_the_administrator_only(
    as_alice: Client, as_bob: Client, page: str
) -> None:
    assert as_alice.get(f"/admin/{page}").status_code == 200
    assert as_bob.get(f"/admin/{page}").status_code == 302
    assert Client().get(f"/admin/{page}").status_code == 302


def test_an_address_and_a_login_are_enough(as_alice: Client) -> None:
    response = as_alice.post("/admin/fleet/host/add/", TYPED)
    host = Host.objects.get()
    assert response["Location"] == f"/hosts/{host.pk}/"
    assert (host.name, host.name_is_own, host.first_key_accepted_by) == ("192.0.2.5", False, "")
    assert host.credential is not None
    assert host.credential.reveal("password") == SECRET
    assert HostState.objects.get(host=host).next_poll_at == 0


def test_the_address_typed_on_the_empty_fleet_page_is_there_already(as_alice: Client) -> None:
    assert (
        'value="10.0.0.7"'
        in as_alice.get("/admin/fleet/host/add/?address=10.0.0.7").content.decode()
    )
    assert (
        as_alice.get("/hosts/add/?address=10.0.0.7")["Location"]
        == "/admin/fleet/host/add/?address=10.0.0.7"
    )


def test_a_key_can_be_pasted_and_tags_chosen(as_alice: Client, key: str) -> None:
    tag = Tag.objects.create(name="prod")
    as_alice.post(
        "/admin/fleet/host/add/",
        TYPED
        | {
            "password": "",
            "private_key": key,
            "tags": [tag.pk],
            "name": "web-1",
            "first_key": "accept",
        },
    )
    host = Host.objects.get()
    assert (host.name, host.name_is_own, host.first_key_accepted_by) == ("web-1", True, "alice")
    assert [one.name for one in host.tags.all()] == ["prod"]
    assert host.credential is not None
    assert host.credential.key_fingerprint.startswith("SHA256:")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"address": "not an address"}, "neither an IP address nor a host name"),
        ({"username": ""}, "Whose password or key is it?"),
        ({"password": ""}, "Give a password, a private key, or both."),
        ({"username": "", "password": ""}, "Choose a credential, or type a user name"),
        ({"private_key": "ssh-ed25519 AAAA me"}, "This is a public key"),
        ({"port": "0"}, "greater than or equal to 1"),
        ({"interval_seconds": "1"}, "greater than or equal to 2"),
    ],
)
def test_what_cannot_be_is_said_and_nothing_is_saved(
    as_alice: Client, change: dict[str, str], said: str
) -> None:
    response = as_alice.post("/admin/fleet/host/add/", TYPED | change)
    assert response.status_code == 200
    assert said in response.content.decode()
    assert not Host.objects.exists()
    assert not Credential.objects.exists()


def test_no_form_gives_a_secret_back(as_alice: Client, key: str) -> None:
    wrong = as_alice.post(
        "/admin/fleet/host/add/",
        TYPED | {"address": "!", "private_key": key, "passphrase": "s3same"},
    ).content.decode()
    credential = Credential(name="c", username="watcher")
    credential.set_password(SECRET)
    credential.set_private_key(key)
    credential.save()
    form = as_alice.get(f"/admin/credentials/credential/{credential.pk}/change/").content.decode()
    again = as_alice.post(f"/admin/credentials/credential/{credential.pk}/change/", {"name": "", "username": "watcher", "password": "n3w-one", "private_key": key}).content.decode()  # fmt: skip
    body = key.splitlines()[1]
    for page in (wrong, form, again):
        for secret in (
            SECRET,
            body,
            "s3same",
            "n3w-one",
            credential.password,
            credential.private_key,
        ):
            assert secret not in page


def test_blank_secrets_keep_the_old_ones(as_alice: Client, key: str) -> None:
    credential = Credential(name="c", username="watcher")
    credential.set_password(SECRET)
    credential.set_private_key(key)
    credential.save()
    as_alice.post(
        f"/admin/credentials/credential/{credential.pk}/change/",
        {"name": "renamed", "username": "watcher"},
    )
    credential.refresh_from_db()
    assert credential.name == "renamed"
    assert credential.reveal("password") == SECRET
    assert credential.reveal("private_key").strip() == key.strip()


def test_a_corrected_credential_is_tried_at_once(as_alice: Client, make_host: Any) -> None:
    credential = Credential(name="c", username="watcher")
    credential.set_password("old-one")
    credential.save()
    host = make_host(credential=credential)
    HostState.objects.update(next_poll_at=2_000_000_000, backoff_until=2_000_000_000)
    as_alice.post(
        f"/admin/credentials/credential/{credential.pk}/change/",
        {"name": "c", "username": "watcher", "password": "new-one"},
    )
    credential.refresh_from_db()
    assert credential.reveal("password") == "new-one"
    assert HostState.objects.get(host=host).next_poll_at == 0


def test_a_credential_without_any_secret_is_refused(as_alice: Client) -> None:
    response = as_alice.post(
        "/admin/credentials/credential/add/", {"name": "c", "username": "watcher"}
    )
    assert "Give a password, a private key, or both." in response.content.decode()


def test_changing_a_host_goes_through_the_inventory(as_alice: Client, make_host: Any) -> None:
    host = make_host()
    typed = {
        "address": "192.0.2.99",
        "port": "2222",
        "name": "renamed",
        "interval_seconds": "60",
        "enabled": "on",
    }
    HostState.objects.update(next_poll_at=2_000_000_000)
    response = as_alice.post(f"/admin/fleet/host/{host.pk}/change/", typed)
    assert response.status_code == 302, response.content
    host.refresh_from_db()
    assert (host.address, host.port, host.name, host.name_is_own) == (
        "192.0.2.99",
        2222,
        "renamed",
        True,
    )
    assert HostState.objects.get(host=host).next_poll_at == 0


@pytest.mark.parametrize("action", ["look_now", "pause", "resume"])
def test_many_hosts_at_once(as_alice: Client, make_host: Any, action: str) -> None:
    hosts = [make_host(f"192.0.2.{number}", enabled=action != "resume") for number in (1, 2)]
    HostState.objects.update(next_poll_at=2_000_000_000)
    as_alice.post(
        "/admin/fleet/host/", {"action": action, "_selected_action": [host.pk for host in hosts]}
    )
    assert set(Host.objects.values_list("enabled", flat=True)) == {action != "pause"}
    assert set(HostState.objects.values_list("next_poll_at", flat=True)) == {
        2_000_000_000 if action == "pause" else 0
    }


def test_a_tag_is_added_to_many_hosts(as_alice: Client, make_host: Any) -> None:
    tag = Tag.objects.create(name="prod")
    hosts = [make_host(f"192.0.2.{number}") for number in (1, 2)]
    for _ in range(2):
        as_alice.post(
            "/admin/fleet/host/",
            {"action": f"add_tag_{tag.pk}", "_selected_action": [host.pk for host in hosts]},
        )
    assert tag.hosts.count() == 2


def test_deleting_marks_hosts_as_removed(as_alice: Client, make_host: Any) -> None:
    one, two = make_host("192.0.2.1"), make_host("192.0.2.2")
    assert "Host states" not in as_alice.get(f"/admin/fleet/host/{one.pk}/delete/").content.decode()
    as_alice.post(f"/admin/fleet/host/{one.pk}/delete/", {"post": "yes"})
    as_alice.post(
        "/admin/fleet/host/",
        {"action": "delete_selected", "_selected_action": [two.pk], "post": "yes"},
    )
    assert Host.objects.count() == 2
    assert not Host.objects.present().exists()


def test_the_list_of_hosts_costs_the_same_for_one_and_for_fifty(
    as_alice: Client, make_host: Any, django_assert_num_queries: Any
) -> None:
    make_host("192.0.2.1", tags=["prod"])
    as_alice.get("/admin/fleet/host/")
    with django_assert_num_queries(11) as first:
        as_alice.get("/admin/fleet/host/")
    for number in range(2, 51):
        make_host(f"192.0.2.{number}", tags=["prod"])
    with django_assert_num_queries(len(first)):
        as_alice.get("/admin/fleet/host/")


def test_the_address_of_a_channel_is_write_only(as_alice: Client) -> None:
    refused = as_alice.post(
        "/admin/alerts/channel/add/", {"name": "ops", "url": "ftp://x", "enabled": "on"}
    )
    assert "An address begins with" in refused.content.decode()
    as_alice.post(
        "/admin/alerts/channel/add/",
        {"name": "ops", "url": "mailto:ops@example.org", "enabled": "on"},
    )
    channel = Channel.objects.get()
    assert channel.reveal_url() == "mailto:ops@example.org"
    assert (
        "ops@example.org"
        not in as_alice.get(f"/admin/alerts/channel/{channel.pk}/change/").content.decode()
    )
    as_alice.post(f"/admin/alerts/channel/{channel.pk}/change/", {"name": "ops2", "url": ""})
    channel.refresh_from_db()
    assert (channel.name, channel.enabled, channel.reveal_url()) == (
        "ops2",
        False,
        "mailto:ops@example.org",
    )


def test_a_rule_needs_a_known_metric_and_a_level(as_alice: Client) -> None:
    typed = {
        "name": "r",
        "metric": "cpu_percent",
        "labels": "{}",
        "op": ">",
        "warning": "90",
        "for_seconds": "60",
        "enabled": "on",
    }
    assert (
        as_alice.post("/admin/alerts/rule/add/", typed | {"metric": "no_such"}).status_code == 200
    )
    assert as_alice.post("/admin/alerts/rule/add/", typed | {"warning": ""}).status_code == 200
    assert as_alice.post("/admin/alerts/rule/add/", typed | {"labels": "[1]"}).status_code == 200
    assert not Rule.objects.filter(name="r").exists()
    assert as_alice.post("/admin/alerts/rule/add/", typed).status_code == 302
    assert Rule.objects.get(name="r").metric == "cpu_percent"


# --- testing a connection -------------------------------------------------------------------


def test_a_test_seals_what_was_typed_and_starts(as_alice: Client, started: list[str]) -> None:
    response = as_alice.post(TEST, TYPED)
    assert response.status_code == 201, response.content
    draft = Draft.objects.get()
    assert started == [str(draft.pk)] == [response.json()["id"]]
    assert SECRET not in draft.document
    state = as_alice.get(response.json()["url"])
    assert SECRET not in state.content.decode()
    assert state.json()["finished"] is False


def test_a_test_needs_what_saving_needs_of_the_way(as_alice: Client, started: list[str]) -> None:
    response = as_alice.post(TEST, TYPED | {"address": "!"})
    assert response.status_code == 400
    assert "address" in response.json()["problems"]
    assert as_alice.post(TEST, TYPED | {"interval_seconds": ""}).status_code == 201, (
        "not needed for a test"
    )
    assert len(started) == 1


def test_nobody_else_may_test_or_look(
    as_alice: Client, as_bob: Client, bob: Any, started: list[str]
) -> None:
    url = as_alice.post(TEST, TYPED).json()["url"]
    for client in (as_bob, Client()):
        assert client.post(TEST, TYPED).status_code == 302
        assert client.get(url).status_code == 302
    bob.is_staff = True
    bob.save()
    assert as_bob.post(TEST, TYPED).status_code == 403
    bob.user_permissions.add(Permission.objects.get(codename="add_host"))
    assert as_bob.get(url).status_code == 404, "a draft is its owner's"
    assert as_bob.post(TEST, TYPED).status_code == 201


def test_tests_are_limited_per_minute(as_alice: Client, started: list[str]) -> None:
    for _ in range(20):
        assert as_alice.post(TEST, TYPED).status_code == 201
    assert as_alice.post(TEST, TYPED).status_code == 429
    assert len(started) == 20


def shown(draft_id: str, **fields: Any) -> None:
    usual = {
        "finished": True,
        "connections": 1,
        "shown_key": "ssh-ed25519 AAAA",
        "shown_fingerprint": "SHA256:seen",
    }
    Draft.objects.filter(pk=draft_id).update(**(usual | fields))


def test_the_key_that_was_seen_is_accepted_once_and_saved_with_the_host(
    as_alice: Client, started: list[str]
) -> None:
    answer = as_alice.post(TEST, TYPED).json()
    shown(answer["id"])
    assert as_alice.get(answer["url"]).json()["can_accept"] is True
    accept = answer["url"] + "accept/"
    assert as_alice.post(accept, {"fingerprint": "SHA256:other"}).status_code == 409
    assert as_alice.post(accept, {"fingerprint": "SHA256:seen"}).status_code == 200
    assert as_alice.post(accept, {"fingerprint": "SHA256:seen"}).status_code == 409
    assert len(started) == 2
    as_alice.post("/admin/fleet/host/add/", TYPED | {"draft": answer["id"]})
    key = Host.objects.get().host_keys.get()
    assert (key.algorithm, key.public, key.fingerprint, key.accepted_by) == (
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "SHA256:seen",
        "alice",
    )


def test_a_third_connection_is_not_made(as_alice: Client, started: list[str]) -> None:
    answer = as_alice.post(TEST, TYPED).json()
    shown(answer["id"], connections=2)
    assert as_alice.get(answer["url"]).json()["can_accept"] is False
    assert (
        as_alice.post(answer["url"] + "accept/", {"fingerprint": "SHA256:seen"}).status_code == 409
    )


@pytest.mark.parametrize("change", [{"address": "192.0.2.6"}, {"port": "2222"}])
def test_a_key_accepted_for_one_address_is_not_saved_for_another(
    as_alice: Client, started: list[str], change: dict[str, str]
) -> None:
    answer = as_alice.post(TEST, TYPED).json()
    shown(answer["id"], key_accepted=True)
    as_alice.post("/admin/fleet/host/add/", TYPED | change | {"draft": answer["id"]})
    assert not Host.objects.get().host_keys.exists()


def test_somebody_elses_draft_accepts_nothing(as_alice: Client, bob: Any) -> None:
    draft = make_draft(bob, address="192.0.2.5", port=22, username="x", password="y")
    shown(str(draft.pk), key_accepted=True)
    as_alice.post("/admin/fleet/host/add/", TYPED | {"draft": str(draft.pk)})
    assert not Host.objects.get().host_keys.exists()


def test_drafts_are_forgotten_after_an_hour(as_alice: Client, started: list[str]) -> None:
    url = as_alice.post(TEST, TYPED).json()["url"]
    Draft.objects.update(created_at=timezone.now() - timezone.timedelta(hours=2))
    assert as_alice.get(url).status_code == 404
