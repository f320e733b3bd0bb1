"""Credentials: what they are is read, what they hold is only written."""

from __future__ import annotations

from typing import Any

from django.db.models import ProtectedError
from rest_framework import serializers, viewsets
from rest_framework.exceptions import ValidationError

from credentials.models import Credential
from credentials.private_keys import PrivateKeyError
from pollers.inventory import InventoryError, credential_changed, make_credential


class CredentialSerializer(serializers.ModelSerializer[Credential]):
    name = serializers.CharField(required=False, max_length=100)
    password = serializers.CharField(write_only=True, required=False, allow_blank=True, trim_whitespace=False)
    private_key = serializers.CharField(write_only=True, required=False, allow_blank=True, trim_whitespace=False)
    passphrase = serializers.CharField(write_only=True, required=False, allow_blank=True, trim_whitespace=False)
    kind = serializers.CharField(read_only=True)

    class Meta:
        model = Credential
        fields = ["id", "name", "username", "kind", "key_fingerprint", "password", "private_key", "passphrase", "created_at", "changed_at"]
        read_only_fields = ["key_fingerprint", "created_at", "changed_at"]

    def create(self, validated: dict[str, Any]) -> Credential:
        if Credential.objects.filter(name=validated.get("name")).exists():
            raise ValidationError({"name": ["This name is taken."]})
        try:
            return make_credential(**validated)
        except PrivateKeyError as problem:
            raise ValidationError({"private_key": [str(problem)]}) from None
        except InventoryError as problem:
            raise ValidationError({"detail": str(problem)}) from None

    def update(self, credential: Credential, validated: dict[str, Any]) -> Credential:
        for name in ("name", "username"):
            setattr(credential, name, validated.get(name, getattr(credential, name)))
        if "password" in validated:
            credential.set_password(validated["password"])
        if "private_key" in validated:
            try:
                credential.set_private_key(validated["private_key"], validated.get("passphrase", ""))
            except PrivateKeyError as problem:
                raise ValidationError({"private_key": [str(problem)]}) from None
        credential.save()
        credential_changed(credential)
        return credential


class CredentialViewSet(viewsets.ModelViewSet[Credential]):
    """The credentials."""

    queryset = Credential.objects.all()
    serializer_class = CredentialSerializer
    http_method_names = ["get", "post", "patch", "delete", "head", "options"]

    def perform_destroy(self, instance: Credential) -> None:
        try:
            instance.delete()
        except ProtectedError:
            raise ValidationError({"detail": "Hosts still log in with this credential."}) from None
