"""What was measured, as rows.

`Metric` and `Detail` carry the host's number without a foreign key: their rows are many,
and removing a host deletes them in slices in the background, out of reach of a cascade.
"""

from __future__ import annotations

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
