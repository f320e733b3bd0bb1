"""Host + Credential + HostKey → Target. Here, and only here, and only to log in, a secret is decrypted."""

from __future__ import annotations

import time
from collections.abc import Iterable

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from credentials.keyring import SecretUnreadable
from credentials.models import Credential
from fleet.failures import CODES, PollFailure
from fleet.models import Host
from pollers.known_hosts import authorities_of
from pollers.target import Login, Target

WITH_REVISION = ("credential", "via__credential")
"""What `revision_of` reads beside the host, for `select_related`."""

_REVISION_FIELDS = (
    "changed_at",
    "credential__changed_at",
    "via__changed_at",
    "via__credential__changed_at",
)


def revision_of(host: Host) -> str:
    """Names this state of host, credential, keys and jump host: when it changes, the session is
    closed."""
    parts = [int(host.changed_at.timestamp() * 1e6)]
    if host.credential is not None:
        parts.append(int(host.credential.changed_at.timestamp() * 1e6))
    own = ".".join(map(str, parts))
    return f"{own}-{revision_of(host.via)}" if host.via_id and host.via else own


def revisions(host_ids: Iterable[int]) -> dict[int, str]:
    """The current revision of each host."""
    hosts = Host.objects.filter(pk__in=list(host_ids)).select_related(*WITH_REVISION)
    return {host.pk: revision_of(host) for host in hosts.only(*_REVISION_FIELDS)}


def load_target(host_id: int) -> Target:
    """All that one poll of a host needs. Raises PollFailure when its credential cannot be read."""
    try:
        host = Host.objects.select_related(*WITH_REVISION, "via__state_row").get(pk=host_id)
    except Host.DoesNotExist:
        raise PollFailure(CODES["INTERNAL"], "the host was removed") from None
    local = host.transport == Host.Transport.LOCAL
    return Target(
        host_id=host.pk,
        revision=revision_of(host),
        transport="local" if local else settings.SSH_TRANSPORT,
        address=host.address,
        port=host.port,
        login=None if local else login_of(host.credential),
        host_keys=accepted_keys(host),
        accept_first_key=bool(host.first_key_accepted_by),
        authorities=() if local else authorities_of(host),
        name=host.name,
        via=jump_target(host.via) if host.via else None,
    )


def accepted_keys(host: Host) -> tuple[str, ...]:
    return tuple(host.host_keys.exclude(accepted_at=None).values_list("public", flat=True))


def jump_target(jump: Host) -> Target:
    """A host as the way to others. Raises WAY_NOT_UP when it is not to be tried now.

    Its first key is for its own poll to accept, which keeps it; and the credential that was
    refused there is not tried again for the sake of each host behind it.
    """
    state = jump.state_row
    if state.failure is not None and state.backoff_until > time.time():
        known = PollFailure(state.failure, state.failure_detail)
        raise PollFailure(CODES["WAY_NOT_UP"], f"jump host {jump.name}: {known}", stage="way")
    try:
        login = login_of(jump.credential)
    except PollFailure as failure:
        text = f"jump host {jump.name}: {failure}"
        raise PollFailure(CODES["WAY_NOT_UP"], text, stage="way") from None
    return Target(
        host_id=jump.pk,
        revision=revision_of(jump),
        transport=settings.SSH_TRANSPORT,
        address=jump.address,
        port=jump.port,
        login=login,
        host_keys=accepted_keys(jump),
        authorities=authorities_of(jump),
        name=jump.name,
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
