"""Alerts as pages show them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from alerts.models import Alert
from dashboards import units
from dashboards.states import RULE_LOOKS, Look, alert_look
from metrics.catalog import CATALOG


@dataclass(frozen=True, slots=True)
class Shown:
    """An alert with its look and its value in words."""

    alert: Alert
    look: Look
    labels: dict[str, str]

    @property
    def since(self) -> datetime:
        return self.alert.fired_at or self.alert.opened_at

    @property
    def lasted(self) -> str:
        end = self.alert.resolved_at
        return units.age((end - self.since).total_seconds()) if end else units.NOTHING

    @property
    def where(self) -> str:
        """The instance it is about: "/var", "sdb", "core 3"."""
        return ", ".join(self.labels.values())

    @property
    def measured(self) -> str:
        """The value against its limit; nothing for those about a state."""
        rule, value = self.alert.rule, self.alert.value
        if rule.metric in RULE_LOOKS or value is None:
            return ""
        entry = CATALOG.get(rule.metric)
        unit = entry.unit if entry else ""
        limit = rule.critical if self.alert.severity == Alert.Severity.CRITICAL else rule.warning
        text = units.in_unit(value, unit)
        return text if limit is None else f"{text}, limit {units.in_unit(limit, unit)}"


def shown(alert: Alert) -> Shown:
    return Shown(alert, alert_look(alert.rule.metric, alert.severity), labels_of(alert.series))


def labels_of(series: str) -> dict[str, str]:
    try:
        labels = json.loads(series) if series else {}
    except ValueError:
        return {}
    return (
        {str(key): str(value) for key, value in labels.items()} if isinstance(labels, dict) else {}
    )


def sentence_of(alert: Alert) -> str:
    """What it is about in one line: "File system nearly full /srv: 97 %, limit 95 %"."""
    one = shown(alert)
    title = f"{alert.rule.name} {one.where}".strip()
    said = one.measured or alert.cause
    return f"{title}: {said}" if said else title
