"""`manage.py api_token USERNAME`: a token for programs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from api.models import ApiToken


class Command(BaseCommand):
    help = "Makes an API token for a user and prints it once; it is the last word printed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        users = get_user_model()
        try:
            user = users._default_manager.get(username=username, is_active=True)
        except users.DoesNotExist:
            raise CommandError(f"There is no active user {username!r}.", returncode=2) from None
        self.stdout.write(f"Token of {user}: {ApiToken.issue(user)}")
