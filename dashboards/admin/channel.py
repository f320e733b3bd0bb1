"""Channels: whom to tell. The address is write-only, because many addresses hold tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextInputWidget

from alerts.channels.registry import sender
from alerts.models import Channel


class ChannelForm(forms.ModelForm):  # type: ignore[type-arg]
    url = forms.CharField(
        label="address", required=False, max_length=1000, help_text="mailto:ops@example.org",
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip

    class Meta:
        model = Channel
        fields = ("name", "enabled")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.url:
            self.fields[
                "url"
            ].help_text = "leave empty to keep the one that is stored; it is never shown"

    def clean_url(self) -> str:
        url = str(self.cleaned_data["url"]).strip()
        if not url:
            if not self.instance.url:
                raise ValidationError("Give the address.")
            return ""
        try:
            sender(url)
        except ValueError as problem:
            raise ValidationError(str(problem)) from None
        self.instance.set_url(url)
        return url


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):  # type: ignore[misc]
    form = ChannelForm
    fields = ("name", "url", "enabled")
    list_display = ("name", "enabled")

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The address is a field of the form only: the model's holds a sealed text."""
        kwargs["fields"] = ChannelForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)
