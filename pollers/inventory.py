"""Adding, changing and removing hosts: the one way for admin, API and command line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from credentials.models import Credential
from fleet.addresses import clean_username
from fleet.models import DEFAULT_INTERVAL, Event, Host, HostKey, HostState, Tag
from fleet.states import State
from pollers.schedule import poll_now
from pollers.transports.base import ShownKey


class InventoryError(ValueError):
    """What was typed cannot be; the message is a sentence for the person who typed it."""


@transaction.atomic
def add_host(
    *,
    address: str,
    by: str,
    credential: Credential | None = None,
    name: str = "",
    port: int = 22,
    tags: Iterable[str] = (),
    interval_seconds: int = DEFAULT_INTERVAL,
    enabled: bool = True,
    accept_first_key: bool = False,
    accepted_key: ShownKey | None = None,
    transport: str = Host.Transport.SSH,
) -> Host:
    """Save a host; it is polled at once. Raises ValidationError, InventoryError.

    Without a name it goes by its address until the first poll tells the host's own.
    `by` is written down as who accepted the key.
    """
    host = Host(
        name=name or free_name(address),
        name_is_own=bool(name),
        address=address,
        port=port,
        credential=credential,
        interval_seconds=interval_seconds,
        enabled=enabled,
        transport=transport,
        first_key_accepted_by=by if accept_first_key else "",
    )
    host.full_clean()
    host.save()
    host.tags.set(tags_named(tags))
    HostState.objects.create(host=host, state=State.PENDING, state_since=timezone.now())
    if accepted_key is not None:
        keep_key(host, accepted_key, by=by)
    return host


REACHED_BY = ("address", "port", "credential_id", "transport")


@transaction.atomic
def change_host(host: Host, *, tags: Iterable[str] | None = None, **fields: Any) -> Host:
    """Change a host. Another address, port or credential voids what was pinned and is tried at once."""
    before = Host.objects.select_for_update().get(pk=host.pk)
    for field, value in fields.items():
        setattr(host, field, value)
    if "name" in fields and fields["name"] != before.name:
        host.name_is_own = True
    host.full_clean()
    host.save()
    if tags is not None:
        host.tags.set(tags_named(tags))
    if (host.address, host.port) != (before.address, before.port):
        host.host_keys.all().delete()
    if any(getattr(host, name) != getattr(before, name) for name in REACHED_BY) or (host.enabled and not before.enabled):
        poll_now([host.pk])
    return host


def free_name(wanted: str) -> str:
    """The wanted name, or with a number behind it when it is taken."""
    taken = set(Host.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    return next(name for name in (wanted, *(f"{wanted}-{n}" for n in range(2, len(taken) + 3))) if name not in taken)


def tags_named(names: Iterable[str]) -> list[Tag]:
    return [Tag.objects.get_or_create(name=name)[0] for name in names]


def make_credential(
    *, username: str, password: str = "", private_key: str = "", passphrase: str = "", name: str = ""
) -> Credential:
    """Save a credential, or return the one that already holds this key for this user.

    Raises InventoryError, PrivateKeyError.
    """
    try:
        username = clean_username(username)
    except ValueError as problem:
        raise InventoryError(str(problem)) from None
    if not password and not private_key.strip():
        raise InventoryError("A credential needs a password or a private key.")
    credential = Credential(username=username)
    credential.set_private_key(private_key, passphrase)
    credential.set_password(password)
    if credential.key_fingerprint and not password and not name:
        same = Credential.objects.filter(username=username, key_fingerprint=credential.key_fingerprint, password="").first()
        if same is not None:
            return same
    credential.name = name or free_credential_name(f"{username} ({credential.kind})")
    credential.full_clean()
    credential.save()
    return credential


def free_credential_name(wanted: str) -> str:
    taken = set(Credential.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    return next(name for name in (wanted, *(f"{wanted} {n}" for n in range(2, len(taken) + 3))) if name not in taken)


def credential_changed(credential: Credential) -> None:
    """A corrected credential is tried at once at every host that waits because of the old one."""
    poll_now(credential.hosts.values_list("pk", flat=True))


def pause(host_ids: Iterable[int]) -> int:
    """Stop looking at hosts; their sessions are closed by the worker that has them."""
    return Host.objects.filter(pk__in=list(host_ids), enabled=True).update(enabled=False, changed_at=timezone.now())


def resume(host_ids: Iterable[int]) -> int:
    ids = list(Host.objects.filter(pk__in=list(host_ids), enabled=False).values_list("pk", flat=True))
    Host.objects.filter(pk__in=ids).update(enabled=True, changed_at=timezone.now())
    poll_now(ids)
    return len(ids)


def remove(host_ids: Sequence[int]) -> int:
    """Mark hosts as removed. The names are free at once; the rows go in slices, in the background."""
    return Host.objects.filter(pk__in=list(host_ids), removed_at=None).update(
        removed_at=timezone.now(), changed_at=timezone.now(), enabled=False, name=removed_name()
    )


def removed_name() -> Any:
    """A name nobody can type, so that the old one can be used again."""
    return Concat(Value("\x7fremoved "), Cast(F("id"), CharField()))


def keep_key(host: Host, shown: ShownKey, *, by: str) -> HostKey:
    """Pin a key of a host, with who and when."""
    key, _ = HostKey.objects.update_or_create(
        host=host,
        public=shown.public,
        defaults={
            "algorithm": shown.algorithm, "fingerprint": shown.fingerprint, "accepted_at": timezone.now(), "accepted_by": by,
        },
    )
    Event.objects.create(
        host=host, at=timezone.now(), kind=Event.Kind.KEY_ACCEPTED, text=f"Host key {shown.fingerprint} accepted by {by}"
    )
    return key


@transaction.atomic
def accept_key(key: HostKey, *, by: str) -> None:
    """Accept an offered key in place of all others of its host, and look at once."""
    HostKey.objects.filter(host=key.host).exclude(pk=key.pk).delete()
    keep_key(key.host, ShownKey(key.algorithm, key.public, key.fingerprint), by=by)
    Host.objects.filter(pk=key.host_id).update(changed_at=timezone.now())
    poll_now([key.host_id])
