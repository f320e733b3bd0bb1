"""What is wrong, and whom to tell."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models

from alerts.verdict import Condition
from credentials.keys import reveal, seal
from credentials.sealed import SealedModel
from fleet.models import Host
from metrics.catalog import CATALOG

LONGEST_FOR = 30 * 86_400


class Rule(models.Model):
    """A condition somebody wrote: metric op threshold for duration."""

    class Op(models.TextChoices):
        ABOVE = ">", "above"
        AT_LEAST = ">=", "at least"
        BELOW = "<", "below"
        AT_MOST = "<=", "at most"

    name = models.CharField(max_length=100, unique=True)
    metric = models.CharField(max_length=80)
    labels = models.JSONField(
        default=dict,
        blank=True,
        help_text="only series with these labels; empty: each one for itself",
    )
    op = models.CharField(max_length=2, choices=Op.choices, default=Op.ABOVE)
    warning = models.FloatField(null=True, blank=True)
    critical = models.FloatField(null=True, blank=True)
    for_seconds = models.PositiveIntegerField(
        "for",
        default=0,
        help_text="seconds the condition must hold",
        validators=[MaxValueValidator(LONGEST_FOR)],
    )
    clear = models.FloatField(
        null=True, blank=True, help_text="level at which it ends; empty: 10 % back from the limit"
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not isinstance(self.labels, dict):
            raise ValidationError('Labels look like {"mount": "/var"}.')
        entry = CATALOG.get(self.metric)
        if entry is None or not entry.stored:
            raise ValidationError(f"There is no metric {self.metric!r}.")
        if strange := sorted(set(self.labels) - set(entry.labels)):
            raise ValidationError(f"{self.metric} has no label {strange[0]!r}.")
        if flaw := self.as_condition().flaw():
            raise ValidationError(flaw)

    def as_condition(self) -> Condition:
        """What it says, as a value."""
        return Condition(
            self.metric,
            self.op,
            self.warning,
            self.critical,
            self.for_seconds,
            self.clear,
            self.labels,
        )

    @property
    def measure(self) -> str:
        """What its cases are about, "cpu_percent >": with another one they are other cases."""
        return f"{self.metric} {self.op}"


class Alert(models.Model):
    """One case of a rule at one host (and one set of labels): pending, firing, resolved."""

    class State(models.TextChoices):
        PENDING = "pending", "pending"
        FIRING = "firing", "firing"
        RESOLVED = "resolved", "resolved"

    class Severity(models.TextChoices):
        WARNING = "warning", "warning"
        CRITICAL = "critical", "critical"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="alerts")
    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="alerts")
    series = models.CharField(
        max_length=1000,
        blank=True,
        help_text='the labels, as JSON with sorted keys; "" without labels',
    )
    measure = models.CharField(
        max_length=90,
        blank=True,
        help_text='metric and comparison of the rule when it opened: "cpu_percent >"',
    )
    severity = models.CharField(max_length=10, choices=Severity.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    value = models.FloatField(null=True)
    opened_at = models.DateTimeField()
    fired_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=500, blank=True)
    ended = models.CharField(
        max_length=300,
        blank=True,
        help_text="why it ended although nobody saw it recover; empty: it recovered",
    )

    class Meta:
        ordering = ["-opened_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "host", "series"],
                condition=~models.Q(state="resolved"),
                name="one_open_alert",
            )
        ]
        indexes = [models.Index(fields=["state", "-opened_at"])]

    def __str__(self) -> str:
        return f"{self.rule} at {self.host}"


class Channel(SealedModel):
    """Where messages go. The address is sealed, because many addresses hold tokens."""

    SEALED: ClassVar[tuple[str, ...]] = ("url",)

    name = models.CharField(max_length=100, unique=True)
    url = models.TextField(editable=False)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def set_url(self, text: str) -> None:
        seal(self, "url", text)

    def reveal_url(self) -> str:
        return reveal(self, "url")


class Notification(models.Model):
    """One delivery: a row of the outbox, written in the transaction of its cause.

    `id` is the idempotency key: a repeated delivery carries the same.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        SENDING = "sending", "sending"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"

    class Kind(models.TextChoices):
        PROBLEM = "problem", "problem"
        RECOVERY = "recovery", "recovery"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="notifications")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="notifications")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    perhaps_sent = models.BooleanField(
        default=False, help_text="a delivery began, and nobody knows that it did not arrive"
    )
    next_attempt_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "kind"], name="one_notification")
        ]
        indexes = [models.Index(fields=["state", "next_attempt_at"])]

    def __str__(self) -> str:
        return f"{self.kind} to {self.channel}"


class Muted(models.Model):
    """A host of which no channel is told. Its alerts are shown like those of any other."""

    host = models.OneToOneField(
        Host, on_delete=models.CASCADE, primary_key=True, related_name="muted"
    )
    reason = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"{self.host}: {self.reason}"
