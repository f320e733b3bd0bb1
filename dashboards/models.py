"""The link with which the first administrator is made."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.db import models
from django.utils import timezone

LIFETIME = timedelta(minutes=30)


class SetupLink(models.Model):
    """Good for one use, for 30 minutes, while no user exists. Only its hash is kept."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"set-up link until {self.expires_at}"

    @classmethod
    def issue(cls) -> str:
        """Make the one link that is good from now on; returns its token."""
        token = secrets.token_urlsafe(24)
        cls.objects.all().delete()
        cls.objects.create(digest=cls.hash(token), expires_at=timezone.now() + LIFETIME)
        return token

    @staticmethod
    def hash(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    @classmethod
    def is_good(cls, token: str) -> bool:
        return cls.objects.filter(digest=cls.hash(token), expires_at__gt=timezone.now()).exists()

    @classmethod
    def use(cls, token: str) -> bool:
        """Take the link; true for exactly one caller. Call it inside the transaction that makes the user."""
        count, _ = cls.objects.filter(
            digest=cls.hash(token), expires_at__gt=timezone.now()
        ).delete()
        return count == 1
