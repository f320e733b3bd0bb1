"""How to log in to hosts."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from credentials.certificates import read_certificate
from credentials.keys import reveal, seal
from credentials.private_keys import PrivateKeyError, fingerprint, tidy
from credentials.sealed import SealedModel


class Credential(SealedModel):
    """A user name with a password, a private key, or both. Secrets are write-only."""

    SEALED: ClassVar[tuple[str, ...]] = ("password", "private_key", "passphrase")

    name = models.CharField(max_length=100, unique=True)
    username = models.CharField("user name", max_length=64)
    password = models.TextField(blank=True, editable=False)
    private_key = models.TextField(blank=True, editable=False)
    passphrase = models.TextField(blank=True, editable=False)
    key_fingerprint = models.CharField(max_length=80, blank=True, editable=False)
    certificate = models.TextField(
        blank=True, editable=False, help_text="signed for the key by an authority the hosts trust"
    )
    certificate_identity = models.CharField(max_length=200, blank=True, editable=False)
    certificate_valid_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def kind(self) -> str:
        """What it holds, in words."""
        parts = [
            word
            for word, held in (
                ("key", self.private_key),
                ("certificate", self.certificate),
                ("password", self.password),
            )
            if held
        ]
        return " and ".join(parts) or "nothing"

    def set_password(self, text: str) -> None:
        seal(self, "password", text)

    def set_private_key(self, text: str, passphrase: str = "") -> None:
        """Check and take a pasted key. Raises PrivateKeyError."""
        self.set_certificate("")  # it belonged to the key before
        if not text.strip():
            self.private_key = self.passphrase = self.key_fingerprint = ""
            return
        key = tidy(text)
        self.key_fingerprint = fingerprint(key, passphrase)
        seal(self, "private_key", key)
        seal(self, "passphrase", passphrase)

    def set_certificate(self, text: str) -> None:
        """Check and take a pasted certificate of the key held now. Raises PrivateKeyError."""
        if not text.strip():
            self.certificate = self.certificate_identity = ""
            self.certificate_valid_until = None
            return
        if not self.private_key:
            raise PrivateKeyError("A certificate needs its private key.")
        found = read_certificate(text, self.reveal("private_key"), self.reveal("passphrase"))
        self.certificate = found.text
        self.certificate_identity = found.identity
        self.certificate_valid_until = found.valid_until

    def reveal(self, field: str) -> str:
        """A secret in the clear, only to log in with. Raises SecretUnreadable."""
        return reveal(self, field)
