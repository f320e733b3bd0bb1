"""What was measured, as rows.

`Metric` and `Detail` carry the host's number without a foreign key: their rows are many,
and removing a host deletes them in slices in the background, out of reach of a cascade.
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models


class Layout(models.Model):
    """The names of the columns of a vector; shared by all hosts that report the same."""

    digest = models.CharField(max_length=64, unique=True)
    columns = models.JSONField(
        help_text='[["cpu_percent", {}], ["filesystem_percent", {"mount": "/"}], …]'
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"layout {self.pk}"


class Metric(models.Model):
    """What one poll measured of one host, or why it could not."""

    pk = models.CompositePrimaryKey("host_id", "slot")
    host_id = models.BigIntegerField()
    slot = models.BigIntegerField(help_text="Unix seconds")
    outcome = models.PositiveSmallIntegerField(
        help_text="0: measured; else the number of the failure"
    )
    layout_id = models.BigIntegerField(null=True)
    vector = models.BinaryField(
        default=b"", help_text="little-endian float32, a value per column of the layout"
    )

    def __str__(self) -> str:
        return f"{self.host_id} at {self.slot}"


class Detail(models.Model):
    """What is not a number per poll: process lists and the like."""

    host_id = models.BigIntegerField()
    at = models.BigIntegerField(help_text="Unix seconds")
    kind = models.CharField(max_length=30)
    document = models.BinaryField(help_text="zlib-compressed JSON")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["host_id", "kind", "at"], name="detail_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.host_id} at {self.at}"


class Gap(models.Model):
    """Nobody was looking, at all hosts."""

    began_at = models.BigIntegerField(help_text="Unix seconds")
    ended_at = models.BigIntegerField(help_text="Unix seconds")
    reason = models.CharField(max_length=100)

    class Meta:
        indexes = [models.Index(fields=["began_at"])]

    def __str__(self) -> str:
        return f"{self.began_at} to {self.ended_at}: {self.reason}"


class Rollup(models.Model):
    """What the polls of 5 minutes, or of an hour, measured of one host: mean, lowest, highest."""

    pk = models.CompositePrimaryKey("host_id", "seconds", "slot")
    host_id = models.BigIntegerField()
    seconds = models.PositiveSmallIntegerField(help_text="300 or 3600")
    slot = models.BigIntegerField(help_text="Unix seconds of the beginning")
    layout_id = models.BigIntegerField(null=True)
    vectors = models.BinaryField(
        default=b"", help_text="three vectors of the layout: means, lowest, highest"
    )
    polls = models.PositiveIntegerField(help_text="slots that ended in this time")
    measured = models.PositiveIntegerField(help_text="those of them that were measured")
    down = models.PositiveIntegerField(default=0)
    blocked = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.seconds} s of {self.host_id} at {self.slot}"


class RollupMark(models.Model):
    """Up to when a host's polls are rolled up."""

    pk = models.CompositePrimaryKey("host_id", "seconds")
    host_id = models.BigIntegerField()
    seconds = models.PositiveSmallIntegerField()
    done_until = models.BigIntegerField(help_text="Unix seconds; everything before is rolled up")

    def __str__(self) -> str:
        return f"{self.host_id} until {self.done_until}"


class Retention(models.Model):
    """One row: how many days each tier is kept."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    raw_days = models.PositiveIntegerField(
        "every poll", default=3, validators=[MinValueValidator(1), MaxValueValidator(60)]
    )
    five_minute_days = models.PositiveIntegerField(
        "5 minutes", default=60, validators=[MinValueValidator(7), MaxValueValidator(3650)]
    )
    hour_days = models.PositiveIntegerField(
        "1 hour", default=730, validators=[MinValueValidator(30), MaxValueValidator(36500)]
    )

    class Meta:
        verbose_name_plural = "retention"

    def __str__(self) -> str:
        return "How many days are kept"

    @classmethod
    def current(cls) -> Retention:
        """The row, or the defaults where nobody has changed them."""
        return cls.objects.filter(pk=1).first() or cls()
