"""What holds for the whole fleet: one row."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin

from fleet.models import Policy


@admin.register(Policy)
class PolicyAdmin(ModelAdmin):  # type: ignore[misc]
    fields = ("host_keys", "changed_by", "changed_at")
    readonly_fields = ("changed_by", "changed_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one row, and nothing to choose from."""
        Policy.objects.get_or_create(pk=1)
        return HttpResponseRedirect(reverse("admin:fleet_policy_change", args=[1]))

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        obj.changed_by = request.user.get_username()
        super().save_model(request, obj, form, change)
