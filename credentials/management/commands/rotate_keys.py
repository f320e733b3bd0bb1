"""`manage.py rotate_keys`: seal every stored secret under a new key."""

from __future__ import annotations

import fcntl
import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from credentials.keyring import Keyring, SecretUnreadable, new_key
from credentials.keys import keyring, read_key_file, whereabouts, write_key_file
from credentials.sealed import SealedModel, sealed_models

SETTLE = 1.0
"""Seconds between two looks: what was being saved under the old key has arrived by the last one."""


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
        try:
            with alone(path):
                count, ring = rotate_all(path, resume=resume)
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"{count} secrets sealed under key {ring.first}.")


def rotate_all(path: Path, *, resume: bool) -> tuple[int, Keyring]:
    """The whole rotation. At no moment is there a stored secret whose key is not in the file."""
    if not resume:
        if settings.CREDENTIAL_KEYS:
            raise CommandError(
                "The keys come from CREDENTIAL_KEYS. Put a new key first there, then use --resume."
            )
        keyring()
        # The old keys stay until every secret is sealed anew, so a crash loses nothing.
        write_key_file(path, (new_key(), *read_key_file(path)), replace=True)
    ring = keyring()
    count, began = 0, time.monotonic()
    while True:
        found = sum(rotate(model, ring) for model in sealed_models())
        count += found
        if not found and time.monotonic() - began >= SETTLE:
            break
        time.sleep(SETTLE)
    if not settings.CREDENTIAL_KEYS:
        write_key_file(path, read_key_file(path)[:1], replace=True)
    return count, ring


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Two rotations at once would each drop the other's key."""
    lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandError("Another rotation is running. Nothing was changed.") from None
    finally:
        os.close(lock)


def rotate(model: type[SealedModel], ring: Keyring) -> int:
    """Seal all secrets of a model under the first key; returns how many were sealed."""
    return sum(
        rotate_row(model, pk, ring)
        for pk in list(model._default_manager.values_list("pk", flat=True))
    )


@transaction.atomic
def rotate_row(model: type[SealedModel], pk: UUID, ring: Keyring) -> int:
    row = model._default_manager.select_for_update().filter(pk=pk).first()
    if row is None:
        return 0
    changed: dict[str, str] = {}
    for field in model.SEALED:
        sealed = getattr(row, field)
        if not sealed or ring.is_current(sealed):
            continue
        try:
            changed[field] = ring.seal(ring.open(sealed, row.place(field)), row.place(field))
        except SecretUnreadable as problem:
            raise CommandError(
                f"{model._meta.verbose_name} {row}, {field}: {problem} Look at {whereabouts()}. "
                "Every key is still there; put this right and run it again with --resume."
            ) from None
    if changed:
        # update() leaves changed_at alone: the secret is the same, sessions may stay open
        model._default_manager.filter(pk=pk).update(**changed)
    return len(changed)
