"""The first administrator: from the environment, or by a link. Never a default password."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import transaction

from dashboards.models import SetupLink


def ensure_first_admin() -> str:
    """Make the first administrator if there is no user yet.

    Returns the path of the set-up link when somebody has to choose a name and password, else "".
    """
    users = get_user_model()._default_manager
    if users.exists():
        return ""
    if not settings.ADMIN_USERNAME and not settings.ADMIN_PASSWORD:
        return f"/welcome/{SetupLink.issue()}/"
    if not settings.ADMIN_USERNAME or not settings.ADMIN_PASSWORD:
        raise ImproperlyConfigured(
            "Set both ADMIN_USERNAME and ADMIN_PASSWORD (or ADMIN_PASSWORD_FILE), or neither."
        )
    try:
        validate_password(settings.ADMIN_PASSWORD)
    except ValidationError as problem:
        raise ImproperlyConfigured(
            f"ADMIN_PASSWORD is refused: {' '.join(problem.messages)}"
        ) from None
    make_admin(settings.ADMIN_USERNAME, settings.ADMIN_PASSWORD)
    return ""


def make_admin(username: str, password: str) -> None:
    with transaction.atomic():
        users = get_user_model()
        user = users(username=username, is_staff=True, is_superuser=True)
        user.set_password(password)
        user.full_clean()
        user.save()
