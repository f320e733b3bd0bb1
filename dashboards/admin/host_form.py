"""What one types to add a host: an address and how to log in are enough."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from credentials.models import Credential
from credentials.private_keys import PrivateKeyError, fingerprint, tidy
from dashboards.admin import drafts
from dashboards.admin.secrets import passphrase_field, password_field, private_key_field
from fleet.addresses import clean_address, clean_username
from fleet.models import Host
from pollers import inventory

FIRST_KEY = (
    ("ask", "show it to me; until I accept it, nothing is sent there"),
    ("accept", "accept the first one that is seen, and hold the host to it"),
)
SECRETS = ("password", "private_key", "passphrase")


class HostForm(forms.ModelForm):  # type: ignore[type-arg]
    """Both forms: an existing credential may be chosen, or a new one be made in place."""

    username = forms.CharField(
        label="User name", required=False, max_length=64,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}),
    )  # fmt: skip
    password = password_field()
    private_key = private_key_field("paste it whole; it is stored encrypted and never shown again")
    passphrase = passphrase_field()

    class Meta:
        model = Host
        fields = (
            "address",
            "port",
            "via",
            "credential",
            "name",
            "tags",
            "interval_seconds",
            "enabled",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields and self.instance._state.adding:
            self.fields["name"].required = False
            self.fields["name"].help_text = "empty: the name the host gives itself"
        if "via" in self.fields:
            choices: Any = self.fields["via"]
            choices.queryset = possible_jumps(self.instance)

    def clean_address(self) -> str:
        try:
            return clean_address(self.cleaned_data["address"])
        except ValueError as problem:
            raise ValidationError(str(problem)) from None

    def clean_username(self) -> str:
        text = str(self.cleaned_data["username"]).strip()
        try:
            return clean_username(text) if text else ""
        except ValueError as problem:
            raise ValidationError(str(problem)) from None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        typed = [name for name in SECRETS if data.get(name)]
        if data.get("credential") and (typed or data.get("username")):
            self.add_error("credential", "Choose a stored credential or type a new one, not both.")
        if typed and not data.get("username"):
            self.add_error("username", "Whose password or key is it?")
        if data.get("username") and not (data.get("password") or data.get("private_key")):
            self.add_error("password", "Give a password, a private key, or both.")
        if data.get("private_key"):
            try:
                fingerprint(tidy(data["private_key"]), data.get("passphrase", ""))
            except PrivateKeyError as problem:
                self.add_error("private_key", str(problem))
        if (
            self.instance._state.adding
            and not data.get("credential")
            and not data.get("username")
            and not self.errors
        ):
            self.add_error(
                "credential",
                "Choose a credential, or type a user name with a password or key below.",
            )
        return data

    def credential_to_use(self) -> Credential | None:
        """The chosen one, or a new one of what was typed."""
        data = self.cleaned_data
        if not data.get("username"):
            return data.get("credential")
        return inventory.make_credential(
            username=data["username"],
            password=data["password"],
            private_key=data["private_key"],
            passphrase=data["passphrase"],
        )

    def tag_names(self) -> list[str]:
        return [tag.name for tag in self.cleaned_data["tags"]]

    def change(self) -> Host:
        data = self.cleaned_data
        names = ("address", "port", "via", "name", "interval_seconds", "enabled")
        fields = {name: data[name] for name in names if name in data}
        return inventory.change_host(
            self.instance, tags=self.tag_names(), credential=self.credential_to_use(), **fields
        )


def possible_jumps(host: Host) -> QuerySet[Host]:
    """Hosts that are reached straight, but for the host itself."""
    jumps = Host.objects.present().filter(via=None, transport=Host.Transport.SSH)
    return jumps.exclude(pk=host.pk) if host.pk else jumps


class AddHostForm(HostForm):
    """A new host, with what is to happen to its key."""

    first_key = forms.ChoiceField(
        label="Host key", choices=FIRST_KEY, initial="ask", widget=UnfoldAdminRadioSelectWidget(),
        help_text="A key accepted below, after a test, is held in any case.",
    )  # fmt: skip
    draft = forms.UUIDField(required=False, widget=forms.HiddenInput())

    def add(self, user: Any) -> Host:
        data = self.cleaned_data
        by = user.get_username()
        return inventory.add_host(
            address=data["address"], by=by, credential=self.credential_to_use(), name=data["name"], port=data["port"], via=data.get("via"),
            tags=self.tag_names(), interval_seconds=data["interval_seconds"], enabled=data["enabled"],
            accept_first_key=data["first_key"] == "accept", accepted_key=drafts.accepted_key(user, data["draft"], self.instance),
        )  # fmt: skip
