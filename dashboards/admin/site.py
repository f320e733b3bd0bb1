"""The admin's own door leads through ours: one login page, one place that counts attempts."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme


def login(request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Sign in, or say that this account may not: a loop of redirects helps nobody."""
    if request.user.is_authenticated:
        raise PermissionDenied
    target = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return redirect_to_login(
        target if safe else reverse("admin:index"), resolve_url(settings.LOGIN_URL)
    )


admin.site.login = login  # type: ignore[method-assign]
