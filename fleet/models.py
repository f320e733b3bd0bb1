"""What we watch."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from credentials.models import Credential
from fleet.addresses import clean_address, clean_name
from fleet.failures import BY_NUMBER, Code
from fleet.states import State

PATTERNS = re.compile(r"[A-Za-z0-9*?!.,:/_|+=\[\]-]{1,500}")
MIN_INTERVAL, MAX_INTERVAL, DEFAULT_INTERVAL = 2, 86_400, 15


def validate_address(text: str) -> None:
    try:
        clean_address(text)
    except ValueError as problem:
        raise ValidationError(str(problem)) from None


def validate_name(text: str) -> None:
    try:
        tidy = clean_name(text)
    except ValueError as problem:
        raise ValidationError(str(problem)) from None
    if tidy != text:
        raise ValidationError("A name is one printable line, with single blanks between its words.")


def validate_patterns(text: str) -> None:
    if not PATTERNS.fullmatch(text):
        raise ValidationError("Patterns as in known_hosts, separated by commas, without blanks.")


class Tag(models.Model):
    """A word that groups hosts."""

    name = models.SlugField(max_length=50, unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class HostQuerySet(models.QuerySet["Host"]):
    def present(self) -> HostQuerySet:
        """All but the removed ones, whose rows are still being deleted in the background."""
        return self.filter(removed_at=None)


class Host(models.Model):
    """A machine we watch. One address may be watched several times; only the name is unique."""

    class Transport(models.TextChoices):
        SSH = "ssh", "SSH"
        LOCAL = "local", "this machine itself"

    name = models.CharField(max_length=100, unique=True, validators=[validate_name])
    name_is_own = models.BooleanField(
        default=True,
        editable=False,
        help_text="somebody chose the name; otherwise the host's own replaces it at the first poll",
    )
    address = models.CharField(
        max_length=255, validators=[validate_address], help_text="IPv4, IPv6 or DNS name"
    )
    port = models.PositiveIntegerField(
        default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    transport = models.CharField(
        max_length=10, choices=Transport.choices, default=Transport.SSH, editable=False
    )
    credential = models.ForeignKey(
        Credential, on_delete=models.PROTECT, null=True, blank=True, related_name="hosts"
    )
    via = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="behind",
        verbose_name="jump host",
        help_text="a host with a key accepted already; this one is reached through it",
    )
    tags = models.ManyToManyField(Tag, blank=True, related_name="hosts")
    interval_seconds = models.PositiveIntegerField(
        "interval",
        default=DEFAULT_INTERVAL,
        help_text="seconds between two polls",
        validators=[MinValueValidator(MIN_INTERVAL), MaxValueValidator(MAX_INTERVAL)],
    )
    enabled = models.BooleanField(default=True, help_text="switched off, the host is paused")
    first_key_accepted_by = models.CharField(
        max_length=150,
        blank=True,
        editable=False,
        help_text="who decided that the first key seen is accepted",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(
        auto_now=True,
        help_text="every change of how the host is reached moves it: the session's revision",
    )
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = HostQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if self.via is not None and (problem := self.wrong_way(self.via)):
            raise ValidationError({"via": problem})

    def wrong_way(self, jump: Host) -> str:
        """Why that host cannot be the jump host of this one; empty if it can."""
        if self.pk is not None and jump.pk == self.pk:
            return "A host cannot be its own jump host."
        if jump.removed_at is not None:
            return "The jump host was removed."
        if Host.Transport.LOCAL in (self.transport, jump.transport):
            return "This machine itself is reached without SSH: there is no way through or to it."
        if jump.via is not None:
            return (
                f"{jump.name} is itself reached through {jump.via.name}; one jump host is the most."
            )
        behind = self.behind.present().first() if self.pk is not None else None
        if behind is not None:
            return f"{behind.name} is reached through this host; one jump host is the most."
        return ""


class HostKey(models.Model):
    """A public key of a host: accepted by somebody, or offered by whoever answered there."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="host_keys")
    algorithm = models.CharField(max_length=60)
    public = models.TextField(help_text="algorithm and base64, as in known_hosts")
    fingerprint = models.CharField(max_length=60)
    seen_at = models.DateTimeField(auto_now_add=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ["-seen_at"]
        constraints = [models.UniqueConstraint(fields=["host", "public"], name="host_key_once")]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.fingerprint}"


class HostAuthority(models.Model):
    """Who may sign host keys: `@cert-authority` of a known_hosts file."""

    patterns = models.CharField(
        max_length=500,
        validators=[validate_patterns],
        help_text="for which addresses, as in known_hosts: *.example.org,10.0.0.*",
    )
    public = models.TextField("public key", help_text="as in the authority's .pub file")
    fingerprint = models.CharField(max_length=60, editable=False)
    added_at = models.DateTimeField(auto_now_add=True)
    added_by = models.CharField(max_length=150, editable=False)

    class Meta:
        ordering = ["patterns", "pk"]
        verbose_name_plural = "host authorities"

    def __str__(self) -> str:
        return f"{self.patterns} {self.fingerprint}"


class Policy(models.Model):
    """One row: what holds for the whole fleet."""

    class HostKeys(models.TextChoices):
        STRICT = "strict", "strict: a person accepts the key of each host, or imports it"
        FIRST_CONTACT = "first_contact", "first contact: the first key of a new host is accepted"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    host_keys = models.CharField(
        "host keys of new hosts",
        max_length=20,
        choices=HostKeys.choices,
        default=HostKeys.STRICT,
        help_text="A changed key stops a host in any case.",
    )
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.CharField(max_length=150, blank=True, editable=False)

    class Meta:
        verbose_name_plural = "policy"

    def __str__(self) -> str:
        return "Policy of the fleet"

    @classmethod
    def current(cls) -> Policy:
        return cls.objects.filter(pk=1).first() or cls()

    def first_contact(self) -> str:
        """Who decided that the first key of a new host is accepted; empty if nobody did."""
        if self.host_keys != self.HostKeys.FIRST_CONTACT:
            return ""
        return f"the fleet's policy, set by {self.changed_by}"[:150]


class HostState(models.Model):
    """What is true of a host now: one narrow row, written at every poll.

    Deliberately without indexes: ten thousand rows sort in 3 ms, and each index would be
    written at every poll.
    """

    host = models.OneToOneField(
        Host, on_delete=models.CASCADE, primary_key=True, related_name="state_row"
    )

    # the clock
    next_poll_at = models.BigIntegerField(
        default=0, help_text="Unix seconds of the next slot; 0: at once"
    )
    backoff_until = models.BigIntegerField(
        default=0, help_text="Unix seconds before which a refused credential is not tried again"
    )
    open_slots = models.TextField(
        default="", blank=True, help_text="claimed slots without a row yet, as '1790000000;'"
    )

    # what is known
    state = models.CharField(
        max_length=10, default=State.PENDING, choices=[(s.value, s.value) for s in State]
    )
    state_since = models.DateTimeField(null=True)
    polled_at = models.BigIntegerField(
        default=0, help_text="Unix seconds of the newest slot with a row"
    )
    seen_at = models.BigIntegerField(
        default=0, help_text="Unix seconds of the newest slot that was measured"
    )
    failures_in_row = models.PositiveIntegerField(default=0)
    failure_number = models.PositiveSmallIntegerField(default=0)
    failure_detail = models.CharField(max_length=400, blank=True)
    failure_stage = models.CharField(
        max_length=20, blank=True, help_text="how far the poll had come: tcp, login, sample …"
    )

    # headline numbers
    cpu_percent = models.FloatField(null=True)
    memory_percent = models.FloatField(null=True)
    swap_percent = models.FloatField(null=True)
    filesystem_percent = models.FloatField(null=True)
    filesystem_mount = models.CharField(max_length=255, blank=True)
    load1 = models.FloatField(null=True)
    network_receive_bytes_per_second = models.FloatField(null=True)
    network_transmit_bytes_per_second = models.FloatField(null=True)
    poll_seconds = models.FloatField(null=True)

    # the last row in full
    layout_id = models.BigIntegerField(null=True)
    vector = models.BinaryField(default=b"")
    spark = models.BinaryField(
        default=b"", help_text="cpu_percent of the last 60 minutes, a byte a minute, 255: none"
    )
    spark_minute = models.BigIntegerField(default=0, help_text="Unix minute of the last byte")
    boot_id = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    session = models.JSONField(
        default=dict, blank=True, help_text="how the session was opened: stages, logins, cost"
    )

    def __str__(self) -> str:
        return f"{self.host_id}: {self.state}"

    @property
    def failure(self) -> Code | None:
        return BY_NUMBER.get(self.failure_number)

    @property
    def failure_json(self) -> dict[str, Any] | None:
        """The failure as the API shows it."""
        code = self.failure
        if code is None:
            return None
        text = f"{code.text} ({self.failure_detail})" if self.failure_detail else code.text
        return {
            "code": code.name,
            "text": text,
            "next_step": code.next_step,
            "stage": self.failure_stage or None,
        }


class Event(models.Model):
    """Something about a host changed."""

    class Kind(models.TextChoices):
        STATE = "state", "state changed"
        REBOOTED = "rebooted", "rebooted"
        KEY_ACCEPTED = "host_key_accepted", "host key accepted"
        KEY_CHANGED = "host_key_changed", "host key changed"
        KEY_LEARNED = "host_key_learned", "host key learned"
        KEY_RETIRED = "host_key_retired", "host key retired"
        KEYS_VOIDED = "host_keys_voided", "host keys voided"

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=30, choices=Kind.choices)
    text = models.CharField(max_length=500)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["host", "-at"])]

    def __str__(self) -> str:
        return self.text
