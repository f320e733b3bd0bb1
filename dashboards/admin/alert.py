"""Alerts, to look up; the alerts page is where one works with them."""

from __future__ import annotations

from django.contrib import admin

from alerts.models import Alert
from dashboards.admin.readonly import ReadOnlyAdmin


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = (
        "rule",
        "host",
        "severity",
        "state",
        "value",
        "opened_at",
        "resolved_at",
        "acknowledged_by",
    )
    list_filter = ("state", "severity", "rule")
    list_select_related = ("rule", "host")
    search_fields = ("host__name", "rule__name", "series")
