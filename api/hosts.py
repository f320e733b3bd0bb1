"""Hosts: read, add, change, remove, poll; latest values and series."""

from __future__ import annotations

import time
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.fields import StrictSerializer, Text, Truth, Word
from api.views import Resource
from credentials.models import Credential
from fleet.models import Host
from fleet.states import State
from metrics.catalog import CATALOG
from metrics.queries import DEFAULT_POINTS, known_metric, latest_by_name, window
from pollers.inventory import add_host, change_host, remove
from pollers.schedule import poll_now

HEADLINES = (
    "cpu_percent",
    "memory_percent",
    "swap_percent",
    "filesystem_percent",
    "load1",
    "network_receive_bytes_per_second",
    "network_transmit_bytes_per_second",
)
RESERVED = {"metric", "from", "to", "points", "format"}


class HostSerializer(StrictSerializer[Host]):
    """A host as programs see it. In lists `latest` holds only the headline numbers.

    `accept_host_key` decides that the first key seen is accepted, and is written down as the
    decision of whoever sends it.
    """

    tags = serializers.ListField(child=Word(max_length=50), required=False, max_length=50)
    name = Text(required=False, allow_blank=True, max_length=100)
    credential = serializers.PrimaryKeyRelatedField(
        queryset=Credential.objects.all(), allow_null=True, required=False, write_only=True
    )
    via = serializers.PrimaryKeyRelatedField(
        queryset=Host.objects.present(), allow_null=True, required=False
    )
    accept_host_key = Truth(write_only=True, required=False)
    state = serializers.SerializerMethodField()
    state_since = serializers.DateTimeField(source="state_row.state_since", read_only=True)
    seen_at = serializers.SerializerMethodField()
    failure = serializers.JSONField(source="state_row.failure_json", read_only=True)
    latest = serializers.SerializerMethodField()
    facts = serializers.JSONField(source="state_row.facts", read_only=True)

    class Meta:
        model = Host
        fields = [
            "id",
            "name",
            "address",
            "port",
            "via",
            "credential",
            "tags",
            "enabled",
            "interval_seconds",
            "accept_host_key",
            "state",
            "state_since",
            "seen_at",
            "failure",
            "latest",
            "facts",
        ]

    def to_representation(self, instance: Host) -> dict[str, Any]:
        tags = sorted(tag.name for tag in instance.tags.all())
        document: dict[str, Any] = {}
        for name, field in self.fields.items():
            if name == "tags":
                document[name] = tags
            elif name == "via":
                document[name] = instance.via_id
            elif not field.write_only:
                value = field.get_attribute(instance)
                document[name] = None if value is None else field.to_representation(value)
        return document

    def get_state(self, host: Host) -> str:
        return host.state_row.state if host.enabled else "paused"

    def get_seen_at(self, host: Host) -> int | None:
        return host.state_row.seen_at or None

    def get_latest(self, host: Host) -> dict[str, Any]:
        row = host.state_row
        if self.context.get("in_list"):
            return {name: value for name in HEADLINES if (value := getattr(row, name)) is not None}
        return latest_by_name(row)

    def create(self, validated: dict[str, Any]) -> Host:
        accept = validated.pop("accept_host_key", False)
        return add_host(by=self.author(), accept_first_key=accept, **validated)

    def update(self, host: Host, validated: dict[str, Any]) -> Host:
        if validated.pop("accept_host_key", False):
            validated["first_key_accepted_by"] = self.author()
        return change_host(host, **validated)

    def author(self) -> str:
        return f"{self.context['request'].user} over the API"[:150]


class HostViewSet(Resource):
    """The hosts; ?state=, ?tag= (several: all of them), ?search=, ?credential=."""

    queryset = (
        Host.objects.present()
        .select_related("state_row")
        .prefetch_related("tags")
        .order_by("name", "pk")
    )
    serializer_class = HostSerializer
    actions_need = {"poll": "fleet.change_host"}

    def get_queryset(self) -> QuerySet[Host]:
        hosts = super().get_queryset()
        query = self.request.query_params
        if state := query.get("state"):
            if state not in set(State):
                raise ValidationError({"state": [f"One of {', '.join(State)}."]})
            hosts = (
                hosts.filter(enabled=False)
                if state == "paused"
                else hosts.filter(enabled=True, state_row__state=state)
            )
        for tag in query.getlist("tag"):
            hosts = hosts.filter(tags__name=tag)
        if text := query.get("search"):
            hosts = hosts.filter(Q(name__icontains=text) | Q(address__icontains=text))
        if credential := query.get("credential"):
            hosts = hosts.filter(credential=serializers.UUIDField().to_internal_value(credential))
        return hosts

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "in_list": self.action == "list"}

    def perform_destroy(self, instance: Host) -> None:
        remove([instance.pk])

    @action(detail=True, methods=["post"])
    def poll(self, request: Request, pk: str | None = None) -> Response:
        """Poll now."""
        host = self.get_object()
        if not host.enabled:
            raise ValidationError(
                {"detail": "The host is paused. Resume it first (enabled: true)."}
            )
        poll_now([host.pk])
        return Response(
            {"detail": "It will be polled within two seconds."}, status=status.HTTP_202_ACCEPTED
        )

    @action(detail=True)
    def series(self, request: Request, pk: str | None = None) -> Response:
        """One metric over time; the last hour and at most 600 points unless told otherwise."""
        host = self.get_object()
        query = request.query_params
        metric = query.get("metric", "")
        if not known_metric(metric):
            raise ValidationError({"metric": [f"There is no metric {metric!r}."]})
        now = int(time.time())
        end = whole_number(query, "to", now)
        start = whole_number(query, "from", end - 3600)
        points = whole_number(query, "points", DEFAULT_POINTS)
        if start >= end:
            raise ValidationError({"from": ["It must lie before `to`."]})
        if not 1 <= points <= 5000:
            raise ValidationError({"points": ["Between 1 and 5000."]})
        labels = {name: query[name] for name in query if name not in RESERVED}
        if strange := sorted(set(labels) - set(CATALOG[metric].labels)):
            raise ValidationError({strange[0]: [f"{metric} has no such label."]})
        found = window(
            host.pk,
            [metric],
            start,
            end,
            interval=host.interval_seconds,
            points=points,
            labels=labels,
        )
        return Response(
            {
                "metric": metric,
                "unit": CATALOG[metric].unit,
                "step_seconds": found.step,
                "series": [
                    {
                        "labels": one.labels,
                        "points": [
                            list(pair) for pair in zip(found.times, one.values, strict=True)
                        ],
                    }
                    for one in found.metrics[metric]
                ],
            }
        )


def whole_number(query: Any, name: str, default: int) -> int:
    """A query parameter in Unix seconds or a count."""
    text = query.get(name)
    if text is None:
        return default
    try:
        number = int(float(text))
    except (ValueError, OverflowError):
        raise ValidationError({name: ["A whole number is needed."]}) from None
    if not 0 <= number < 2**40:
        raise ValidationError({name: ["Out of range."]})
    return number
