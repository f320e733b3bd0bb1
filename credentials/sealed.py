"""Rows that hold secrets."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.apps import apps
from django.db import models


class SealedModel(models.Model):
    """A row with sealed fields, listed in `SEALED`.

    A model field never sees its row when it loads, so sealing and revealing are explicit
    (`credentials.keys`). The id is made before the first save because the sealed text is
    bound to it.
    """

    SEALED: ClassVar[tuple[str, ...]] = ()

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

    def place(self, field: str) -> str:
        """Where a sealed field of this row lives; sealed into its text."""
        if field not in self.SEALED:
            raise ValueError(f"{field} is not a sealed field of {self._meta.label}")
        return f"{self._meta.model_name}/{self.pk}/{field}"


def sealed_models() -> list[type[SealedModel]]:
    """Every model that holds secrets: what a key rotation has to walk."""
    return [model for model in apps.get_models() if issubclass(model, SealedModel)]
