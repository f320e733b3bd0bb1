"""How long what was measured is kept: one row."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from metrics.models import Retention


@admin.register(Retention)
class RetentionAdmin(ModelAdmin):  # type: ignore[misc]
    """Opens the one row at once; there is nothing to add, nothing to delete."""

    fields = ("raw_days", "five_minute_days", "hour_days")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        Retention.objects.get_or_create(pk=1)
        return HttpResponseRedirect(reverse("admin:metrics_retention_change", args=[1]))
