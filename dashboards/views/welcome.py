"""The first administrator: a link that is good once, while there is no user."""

from __future__ import annotations

from django import forms
from django.contrib.auth import get_user_model, login
from django.contrib.auth.forms import BaseUserCreationForm
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from dashboards.models import SetupLink

BACKEND = "django.contrib.auth.backends.ModelBackend"


class FirstAdministrator(BaseUserCreationForm):  # type: ignore[type-arg]
    """User name and password, twice; checked as any other password is."""

    class Meta:
        model = User
        fields = ("username",)
        widgets = {
            "username": forms.TextInput(attrs={"autocomplete": "username", "autofocus": True})
        }


def is_open(token: str) -> bool:
    return SetupLink.is_good(token) and not get_user_model().objects.exists()


@sensitive_post_parameters()
@never_cache
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    if not is_open(token):
        return render(request, "welcome_over.html", status=410)
    form = FirstAdministrator(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "welcome.html", {"form": form})
    user = make_first(form, token)
    if user is None:
        return render(request, "welcome_over.html", status=410)
    login(request, user, backend=BACKEND)
    return redirect("fleet")


def make_first(form: FirstAdministrator, token: str) -> User | None:
    """Take the link and make the user in one transaction: of two who press at once, one gets in."""
    with transaction.atomic():
        if not SetupLink.use(token) or get_user_model().objects.exists():
            return None
        user: User = form.save(commit=False)
        user.is_staff = user.is_superuser = True
        user.save()
    return user
