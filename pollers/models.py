"""The monitor itself, as rows: its workers, its scheduler, and drafts of hosts being tried."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models

from credentials.sealed import SealedModel


class Worker(models.Model):
    """A live process that polls. Its row is its heartbeat."""

    name = models.CharField(
        max_length=200, unique=True, help_text="the Celery node name; its direct queue is NAME.dq2"
    )
    seen_at = models.FloatField(help_text="Unix seconds of the last heartbeat")
    sessions = models.PositiveIntegerField(default=0)
    saturation = models.FloatField(
        default=0.0, help_text="0 to 1: share of the time its loop was busy"
    )

    def __str__(self) -> str:
        return self.name


class Scheduler(models.Model):
    """One row: when the schedule was last looked at. Its age tells whether anybody looks."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    ticked_at = models.FloatField(default=0.0, help_text="Unix seconds")

    def __str__(self) -> str:
        return f"last tick {self.ticked_at}"


class Draft(SealedModel):
    """A host that is being tried before it is saved; forgotten after an hour.

    `document` is what was typed, sealed as a whole. `stages` is what the test has found so
    far: [{"name", "state": running|ok|failed, "text", "seconds"}].
    """

    SEALED: ClassVar[tuple[str, ...]] = ("document",)

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    created_at = models.DateTimeField(auto_now_add=True)
    document = models.TextField(editable=False)
    stages = models.JSONField(default=list)
    finished = models.BooleanField(default=False)
    shown_key = models.TextField(blank=True, help_text="the public key the host showed")
    shown_fingerprint = models.CharField(max_length=60, blank=True)
    key_accepted = models.BooleanField(default=False)
    connections = models.PositiveSmallIntegerField(
        default=0, help_text="at most two: one for the key, one to log in"
    )

    def __str__(self) -> str:
        return f"draft {self.pk}"
