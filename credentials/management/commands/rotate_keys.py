"""`manage.py rotate_keys`: seal every stored secret under a new key."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from credentials.keyring import Keyring, SecretUnreadable, new_key
from credentials.keys import keyring, read_key_file, write_key_file
from credentials.sealed import SealedModel, sealed_models


class Command(BaseCommand):
    help = (
        "Seals every stored secret under a new key. Interrupted, it is simply run again with --resume. "
        "With keys from CREDENTIAL_KEYS, put the new key first there yourself and run it with --resume."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--resume",
            action="store_true",
            help="do not make another key, finish with the first one",
        )

    def handle(self, *args: Any, resume: bool, **options: Any) -> None:
        path = Path(settings.CREDENTIAL_KEY_FILE)
        if not resume:
            if settings.CREDENTIAL_KEYS:
                raise CommandError(
                    "The keys come from CREDENTIAL_KEYS. Put a new key first there, then use --resume."
                )
            keyring()
            # The old keys stay until every secret is sealed anew, so a crash loses nothing.
            write_key_file(path, (new_key(), *read_key_file(path)), replace=True)
        ring = keyring()
        count = sum(rotate(model, ring) for model in sealed_models())
        if not settings.CREDENTIAL_KEYS:
            write_key_file(path, read_key_file(path)[:1], replace=True)
        self.stdout.write(f"{count} secrets sealed under key {ring.first}.")


def rotate(model: type[SealedModel], ring: Keyring) -> int:
    """Seal all secrets of a model under the first key; returns how many were sealed."""
    count = 0
    for pk in model._default_manager.values_list("pk", flat=True):
        with transaction.atomic():
            row = model._default_manager.select_for_update().filter(pk=pk).first()
            if row is None:
                continue
            changed: dict[str, str] = {}
            for field in model.SEALED:
                sealed = getattr(row, field)
                if not sealed or ring.is_current(sealed):
                    continue
                try:
                    changed[field] = ring.seal(
                        ring.open(sealed, row.place(field)), row.place(field)
                    )
                except SecretUnreadable as problem:
                    raise CommandError(
                        f"{model._meta.verbose_name} {row}: {problem} Nothing was lost."
                    ) from None
            if changed:
                # update() leaves changed_at alone: the secret is the same, sessions may stay open
                model._default_manager.filter(pk=pk).update(**changed)
                count += len(changed)
    return count
