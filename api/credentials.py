"""Credentials: what they are is read, what they hold is only written.

In a PATCH a secret that is left out stays, and an empty one is cleared. A private key and its
passphrase are sent together.
"""

from __future__ import annotations

from typing import Any

from api.fields import StrictSerializer, Text
from api.views import Resource
from credentials.models import Credential
from pollers.inventory import change_credential, make_credential


class CredentialSerializer(StrictSerializer[Credential]):
    name = Text(required=False, max_length=100)
    password = Text(
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=1000,
    )
    private_key = Text(
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=50_000,
    )
    passphrase = Text(
        write_only=True,
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        max_length=1000,
    )
    certificate = Text(write_only=True, required=False, allow_blank=True, max_length=20_000)
    kind = Text(read_only=True)

    class Meta:
        model = Credential
        fields = [
            "id",
            "name",
            "username",
            "kind",
            "key_fingerprint",
            "password",
            "private_key",
            "passphrase",
            "certificate",
            "certificate_identity",
            "certificate_valid_until",
            "created_at",
            "changed_at",
        ]
        read_only_fields = [
            "key_fingerprint",
            "certificate_identity",
            "certificate_valid_until",
            "created_at",
            "changed_at",
        ]

    def create(self, validated: dict[str, Any]) -> Credential:
        return make_credential(**validated)

    def update(self, credential: Credential, validated: dict[str, Any]) -> Credential:
        return change_credential(credential, **validated)


class CredentialViewSet(Resource):
    """The credentials."""

    queryset = Credential.objects.all()
    serializer_class = CredentialSerializer
