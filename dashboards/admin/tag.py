"""Tags."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from fleet.models import Tag


@admin.register(Tag)
class TagAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = ("name", "used")
    search_fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        hosts = Count("hosts", filter=Q(hosts__removed_at=None))
        found: QuerySet[Tag] = super().get_queryset(request).annotate(used=hosts)
        return found

    @admin.display(description="Hosts", ordering="used")
    def used(self, tag: Any) -> int:
        return int(tag.used)
