"""Who may sign host keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from fleet.models import HostAuthority
from pollers.inventory import InventoryError
from pollers.known_hosts import hosts_of, public_key
from pollers.schedule import poll_now


class AuthorityForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = HostAuthority
        fields = ("patterns", "public")

    def clean_public(self) -> str:
        try:
            shown = public_key(self.cleaned_data["public"])
        except InventoryError as problem:
            raise ValidationError(str(problem)) from None
        self.instance.fingerprint = shown.fingerprint
        return shown.public


@admin.register(HostAuthority)
class AuthorityAdmin(ModelAdmin):  # type: ignore[misc]
    form = AuthorityForm
    list_display = ("patterns", "fingerprint", "added_by", "added_at")

    def save_model(self, request: HttpRequest, obj: HostAuthority, form: Any, change: bool) -> None:
        obj.added_by = request.user.get_username()
        super().save_model(request, obj, form, change)
        poll_now(hosts_of([obj]))
