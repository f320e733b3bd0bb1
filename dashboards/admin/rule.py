"""Rules: when something is wrong."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from alerts.models import Rule
from dashboards.units import in_unit
from metrics.catalog import CATALOG
from metrics.queries import known_metric


def metric_choices() -> list[tuple[str, str]]:
    return [
        ("", "---------"),
        *(
            (name, f"{name}: {CATALOG[name].help}")
            for name in sorted(CATALOG)
            if known_metric(name)
        ),
    ]


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    metric = forms.ChoiceField(choices=metric_choices, widget=UnfoldAdminSelectWidget())

    class Meta:
        model = Rule
        fields = (
            "name",
            "metric",
            "labels",
            "op",
            "warning",
            "critical",
            "for_seconds",
            "clear",
            "enabled",
        )

    def clean_labels(self) -> dict[str, str]:
        labels = self.cleaned_data["labels"] or {}
        if not isinstance(labels, dict) or not all(
            isinstance(value, str) for value in labels.values()
        ):
            raise ValidationError('Labels look like {"mount": "/var"}.')
        return labels


@admin.register(Rule)
class RuleAdmin(ModelAdmin):  # type: ignore[misc]
    form = RuleForm
    list_display = ("name", "condition", "for_seconds", "enabled")
    list_filter = ("enabled",)
    search_fields = ("name", "metric")

    @admin.display(description="Condition")
    def condition(self, rule: Rule) -> str:
        entry = CATALOG.get(rule.metric)
        unit = entry.unit if entry else ""
        levels: list[tuple[str, Any]] = [("warning", rule.warning), ("critical", rule.critical)]
        limits = [
            f"{rule.op} {in_unit(value, unit)} {word}"
            for word, value in levels
            if value is not None
        ]
        return f"{rule.metric} {', '.join(limits)}"
