"""Form fields for secrets: they take what is typed and never give it back."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget


class SecretLine(UnfoldAdminPasswordWidget):  # type: ignore[misc]
    """A password field that no browser fills in by itself."""

    def __init__(self) -> None:
        super().__init__(
            attrs={"autocomplete": "new-password", "class": "max-w-2xl"}, render_value=False
        )


class SecretText(UnfoldAdminTextareaWidget):  # type: ignore[misc]
    """A text area that is empty whenever it is drawn, also after a mistake elsewhere in the form."""

    def __init__(self) -> None:
        super().__init__(
            attrs={
                "rows": 6,
                "autocomplete": "off",
                "spellcheck": "false",
                "placeholder": "-----BEGIN OPENSSH PRIVATE KEY-----",
            }
        )

    def format_value(self, value: Any) -> str:
        return ""


def password_field(help_text: str = "") -> forms.CharField:
    return forms.CharField(
        required=False, strip=False, widget=SecretLine(), help_text=help_text, max_length=1000
    )


def private_key_field(help_text: str = "") -> forms.CharField:
    return forms.CharField(
        required=False, widget=SecretText(), help_text=help_text, max_length=50_000
    )


def passphrase_field() -> forms.CharField:
    return forms.CharField(
        required=False,
        strip=False,
        widget=SecretLine(),
        help_text="only if the private key has one",
        max_length=1000,
    )


def certificate_field() -> forms.CharField:
    return forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="only if an authority signed the key: the file that ends with -cert.pub",
        max_length=20_000,
    )
