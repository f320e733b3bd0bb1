"""The first administrator, and the doors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboards.models import SetupLink
from dashboards.views import welcome

pytestmark = pytest.mark.django_db
TYPED = {"username": "alice", "password1": "wonderland-12", "password2": "wonderland-12"}


def test_the_link_makes_an_administrator_who_is_signed_in() -> None:
    client, token = Client(), SetupLink.issue()
    assert client.get(f"/welcome/{token}/").status_code == 200
    assert client.post(f"/welcome/{token}/", TYPED)["Location"] == "/"
    user = User.objects.get()
    assert (user.username, user.is_staff, user.is_superuser) == ("alice", True, True)
    assert client.get("/").status_code == 200


def test_the_link_is_good_once() -> None:
    token = SetupLink.issue()
    Client().post(f"/welcome/{token}/", TYPED)
    for response in (
        Client().get(f"/welcome/{token}/"),
        Client().post(f"/welcome/{token}/", TYPED | {"username": "eve"}),
    ):
        assert response.status_code == 410
    assert User.objects.count() == 1


def test_the_link_expires() -> None:
    token = SetupLink.issue()
    SetupLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Client().get(f"/welcome/{token}/").status_code == 410
    assert Client().post(f"/welcome/{token}/", TYPED).status_code == 410
    assert not User.objects.exists()


def test_the_link_is_worthless_once_there_is_a_user(bob: Any) -> None:
    token = SetupLink.issue()
    assert Client().get(f"/welcome/{token}/").status_code == 410
    assert Client().post(f"/welcome/{token}/", TYPED).status_code == 410


def test_a_guessed_link_opens_nothing() -> None:
    SetupLink.issue()
    assert Client().post("/welcome/guess/", TYPED).status_code == 410


def test_of_two_who_press_at_once_one_gets_in() -> None:
    token = SetupLink.issue()
    forms = [welcome.FirstAdministrator(TYPED | {"username": name}) for name in ("alice", "eve")]
    assert all(form.is_valid() for form in forms)
    made = [welcome.make_first(form, token) for form in forms]
    assert made[0] is not None
    assert made[1] is None
    assert User.objects.count() == 1


def test_a_bad_password_keeps_the_link_good() -> None:
    token = SetupLink.issue()
    response = Client().post(
        f"/welcome/{token}/", TYPED | {"password1": "short", "password2": "short"}
    )
    assert response.status_code == 200
    assert "too short" in response.content.decode()
    assert Client().post(f"/welcome/{token}/", TYPED).status_code == 302


def test_signing_in_and_out(alice: Any) -> None:
    client = Client()
    page = client.get("/login/").content.decode()
    assert 'name="username"' in page
    assert 'name="password"' in page
    wrong = client.post("/login/", {"username": "alice", "password": "wrong"})
    assert 'role="alert"' in wrong.content.decode()
    right = client.post(
        "/login/?next=/alerts/",
        {"username": "alice", "password": "wonderland-1", "next": "/alerts/"},
    )
    assert right["Location"] == "/alerts/"
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/").status_code == 302


def test_changing_the_password(as_bob: Client, bob: Any) -> None:
    typed = {
        "old_password": "builder-of-things",
        "new_password1": "another-house",
        "new_password2": "another-house",
    }
    assert as_bob.get("/password/").status_code == 200
    response = as_bob.post("/password/", typed, follow=True)
    assert "The password is changed." in response.content.decode()
    bob.refresh_from_db()
    assert bob.check_password("another-house")


def test_the_admin_lets_people_in_through_our_own_door(as_bob: Client) -> None:
    assert Client().get("/admin/fleet/host/")["Location"] == "/admin/login/?next=/admin/fleet/host/"
    assert (
        Client().get("/admin/login/?next=/admin/fleet/host/")["Location"]
        == "/login/?next=/admin/fleet/host/"
    )
    assert (
        Client().get("/admin/login/?next=https://evil.example/")["Location"]
        == "/login/?next=/admin/"
    )
    assert as_bob.get("/admin/", follow=True).status_code == 403


def test_errors_have_pages_of_their_own(as_bob: Client) -> None:
    response = as_bob.get("/no/such/page")
    assert response.status_code == 404
    assert "There is no such page." in response.content.decode()


def test_a_form_without_its_token_is_refused_with_a_sentence(bob: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login/", {"username": "bob", "password": "x"})
    assert response.status_code == 403
    assert "This form is too old." in response.content.decode()
