"""Host + Credential + HostKey → Target. Here, and only here, and only to log in, a secret is decrypted."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from credentials.keyring import SecretUnreadable
from credentials.models import Credential
from fleet.failures import CODES, PollFailure
from fleet.models import Host
from pollers.target import Login, Target


def revision_of(host: Host) -> str:
    """Names this state of host, credential and keys: when it changes, the session is closed."""
    parts = [int(host.changed_at.timestamp() * 1e6)]
    if host.credential is not None:
        parts.append(int(host.credential.changed_at.timestamp() * 1e6))
    return ".".join(map(str, parts))


def revisions(host_ids: Iterable[int]) -> dict[int, str]:
    """The current revision of each host."""
    hosts = Host.objects.filter(pk__in=list(host_ids)).select_related("credential")
    return {host.pk: revision_of(host) for host in hosts.only("changed_at", "credential__changed_at")}


def load_target(host_id: int) -> Target:
    """All that one poll of a host needs. Raises PollFailure when its credential cannot be read."""
    try:
        host = Host.objects.select_related("credential").get(pk=host_id)
    except Host.DoesNotExist:
        raise PollFailure(CODES["INTERNAL"], "the host was removed") from None
    keys = tuple(host.host_keys.exclude(accepted_at=None).values_list("public", flat=True))
    local = host.transport == Host.Transport.LOCAL
    return Target(
        host_id=host.pk,
        revision=revision_of(host),
        transport="local" if local else settings.SSH_TRANSPORT,
        address=host.address,
        port=host.port,
        login=None if local else login_of(host.credential),
        host_keys=keys,
        accept_first_key=bool(host.first_key_accepted_by),
    )


def login_of(credential: Credential | None) -> Login:
    """The credential in the clear, for one connection."""
    if credential is None:
        raise PollFailure(CODES["AUTH_FAILED"], "the host has no credential")
    try:
        return Login(
            username=credential.username,
            password=credential.reveal("password"),
            private_key=credential.reveal("private_key"),
            passphrase=credential.reveal("passphrase"),
        )
    except (SecretUnreadable, ImproperlyConfigured) as problem:
        raise PollFailure(CODES["CREDENTIAL_UNREADABLE"], str(problem)) from None
