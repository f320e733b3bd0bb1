"""Who a program is: `Authorization: Token …` or `Bearer …`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from api.models import ApiToken, digest

USE_NOTED_EVERY = timedelta(minutes=1)


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes the tokens; found by its base class."""

    target_class = "api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "Token … or Bearer …",
        }


class TokenAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() not in (b"token", b"bearer"):
            return None
        if len(words) != 2:
            raise AuthenticationFailed(
                "The Authorization header is 'Token …' with one word behind it."
            )
        text = words[1].decode("ascii", "replace")
        token = (
            ApiToken.objects.select_related("user")
            .filter(digest=digest(text), user__is_active=True)
            .first()
        )
        if token is None:
            raise AuthenticationFailed("This token is not known, or its user is switched off.")
        now = timezone.now()
        if token.used_at is None or now - token.used_at > USE_NOTED_EVERY:
            ApiToken.objects.filter(pk=token.pk).update(used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Token"
