"""Credentials: secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from credentials.models import Credential
from credentials.private_keys import PrivateKeyError
from dashboards.admin.secrets import (
    certificate_field,
    passphrase_field,
    password_field,
    private_key_field,
)
from fleet.addresses import clean_username
from pollers.inventory import credential_changed

KEEP = "leave empty to keep the one that is stored"


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg]
    password = password_field()
    private_key = private_key_field()
    passphrase = passphrase_field()
    certificate = certificate_field()

    class Meta:
        model = Credential
        fields = ("name", "username")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            if self.instance.password:
                self.fields["password"].help_text = KEEP
            if self.instance.private_key:
                held = f"stored: {self.instance.key_fingerprint}; {KEEP}"
                self.fields["private_key"].help_text = held
            if self.instance.certificate:
                self.fields["certificate"].help_text = f"{certificate_of(self.instance)}; {KEEP}"

    def clean_username(self) -> str:
        try:
            return clean_username(self.cleaned_data["username"])
        except ValueError as problem:
            raise ValidationError(str(problem)) from None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("private_key"):
            try:
                self.instance.set_private_key(data["private_key"], data.get("passphrase", ""))
            except PrivateKeyError as problem:
                self.add_error("private_key", str(problem))
        elif data.get("passphrase"):
            self.add_error(
                "passphrase", "Paste the private key again together with its passphrase."
            )
        if data.get("certificate") and not self.errors:
            try:
                self.instance.set_certificate(data["certificate"])
            except PrivateKeyError as problem:
                self.add_error("certificate", str(problem))
        if data.get("password"):
            self.instance.set_password(data["password"])
        if not self.errors and not self.instance.password and not self.instance.private_key:
            raise ValidationError("Give a password, a private key, or both.")
        return data


def certificate_of(credential: Credential) -> str:
    """Which certificate is stored, in words."""
    until = credential.certificate_valid_until
    ends = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "for ever"
    return f"stored: {credential.certificate_identity or 'without a name'}, {ends}"


@admin.register(Credential)
class CredentialAdmin(ModelAdmin):  # type: ignore[misc]
    form = CredentialForm
    list_display = ("name", "username", "holds", "key_fingerprint", "expires", "used", "changed_at")
    search_fields = ("name", "username", "key_fingerprint")
    fieldsets = (
        (None, {"fields": ("name", "username")}),
        ("Secrets", {"fields": ("password", "private_key", "passphrase", "certificate"),
                     "description": "Stored encrypted, and never shown again."}),
    )  # fmt: skip

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """The secrets are fields of the form only: the model's hold sealed texts."""
        kwargs["fields"] = CredentialForm.Meta.fields
        return super().get_form(request, obj, change, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Credential]:
        hosts = Count("hosts", filter=Q(hosts__removed_at=None))
        found: QuerySet[Credential] = super().get_queryset(request).annotate(used=hosts)
        return found

    @admin.display(description="Holds")
    def holds(self, credential: Credential) -> str:
        return credential.kind

    @admin.display(description="Expires", ordering="certificate_valid_until")
    def expires(self, credential: Credential) -> Any:
        return credential.certificate_valid_until

    @admin.display(description="Hosts", ordering="used")
    def used(self, credential: Any) -> int:
        return int(credential.used)

    def save_model(
        self, request: HttpRequest, obj: Credential, form: CredentialForm, change: bool
    ) -> None:
        super().save_model(request, obj, form, change)
        if change:
            credential_changed(obj)
