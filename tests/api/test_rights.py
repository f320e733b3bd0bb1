"""Every address, every method, every role: one table. An address that is not in it fails."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import Permission
from django.utils import timezone
from rest_framework.test import APIClient

from alerts.models import Alert, Rule
from api.models import ApiToken
from api.urls import router
from fleet.models import Event, Tag
from tests.api.conftest import client_for

pytestmark = pytest.mark.django_db

READS = {"GET": 200, "HEAD": 200, "OPTIONS": 200}
NEVER = {"PUT": 405, "TRACE": 405}
NEW = {
    "hosts": {"address": "192.0.2.99"},
    "credentials": {"username": "u", "password": "p"},
    "tags": {"name": "new"},
    "rules": {"name": "new", "metric": "cpu_percent", "warning": 1},
}
EDIT = {
    "hosts": {"port": 23},
    "credentials": {"username": "v"},
    "tags": {"name": "other"},
    "rules": {"warning": 2},
}


@pytest.fixture
def objects(web, credential):
    """A path of each resource."""
    rule = Rule.objects.first()
    alert = Alert.objects.create(
        rule=rule, host=web, severity="critical", state="firing", opened_at=timezone.now()
    )
    event = Event.objects.create(host=web, at=timezone.now(), kind="rebooted", text="Rebooted")
    return {
        "hosts": web.pk,
        "credentials": credential.pk,
        "tags": Tag.objects.get(name="prod").pk,
        "rules": rule.pk,
        "alerts": alert.pk,
        "events": event.pk,
    }


def addresses(objects):
    for name, pk in objects.items():
        yield name, f"/api/v1/{name}/", False
        yield name, f"/api/v1/{name}/{pk}/", True


def call(client: APIClient, method: str, path: str, body=None):
    return client.generic(
        method, path, data=json.dumps(body or {}), content_type="application/json"
    )


def test_the_table_covers_every_address(objects):
    names = {prefix for prefix, _, _ in router.registry}
    assert names == set(objects)
    patterns = {url.name for url in router.urls}
    expected = {
        f"{basename}-{kind}" for _, _, basename in router.registry for kind in ("list", "detail")
    }
    assert patterns == expected | {"host-poll", "host-series"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_nobody_without_a_login_gets_anything(anonymous, objects, method):
    paths = [path for _, path, _ in addresses(objects)]
    host = objects["hosts"]
    for path in [
        *paths,
        f"/api/v1/hosts/{host}/poll/",
        f"/api/v1/hosts/{host}/series/?metric=up",
        "/api/v1/schema/",
    ]:
        answer = call(anonymous, method, path)
        assert answer.status_code == 401, (method, path)
        assert answer["WWW-Authenticate"] == "Token"
        assert b"web" not in answer.content


def test_somebody_without_rights_reads_everything_and_writes_nothing(as_bob, objects):
    host = objects["hosts"]
    for name, path, is_one in addresses(objects):
        for method, status in READS.items():
            assert call(as_bob, method, path).status_code == status, (method, path)
        for method in ("PATCH", "DELETE") if is_one else ("POST",):
            answer = call(as_bob, method, path, EDIT.get(name) if is_one else NEW.get(name))
            assert answer.status_code in ((403,) if name in NEW else (403, 405)), (method, path)
    assert as_bob.get(f"/api/v1/hosts/{host}/series/?metric=up").status_code == 200
    assert as_bob.post(f"/api/v1/hosts/{host}/poll/").status_code == 403
    assert as_bob.get("/api/v1/schema/").status_code == 200


def test_an_administrator_may_do_all_that_there_is(as_alice, objects):
    for name, path, is_one in addresses(objects):
        if name not in NEW:
            for method in ("POST", "PATCH", "DELETE", "PUT"):
                assert call(as_alice, method, path).status_code == 405, (method, path)
        elif is_one:
            assert call(as_alice, "PATCH", path, EDIT[name]).status_code == 200, path
            assert call(as_alice, "PUT", path, EDIT[name]).status_code == 405, path
        else:
            assert call(as_alice, "POST", path, NEW[name]).status_code == 201, path
    assert as_alice.post(f"/api/v1/hosts/{objects['hosts']}/poll/").status_code == 202
    for name in ("hosts", "rules", "tags"):
        assert as_alice.delete(f"/api/v1/{name}/{objects[name]}/").status_code == 204


@pytest.mark.parametrize(
    ("right", "method", "path", "body", "status"),
    [
        ("add_host", "POST", "hosts/", {"address": "192.0.2.50"}, 201),
        ("change_host", "POST", "hosts/", {"address": "192.0.2.50"}, 403),
        ("change_host", "PATCH", "hosts/{hosts}/", {"port": 2}, 200),
        ("add_host", "PATCH", "hosts/{hosts}/", {"port": 2}, 403),
        ("change_host", "POST", "hosts/{hosts}/poll/", {}, 202),
        ("add_host", "POST", "hosts/{hosts}/poll/", {}, 403),
        ("delete_host", "DELETE", "hosts/{hosts}/", {}, 204),
        ("change_host", "DELETE", "hosts/{hosts}/", {}, 403),
        ("change_host", "PATCH", "credentials/{credentials}/", {"username": "v"}, 403),
        ("change_credential", "PATCH", "credentials/{credentials}/", {"username": "v"}, 200),
    ],
)
def test_one_right_is_one_right(bob, as_bob, objects, right, method, path, body, status):
    bob.user_permissions.add(Permission.objects.get(codename=right))
    assert call(as_bob, method, f"/api/v1/{path.format(**objects)}", body).status_code == status


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "token", "BEARER"])
def test_a_token_is_taken_under_both_names(alice, scheme):
    assert client_for(alice, scheme).get("/api/v1/hosts/").status_code == 200


@pytest.mark.parametrize("header", ["Token", "Token ", "Token a b", "Token nonsense", "Bearer \xff", "Token \x00", "Token " + "x" * 5000])  # fmt: skip
def test_a_wrong_token_is_refused(anonymous, header):
    anonymous.credentials(HTTP_AUTHORIZATION=header)
    assert anonymous.get("/api/v1/hosts/").status_code == 401


def test_a_token_of_somebody_switched_off_is_refused(as_bob, bob):
    bob.is_active = False
    bob.save()
    assert as_bob.get("/api/v1/hosts/").status_code == 401


def test_a_token_is_stored_as_its_hash_and_its_use_is_noted(alice):
    text = ApiToken.issue(alice)
    row = ApiToken.objects.get()
    assert text not in repr(vars(row)) + str(row)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    client.get("/api/v1/hosts/")
    row.refresh_from_db()
    assert row.used_at is not None


def test_a_signed_in_browser_reads_but_writes_only_with_its_csrf_token(alice):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.get("/api/v1/hosts/").status_code == 200
    assert client.post("/api/v1/tags/", {"name": "x"}, format="json").status_code == 403


@pytest.mark.parametrize("name", ["hosts", "credentials", "tags", "rules", "alerts", "events"])
@pytest.mark.parametrize("number", ["0", "999999", "9" * 30, "-1", "x", "%00", "1e3", "²", "00000000-0000-0000-0000-000000000000"])  # fmt: skip
def test_what_is_not_there_is_404(as_alice, name, number):
    for method in ("GET", "PATCH", "DELETE"):
        answer = call(as_alice, method, f"/api/v1/{name}/{number}/")
        assert answer.status_code in (404, 405), (method, answer.content)
