"""What changes by itself: alerts and events, read only here; tags and rules."""

from __future__ import annotations

import json
from typing import Any

from rest_framework import serializers, viewsets

from alerts.models import Alert, Rule
from fleet.models import Event, Tag
from metrics.queries import known_metric


class TagSerializer(serializers.ModelSerializer[Tag]):
    class Meta:
        model = Tag
        fields = ["id", "name"]


class TagViewSet(viewsets.ModelViewSet[Tag]):
    """The tags."""

    queryset = Tag.objects.all()
    serializer_class = TagSerializer


class RuleSerializer(serializers.ModelSerializer[Rule]):
    class Meta:
        model = Rule
        fields = ["id", "name", "metric", "labels", "op", "warning", "critical", "for_seconds", "clear", "enabled"]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        both = [attrs.get(name, getattr(self.instance, name, None)) for name in ("warning", "critical")]
        if both == [None, None]:
            raise serializers.ValidationError("Give a warning level, a critical level, or both.")
        return attrs

    def validate_metric(self, name: str) -> str:
        if not known_metric(name):
            raise serializers.ValidationError(f"There is no metric {name!r}.")
        return name


class RuleViewSet(viewsets.ModelViewSet[Rule]):
    """The rules."""

    queryset = Rule.objects.all()
    serializer_class = RuleSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]


class AlertSerializer(serializers.ModelSerializer[Alert]):
    labels = serializers.SerializerMethodField()

    class Meta:
        model = Alert
        fields = ["id", "rule", "host", "labels", "severity", "state", "value", "opened_at", "fired_at", "acknowledged_at", "resolved_at", "cause"]

    def get_labels(self, alert: Alert) -> dict[str, str]:
        return dict(json.loads(alert.series)) if alert.series else {}


class AlertViewSet(viewsets.ReadOnlyModelViewSet[Alert]):
    """The alerts, newest first."""

    queryset = Alert.objects.all()
    serializer_class = AlertSerializer

    def get_queryset(self) -> Any:
        alerts = super().get_queryset()
        for name in ("state", "host", "severity"):
            if value := self.request.query_params.get(name):
                alerts = alerts.filter(**{name: value}) if name != "host" or value.isdigit() else alerts.none()
        return alerts


class EventSerializer(serializers.ModelSerializer[Event]):
    class Meta:
        model = Event
        fields = ["id", "host", "at", "kind", "text"]


class EventViewSet(viewsets.ReadOnlyModelViewSet[Event]):
    """What changed, newest first."""

    queryset = Event.objects.all()
    serializer_class = EventSerializer
