"""Events, to look up."""

from __future__ import annotations

from django.contrib import admin

from dashboards.admin.readonly import ReadOnlyAdmin
from fleet.models import Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("at", "host", "kind", "text")
    list_filter = ("kind",)
    list_select_related = ("host",)
    search_fields = ("host__name", "text")
