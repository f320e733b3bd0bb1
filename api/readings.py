"""What changes by itself: alerts and events, read only here; tags and rules."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers

from alerts.lifecycle import labels_of
from alerts.models import Alert, Rule
from api.fields import Labels, StrictSerializer
from api.views import ReadOnlyResource, Resource, number_of
from fleet.models import Event, Tag


class TagSerializer(StrictSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ["id", "name"]


class TagViewSet(Resource):
    """The tags."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer


class RuleSerializer(StrictSerializer[Rule]):
    labels = Labels(required=False)

    class Meta:
        model = Rule
        fields = [
            "id",
            "name",
            "metric",
            "labels",
            "op",
            "warning",
            "critical",
            "for_seconds",
            "clear",
            "enabled",
        ]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        now = {
            name: getattr(self.instance, name)
            for name in self.Meta.fields
            if name != "id" and self.instance is not None
        }
        Rule(**{**now, **attrs}).clean()
        return attrs


class RuleViewSet(Resource):
    """The rules."""

    queryset = Rule.objects.all()
    serializer_class = RuleSerializer


class AlertSerializer(StrictSerializer[Alert]):
    labels = serializers.SerializerMethodField()

    class Meta:
        model = Alert
        fields = [
            "id",
            "rule",
            "host",
            "labels",
            "severity",
            "state",
            "value",
            "opened_at",
            "fired_at",
            "acknowledged_at",
            "resolved_at",
            "cause",
        ]

    def get_labels(self, alert: Alert) -> dict[str, str]:
        return dict(labels_of(alert.series))


class AlertViewSet(ReadOnlyResource):
    """The alerts of the hosts that are there, newest first; ?state=, ?severity=, ?host=, ?rule=."""

    queryset = Alert.objects.filter(host__removed_at=None).order_by("-opened_at", "id")
    serializer_class = AlertSerializer

    def get_queryset(self) -> QuerySet[Alert]:
        return chosen(super().get_queryset(), self.request.query_params, "state", "severity")


class EventSerializer(StrictSerializer[Event]):
    class Meta:
        model = Event
        fields = ["id", "host", "at", "kind", "text"]


class EventViewSet(ReadOnlyResource):
    """What changed at the hosts that are there, newest first; ?kind=, ?host=."""

    queryset = Event.objects.filter(host__removed_at=None).order_by("-at", "-id")
    serializer_class = EventSerializer

    def get_queryset(self) -> QuerySet[Event]:
        return chosen(super().get_queryset(), self.request.query_params, "kind")


def chosen(rows: QuerySet[Any], query: Any, *words: str) -> QuerySet[Any]:
    """The rows that the query parameters ask for."""
    for name in words:
        if name in query:
            rows = rows.filter(**{name: query[name]})
    for name in ("host", "rule"):
        if name in query and hasattr(rows.model, name):
            number = number_of(query[name])
            rows = rows.none() if number is None else rows.filter(**{name: number})
    return rows
